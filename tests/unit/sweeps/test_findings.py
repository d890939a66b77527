"""What the best configurations say: few rows are named beside what seeds do."""

from typing import Any

import pytest

from spec.sweep import SweepSpec
from sweeps.findings import compared


def sweep(**fields: Any) -> SweepSpec:
    body = {"base": {"dataset": "iris"}, "space": {"dropout": [0.0, 0.5]}, "method": "grid", "seeds": 3}
    return SweepSpec.model_validate(body | {"objective": "val_accuracy"} | fields)


TWO_ROWS = {0: [-0.9, -0.93, -0.9], 1: [-0.83, -0.86, -0.83]}
"""Of 30 rows; of an accuracy, less is worse."""


def test_a_difference_of_few_rows_is_said_though_all_seeds_show_it() -> None:
    assert compared(sweep(), TWO_ROWS, {})[0].endswith(
        " From #1 it differs by fewer than 6 rows, which other rows may not show."
    )
    clear = {0: [-0.9, -0.93, -0.9], 1: [-0.5, -0.53, -0.5]}
    assert "rows" not in compared(sweep(), clear, {})[0]
    assert "rows" not in compared(sweep(objective="val_loss"), TWO_ROWS, {})[0]
    assert "rows" not in compared(sweep(space={"validation_fraction": [0.1, 0.5]}), TWO_ROWS, {})[0]


def test_two_seeds_with_the_same_difference_of_rows_decide_nothing() -> None:
    equal = {0: [-0.9, -0.9], 1: [-0.8, -0.8]}  # 3 of 30 rows
    assert compared(sweep(seeds=2), equal, {})[0] == (
        "The difference between #0 and #1 is not larger than what seeds do; about 1 more seed would decide it."
    )


@pytest.mark.parametrize(
    ("objective", "accuracy", "balanced", "said"),
    [
        ("val_accuracy", 0.97, 0.34, True),
        ("val_accuracy", 0.97, 0.9, False),
        ("val_accuracy", 0.35, 0.34, False),
        ("val_loss", 0.97, 0.34, False),
    ],
)
def test_the_best_by_accuracy_that_misses_rare_classes_is_said_to(
    objective: str, accuracy: float, balanced: float, said: bool
) -> None:
    metrics = {"val_accuracy": accuracy, "val_balanced_accuracy": balanced}
    sentence, _ = compared(sweep(objective=objective), TWO_ROWS, metrics)
    assert sentence.endswith("as a guess has: it misses rare classes. Try objective val_balanced_accuracy.") is said

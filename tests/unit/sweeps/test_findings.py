"""What the best configurations say: few rows are named beside what seeds do."""

import math
from typing import Any

import pytest
from scipy import stats

from spec.sweep import SweepSpec
from sweeps.findings import compared, interval
from sweeps.findings import test_share as share_of


def sweep(**fields: Any) -> SweepSpec:
    body = {"base": {"dataset": "iris"}, "space": {"dropout": [0.0, 0.5]}, "method": "grid", "seeds": 3}
    return SweepSpec.model_validate(body | {"objective": "val_accuracy"} | fields)


TWO_ROWS = {0: [-0.9, -0.93, -0.9], 1: [-0.83, -0.86, -0.83]}
"""Of 30 rows; of an accuracy, less is worse."""


OF_CLASS = " of the rarest class"


@pytest.mark.parametrize(
    ("objective", "of"), [("val_accuracy", ""), ("val_balanced_accuracy", OF_CLASS), ("val_macro_f1", OF_CLASS)]
)
def test_a_difference_of_few_rows_is_said_though_all_seeds_show_it(objective: str, of: str) -> None:
    assert compared(sweep(objective=objective), TWO_ROWS, {})[0].endswith(
        f" From #1 it differs by fewer than 6 rows{of}, which other rows may not show."
    )
    clear = {0: [-0.9, -0.93, -0.9], 1: [-0.5, -0.53, -0.5]}
    assert "rows" not in compared(sweep(objective=objective), clear, {})[0]
    assert "rows" not in compared(sweep(objective="val_loss"), TWO_ROWS, {})[0]


def test_two_seeds_with_the_same_difference_of_rows_decide_nothing() -> None:
    equal = {0: [-0.9, -0.9], 1: [-0.8, -0.8]}  # 3 of 30 rows
    said, found = compared(sweep(seeds=2), equal, {})
    assert said == (
        "The difference between #0 and #1 is not larger than what seeds do, and is less than 6 rows: more rows would "
        "say more than more seeds."
    )
    assert found[1].needed is None
    folds, _ = compared(sweep(seeds=1, folds=3), {0: [-0.9, -0.9, -0.9], 1: [-0.88, -0.9, -0.88]}, {})
    assert folds.endswith("not larger than what folds do, and is less than 6 rows: more rows would say more.")
    larger = {0: [-0.9, -0.9], 1: [-0.5, -0.8]}
    assert compared(sweep(seeds=2), larger, {})[0].endswith("more seeds would decide it.")


def test_an_accuracy_of_a_fold_moves_by_a_row_of_the_fold() -> None:
    equal = {0: [-0.9, -0.9, -0.9], 1: [-0.84, -0.84, -0.84]}  # 3 of the 50 rows of each fold of iris
    folds = sweep(seeds=1, folds=3)
    error = 0.02 / math.sqrt(6.0) * math.sqrt(1.0 / 3.0 + 0.5)
    assert compared(folds, equal, {})[1][1].p == pytest.approx(2.0 * stats.t.sf(0.06 / error, 2))
    trained = {0: [-0.9, -0.9, -0.9], 1: [-0.89, -0.89, -0.89]}  # 1 of the 100 rows that each fold trains on
    (found,) = compared(sweep(seeds=1, folds=3, objective="train_accuracy"), trained, {})[1].values()
    assert found.p == pytest.approx(2.0 * stats.t.sf(0.01 / (error / 2.0), 2))


def test_folds_by_time_train_on_the_folds_before_them() -> None:
    rows = {"x": [[float(row)] for row in range(60)], "y": [0, 1] * 30, "time": [float(row) for row in range(60)]}
    by_time = sweep(seeds=1, folds=5, base={"dataset": rows, "batch_size": 5})
    assert share_of(by_time) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5)
    assert share_of(sweep(seeds=1, folds=5)) == 0.25
    equal = {0: [-0.9] * 5, 1: [-0.8] * 5}  # 1 of the 10 rows of each fold: the first 10 are in none
    error = 0.1 / math.sqrt(6.0) * math.sqrt(1.0 / 5.0 + (share_of(by_time) or 0.0))
    assert compared(by_time, equal, {})[1][1].p == pytest.approx(2.0 * stats.t.sf(0.1 / error, 4))


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


@pytest.mark.parametrize(("others", "whom"), [(8, "all others"), (9, "the next 9")])
def test_of_many_others_the_best_is_better_than_those_that_were_looked_at(others: int, whom: str) -> None:
    worse = {number: [0.8, 0.81, 0.79] for number in range(1, others + 1)}
    said, _ = compared(sweep(objective="val_loss"), {0: [0.1, 0.12, 0.1], **worse}, {})
    assert said == f"#0 is better than {whom} by more than what seeds do (paired t-test, Holm, p < 0.05)."


def test_equal_accuracies_have_an_interval_of_rounding_to_rows() -> None:
    found = interval(sweep(), [-29 / 30] * 3)
    half = stats.t.ppf(0.975, 2) / 30 / math.sqrt(12.0 * 3.0)
    assert (found.low, found.high) == pytest.approx((29 / 30 - half, 29 / 30 + half))
    loss = interval(sweep(objective="val_loss"), [0.5] * 3)
    assert (loss.low, loss.high) == (0.5, 0.5)


def test_no_interval_of_a_loss_begins_below_zero_unless_the_loss_may_be_there() -> None:
    wide, by_loss = [0.1, 0.5, 1.5], {"objective": "val_loss"}
    assert interval(sweep(**by_loss), wide).low == 0.0
    counts = {"x": [[float(row)] for row in range(40)], "y": [float(row % 5) for row in range(40)]}
    for fields in ({"base": {"dataset": counts, "loss": "poisson_nll"}}, {"space": {"loss": ["mse", "poisson_nll"]}}):
        may_be_below = sweep(**{"base": {"dataset": counts}, **by_loss, **fields})
        assert (interval(may_be_below, wide).low or 0.0) < 0.0

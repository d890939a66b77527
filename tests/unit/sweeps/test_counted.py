"""The rows that a metric of classes counts."""

from typing import Any

import pytest

from spec.sweep import SweepSpec
from sweeps.counted import counted_rows

IRIS: dict[str, Any] = {"base": {"dataset": "iris"}, "space": {"dropout": [0.0, 0.5]}, "method": "grid"}
ACCURACY: dict[str, Any] = IRIS | {"objective": "val_accuracy"}


def given(*configurations: dict[str, Any]) -> dict[str, Any]:
    return ACCURACY | {"space": {}, "method": "given", "configurations": [{}, *configurations]}


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        *((IRIS | {"objective": f"val_{name}"}, 30) for name in ("accuracy", "balanced_accuracy", "macro_f1")),
        (IRIS | {"objective": "train_accuracy"}, 120),
        (ACCURACY | {"folds": 3}, 150),
        (IRIS | {"objective": "val_loss"}, None),
        (IRIS | {"base": {"dataset": "breast_cancer"}, "objective": "val_roc_auc"}, None),
        (IRIS | {"base": {"dataset": "diabetes"}, "objective": "val_r2"}, None),
        (ACCURACY | {"space": {"validation_fraction": [0.1, 0.5]}}, None),
        (given({"dropout": 0.5}), 30),
        (given({"validation_fraction": 0.5}), None),
    ],
)
def test_rows_are_counted_by_metrics_of_classes_where_all_jobs_have_the_same(
    body: dict[str, Any], rows: int | None
) -> None:
    assert counted_rows(SweepSpec.model_validate(body)) == rows


RARE: dict[str, Any] = {"dataset": {"x": [[float(row)] for row in range(100)], "y": [0] * 95 + [1] * 5}}
"""One row in twenty is of the second class."""
SPLIT = RARE | {"validation_fraction": 0.4}


@pytest.mark.parametrize(
    ("name", "body", "rows"),
    [
        ("accuracy", {"base": SPLIT}, 40),
        ("balanced_accuracy", {"base": SPLIT}, 4),  # 38 and 2
        ("macro_f1", {"base": SPLIT}, 4),
        ("balanced_accuracy", {"base": RARE, "folds": 5}, 10),  # 19 and 1 in each fold
    ],
)
def test_a_metric_of_each_class_counts_as_if_all_classes_were_as_rare_as_the_rarest(
    name: str, body: dict[str, Any], rows: int
) -> None:
    assert counted_rows(SweepSpec.model_validate(IRIS | body | {"objective": f"val_{name}"})) == rows

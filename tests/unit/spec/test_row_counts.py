"""Rows that do not suffice: what is refused at submission, with the field, and never a job that the trainer takes."""

from typing import Any

import pytest

from spec.field_error import FieldError
from spec.job import JobSpec
from spec.row_counts import rows_fault


def found(y: list[Any], *, columns: dict[str, Any] | None = None, **fields: Any) -> FieldError | None:
    data = {"x": [[0.1 * row, row % 3.0] for row in range(len(y))], "y": y, **(columns or {})}
    return rows_fault(JobSpec.model_validate({"dataset": data, **fields}))


TWO = [0.0] * 16 + [1.0] * 4


@pytest.mark.parametrize(
    ("y", "columns", "fields", "path", "words"),
    [
        (TWO, {}, {"folds": 17}, "folds", "must be at most 16, the rows of the largest class that are not test"),
        (TWO, {}, {"folds": 15, "test_fraction": 0.2}, "folds", "must be at most 13, the rows of the largest class"),
        (TWO, {"group": [row % 19 for row in range(20)]}, {"folds": 17}, "folds", "must be at most 16"),
        (TWO, {"time": [0.0] * 12 + [1.0] * 8}, {"folds": 2}, "folds", "leaves no row for training"),
        (TWO, {"time": [0.0] * 20}, {}, "split", "leaves no row for training: rows of one time are not divided"),
        (TWO, {"time": list(range(20))}, {"class_weight": "balanced"}, "class_weight", "'1' has none: add rows"),
        ([1.0, 0.0] * 5, {"split": ["train", "test"] * 5}, {"class_weight": "balanced"}, "class_weight", "'0' has"),
        (TWO[:17], {}, {"monitor": "val_roc_auc"}, "monitor", "needs validation rows of both classes"),
        ([0.5, 1.5, 2.5, 3.5, 4.5], {}, {"monitor": "val_r2", "loss": "mse"}, "monitor", "val_r2 is undefined"),
        ([0.5] * 20, {}, {"monitor": "val_r2", "loss": "mse"}, "monitor", "val_r2 is undefined"),
        (TWO, {"weight": [1.0] + [0.0] * 19}, {}, "dataset.weight", "a row of each of the 2 parts, and 1 are"),
        (
            TWO,
            {"weight": [1.0] * 15 + [0.0] * 5, "split": ["train"] * 15 + ["validation"] * 5},
            {},
            "dataset.weight",
            "must be above 0 for at least one validation row",
        ),
        (
            TWO[::-1][:6],
            {"time": [0.0, 1.0, 2.0, 3.0, 3.0, 3.0]},
            {"architecture": {"type": "mlp", "normalization": "batch"}, "batch_size": 2, "validation_fraction": 0.3},
            "batch_size",
            "architecture.normalization batch needs two rows",
        ),
    ],
)  # fmt: skip
def test_rows_that_do_not_suffice_are_refused(
    y: list[Any], columns: dict[str, Any], fields: dict[str, Any], path: str, words: str
) -> None:
    wrong = found(y, columns=columns, **fields)
    assert wrong is not None
    assert wrong.path == path
    assert words in wrong.message


@pytest.mark.parametrize(
    "fields",
    [
        {"folds": 16},
        {"class_weight": "balanced", "test_fraction": 0.2},
        {"monitor": "val_roc_auc"},
        {"class_weight": "balanced", "folds": 3},
    ],
)
def test_rows_that_suffice_are_taken(fields: dict[str, Any]) -> None:
    assert found(TWO, **fields) is None


def test_folds_of_shipped_data_are_at_most_the_rows_of_its_largest_class() -> None:
    def of(name: str, folds: int) -> FieldError | None:
        return rows_fault(JobSpec.model_validate({"dataset": name, "folds": folds}))

    assert (of("iris", 50), of("wine", 71), of("digits", 100)) == (None,) * 3
    for wrong, most in ((of("iris", 51), 50), (of("wine", 72), 71)):
        assert wrong is not None
        assert wrong.message.startswith(f"must be at most {most},")

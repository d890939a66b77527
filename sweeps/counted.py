"""The rows that a metric of classes counts: one of them changes it by a step, and few may be chance."""

from spec.dataset import Inline, Targets
from spec.job import JobSpec
from spec.monitors import LOWER_IS_BETTER, Monitor
from spec.row_counts import Counts, counts_by_class
from spec.splits import SplitBy
from spec.sweep import SweepSpec

SPLITTING = ("dataset", "validation_fraction", "test_fraction", "split")
"""Fields that decide how many rows there are."""


def counted_rows(spec: SweepSpec) -> int | None:
    """The rows of which a sweep's objective counts some; None where a job counts none, or where the rows vary.

    Of folds, those of all together.
    """
    names = [*spec.space, *(name for one in spec.configurations for name in one)]
    if any(name.split(".")[0] in SPLITTING for name in names):
        return None
    if spec.folds is None:
        return rows_of(spec.base, spec.monitored)
    folds = ({"folds": spec.folds, "fold": fold, "validation_fraction": 0.0} for fold in range(spec.folds))
    rows = [rows_of(spec.base.model_copy(update=fold), spec.monitored) for fold in folds]
    return None if None in rows else sum(of_fold or 0 for of_fold in rows)


def rows_of(spec: JobSpec, objective: Monitor) -> int | None:
    """The rows of which this metric of a job counts some; None of losses, of numbers, and of ROC AUC.

    A ROC AUC counts pairs of rows. Balanced accuracy and macro F1 count each class by itself: as if all classes had as
    few rows as the rarest one, where that is known, which it is of inline data.
    """
    info = spec.info
    counts_none = objective in LOWER_IS_BETTER or objective.endswith("_roc_auc")
    if counts_none or info is None or info.targets is Targets.numbers:
        return None
    validates = objective.startswith("val_")
    if (data := counted_by_class(spec, objective)) is None:
        train, validation, _ = spec.split_rows(info)
        return validation if validates else train
    by_class = _rows_by_class(spec, data)[validates]
    present = [count for count in by_class.values() if count]
    return len(present) * min(present, default=0)


def counted_by_class(spec: JobSpec, objective: Monitor) -> Inline | None:
    """The data of which a metric of classes counts each class by itself; None where that is not so, or not known."""
    counts_any = objective.partition("_")[2] == "accuracy" or spec.split_by is SplitBy.group
    return None if counts_any or not isinstance(spec.dataset, Inline) else spec.dataset


def _rows_by_class(spec: JobSpec, data: Inline) -> tuple[Counts, Counts]:
    """The training and validation rows of each class; of a fold by chance, the fewest of a class that it may have."""
    train, validation, _ = counts_by_class(spec, data)
    if spec.folds is None or spec.split_by is SplitBy.time:
        return train, validation
    fold = {name: min(count, max(count // spec.folds, 1)) for name, count in train.items()}
    return {name: count - fold[name] for name, count in train.items()}, fold

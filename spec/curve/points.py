"""The points of a curve: the losses, the best epoch and the metrics of that epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..dataset import Targets
from ..job import JobSpec

Column = Sequence[float | None]

FEW_ROWS = 10
"""Fewer validation rows say little."""
HEAVY = 2.5
"""Errors of a few rows are far larger than the others if the RMSE is so many times the MAE; of normal errors 1.25."""


@dataclass(frozen=True)
class Points:
    """The points of at least one epoch, whose losses are numbers, and the job that they are of."""

    spec: JobSpec
    columns: Mapping[str, Column]

    def numbers(self, metric: str) -> list[float]:
        """The values of a metric, without epochs that have none; empty if the curve does not have it."""
        return [value for value in self.columns.get(metric, ()) if value is not None]

    @cached_property
    def train(self) -> list[float]:
        """Training losses."""
        return self.numbers("train_loss")

    @property
    def is_validated(self) -> bool:
        """Whether there are validation losses."""
        return "val_loss" in self.columns

    @cached_property
    def monitored(self) -> list[float]:
        """Validation losses; training losses without validation."""
        return self.numbers("val_loss") if self.is_validated else self.train

    @cached_property
    def best(self) -> int:
        """Where the least of these losses is."""
        return min(range(len(self.monitored)), key=self.monitored.__getitem__)

    @property
    def best_epoch(self) -> int:
        """Epoch of the least validation loss; of the least training loss without validation."""
        return int(self.columns["epoch"][self.best] or 0)

    @property
    def where(self) -> str:
        """The best epoch in the words of a sentence; with its number where the job monitors another metric."""
        is_loss = self.spec.monitored == "val_loss" or not self.is_validated
        return "at the best epoch" if is_loss else f"at epoch {self.best_epoch} (the least validation loss)"

    @property
    def is_one_epoch(self) -> bool:
        """Whether there is nothing to compare the first epoch with."""
        return len(self.train) == 1

    @property
    def is_best_at_first(self) -> bool:
        """Whether the first of several epochs is the best."""
        return self.best == 0 and not self.is_one_epoch

    @property
    def is_best_at_last(self) -> bool:
        """Whether the last epoch is the best."""
        return 0 < self.best == len(self.monitored) - 1

    def at_best(self, metric: str) -> float | None:
        """A metric at the best epoch; None if the curve does not have it."""
        column = self.columns.get(metric)
        return None if column is None else column[self.best]

    @property
    def gap(self) -> float | None:
        """Validation loss minus training loss at the best epoch."""
        return self.monitored[self.best] - self.train[self.best] if self.is_validated else None

    @property
    def fall(self) -> float:
        """How far the training loss fell."""
        return max(self.train) - min(self.train)

    @property
    def ends_at_zero(self) -> bool:
        """Whether a perfect network's loss is 0; else only differences of losses say something."""
        return self.spec.loss.traits.ends_at_zero

    @property
    def classes(self) -> int | None:
        """How many classes there are."""
        return None if self.spec.info is None else self.spec.info.classes

    @property
    def predicted_classes(self) -> int | None:
        """How many classes there are to predict, though the curve may have no accuracy of them; None of numbers."""
        info = self.spec.info
        return (info.classes or 2) if info is not None and info.targets is Targets.classes else None

    @property
    def validated_classes(self) -> int | None:
        """How many classes the validation rows have, where some have none; of two classes, no area under the ROC."""
        info = self.spec.info
        areas = self.columns.get("val_roc_auc", [None])
        if info is not None and info.classes == 2 and "val_macro_f1" in self.columns and set(areas) == {None}:
            return 1
        found = self.at_best("val_classes")
        return None if found is None else int(found)

    @property
    def validation_rows(self) -> int | None:
        """Rows of the validation split, where they are known."""
        info = self.spec.info
        return None if info is None else self.spec.split_rows(info)[1]

    @property
    def is_of_a_fold(self) -> bool:
        """Whether the validation rows are one of several folds."""
        return self.spec.folds is not None

    @property
    def has_few_rows(self) -> bool:
        """Whether there are so few validation rows that they say little."""
        rows = self.validation_rows
        return self.is_validated and rows is not None and rows < FEW_ROWS

    @property
    def outlying_errors(self) -> float | None:
        """How many times the MAE of validation rows their RMSE is, where a few rows decide it; None else.

        Of several targets, their units decide it, too.
        """
        rmse, mae, info = self.at_best("val_rmse"), self.at_best("val_mae"), self.spec.info
        if self.has_few_rows or info is None or info.outputs > 1 or not rmse or not mae or rmse <= HEAVY * mae:
            return None
        return rmse / mae

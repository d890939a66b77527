"""The accuracy of a verdict: balanced accuracy, beside chance, beside accuracy, and beside luck."""

import math
from dataclasses import dataclass

from .points import Points

LEAST_SKILL = 0.1
"""A smaller skill is a guess's."""
IMBALANCE = 0.2
"""Classes are imbalanced: accuracy exceeds balanced accuracy by this much."""
MAJORITY = 0.3
"""A smaller skill is little more than that of a network that knows the largest class only."""
LUCK = 2.0
"""Deviations of a result that is more than luck."""


@dataclass(frozen=True)
class Accuracy:
    """Balanced accuracy at the best epoch of a curve."""

    points: Points

    @property
    def is_measured(self) -> bool:
        """Whether the curve has accuracies; with `train_metrics: running`, those of validation rows only."""
        return not self.points.columns.keys().isdisjoint({"train_accuracy", "val_accuracy"})

    @property
    def validation(self) -> float | None:
        """Validation balanced accuracy at the best epoch; accuracy where the curve has no other."""
        balanced = self.points.at_best("val_balanced_accuracy")
        return self.points.at_best("val_accuracy") if balanced is None else balanced

    @property
    def training(self) -> float | None:
        """Training balanced accuracy at the best epoch.

        A curve without it has training accuracy, less what accuracy exceeds balanced accuracy by in validation.
        """
        at_best = self.points.at_best
        balanced, accuracy = at_best("train_balanced_accuracy"), at_best("train_accuracy")
        if balanced is not None or accuracy is None:
            return balanced
        return accuracy - max((at_best("val_accuracy") or 0.0) - (self.validation or 0.0), 0.0)

    @property
    def chance(self) -> float:
        """Balanced accuracy of a guess."""
        return 1.0 / (self.points.classes or 2)

    def above_chance(self, accuracy: float) -> float:
        """The skill of an accuracy: 0 is a guess's, 1 is perfect."""
        return (accuracy - self.chance) / (1.0 - self.chance)

    @property
    def skill(self) -> float:
        """Balanced accuracy above chance, of the validation rows if there are any."""
        accuracy = self.validation if self.points.is_validated else self.training
        return 0.0 if accuracy is None else self.above_chance(accuracy)

    @property
    def is_imbalanced(self) -> bool:
        """Whether accuracy says more than balanced accuracy does: some classes are rare, and predicted badly."""
        accuracy, balanced = self.points.at_best("val_accuracy"), self.validation
        if not self.points.is_validated:
            accuracy, balanced = self.points.at_best("train_accuracy"), self.training
        return accuracy is not None and balanced is not None and accuracy - balanced > IMBALANCE

    @property
    def knows_shares_only(self) -> bool:
        """Whether a network that knows only the shares of the classes may predict as well: by balanced accuracy."""
        return self.is_imbalanced or self.skill < LEAST_SKILL

    @property
    def knows_largest_only(self) -> bool:
        """Whether the classes are imbalanced, and little more is predicted correctly than the largest of them."""
        return self.is_imbalanced and (self.skill < MAJORITY or self.chance == 0.5)

    @property
    def missed_rows(self) -> float | None:
        """About how many validation rows are of classes that are not predicted; None where that is not known."""
        accuracy, rows = self.points.at_best("val_accuracy"), self.points.validation_rows
        return None if accuracy is None or rows is None else max((1.0 - accuracy) * rows, 1.0)

    @property
    def luck(self) -> float:
        """What validation accuracy may be off by chance: two deviations of the share of so many rows."""
        accuracy, rows = self.points.at_best("val_accuracy"), self.points.validation_rows
        if accuracy is None or not rows:
            return 0.0
        share = (accuracy * rows + 1.0) / (rows + 2.0)  # Laplace: of few rows, none or all may be correct by chance
        return LUCK * math.sqrt(share * (1.0 - share) / rows)

    @property
    def balanced_luck(self) -> float:
        """What validation balanced accuracy may be off by chance: two deviations of the recall of one rare class.

        A recall deviates by at most 0.5 / sqrt(rows of the class), and counts as 1 / classes. The rows that are missed
        stand for those of the rare class.
        """
        accuracy, rows = self.points.at_best("val_accuracy"), self.points.validation_rows
        if accuracy is None or not rows:
            return 0.0
        return LUCK * self.chance * 0.5 / math.sqrt(max((1.0 - accuracy) * rows, 1.0))

    @property
    def beats_luck(self) -> bool:
        """Whether balanced accuracy of validation rows is above chance by more than luck."""
        balanced, accuracy = self.validation, self.points.at_best("val_accuracy")
        if balanced is None or accuracy is None or not self.points.validation_rows:
            return False
        # A rare class that is answered often is hit by chance, and raises balanced accuracy alone.
        return min(balanced, accuracy) - self.chance > max(self.luck, self.balanced_luck)

    @property
    def ranks(self) -> bool | None:
        """Whether validation rows of the second class score above the first's more often than by chance; None: unknown.

        The area under the ROC is compared with its deviation for scores that mean nothing, sqrt((n + 1) / (12 a b)) for
        n rows, a and b of them in the classes (Mann and Whitney 1947); the rarer class is what accuracy misses.
        """
        area, rows, rarer = self.points.at_best("val_roc_auc"), self.points.validation_rows, self.missed_rows
        if area is None or rows is None or rarer is None:
            return None
        return area > 0.5 + LUCK * math.sqrt((rows + 1.0) / (12.0 * rarer * max(rows - rarer, 1.0)))

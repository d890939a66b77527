"""The baseline: what a guess loses, which is about what an untrained network loses."""

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, pstdev

from ..dataset import Inline, Linear
from ..losses import Mse
from .accuracy import LEAST_SKILL, Accuracy
from .points import Points

NATS = 0.5
"""What the mean negative log likelihood of a perfect model varies by, about: half a deviance of 1 (Wilks 1938)."""


@dataclass(frozen=True)
class Baseline:
    """What networks lose that have learnt nothing of the features of a job."""

    points: Points
    accuracy: Accuracy

    @cached_property
    def loss(self) -> float:
        """The loss of an untrained network; where that is not known, the training loss after the first epoch.

        The first epoch may have learnt all there is: then it is the loss of the best constant, as far as that is known.
        Of a loss that does not end at zero, it is what the best constant loses more than a perfect network; where that
        is not known, it is how far the training loss fell, and at least NATS.
        """
        known = self.known
        if known is not None:
            return known
        if not self.points.ends_at_zero:
            data = self.points.spec.dataset
            constant = self._of_columns(data) if isinstance(data, Inline) else None
            return max(self.points.fall, NATS) if constant is None else constant - (self.perfect or 0.0)
        return max(self.points.train[0], self.of_constant or 0.0, 1e-12)

    @cached_property
    def perfect(self) -> float | None:
        """What a network loses that predicts each target: 0, or what the counts of the spec say; None if unknown."""
        if self.points.ends_at_zero:
            return 0.0
        spec = self.points.spec
        if not isinstance(spec.dataset, Inline):
            return None
        return fmean(spec.loss.of_perfect(column) for column in spec.dataset.target_columns)

    @property
    def untrained(self) -> float:
        """What an untrained network may lose more than a perfect one; it predicts counts of about 1, however large."""
        return max(self.loss, 0.0 if self.points.ends_at_zero else 1.0 - (self.perfect or 0.0))

    @property
    def is_known(self) -> bool:
        """Whether the loss of an untrained network follows from the loss and the targets."""
        return self.known is not None

    @property
    def is_first(self) -> bool:
        """Whether the baseline is the first epoch's training loss: it was above a guess's, or that is not known."""
        return not self.is_known and self.loss > (self.of_constant or 0.0)

    @property
    def known(self) -> float | None:
        """The loss of an untrained network, where it follows from the loss and the targets."""
        spec, classes = self.points.spec, self.points.predicted_classes
        if classes is not None:
            # Of linear outputs, an untrained network's loss is larger than that of one answer for all rows.
            return spec.loss.baseline(classes) if spec.loss.traits.takes_logits else None
        is_standard = spec.standardizes_targets and spec.init_from is None
        return spec.loss.baseline(None) if is_standard else None

    @property
    def of_shares(self) -> float:
        """The baseline; where no more may be known than the classes' shares, the loss of a network that knows them.

        For cross-entropy it is the entropy. The shares are those of one class, by accuracy, and of equal others.
        """
        share = self.points.at_best("val_accuracy" if self.points.is_validated else "train_accuracy")
        is_weighted = self.points.spec.class_weight is not None
        if share is None or not self.accuracy.knows_shares_only or not 0.0 < share < 1.0 or is_weighted:
            return self.loss
        chance = self.accuracy.chance
        share = max(share, chance)
        others = max(round(1.0 / chance) - 1, 1)
        return self.points.spec.loss.of_shares((share, *[(1.0 - share) / others] * others)) or self.loss

    @cached_property
    def of_constant(self) -> float | None:
        """The loss of the best constant, of classes of one size, the spec's numbers or normal ones; None if unknown."""
        points, spec = self.points, self.points.spec
        if points.predicted_classes is not None:
            return spec.loss.baseline(points.predicted_classes)
        if isinstance(spec.dataset, Inline) and spec.init_from is None and points.ends_at_zero:
            return self._of_columns(spec.dataset)
        r2 = points.at_best("val_r2")
        has_outliers = points.outlying_errors is not None or (r2 is not None and r2 < LEAST_SKILL)
        return None if has_outliers and not isinstance(spec.loss, Mse) else self.of_normal

    @property
    def of_normal(self) -> float | None:
        """The loss of the best constant of normal targets, about the most that it is of others with their deviation."""
        deviation = self._deviation
        return None if deviation is None else self.points.spec.loss.of_normal(deviation)

    def _of_columns(self, data: Inline) -> float | None:
        """The mean loss of the best constants, scaled as the job scales them; None where it is 0 or unknown."""
        spec, columns = self.points.spec, data.target_columns
        scales = [pstdev(column) or 1.0 if spec.standardizes_targets else 1.0 for column in columns]
        losses = [
            spec.loss.of_numbers([number / scale for number in column])
            for column, scale in zip(columns, scales, strict=True)
        ]
        known = [loss for loss in losses if loss is not None]
        return (fmean(known) if len(known) == len(losses) else 0.0) or None

    @property
    def variance(self) -> float | None:
        """Variance of the targets of validation rows, in units of the loss: squared error / (1 - R²)."""
        points, r2 = self.points, self.points.at_best("val_r2")
        is_squared = isinstance(points.spec.loss, Mse) and r2 is not None and r2 < 1.0
        return points.monitored[points.best] / (1.0 - (r2 or 0.0)) if is_squared else None

    @property
    def _deviation(self) -> float | None:
        """Standard deviation of the numbers to predict, as far as the settings or R² tell it.

        A job that begins with the network of another one has targets that are scaled as in that job.
        """
        spec, variance = self.points.spec, self.variance
        measured = None if variance is None else math.sqrt(variance)
        if spec.init_from is not None:
            return 1.0 if measured is None and spec.standardizes_targets else measured
        if spec.standardizes_targets:
            return 1.0
        if isinstance(spec.dataset, Linear):
            return math.sqrt(1.0 + spec.dataset.noise**2)
        return self._of_errors if measured is None else measured

    @property
    def _of_errors(self) -> float | None:
        """Standard deviation of one target of validation rows, in its own unit: RMSE / sqrt(1 - R²)."""
        rmse, r2, info = self.points.at_best("val_rmse"), self.points.at_best("val_r2"), self.points.spec.info
        is_one = info is not None and info.outputs == 1
        return rmse / math.sqrt(1.0 - r2) if is_one and rmse and r2 is not None and r2 < 1.0 else None

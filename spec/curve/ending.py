"""How training ended: at its last epoch, or before it by early stopping or `tolerance`."""

from dataclasses import dataclass

from ..monitors import LOWER_IS_BETTER
from .points import Points


@dataclass(frozen=True)
class Ending:
    """The end of a curve."""

    points: Points

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping by the loss ended training, and the model has the best epoch's weights."""
        spec = self.points.spec
        waited = spec.patience is not None and len(self.points.train) - 1 - self.points.best >= spec.patience
        return waited and spec.restore_best and spec.monitored == "val_loss"

    @property
    def ran_out_of_patience(self) -> bool:
        """Whether early stopping ended training before its last epoch."""
        return self.points.spec.patience is not None and len(self.points.train) < self.points.spec.epochs

    @property
    def fell_too_little(self) -> bool:
        """Whether early stopping ended training though the loss reached new bests, each by less than `min_delta`."""
        spec = self.points.spec
        is_told = self.ran_out_of_patience and spec.min_delta > 0.0 and spec.monitored.endswith("_loss")
        losses = self.points.train if spec.monitored == "train_loss" else self.points.monitored
        return is_told and spec.patience is not None and min(losses) in losses[-spec.patience :]

    @property
    def met_tolerance(self) -> bool:
        """Whether the gradient's norm fell below `tolerance`, which ended training before its last epoch."""
        spec = self.points.spec
        return spec.tolerance is not None and len(self.points.train) < spec.epochs and not self._waited

    @property
    def _waited(self) -> bool:
        """Whether the monitored metric has not improved for as many epochs as early stopping waits."""
        spec = self.points.spec
        if spec.patience is None:
            return False
        sign = 1.0 if spec.monitored in LOWER_IS_BETTER else -1.0
        values = [sign * value for value in self.points.numbers(spec.monitored)]
        before, since = values[: -spec.patience], values[-spec.patience :]
        return bool(before) and min(since) >= min(before) - spec.min_delta

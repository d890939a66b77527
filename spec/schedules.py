"""The schedules: how the learning rate changes, one value for each epoch.

A new schedule is one class here, listed in `SCHEDULES`, and one function in `trainer/schedules.py`.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from .base import Count, Named, Real, one_of

FloorShare = Annotated[
    Real,
    Field(
        ge=0.0,
        le=1.0,
        description="Share of learning_rate to which the cosine falls; the epoch after the last one would have it.",
    ),
]


class ScheduleSpec(Named):
    """What every schedule is: a name, and settings that each job of a pack may choose for itself."""

    def most(self, epochs: int) -> float:
        """What `learning_rate` is multiplied by at most in so many epochs; about 1, if they suffice."""
        return 1.0

    def left(self, epochs: int) -> float:
        """What is left of `learning_rate` after so many epochs, where neither their number nor a metric decides."""
        return 1.0


class Constant(ScheduleSpec):
    """The same learning rate in every epoch."""

    type: Literal["constant"] = "constant"


class Cosine(ScheduleSpec):
    """Half a cosine from learning_rate down to its floor over all epochs (CosineAnnealingLR)."""

    type: Literal["cosine"] = "cosine"
    floor: FloorShare = 0.0


class Step(ScheduleSpec):
    """Times `factor` every `every` epochs (StepLR)."""

    type: Literal["step"] = "step"
    every: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs between two changes.")] = 30
    factor: Annotated[Real, Field(gt=0.0, le=1.0, description="What the rate is multiplied by.")] = 0.1

    def left(self, epochs: int) -> float:
        """A power of the factor for each `every` epochs."""
        return float(self.factor ** (epochs // self.every))


class Exponential(ScheduleSpec):
    """Times `factor` every epoch (ExponentialLR)."""

    type: Literal["exponential"] = "exponential"
    factor: Annotated[Real, Field(gt=0.0, le=1.0, description="What the rate is multiplied by.")] = 0.95

    def left(self, epochs: int) -> float:
        """A power of the factor for each epoch."""
        return float(self.factor**epochs)


class WarmupCosine(ScheduleSpec):
    """A straight line up over `warmup` epochs, then half a cosine down over the rest."""

    type: Literal["warmup_cosine"] = "warmup_cosine"
    warmup: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs of the rise.")] = 5
    floor: FloorShare = 0.0

    def most(self, epochs: int) -> float:
        """Less than 1 where the rise is longer than the training."""
        return min(epochs / self.warmup, 1.0)


class Plateau(ScheduleSpec):
    """Times `factor` when the monitored metric has not improved for `patience` epochs (ReduceLROnPlateau)."""

    type: Literal["plateau"] = "plateau"
    patience: Annotated[Count, Field(ge=0, le=1_000_000, description="Epochs without improvement.")] = 5
    factor: Annotated[Real, Field(gt=0.0, lt=1.0, description="What the rate is multiplied by.")] = 0.1


class OneCycle(ScheduleSpec):
    """Up to learning_rate and down to nearly nothing, both cosines (OneCycleLR, one value per epoch)."""

    type: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[Real, Field(gt=0.0, lt=1.0, description="Share of the epochs that rise.")] = 0.3
    start_divisor: Annotated[Real, Field(ge=1.0, le=1e6, description="First rate is learning_rate / this.")] = 25.0
    end_divisor: Annotated[Real, Field(ge=1.0, le=1e9, description="Last rate is the first rate / this.")] = 1e4

    def most(self, epochs: int) -> float:
        """Little, where the first and the last epoch are all there are: two, of which the first rises, or one."""
        if epochs == 1:
            return 1.0 / (self.start_divisor * self.end_divisor)
        return 1.0 / self.start_divisor if epochs == 2 and self.rise > 0.5 else 1.0


SCHEDULES = (Constant, Cosine, Step, Exponential, WarmupCosine, Plateau, OneCycle)
"""All schedules, as messages and pages list them."""

if TYPE_CHECKING:
    Schedule = ScheduleSpec
else:
    Schedule = one_of(SCHEDULES)

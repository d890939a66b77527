"""The schedules: how the learning rate changes, one value for each epoch."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .base import Count, Frozen, Real, by_type

FloorShare = Annotated[Real, Field(ge=0.0, le=1.0, description="Last rate, as a share of learning_rate.")]


class Constant(Frozen):
    """The same learning rate in every epoch."""

    type: Literal["constant"] = "constant"


class Cosine(Frozen):
    """Half a cosine from learning_rate down to its floor over all epochs (CosineAnnealingLR)."""

    type: Literal["cosine"] = "cosine"
    floor: FloorShare = 0.0


class Step(Frozen):
    """Times `factor` every `every` epochs (StepLR)."""

    type: Literal["step"] = "step"
    every: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs between two changes.")] = 30
    factor: Annotated[Real, Field(gt=0.0, le=1.0, description="What the rate is multiplied by.")] = 0.1


class Exponential(Frozen):
    """Times `factor` every epoch (ExponentialLR)."""

    type: Literal["exponential"] = "exponential"
    factor: Annotated[Real, Field(gt=0.0, le=1.0, description="What the rate is multiplied by.")] = 0.95


class WarmupCosine(Frozen):
    """A straight line up over `warmup` epochs, then half a cosine down over the rest."""

    type: Literal["warmup_cosine"] = "warmup_cosine"
    warmup: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs of the rise.")] = 5
    floor: FloorShare = 0.0


class Plateau(Frozen):
    """Times `factor` when the monitored metric has not improved for `patience` epochs (ReduceLROnPlateau)."""

    type: Literal["plateau"] = "plateau"
    patience: Annotated[Count, Field(ge=0, le=1_000_000, description="Epochs without improvement.")] = 5
    factor: Annotated[Real, Field(gt=0.0, lt=1.0, description="What the rate is multiplied by.")] = 0.1


class OneCycle(Frozen):
    """Up to learning_rate and down to nearly nothing, both cosines (OneCycleLR, one value per epoch)."""

    type: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[Real, Field(gt=0.0, lt=1.0, description="Share of the epochs that rise.")] = 0.3
    start_divisor: Annotated[Real, Field(ge=1.0, le=1e6, description="First rate is learning_rate / this.")] = 25.0
    end_divisor: Annotated[Real, Field(ge=1.0, le=1e9, description="Last rate is the first rate / this.")] = 1e4


_Schedules = Annotated[
    Constant | Cosine | Step | Exponential | WarmupCosine | Plateau | OneCycle, Field(discriminator="type")
]
ScheduleName = Literal["constant", "cosine", "step", "exponential", "warmup_cosine", "plateau", "one_cycle"]
Schedule = Annotated[_Schedules, BeforeValidator(by_type, json_schema_input_type=ScheduleName | _Schedules)]

"""The optimizers: how weights follow the gradient.

A new optimizer is one class here, listed in `OPTIMIZERS`, and one function in `trainer/optim.py`.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import Field, model_validator

from .base import Fraction, Named, Real, fault, one_of

Momentum = Annotated[Fraction, Field(description="Share of the last update that is kept.")]
Beta1 = Annotated[Fraction, Field(description="Decay of the running mean of gradients.")]
Beta2 = Annotated[Fraction, Field(description="Decay of the running mean of squared gradients.")]
Epsilon = Annotated[Real, Field(gt=0.0, le=1.0, description="Added to the denominator, for stability.")]


class OptimizerSpec(Named):
    """What every optimizer is: its hyper-parameters, and what trainer and estimate must know of it.

    Hyper-parameters are numbers, switches (`bool`), choices (`Literal`), or one of these or None.
    """

    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the weights directly, instead of being added to the gradient."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, field in cls.model_fields.items():
            if strange := _kinds(field.annotation) - {bool, int, float, str, NoneType}:
                raise TypeError(f"{cls.__name__}.{name}: the trainer cannot carry {strange} to an optimizer")

    @property
    def buffers(self) -> Mapping[str, float]:
        """The arrays, as large as the parameters, that it keeps from step to step, and what each is filled with."""
        return {}

    @property
    def usual_rate(self) -> float:
        """A learning rate with which most small networks learn; verdicts compare with it."""
        return 0.01

    @property
    def numbers(self) -> Mapping[str, float]:
        """The hyper-parameters in which members of one pack may differ."""
        return {name: value for name, value in self if _is_number(value)}

    @property
    def switches(self) -> Mapping[str, bool | str | None]:
        """The rest, which forms the pack key: the type, the switches and choices, and which numbers are None."""
        return {name: value for name, value in self if not _is_number(value)}


def _kinds(annotation: Any) -> set[Any]:
    """The Python types that a field may have."""
    match get_origin(annotation):
        case origin if origin is Annotated:
            return _kinds(get_args(annotation)[0])
        case origin if origin in (Union, UnionType):
            return set().union(*map(_kinds, get_args(annotation)))
        case origin if origin is Literal:
            return {type(value) for value in get_args(annotation)}
    return {annotation}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Sgd(OptimizerSpec):
    """Gradient descent (torch.optim.SGD)."""

    type: Literal["sgd"] = "sgd"
    momentum: Momentum = 0.0
    dampening: Annotated[
        Fraction,
        Field(description="Share of a gradient that momentum leaves out, after the first; needs momentum > 0."),
    ] = 0.0
    nesterov: Annotated[
        bool, Field(strict=True, description="Nesterov's momentum; needs momentum > 0 and dampening 0.")
    ] = False

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.nesterov and self.momentum == 0.0:
            raise fault("optimizer.nesterov", "needs momentum greater than 0")
        if self.dampening and self.momentum == 0.0:
            raise fault("optimizer.dampening", "needs momentum greater than 0")
        if self.nesterov and self.dampening:
            raise fault("optimizer.nesterov", "needs dampening 0")
        return self

    @property
    def usual_rate(self) -> float:
        """Momentum makes a step 1 / (1 - momentum) times as long."""
        return float(f"{0.1 * (1.0 - self.momentum):.6g}")  # 0.01 with momentum 0.9, not a little less

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running sum of gradients."""
        return {"velocity": 0.0}


class Adagrad(OptimizerSpec):
    """Duchi et al. 2011 (torch.optim.Adagrad)."""

    type: Literal["adagrad"] = "adagrad"
    lr_decay: Annotated[Real, Field(ge=0.0, le=1.0, description="Decay of the learning rate per step.")] = 0.0
    initial_accumulator: Annotated[Real, Field(ge=0.0, le=1e6, description="Start of the sum of squares.")] = 0.0
    eps: Epsilon = 1e-10

    @property
    def usual_rate(self) -> float:
        """Its steps become shorter and shorter."""
        return 0.03

    @property
    def buffers(self) -> Mapping[str, float]:
        """The sum of squares of gradients."""
        return {"squares": self.initial_accumulator}


class Adadelta(OptimizerSpec):
    """Zeiler 2012 (torch.optim.Adadelta)."""

    type: Literal["adadelta"] = "adadelta"
    rho: Annotated[Fraction, Field(description="Decay of the running means of squares.")] = 0.9
    eps: Epsilon = 1e-6

    @property
    def usual_rate(self) -> float:
        """It finds the length of a step itself (Zeiler 2012)."""
        return 1.0

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running means of squares, of gradients and of updates."""
        return {"squares": 0.0, "deltas": 0.0}


class RmsProp(OptimizerSpec):
    """Hinton 2012, lecture 6e (torch.optim.RMSprop)."""

    type: Literal["rmsprop"] = "rmsprop"
    alpha: Annotated[Fraction, Field(description="Decay of the running mean of squares.")] = 0.99
    momentum: Momentum = 0.0
    centered: Annotated[bool, Field(strict=True, description="Normalise by the variance.")] = False
    eps: Epsilon = 1e-8

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running mean of squares, of gradients too if centered, and the momentum."""
        return {"squares": 0.0, **({"mean": 0.0} if self.centered else {}), "velocity": 0.0}


class Moments(OptimizerSpec):
    """What Adam and its relatives share."""

    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running means of gradients and of their squares."""
        return {"mean": 0.0, "squares": 0.0}


class Adam(Moments):
    """Kingma and Ba 2015 (torch.optim.Adam)."""

    type: Literal["adam"] = "adam"


class AdamW(Moments):
    """Loshchilov and Hutter 2019: Adam with decoupled weight decay (torch.optim.AdamW)."""

    decoupled: ClassVar[bool] = True

    type: Literal["adamw"] = "adamw"


class NAdam(Moments):
    """Dozat 2016: Adam with Nesterov's momentum (torch.optim.NAdam)."""

    type: Literal["nadam"] = "nadam"
    momentum_decay: Annotated[Fraction, Field(description="Decay of the momentum schedule.")] = 4e-3


class RAdam(Moments):
    """Liu et al. 2020: Adam with a rectified variance (torch.optim.RAdam)."""

    type: Literal["radam"] = "radam"


class Adamax(Moments):
    """Kingma and Ba 2015, section 7.1 (torch.optim.Adamax)."""

    type: Literal["adamax"] = "adamax"
    beta2: Annotated[Fraction, Field(description="Decay of the largest size of a gradient so far.")] = 0.999

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running mean of gradients, and the decaying largest of their sizes."""
        return {"mean": 0.0, "largest": 0.0}


class Lion(OptimizerSpec):
    """Chen et al. 2023, algorithm 2; weight decay is decoupled."""

    decoupled: ClassVar[bool] = True

    type: Literal["lion"] = "lion"
    beta1: Annotated[
        Fraction, Field(description="Share of the running mean of gradients in a step; the rest is the gradient's.")
    ] = 0.9
    beta2: Beta1 = 0.99

    @property
    def usual_rate(self) -> float:
        """Every weight moves by the whole rate, so the rate is a tenth of Adam's (Chen et al. 2023)."""
        return 0.001

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running mean of gradients."""
        return {"mean": 0.0}


class Muon(Moments):
    """Jordan 2024 (torch.optim.Muon): momentum whose matrices are made orthogonal, for the weights of hidden layers.

    A hidden layer's weights [out, in], the first layer's too, move by lr x scale x O, where O is nearly the orthogonal
    matrix nearest to their momentum, found by five Newton-Schulz iterations in bfloat16. All other parameters are
    AdamW's with the same learning rate: the output layer, biases, kernels of convolutions and normalisation. Weight
    decay is decoupled.
    """

    decoupled: ClassVar[bool] = True

    type: Literal["muon"] = "muon"
    momentum: Annotated[
        Fraction, Field(description="Decay of the running mean of gradients that is made orthogonal.")
    ] = 0.95
    nesterov: Annotated[bool, Field(strict=True, description="Nesterov's momentum.")] = True
    scale: Annotated[
        Literal["match_rms_adamw", "original"],
        Field(
            description="match_rms_adamw: 0.2 sqrt(max(out, in)), with which AdamW's learning rates fit (Liu et al. "
            "2025). original: sqrt(max(1, out / in)), which wants larger ones, such as 0.02."
        ),
    ] = "match_rms_adamw"

    @property
    def usual_rate(self) -> float:
        """That of AdamW, or with the original scale a larger one."""
        return 0.02 if self.scale == "original" else 0.01

    @property
    def buffers(self) -> Mapping[str, float]:
        """The running mean of gradients that is made orthogonal, and AdamW's."""
        return {"velocity": 0.0, **super().buffers}


OPTIMIZERS = (Sgd, Adagrad, Adadelta, RmsProp, Adam, AdamW, NAdam, RAdam, Adamax, Lion, Muon)
"""All optimizers, as messages and pages list them."""

if TYPE_CHECKING:
    Optimizer = OptimizerSpec
else:
    Optimizer = one_of(OPTIMIZERS)

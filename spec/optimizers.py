"""The optimizers: how weights follow the gradient."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from .base import Fraction, Frozen, Real, by_type, fault

Momentum = Annotated[Fraction, Field(description="Share of the last update that is kept.")]
Beta1 = Annotated[Fraction, Field(description="Decay of the running mean of gradients.")]
Beta2 = Annotated[Fraction, Field(description="Decay of the running mean of squared gradients.")]
Epsilon = Annotated[Real, Field(gt=0.0, le=1.0, description="Added to the denominator, for stability.")]


class Sgd(Frozen):
    """Gradient descent (torch.optim.SGD)."""

    type: Literal["sgd"] = "sgd"
    momentum: Momentum = 0.0
    nesterov: Annotated[bool, Field(strict=True, description="Nesterov's momentum; needs momentum > 0.")] = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0.0:
            raise fault("optimizer.nesterov", "needs momentum greater than 0")
        return self


class Adagrad(Frozen):
    """Duchi et al. 2011 (torch.optim.Adagrad)."""

    type: Literal["adagrad"] = "adagrad"
    lr_decay: Annotated[Real, Field(ge=0.0, le=1.0, description="Decay of the learning rate per step.")] = 0.0
    initial_accumulator: Annotated[Real, Field(ge=0.0, le=1e6, description="Start of the sum of squares.")] = 0.0
    eps: Epsilon = 1e-10


class Adadelta(Frozen):
    """Zeiler 2012 (torch.optim.Adadelta)."""

    type: Literal["adadelta"] = "adadelta"
    rho: Annotated[Fraction, Field(description="Decay of the running means of squares.")] = 0.9
    eps: Epsilon = 1e-6


class RmsProp(Frozen):
    """Hinton 2012, lecture 6e (torch.optim.RMSprop)."""

    type: Literal["rmsprop"] = "rmsprop"
    alpha: Annotated[Fraction, Field(description="Decay of the running mean of squares.")] = 0.99
    momentum: Momentum = 0.0
    centered: Annotated[bool, Field(strict=True, description="Normalise by the variance.")] = False
    eps: Epsilon = 1e-8


class Adam(Frozen):
    """Kingma and Ba 2015 (torch.optim.Adam)."""

    type: Literal["adam"] = "adam"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class AdamW(Frozen):
    """Loshchilov and Hutter 2019: Adam with decoupled weight decay (torch.optim.AdamW)."""

    type: Literal["adamw"] = "adamw"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class NAdam(Frozen):
    """Dozat 2016: Adam with Nesterov's momentum (torch.optim.NAdam)."""

    type: Literal["nadam"] = "nadam"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    momentum_decay: Annotated[Fraction, Field(description="Decay of the momentum schedule.")] = 4e-3
    eps: Epsilon = 1e-8


class RAdam(Frozen):
    """Liu et al. 2020: Adam with a rectified variance (torch.optim.RAdam)."""

    type: Literal["radam"] = "radam"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class Adamax(Frozen):
    """Kingma and Ba 2015, section 7.1 (torch.optim.Adamax)."""

    type: Literal["adamax"] = "adamax"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class Lion(Frozen):
    """Chen et al. 2023, algorithm 2; weight decay is decoupled."""

    type: Literal["lion"] = "lion"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.99


_Optimizers = Annotated[
    Sgd | Adagrad | Adadelta | RmsProp | Adam | AdamW | NAdam | RAdam | Adamax | Lion, Field(discriminator="type")
]
OptimizerName = Literal["sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam", "adamax", "lion"]
Optimizer = Annotated[_Optimizers, BeforeValidator(by_type, json_schema_input_type=OptimizerName | _Optimizers)]


def packable(optimizer: Optimizer) -> dict[str, Any]:
    """What of an optimizer forms the pack key: its kind and its switches; its numbers may differ."""
    switches = {name: value for name, value in optimizer if isinstance(value, bool)}
    return {"type": optimizer.type, **switches}

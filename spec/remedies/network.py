"""A network that cannot learn well: it is small, linear, too deep for its activation, or began with zeros."""

from typing import Any

from ..activations import Activation
from ..architectures import (
    Cnn,
    Initializer,
    Mlp,
    Normalization,
    Perceptron,
    ResMlp,
    hidden_layers,
    parameter_count,
)
from ..dataset import Linear
from ..job import JobSpec
from ..learning_curve import LearningCurve
from .learning_rate import and_better_rate, better_rate
from .regularisation import HIGH_DROPOUT, highest_dropout, without_high_dropout
from .suggestion import Suggestion, changed

FEW_NEURONS = 64
"""A layer of fewer neurons may be too small ..."""
ROWS_PER_PARAMETER = 3
"""... if the network has so many training rows for each parameter."""
SATURATING = {Activation.sigmoid, Activation.tanh, Activation.hard_tanh}
"""Activations whose gradients vanish for large inputs."""


def for_zeros(spec: JobSpec) -> Suggestion | None:
    """After weights that all began at 0: a layer's neurons get the same gradients (Goodfellow et al. 2016, 8.4)."""
    is_symmetric = spec.initial_weights is Initializer.zeros and spec.initial_biases is None
    if not is_symmetric or spec.init_from is not None or hidden_layers(spec.architecture) == 0:
        return None
    return Suggestion(
        "All weights began at 0, so all neurons of a layer learn the same. Try initial_weights kaiming_uniform"
        f"{and_better_rate(spec)}.",
        changed(spec, initial_weights="kaiming_uniform", **better_rate(spec)),
    )


def for_linear_model(spec: JobSpec) -> Suggestion | None:
    """After a network that is a linear model: a hidden layer, or an activation that is not linear.

    Not where the target is known to be linear.
    """
    is_linear = _activations(spec) <= {Activation.identity}
    if isinstance(spec.dataset, Linear):
        return None
    if isinstance(spec.architecture, Perceptron):
        hidden = {"type": "mlp", "hidden": [32], "bias": spec.architecture.bias}
        tanh = {"activation": "tanh"} if is_linear else {}
        deeper = _resized(spec, hidden, **tanh) or spec  # narrow networks learn with larger rates
        return Suggestion(
            "A single layer is a linear model. Try a hidden layer: mlp, hidden [32]"
            f"{', activation tanh' if tanh else ''}{and_better_rate(deeper)}.",
            _resized(spec, hidden, **tanh, **better_rate(deeper)),
        )
    if not is_linear:
        return None
    # A linear model hardly needs its neurons; one that is not loses too many of them to a high dropout.
    dropout = {"dropout": 0.0} if highest_dropout(spec) > HIGH_DROPOUT else {}
    return Suggestion(
        "With identity activations the network is a linear model, however many layers it has. "
        f"Try a non-linear activation: tanh{', without dropout' if dropout else ''}{and_better_rate(spec)}.",
        changed(spec, activation="tanh", **dropout, **better_rate(spec)),
    )


def for_deep_networks(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a deep network that has learnt nothing; residual blocks and normalisation keep gradients from vanishing."""
    if not shape.is_flat or hidden_layers(spec.architecture) <= 2:
        return None
    dropout = without_high_dropout(spec)
    architecture = spec.architecture
    is_plain = isinstance(architecture, Mlp | Cnn) and architecture.normalization is Normalization.none
    if is_plain and is_saturating(spec):
        relu = {"activation": "relu", "initial_weights": "kaiming_uniform", "initial_biases": None}
        return Suggestion(
            f"Gradients vanish in a deep network of sigmoid or tanh. Try relu"
            f"{', without dropout' if dropout else ''}{and_better_rate(spec)}.",
            changed(spec, **relu, **dropout, **better_rate(spec)),
        )
    if dropout:
        return Suggestion(
            "Dropout in each layer of a deep network leaves too little of the signal. Try no dropout"
            + and_better_rate(spec)
            + ".",
            changed(spec, **dropout, **better_rate(spec)),
        )
    return None


def is_saturating(spec: JobSpec) -> bool:
    """Whether all hidden neurons have bounded outputs, whose gradients vanish for large inputs."""
    return _activations(spec) <= SATURATING


def wider(spec: JobSpec, architecture: dict[str, Any]) -> Suggestion:
    """The wider architecture, with a better learning rate."""
    return Suggestion(
        f"The network has too few neurons. Try four times the neurons{and_better_rate(spec)}.",
        _resized(spec, architecture, **better_rate(spec)),
    )


def wider_architecture(spec: JobSpec) -> dict[str, Any] | None:
    """The architecture with four times the neurons; None when it is not small."""
    architecture, info = spec.architecture, spec.info
    if info is not None and spec.split_rows(info)[0] < ROWS_PER_PARAMETER * parameter_count(spec, info):
        return None
    fields = architecture.model_dump(mode="json", exclude_unset=True) | {"type": architecture.type}
    match architecture:
        case ResMlp(width=width) if width < FEW_NEURONS:
            return fields | {"width": 4 * width}
        case Mlp(hidden=hidden) | Cnn(hidden=hidden) if hidden and min(hidden) < FEW_NEURONS:
            return fields | {"hidden": [4 * width if width < FEW_NEURONS else width for width in hidden]}
    return None


def _resized(spec: JobSpec, architecture: dict[str, Any], **changes: Any) -> JobSpec | None:
    """The spec with another architecture; given weights would not fit it."""
    return changed(spec, architecture=architecture, initial_weights="kaiming_uniform", initial_biases=None, **changes)


def _activations(spec: JobSpec) -> set[Activation]:
    return set(spec.activation) if isinstance(spec.activation, tuple) else {spec.activation}

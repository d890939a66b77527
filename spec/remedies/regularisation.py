"""Dropout, penalties on weights and clipped gradients: what may keep a network from learning, or from overfitting."""

import math
from typing import Any

from ..architectures import hidden_layers
from ..dataset import Targets
from ..job import JobSpec
from ..learning_curve import LearningCurve
from .epochs import FEW_UPDATES, updates
from .learning_rate import LOW_CLIP, and_better_rate, better_rate, has_low_clip
from .suggestion import Suggestion, changed

HIGH_DROPOUT = 0.4
"""Of a network that is not small, or of a deep one, in which dropouts multiply."""
HIGH_SMOOTHING = 0.3
"""Of targets that are smoothed more, little is left."""
DECAY = 0.01
"""With adam, this weight decay lowers the validation loss of a network that fits training rows far better."""
HIGH_DECAY, HIGH_L1 = 0.1, 0.01
"""From here on, a penalty may leave little of the weights; decays that are multiplied by the rate may be larger."""


def other_remedies(spec: JobSpec, *, neurons: bool = False, decay: bool = False) -> str:
    """What else may help against overfitting; nothing that the job has much of already, or has no layer for."""
    has_hidden_layers = hidden_layers(spec.architecture) > 0
    ways = {
        "More rows": True,
        "fewer neurons": neurons and has_hidden_layers,
        "dropout": has_hidden_layers and highest_dropout(spec) <= HIGH_DROPOUT,
        "weight_decay": decay and spec.weight_decay < HIGH_DECAY,
    }
    *first, last = (way for way, helps in ways.items() if helps)
    return f"{', '.join(first)} or {last}" if first else last


def for_penalties(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After penalties that leave no way to learn in many updates, or a gradient that is clipped so far."""
    if updates(spec, len(shape.train)) >= FEW_UPDATES and (penalties := without_penalties(spec)) is not None:
        return penalties
    # A large rate makes up for a low clip; a clipped gradient is not as large as counts are.
    clip = (spec.gradient_clip or math.inf) * max(spec.learning_rate / spec.optimizer.usual_rate, 1.0)
    if not has_low_clip(spec) or clip >= LOW_CLIP:
        return None
    return Suggestion(
        f"The gradient is clipped so far that the weights hardly move. Try gradient_clip 1{and_better_rate(spec)}.",
        changed(spec, gradient_clip=1.0, **better_rate(spec)),
    )


def without_penalties(spec: JobSpec, reason: str = "The penalty keeps the network from fitting.") -> Suggestion | None:
    """Without penalties that may leave little of the weights, with a better learning rate."""
    decay = spec.weight_decay * (spec.learning_rate if spec.optimizer.decoupled else 1.0)
    changes: dict[str, Any] = {}
    if decay >= HIGH_DECAY:
        changes["weight_decay"] = 0.0
    if spec.l1 >= HIGH_L1:
        changes["l1"] = 0.0
    if not changes:
        return None
    return Suggestion(
        f"{reason} Try no {' and '.join(changes)}{and_better_rate(spec)}.",
        changed(spec, **changes, **better_rate(spec)),
    )


def plainer(spec: JobSpec) -> Suggestion | None:
    """Without what may keep a network from learning: penalties, dropout, changed images, a loss of numbers."""
    changes: dict[str, Any] = {
        name: value
        for name, value, hinders in (
            ("l1", 0.0, spec.l1 >= HIGH_L1 / 10),
            ("weight_decay", 0.0, not spec.optimizer.decoupled and spec.weight_decay >= HIGH_DECAY / 10),
            ("dropout", 0.0, highest_dropout(spec) > HIGH_DROPOUT),
            ("label_smoothing", 0.0, spec.label_smoothing > HIGH_SMOOTHING),
            ("augmentation", {}, spec.augmentation.acts),
            ("loss", "cross_entropy", _has_loss_of_numbers(spec)),
        )
        if hinders
    }
    plain = changed(spec, **changes) if changes else None
    words = " and ".join(f"loss {value}" if name == "loss" else f"no {name}" for name, value in changes.items())
    return None if plain is None else Suggestion(f"Try {words} before you blame the data.", plain)


def highest_dropout(spec: JobSpec) -> float:
    """Of all hidden layers; 0 where there are none."""
    rates = spec.dropout if isinstance(spec.dropout, tuple) else (spec.dropout,)
    return max(rates) if hidden_layers(spec.architecture) else 0.0


def without_high_dropout(spec: JobSpec) -> dict[str, float]:
    """No dropout, where it is high and in so many layers that little of the signal is left."""
    return {"dropout": 0.0} if hidden_layers(spec.architecture) > 2 and highest_dropout(spec) > HIGH_DROPOUT else {}


def _has_loss_of_numbers(spec: JobSpec) -> bool:
    """Whether classes are learnt as if they were numbers."""
    is_for_classes = spec.info is not None and spec.info.targets is Targets.classes
    return is_for_classes and Targets.numbers in spec.loss.traits.targets and not spec.loss.traits.is_for_labels

"""The learning rate: whether it is large, small or tiny beside the optimizer's usual one, and which one is better."""

from typing import Any

from ..architectures import Architecture, Cnn, Mlp, ResMlp
from ..job import JobSpec
from ..learning_curve import VANISHED, LearningCurve
from ..schedules import Constant, Plateau
from .epochs import more_epochs
from .suggestion import Suggestion, changed

FAR = 3.0
"""A learning rate is large, or small, if it is so many times the optimizer's usual one, or its share."""
ROUNDED = 1.01
"""A rate that is suggested has three digits: a third of the usual one is not small yet, three times that not large."""
TINY = 100.0
"""A learning rate is tiny if the optimizer's usual one is more than so many times that."""
NARROW = 16
"""A layer of fewer neurons is narrow."""


def has_large_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is far above the usual one."""
    return spec.learning_rate > ROUNDED * FAR * spec.optimizer.usual_rate


def has_small_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is far below the usual one."""
    return ROUNDED * FAR * spec.learning_rate < spec.optimizer.usual_rate


def has_tiny_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is so far below the usual one that hardly anything is learnt."""
    return spec.learning_rate * TINY < spec.optimizer.usual_rate


def has_too_small_rate(spec: JobSpec, shape: LearningCurve) -> bool:
    """Whether the rate is small and the loss still falls, or so tiny that the loss is flat."""
    return (shape.is_flat and has_tiny_rate(spec)) or (has_small_rate(spec) and shape.still_falls)


def reaches_its_rate(spec: JobSpec) -> bool:
    """Whether the schedule comes near the learning rate in some epoch."""
    return spec.schedule.most(spec.epochs) * FAR >= 1.0


def smaller_rate(spec: JobSpec) -> float:
    """A third, and not far above the usual rate; narrow networks learn with larger ones (Yang et al. 2021)."""
    narrow = max(NARROW / _narrowest(spec.architecture), 1.0)
    return min(spec.learning_rate / 3, FAR * spec.optimizer.usual_rate * narrow)


def far_smaller_rate(spec: JobSpec) -> float:
    """A tenth, and not above the usual rate."""
    return min(spec.learning_rate / 10, spec.optimizer.usual_rate)


def better_rate(spec: JobSpec) -> dict[str, float]:
    """The usual learning rate, or not far above it, where the spec's is far from it."""
    if has_large_rate(spec):
        return {"learning_rate": smaller_rate(spec)}
    return {"learning_rate": spec.optimizer.usual_rate} if has_small_rate(spec) else {}


def and_better_rate(spec: JobSpec) -> str:
    """The better learning rate in a sentence, if there is one."""
    return "".join(f", and learning_rate {rate:.3g}" for rate in better_rate(spec).values())


def faster(spec: JobSpec) -> Suggestion:
    """The usual learning rate."""
    rate = spec.optimizer.usual_rate
    return Suggestion(
        f"The learning rate is small. Try a larger learning_rate: {rate:.3g}.", changed(spec, learning_rate=rate)
    )


def slower(spec: JobSpec, reason: str, rate: float, **changes: Any) -> Suggestion:
    """A smaller learning rate that becomes smaller still, and three times the epochs."""
    epochs = more_epochs(spec)
    cosine = {"schedule": "cosine"} if isinstance(spec.schedule, Constant) else {}
    decays = ", schedule cosine" if cosine else ""
    dropout = ", without dropout" if "dropout" in changes else ""
    return Suggestion(
        f"{reason} Try a smaller learning_rate, {rate:.3g}{decays} and {epochs} epochs{dropout}.",
        changed(spec, learning_rate=rate, epochs=epochs, **cosine, **changes),
    )


def for_vanished_rate(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a schedule that left nothing of the learning rate for half of the epochs.

    A plateau lowers the rate because the loss stays, so it is blamed only where nothing was learnt before.
    """
    may_be_why = shape.is_flat or not isinstance(spec.schedule, Plateau)
    if shape.rate_left > VANISHED or not may_be_why:
        return None
    return Suggestion(
        f"The schedule, {spec.schedule.type}, left less than a hundredth of the learning rate for half of the epochs. "
        f"Try schedule cosine{and_better_rate(spec)}.",
        changed(spec, schedule="cosine", **better_rate(spec)),
    )


def _narrowest(architecture: Architecture) -> int:
    """Neurons of the smallest hidden layer; of a perceptron, 1."""
    match architecture:
        case ResMlp(width=width):
            return width
        case Mlp(hidden=hidden) | Cnn(hidden=hidden):
            return min(hidden, default=NARROW)
    return 1

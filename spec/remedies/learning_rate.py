"""The learning rate: whether it is large, small or tiny beside the optimizer's usual one, and which one is better."""

from typing import Any

from ..architectures import Architecture, Cnn, Mlp, ResMlp
from ..job import JobSpec
from ..learning_curve import VANISHED, LearningCurve
from ..losses import Link
from ..optimizers import Sgd
from ..schedules import Constant, Exponential, Plateau, Step
from .epochs import longer, more_epochs
from .suggestion import Suggestion, changed

FAR = 3.0
"""A learning rate is large, or small, if it is so many times the optimizer's usual one, or its share."""
FADED = 0.05
"""Of a learning rate of which less than this share is left, little more is learnt."""
HUGE = 20.0
"""A learning rate is huge if it is so many times the optimizer's usual one."""
ROUNDED = 1.01
"""A rate that is suggested has three digits: a third of the usual one is not small yet, three times that not large."""
TINY = 100.0
"""A learning rate is tiny if the optimizer's usual one is more than so many times that."""
SMALL_COUNT = 3.0
"""Larger counts want smaller steps of gradient descent."""
LOW_CLIP = 0.01
"""A gradient clipped to a norm below it hardly moves the weights of sgd."""
NARROW = 16
"""A layer of fewer neurons is narrow."""


def usual_rate(spec: JobSpec) -> float:
    """A learning rate with which most small networks learn; of counts by plain gradient descent it depends on them.

    The gradient of their loss by the output, exp(z) - y, and its derivative, exp(z), are as large as the counts. Other
    optimizers take steps that do not depend on the gradient's size.
    """
    rate, counts = spec.optimizer.usual_rate, None if spec.info is None else spec.info.target_range
    if spec.loss.traits.link is not Link.exp or not isinstance(spec.optimizer, Sgd) or counts is None:
        return rate
    return float(f"{rate / max(counts[1] / SMALL_COUNT, 1.0):.3g}")


def has_large_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is far above the usual one."""
    return spec.learning_rate > ROUNDED * FAR * usual_rate(spec)


def has_huge_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is so far above the usual one that more epochs with it are of little use."""
    return spec.learning_rate > HUGE * usual_rate(spec)


def has_small_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is far below the usual one."""
    return ROUNDED * FAR * spec.learning_rate < usual_rate(spec)


def has_tiny_rate(spec: JobSpec) -> bool:
    """Whether the learning rate is so far below the usual one that hardly anything is learnt."""
    return spec.learning_rate * TINY < usual_rate(spec)


def has_too_small_rate(spec: JobSpec, shape: LearningCurve) -> bool:
    """Whether the rate is tiny, or is small and the loss fell to the end."""
    return has_tiny_rate(spec) or (has_small_rate(spec) and (shape.still_falls or shape.fell_to_the_end))


def reaches_its_rate(spec: JobSpec) -> bool:
    """Whether the schedule comes near the learning rate in some epoch."""
    return spec.schedule.most(spec.epochs) * FAR >= 1.0


def smaller_rate(spec: JobSpec) -> float:
    """A third, and not far above the usual rate."""
    return min(spec.learning_rate / 3, largest_rate(spec))


def largest_rate(spec: JobSpec) -> float:
    """The largest rate not far above the usual one; narrow networks learn with larger ones (Yang et al. 2021)."""
    return FAR * usual_rate(spec) * max(NARROW / _narrowest(spec.architecture), 1.0)


def far_smaller_rate(spec: JobSpec) -> float:
    """A tenth, and not above the usual rate."""
    return min(spec.learning_rate / 10, usual_rate(spec))


def better_rate(spec: JobSpec) -> dict[str, float]:
    """The usual learning rate, or not far above it, where the spec's is far from it."""
    if has_large_rate(spec):
        return {"learning_rate": smaller_rate(spec)}
    return {"learning_rate": usual_rate(spec)} if has_small_rate(spec) else {}


def and_better_rate(spec: JobSpec) -> str:
    """The better learning rate in a sentence, if there is one."""
    return "".join(f", and learning_rate {rate:.3g}" for rate in better_rate(spec).values())


def faster(spec: JobSpec, epochs: int | None = None) -> Suggestion:
    """The usual learning rate; with more epochs, if they are given."""
    rate = usual_rate(spec)
    longer, more = ("", {}) if epochs is None else (f", and more epochs: {epochs}", {"epochs": epochs})
    return Suggestion(
        f"The learning rate is small. Try a larger learning_rate: {rate:.3g}{longer}.",
        changed(spec, learning_rate=rate, **more),
    )


def slower(spec: JobSpec, reason: str, rate: float, **changes: Any) -> Suggestion:
    """A smaller learning rate that becomes smaller still, and three times the epochs."""
    epochs = more_epochs(spec)
    cosine = {"schedule": "cosine"} if isinstance(spec.schedule, Constant) else {}
    decays = ", schedule cosine" if cosine else ""
    dropout = ", without dropout" if "dropout" in changes else ""
    # A large rate may only make up for a low clip; a usual one does not.
    clip = {"gradient_clip": 1.0} if has_low_clip(spec) else {}
    clipped = ", gradient_clip 1" if clip else ""
    return Suggestion(
        f"{reason} Try a smaller learning_rate, {rate:.3g}{clipped}{decays} and {epochs} epochs{dropout}.",
        changed(spec, learning_rate=rate, epochs=epochs, **cosine, **clip, **changes),
    )


def has_low_clip(spec: JobSpec) -> bool:
    """Whether gradients are clipped so far that the weights of gradient descent hardly move at a usual rate."""
    return isinstance(spec.optimizer, Sgd) and spec.gradient_clip is not None and spec.gradient_clip < LOW_CLIP


def for_vanished_rate(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a schedule that left nothing of the learning rate for half of the epochs.

    A plateau lowers the rate because the loss stays, so it is blamed only where nothing was learnt before.
    """
    may_be_why = shape.is_flat or not isinstance(spec.schedule, Plateau)
    return _with_cosine(spec, "hundredth") if shape.rate_left <= VANISHED and may_be_why else None


def for_faded_rate(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a schedule that left little of the learning rate for half of the epochs, before the data are blamed."""
    return _with_cosine(spec, "twentieth") if spec.schedule.left(len(shape.train) // 2) <= FADED else None


def _with_cosine(spec: JobSpec, share: str) -> Suggestion:
    return Suggestion(
        f"The schedule, {spec.schedule.type}, left less than a {share} of the learning rate for half of the epochs. "
        f"Try schedule cosine{and_better_rate(spec)}.",
        changed(spec, schedule="cosine", **better_rate(spec)),
    )


def until_a_guess(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a training loss that was larger than a guess's in every epoch: more epochs, with a rate that lasts."""
    if shape.ending.ran_out_of_patience or shape.ending.met_tolerance:
        return longer(spec, shape)
    epochs = more_epochs(spec)
    cosine = {"schedule": "cosine"} if isinstance(spec.schedule, Step | Exponential | Plateau) else {}
    is_measured = spec.loss.traits.ends_at_zero  # else R² of validation rows says so
    worse = "Training loss was above a guess's in every epoch" if is_measured else "Predictions are worse than a guess"
    return Suggestion(
        f"{worse}: the network has only begun to learn. Try more epochs: {epochs}"
        f"{', with schedule cosine' if cosine else ''}{and_better_rate(spec)}.",
        changed(spec, epochs=epochs, **cosine, **better_rate(spec)),
    )


def _narrowest(architecture: Architecture) -> int:
    """Neurons of the smallest hidden layer; of a perceptron, 1."""
    match architecture:
        case ResMlp(width=width):
            return width
        case Mlp(hidden=hidden) | Cnn(hidden=hidden):
            return min(hidden, default=NARROW)
    return 1

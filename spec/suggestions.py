"""What to try after a job whose network did not learn well: which remedy is suggested, and in which order.

The learning rate comes before the size of the network, and nothing is suggested where nothing is likely to help.
The remedies are in `remedies/`. Every row is measured: benchmarks/verdicts.py trains what is suggested, over a grid of
jobs.
"""

from typing import Any

from .architectures import hidden_layers
from .job import JobSpec
from .learning_curve import LEAST_GAIN, PATIENCE, LearningCurve
from .remedies.data import (
    for_diverged_numbers,
    for_outliers,
    for_targets,
    for_unlike_numbers,
    for_unscaled_numbers,
    no_relation,
)
from .remedies.epochs import FEW_UPDATES, after_few_epochs, is_short, longer, more_epochs, updates
from .remedies.learning_rate import (
    and_better_rate,
    better_rate,
    far_smaller_rate,
    faster,
    for_faded_rate,
    for_vanished_rate,
    has_huge_rate,
    has_large_rate,
    has_small_rate,
    has_tiny_rate,
    has_too_small_rate,
    largest_rate,
    reaches_its_rate,
    slower,
    smaller_rate,
    until_a_guess,
)
from .remedies.network import for_deep_networks, for_linear_model, for_zeros, is_saturating, wider, wider_architecture
from .remedies.regularisation import (
    DECAY,
    HIGH_DROPOUT,
    for_penalties,
    highest_dropout,
    other_remedies,
    plainer,
    without_high_dropout,
    without_penalties,
)
from .remedies.suggestion import Suggestion, changed
from .schedules import Constant

LEAST_UPDATES = 5
"""Fewer updates say nothing of a large learning rate either."""

TOO_EARLY = Suggestion("It was stopped before its last epoch: that is too early to say what would help.")
NOT_SMALL = Suggestion(
    "The network is not small for so few rows, and its learning rate is not too large: the features may tell no "
    "more of the target. No other settings are suggested."
)


def against_divergence(spec: JobSpec) -> Suggestion:
    """After a loss that is not finite: a far smaller learning rate; standardised data, where they are large."""
    if (scaled := for_unscaled_numbers(spec) or for_diverged_numbers(spec)) is not None:
        return scaled
    return slower(spec, "The updates were too large.", far_smaller_rate(spec), **without_high_dropout(spec))


def against_instability(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a loss that jumps: a smaller learning rate; standardised data, where they are large."""
    if (scaled := for_unscaled_numbers(spec) or for_unlike_numbers(spec, shape)) is not None:
        return scaled
    if shape.jumps and shape.wanders and not has_large_rate(spec) and updates(spec, len(shape.train)) >= FEW_UPDATES:
        return no_relation(spec, shape)
    if shape.is_learnt and spec.restore_best:
        return Suggestion("The model has the weights of the best epoch, which is good. No spec is suggested.")
    if not has_large_rate(spec) and (penalties := without_penalties(spec)) is not None:
        return penalties
    return slower(spec, "The updates are too large.", smaller_rate(spec), **without_high_dropout(spec))


def against_overfitting(spec: JobSpec, shape: LearningCurve, *, cut_short: bool = False) -> Suggestion:
    """After a validation loss that rises: early stopping, which has the same best epoch and ends soon after it.

    Not where validation accuracy rises meanwhile: the network is over-confident (Guo et al. 2017, section 3).

    Of curves that rise, weight decay and dropout lower the least validation loss about as often as they raise it, so no
    spec has them. Where validation loss only stays far above training loss, it is more epochs while it falls, and then
    weight decay.
    """
    grows = not shape.rises and (shape.still_falls or shape.improves)
    unfinished = (TOO_EARLY if cut_short else longer(spec, shape)) if grows else None
    if shape.is_guess:
        return (
            for_targets(spec)
            or for_unscaled_numbers(spec)
            or for_unlike_numbers(spec, shape)
            or unfinished
            or no_relation(spec, shape)
        )
    if has_huge_rate(spec) and (calmer := against_sureness(spec, shape)) is not None:
        return calmer
    patience = shape.patience
    if unfinished is not None and not cut_short:
        return unfinished
    if not shape.rises and spec.optimizer.type == "adam" and spec.weight_decay < DECAY:
        return Suggestion(
            f"Try weight_decay {DECAY:g}. {other_remedies(spec)} may help, too.", changed(spec, weight_decay=DECAY)
        )
    given = spec.patience if spec.monitored == "val_loss" and spec.restore_best else None
    is_less = patience is not None and given is not None and patience < given <= PATIENCE
    if not shape.rises or patience is None or is_less:  # less than that ends training after few epochs
        return Suggestion(f"{other_remedies(spec, decay=True)} may help. No spec is suggested.")
    if shape.grows_more_accurate:
        return Suggestion(
            "Validation accuracy kept rising: the network is not wrong more often, but too sure of its answers. Early "
            f"stopping by the loss would lose accuracy. {other_remedies(spec)} may help. No spec is suggested."
        )
    if spec.monitored != "val_loss" and spec.monitored.startswith("val_"):
        return Suggestion(
            f"The job monitors {spec.monitored}, so early stopping by the loss is not suggested. "
            f"{other_remedies(spec, neurons=True, decay=True)} may lower the validation loss itself. No spec is "
            "suggested."
        )
    more: dict[str, Any] = {} if spec.monitored == "val_loss" else {"monitor": "val_loss"}
    more |= {} if spec.restore_best else {"restore_best": True}
    return Suggestion(
        f"Try early stopping, patience {patience}. {other_remedies(spec, neurons=True, decay=True)} may lower the "
        "validation loss itself.",
        changed(spec, patience=patience, **more),
    )


def against_sureness(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After large steps, and a loss that is large for the accuracy. Early stopping would keep that loss."""
    if not shape.is_too_sure or not has_large_rate(spec) or spec.learning_rate <= largest_rate(spec):
        return None
    reason = "The learning rate is large, and the network is too sure of answers that are wrong."
    return slower(spec, reason, smaller_rate(spec))


def against_undoing(spec: JobSpec) -> Suggestion:
    """After a good epoch long before the end, since which the training loss rose, too."""
    if (penalties := without_penalties(spec, "The penalty undid what was learnt.")) is not None:
        return penalties
    if has_large_rate(spec):
        return slower(spec, "The updates are too large.", smaller_rate(spec))
    if not spec.restore_best:
        return Suggestion(
            "The model has the weights of the last epoch. Try restore_best true.", changed(spec, restore_best=True)
        )
    return Suggestion("The model has the weights of the best epoch.")


def against_underfitting(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that does not fit the training data."""
    return (
        for_targets(spec)
        or for_unscaled_numbers(spec)
        or for_zeros(spec)
        or _for_a_beginning(spec, shape)
        or for_penalties(spec, shape)
        or (for_outliers(spec, shape) if shape.hides_fit else None)
        or (None if shape.accuracy.is_imbalanced and shape.accuracy.ranks else for_vanished_rate(spec, shape))
        or for_unlike_numbers(spec, shape)
        or _for_network(spec, shape)
    )


def _for_a_beginning(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After so few updates, or with so little of the rate in all epochs, that not even a large rate can be blamed."""
    if reaches_its_rate(spec) and updates(spec, len(shape.train)) >= LEAST_UPDATES:
        return None
    if has_small_rate(spec) and reaches_its_rate(spec):
        hindered = for_unlike_numbers(spec, shape) or for_deep_networks(spec, shape)
        return hindered or faster(spec, epochs=more_epochs(spec))
    return after_few_epochs(spec, shape) or longer(spec, shape)


def _for_network(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that is too small, or is trained too slowly, too fast or not for long enough."""
    grows = (shape.still_falls or shape.improves) and not shape.accuracy.knows_largest_only
    if shape.accuracy.is_imbalanced and spec.class_weight is None and not grows:
        return _for_rare_classes(spec, shape)
    may_learn = shape.is_one_epoch or has_tiny_rate(spec) or (shape.still_falls and not shape.is_flat)
    if not may_learn and (suggestion := _before_a_limit(spec, shape) or for_linear_model(spec)):
        return suggestion
    learnt, larger = shape.gain >= LEAST_GAIN, wider_architecture(spec)
    if (suggestion := for_deep_networks(spec, shape)) is not None:
        return suggestion
    hinders = learnt and highest_dropout(spec) > (HIGH_DROPOUT if larger is None else 0.0)
    no_dropout = {"dropout": 0.0} if hinders else {}
    has_learnt_nothing = shape.is_flat or (shape.stays_a_guess and not shape.still_falls)
    if has_large_rate(spec) and (has_learnt_nothing or shape.is_best_at_first):
        rate = far_smaller_rate(spec) if has_learnt_nothing else smaller_rate(spec)
        return slower(spec, _too_large(spec), rate, **no_dropout)
    if has_too_small_rate(spec, shape) or (has_small_rate(spec) and (shape.is_best_at_last or shape.is_one_epoch)):
        return faster(spec)
    if shape.is_one_epoch or (shape.still_falls and is_short(spec, shape)):
        return _calmer(spec, shape, **no_dropout) or longer(spec, shape)
    if hinders and has_large_rate(spec):
        reason = "Dropout keeps the network from fitting, and the learning rate is large."
        return slower(spec, reason, spec.learning_rate / 3, **no_dropout)
    if hinders:
        return Suggestion("Dropout keeps the network from fitting. Try no dropout.", changed(spec, **no_dropout))
    if shape.still_falls or shape.ending.fell_too_little or (not learnt and shape.is_best_at_last):
        return longer(spec, shape)
    if shape.is_guess:
        return _for_a_guess(spec, shape)
    if larger is None:
        if has_large_rate(spec):
            return slower(spec, "The learning rate is large.", smaller_rate(spec))
        return _before_the_data(spec, shape) or for_outliers(spec, shape) or NOT_SMALL
    return after_few_epochs(spec, shape) or wider(spec, larger)


def _calmer(spec: JobSpec, shape: LearningCurve, **changes: float) -> Suggestion | None:
    """After a few epochs with large steps: the loss fell, but would stop soon. One epoch does not show a fall."""
    is_large = has_huge_rate(spec) or (has_large_rate(spec) and shape.starts_high)
    if shape.is_one_epoch or not is_large:
        return None
    return slower(spec, "The learning rate is large.", smaller_rate(spec), **changes)


def _before_a_limit(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a best last epoch of few, or of a loss above a guess's: no limit of the network is reached."""
    is_usual = not has_small_rate(spec) and not has_large_rate(spec)
    if not is_usual or not shape.is_best_at_last:
        return None
    if is_short(spec, shape):
        return after_few_epochs(spec, shape) or longer(spec, shape)
    return until_a_guess(spec, shape) if shape.lacks_a_guess else None


def _for_rare_classes(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that predicts the largest class."""
    if shape.gain >= LEAST_GAIN if shape.accuracy.ranks is None else shape.accuracy.ranks:
        is_alone = spec.batch_size == spec.gradient_accumulation == 1
        more, larger = (" and batch_size 32", {"batch_size": 32}) if is_alone else ("", {})
        return Suggestion(
            f"Try class_weight balanced{more}, so that rare classes count as much as others{and_better_rate(spec)}.",
            changed(spec, class_weight="balanced", **larger, **better_rate(spec)),
        )
    if has_too_small_rate(spec, shape):
        return faster(spec)
    return _for_a_guess(spec, shape)


def _for_a_guess(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that has learnt nothing that holds for other rows: all else comes before the data."""
    if has_large_rate(spec):
        return slower(spec, _too_large(spec), far_smaller_rate(spec))
    return _before_the_data(spec, shape) or no_relation(spec, shape)


def _before_the_data(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """What is to be tried before anything is said of the data: a usual rate, more epochs, then plain settings.

    A small rate is the reason where nothing was learnt of training rows, or where a schedule ended the learning.
    """
    ended = not shape.is_guess and not shape.is_best_at_first and not isinstance(spec.schedule, Constant)
    if has_tiny_rate(spec) or (has_small_rate(spec) and (ended or not shape.fits_something)):
        return faster(spec)
    return (
        after_few_epochs(spec, shape)
        or for_faded_rate(spec, shape)
        or (longer(spec, shape) if shape.creeps else None)
        or plainer(spec)
        or (until_a_guess(spec, shape) if shape.lacks_a_guess else None)
    )


def _too_large(spec: JobSpec) -> str:
    state = "are saturated" if is_saturating(spec) else "have died"
    stuck = f", or hidden neurons {state}" if hidden_layers(spec.architecture) else ""
    return f"The learning rate is too large{stuck}."

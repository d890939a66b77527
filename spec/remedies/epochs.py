"""Training that was too short: few epochs, few updates of the weights, or an end while the loss still fell."""

import math

from ..job import JobSpec
from ..learning_curve import LEAST_PATIENCE, PATIENCE, VANISHED, LearningCurve
from .suggestion import NOTHING, Suggestion, changed

FEW_EPOCHS, FEW_UPDATES = 10, 100
"""After fewer epochs, or fewer updates in all of them, a network may only not have begun to learn."""
MOST_EPOCHS = 1_000_000


def longer(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a loss that still falls, or that had one epoch to fall: more epochs, or what lets them be trained."""
    if shape.ending.met_tolerance and spec.tolerance is not None:
        tolerance = spec.tolerance / 10
        return Suggestion(
            f"The gradient's norm fell below tolerance, which ended training. Try tolerance {tolerance:.3g}.",
            changed(spec, tolerance=tolerance),
        )
    if shape.ending.fell_too_little:
        return Suggestion(
            f"Early stopping ended training because the loss fell by less than min_delta, {spec.min_delta:.3g}. Try "
            "min_delta 0.",
            changed(spec, min_delta=0.0),
        )
    if shape.ending.ran_out_of_patience and spec.patience is not None:
        patience, waited = max(PATIENCE, 3 * spec.patience), len(shape.train) - 1 - shape.best
        ended = "while the loss was still falling"
        if waited:
            ended = f"only {waited} epochs after the best one" if waited > 1 else "only one epoch after the best one"
        return Suggestion(
            f"Early stopping ended training {ended}. Try patience {patience}.", changed(spec, patience=patience)
        )
    if spec.epochs == 1:
        return Suggestion("One epoch shows little. Try more epochs: 10.", changed(spec, epochs=10))
    epochs = more_epochs(spec)
    if epochs == spec.epochs:
        return NOTHING
    falls = shape.still_falls or shape.creeps or shape.is_best_at_last
    reason = "The loss was still falling" if falls or shape.is_one_epoch else "The learning rate was still rising"
    is_over = spec.schedule.left(len(shape.train)) <= VANISHED  # more epochs would hardly learn anything
    lasting, cosine = (", with schedule cosine", {"schedule": "cosine"}) if is_over else ("", {})
    return Suggestion(
        f"{reason} when training ended. Try more epochs: {epochs}{lasting}.", changed(spec, epochs=epochs, **cosine)
    )


def patient(suggestion: Suggestion) -> Suggestion:
    """The suggestion with more patience, where its job has so little that the first bad epochs would end it."""
    spec = suggestion.spec
    if spec is None or spec.patience is None or spec.patience > LEAST_PATIENCE:
        return suggestion
    ended = "one bad epoch does" if spec.patience == 1 else f"{spec.patience} bad epochs do"
    return Suggestion(
        f"{suggestion.sentence} Try patience {PATIENCE}, too, so that {ended} not end training.",
        changed(spec, patience=PATIENCE),
    )


def after_few_epochs(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After few epochs, or few updates of the weights: more of them."""
    epochs = len(shape.train)
    if not is_short(spec, shape):
        return None
    if shape.ending.met_tolerance or shape.is_one_epoch:
        return longer(spec, shape)
    few = f"{epochs} epochs" if epochs < FEW_EPOCHS else f"{updates(spec, epochs)} updates of the weights"
    if shape.ending.ran_out_of_patience and spec.patience is not None:
        if spec.patience >= PATIENCE:
            return None
        return Suggestion(
            f"Early stopping ended training after {few}, which show little. Try patience {PATIENCE}.",
            changed(spec, patience=PATIENCE),
        )
    more = max(FEW_EPOCHS, 3 * epochs)
    return Suggestion(f"{few} show little. Try more epochs: {more}.", changed(spec, epochs=more))


def is_short(spec: JobSpec, shape: LearningCurve) -> bool:
    """Whether there were few epochs, or few updates of the weights in all of them."""
    epochs = len(shape.train)
    return epochs < FEW_EPOCHS or updates(spec, epochs) < FEW_UPDATES


def updates(spec: JobSpec, epochs: int) -> int:
    """How often the weights were changed in so many epochs; as often as needed where the rows are not known."""
    rows = FEW_UPDATES if spec.info is None else spec.split_rows(spec.info)[0]
    step = rows if spec.batch_size == "full" else spec.batch_size * spec.gradient_accumulation
    return epochs * math.ceil(rows / step)


def more_epochs(spec: JobSpec) -> int:
    """Three times the epochs, or those that show something, as far as a job may have so many."""
    return min(max(3 * spec.epochs, FEW_EPOCHS), MOST_EPOCHS)

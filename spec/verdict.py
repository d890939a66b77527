"""The verdict on a finished curve: a kind, a sentence and a spec to try next.

What a curve shows is read in `learning_curve.py`, what to try is found in `suggestions.py`; their parts are in `curve/`
and `remedies/`. docs/verdicts.md explains the rule to users, and benchmarks/verdicts.py trains what it suggests.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from .base import Frozen
from .curve.accuracy import LEAST_SKILL
from .job import JobSpec
from .learning_curve import LEAST_GAIN, LearningCurve
from .losses import Mse
from .monitors import figure, percent
from .remedies.data import for_constants, for_one_class, rmse
from .remedies.epochs import longer, patient
from .remedies.learning_rate import usual_rate
from .remedies.suggestion import NOTHING, Suggestion
from .splits import SplitBy
from .states import FailureReason
from .suggestions import (
    TOO_EARLY,
    against_divergence,
    against_instability,
    against_overfitting,
    against_sureness,
    against_underfitting,
    against_undoing,
)

ACCURACY_GAP = 0.15
"""Overfit: training accuracy exceeds validation accuracy by this much at the best epoch; of numbers, the explained
share of the variance does, and validation loss is far above training loss. A small gap in R² may be luck where little
is explained."""
LEAST_ACCURACY = 0.85
"""Underfit: balanced accuracy at the best epoch is below this ..."""
LEAST_EXPLAINED = 0.4
"""... or, for numbers, less than this share of the variance is explained ..."""
RARE_MISSED = 0.05
"""Balanced accuracy is named beside accuracy if it is so far below."""
UNFINISHED = 0.5
"""... or the loss still falls, and is above this share of the baseline."""


class VerdictKind(StrEnum):
    """The kinds of verdict."""

    underfit = "underfit"
    good = "good"
    overfit = "overfit"
    diverged = "diverged"
    unstable = "unstable"


class Verdict(Frozen):
    """The verdict on a finished curve."""

    kind: VerdictKind
    sentence: Annotated[str, Field(description="What the curve shows and what to try, for people.")]
    gap: Annotated[float | None, Field(description="Validation loss minus training loss at the best epoch.")]
    best_epoch: Annotated[
        int | None,
        Field(description="Epoch of the least validation loss; of the least training loss without validation."),
    ]
    suggestion: Annotated[
        JobSpec | None,
        Field(description="Spec of a job to try next; POST /jobs accepts it unchanged. null: nothing is suggested."),
    ]

    def tried(self, found: str, suggestion: JobSpec | None) -> Self:
        """The verdict with what was found when changes were tried, in place of what the rule suggested to try.

        What it said of data, without a suggestion, stays.
        """
        shown = self.sentence if self.suggestion is None else f"{self.sentence.partition('. ')[0]}."
        return self.model_copy(update={"sentence": f"{shown} Tried: {found}", "suggestion": suggestion})


def judge(
    spec: JobSpec,
    curve: dict[str, list[float | None]],
    failure: FailureReason | None = None,
    *,
    cut_short: bool = False,
) -> Verdict | None:
    """The verdict on a finished job's curve; None when it has no points, or failed for another reason.

    Of a job that was `cut_short`, by its sweep or its owner, nobody knows what more epochs would have done.
    """
    losses = curve.get("train_loss", []) + curve.get("val_loss", [])
    if failure is FailureReason.diverged or None in losses:
        shown = f"the loss became infinite or not a number in epoch {max(1, len(curve.get('epoch', [])))}"
        return _verdict(VerdictKind.diverged, shown, against_divergence(spec), None)
    if not losses or failure is not None:
        return None
    shape = LearningCurve(spec, curve)
    if shape.jumps or _explodes(spec, shape):
        return _verdict(VerdictKind.unstable, _jumping(shape), against_instability(spec, shape), shape)
    if shape.validated_classes == 1:
        kind = VerdictKind.underfit if _fits_training_poorly(shape) else VerdictKind.good
        return _verdict(kind, _one_sided(shape), for_one_class(spec), shape)
    if shape.rises or _predicts_training_rather(shape) or _explains_training_rather(shape):
        suggestion = against_overfitting(spec, shape, cut_short=cut_short)
        return _verdict(VerdictKind.overfit, _memorising(shape), suggestion, shape)
    if _fits_poorly(shape):
        suggestion = TOO_EARLY if cut_short else against_underfitting(spec, shape)
        return _verdict(VerdictKind.underfit, _poor(shape), suggestion, shape)
    return _verdict(VerdictKind.good, _fine(shape), _after_good(spec, shape, cut_short=cut_short), shape)


def _after_good(spec: JobSpec, shape: LearningCurve, *, cut_short: bool) -> Suggestion:
    """What to try after a good curve."""
    if (constants := for_constants(spec)) is not None:
        return constants
    if shape.is_undone:
        return against_undoing(spec)
    if cut_short:
        return NOTHING
    if (calmer := against_sureness(spec, shape)) is not None:
        return calmer
    return longer(spec, shape) if shape.still_falls or shape.is_one_epoch or shape.improves else NOTHING


def _verdict(kind: VerdictKind, shown: str, suggestion: Suggestion, shape: LearningCurve | None) -> Verdict:
    classes = None if shape is None else shape.validated_classes
    if shape is not None and classes is not None and classes > 1:
        shown += f"; validation has rows of {classes} of the {shape.classes} classes only"
    if shape is not None and classes is None and kind is not VerdictKind.unstable:
        shown += _few(shape)
    if shape is not None and kind is VerdictKind.underfit and suggestion.spec is not None:
        shown += _outlying(shape)
    if kind is not VerdictKind.overfit:
        suggestion = patient(suggestion)
    return Verdict(
        kind=kind,
        sentence=f"{kind.value.capitalize()}: {shown}. {_told(suggestion)}".rstrip(),
        gap=None if shape is None else shape.gap,
        best_epoch=None if shape is None else shape.best_epoch,
        suggestion=suggestion.spec,
    )


def _told(suggestion: Suggestion) -> str:
    """The sentence of a suggestion, without what to try where no valid job does it."""
    return suggestion.sentence if suggestion.spec is not None else suggestion.sentence.partition("Try ")[0]


def _few(shape: LearningCurve) -> str:
    """A clause where validation rows are few; empty else."""
    are_given = shape.is_of_a_fold or shape.spec.split_by is SplitBy.column
    folds = "" if are_given else ": try folds"
    return f"; validation rows are few ({shape.validation_rows}) and say little{folds}" if shape.has_few_rows else ""


def _outlying(shape: LearningCurve) -> str:
    """A clause where a few validation rows decide R², whatever is suggested; empty else."""
    times = shape.outlying_errors
    errors = "the errors of a few validation rows are far larger than those of the others"
    return "" if times is None else f"; {errors} ({rmse(times)})"


def _explodes(spec: JobSpec, shape: LearningCurve) -> bool:
    """Whether large steps made the loss explode; a large loss at a usual rate comes from large features."""
    return shape.explodes and spec.learning_rate * spec.schedule.most(spec.epochs) > usual_rate(spec)


def _has_accuracy_gap(shape: LearningCurve) -> bool:
    """Whether training accuracy exceeds validation accuracy by far, and by more than luck, at the best epoch.

    Not where little was learnt of training rows either.
    """
    if shape.train_skill < LEAST_EXPLAINED:
        return False
    train, validation = shape.at_best("train_accuracy"), shape.at_best("val_accuracy")
    gap = (train or 0.0) - (validation or 0.0)
    return None not in (train, validation) and gap > max(ACCURACY_GAP, shape.accuracy.luck)


def _predicts_training_rather(shape: LearningCurve) -> bool:
    """Whether classes of training rows are predicted far better than those of validation rows.

    By accuracy, or by balanced accuracy, which tells of rare classes; where the curve has no training accuracy, by the
    loss.
    """
    if _has_accuracy_gap(shape):
        return True
    train, validation = shape.accuracy.training, shape.accuracy.validation
    if validation is None or not shape.is_far_apart:
        return False
    if train is not None:
        return train - validation > max(ACCURACY_GAP, shape.accuracy.balanced_luck)
    fits = shape.baseline.is_known and shape.train_gain - max(shape.gain, 0.0) > LEAST_EXPLAINED
    return fits and 1.0 - validation > max(ACCURACY_GAP, shape.accuracy.luck)


def _explains_training_rather(shape: LearningCurve) -> bool:
    """Whether numbers of training rows are explained, and those of validation rows are not, or far less."""
    r2, skill = shape.at_best("val_r2"), shape.train_skill
    if r2 is None or skill < LEAST_EXPLAINED:
        return False
    return r2 < LEAST_SKILL or (shape.baseline.is_known and shape.is_far_apart and skill - r2 > ACCURACY_GAP)


def _fits_poorly(shape: LearningCurve) -> bool:
    """Whether the network does not fit even the training data."""
    unfinished = shape.ends_at_zero and shape.still_falls and shape.train[-1] > UNFINISHED * shape.baseline.loss
    if unfinished and (shape.baseline.is_known or shape.skill < 1.0 - UNFINISHED):
        return True
    if shape.accuracy.is_measured:
        return shape.fitted_accuracy < LEAST_ACCURACY
    is_known = shape.ends_at_zero or shape.at_best("val_r2") is not None
    return is_known and shape.skill < LEAST_EXPLAINED


def _fits_training_poorly(shape: LearningCurve) -> bool:
    """Whether the network does not fit the training rows, whatever it is of others: by the loss without accuracy."""
    if shape.accuracy.training is None:
        return shape.baseline.is_known and shape.train_gain < LEAST_EXPLAINED
    return shape.accuracy.training < LEAST_ACCURACY


# --- what the curve shows, as a sentence without its end ------------------------------------------------------------


def _jumping(shape: LearningCurve) -> str:
    if shape.jumps:
        return f"training loss oscillates: it rose by far in {sum(shape.far_rises)} of {len(shape.train)} epochs"
    if shape.stays_above:
        return f"training loss was never below {figure(min(shape.train))}, and a guess has {figure(shape.guess)}"
    of_first = shape.baseline.is_first and shape.ends_at_zero
    usual, whose = (shape.baseline.loss, "the first epoch") if of_first else (shape.guess, "a guess")
    return f"training loss was {figure(max(shape.train))}, far above the {figure(usual)} of {whose}"


def _memorising(shape: LearningCurve) -> str:
    if shape.rises:
        least = figure(shape.monitored[shape.best])
        return (
            f"validation loss rose from {least} at epoch {shape.best_epoch} to {figure(shape.late)} at the end, "
            f"while training loss kept falling, to {figure(shape.train[-1])}: the network memorises the training data"
        )
    accuracy = shape.at_best("val_accuracy")
    if accuracy is not None and shape.accuracy.training is None:
        return (
            f"{shape.where}, training loss is {figure(shape.train[shape.best])}, validation loss "
            f"{figure(shape.monitored[shape.best])} and validation accuracy {percent(accuracy)}"
            f"{_beside(accuracy, shape.accuracy.validation)}: the network memorises the training data"
        )
    if not shape.accuracy.is_measured:
        r2 = shape.at_best("val_r2") or 0.0
        if not isinstance(shape.spec.loss, Mse):
            found = f"only {_r2(r2)}" if r2 >= LEAST_SKILL else _r2(r2)
            return f"{_left(shape)}, but validation R² is {found}: the network memorises the training data"
        share = f"only {percent(r2)}" if r2 >= LEAST_SKILL else f"nothing (R² {_r2(r2)})"
        return (
            f"{shape.where}, the network explains {percent(shape.train_skill)} of the variance of training rows, "
            f"and {share} of that of validation rows: it memorises the training data"
        )
    name, train, validation = "accuracy", shape.at_best("train_accuracy"), accuracy
    if not _has_accuracy_gap(shape):
        name, train, validation = "balanced accuracy", shape.accuracy.training, shape.accuracy.validation
    return (
        f"{shape.where}, training {name} is {percent(train or 0.0)} and validation {name} only "
        f"{percent(validation or 0.0)}: the network memorises the training data"
    )


def _one_sided(shape: LearningCurve) -> str:
    if shape.accuracy.training is None:
        guessed = f" (a guess's: {figure(shape.baseline.loss)})" if shape.baseline.is_known else ""
        fitted = f"training loss {shape.where} is {figure(shape.train[shape.best])}{guessed}"
    else:
        fitted = f"training accuracy {shape.where} is {percent(shape.accuracy.training)}"
    return f"{fitted}, but all validation rows are of one class: they cannot show overfitting"


def _poor(shape: LearningCurve) -> str:
    if not shape.accuracy.is_measured or shape.fitted_accuracy >= LEAST_ACCURACY:  # then the loss is the reason
        r2 = shape.at_best("val_r2")
        explained = "" if r2 is None else f"validation R² is {_r2(r2)}"
        if not shape.ends_at_zero:
            return f"{shape.where}, {explained}"
        if shape.is_one_epoch and shape.baseline.of_constant is None:
            return f"training loss after one epoch is {figure(shape.train[0])}" + (explained and f", and {explained}")
        return _left(shape) + (explained and f", and {explained}")
    part, accuracy, balanced = "training", shape.at_best("train_accuracy") or 0.0, shape.accuracy.training or 0.0
    if shape.accuracy.training is None or (shape.accuracy.is_imbalanced and shape.is_validated):
        part, accuracy, balanced = "validation", shape.at_best("val_accuracy") or 0.0, shape.accuracy.validation or 0.0
    if shape.accuracy.is_imbalanced:
        is_largest = shape.accuracy.knows_largest_only
        why = "only because of the largest class" if is_largest else "but rare classes are missed"
        return (
            f"{part} accuracy is {percent(accuracy)} {why}: balanced accuracy, the mean over the classes, is "
            f"{percent(balanced)}, and a guess has {percent(shape.accuracy.chance)}"
        )
    fitted = f"{part} accuracy {shape.where} is {percent(accuracy)}{_beside(accuracy, balanced)}"
    return f"{fitted}, and a guess has {percent(shape.accuracy.chance)}" if shape.gain < LEAST_GAIN else fitted


def _left(shape: LearningCurve) -> str:
    """How much of a guess's loss is left; of losses other than `mse`, that is no share of the variance."""
    constant = shape.baseline.of_constant
    if constant is None:
        reference, whose = shape.baseline.loss, "the first epoch's"
    else:
        reference = shape.baseline.loss if shape.baseline.is_known else constant
        whose = "a guess's" if shape.predicted_classes is not None else "the best constant's"
    return f"training loss {shape.where} is {_times(shape.train[shape.best] / reference)} {whose}"


def _fine(shape: LearningCurve) -> str:
    if not shape.is_validated:
        return "the network fits the training data; without validation rows, overfitting cannot be seen"
    accuracy, r2 = shape.at_best("val_accuracy"), shape.at_best("val_r2")
    measured = f"loss {figure(shape.monitored[shape.best])}" if accuracy is None else f"accuracy {percent(accuracy)}"
    if r2 is not None:
        measured = f"R² {_r2(r2)}"
    if accuracy is not None:
        measured += _beside(accuracy, shape.accuracy.validation)
    fits = f"validation {measured} {shape.where}, without overfitting"
    if not shape.is_undone:
        return fits
    before, after = figure(shape.train[shape.best]), figure(shape.train[-1])
    return f"{fits}; but after it, training loss rose from {before} to {after}"


def _beside(accuracy: float, balanced: float | None) -> str:
    """Balanced accuracy in brackets, where it is far below accuracy; empty else."""
    is_missed = balanced is not None and accuracy - balanced > RARE_MISSED
    return f" (balanced accuracy, the mean over the classes, {percent(balanced or 0.0)})" if is_missed else ""


def _r2(value: float) -> str:
    """R² with two decimals; how far below 0 it is says no more from some size on."""
    return f"{value:z.2f}" if value > -100.0 else "below -100"


def _times(share: float) -> str:
    if share < 10.0:
        return f"{percent(share)} of"
    return f"{share:.0f} times" if share < 999.5 else "more than 1,000 times"

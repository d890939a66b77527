"""Data from which little is learnt as they are: constant, outlying, unscaled or unlike numbers, one class."""

from statistics import fmean, median, pstdev

from ..dataset import Blobs, Inline, Shipped, Targets, Uploaded
from ..job import JobSpec
from ..learning_curve import LearningCurve
from ..losses import Mse
from ..monitors import figure
from ..splits import SplitBy
from .learning_rate import and_better_rate, better_rate, usual_rate
from .suggestion import Suggestion, changed

FEW_ROWS = 10
"""Of fewer rows, all are needed for training."""
LARGE_FEATURES = 3.0
"""A column of features whose mean size is above it needs to be standardised ..."""
LARGE = 30.0
"""... and so do targets whose mean size or deviation is above this, or whose deviation is below its inverse."""
OUTLYING = 1_000.0
"""A number is an outlier if it is so many times as far from the median as the median number is."""
UNLIKE = -1.0
"""A smaller R² says that the errors are far larger than the targets' own spread."""
LOGARITHM = "If the target grows by factors, predict its logarithm."
FAR_ABOVE = 10.0
"""The loss of the first epoch is far above an untrained network's if it is so many times that."""


def for_one_class(spec: JobSpec) -> Suggestion:
    """Where all validation rows are of one class: rows divided by chance, which keeps the share of each class."""
    if spec.split_by is SplitBy.random:
        if spec.info is not None and spec.info.rows < FEW_ROWS and spec.monitor is None and spec.folds is None:
            sentence = f"{spec.info.rows} rows are too few to keep some from training. Try validation_fraction 0."
            return Suggestion(sentence, changed(spec, validation_fraction=0.0, patience=None))
        return Suggestion("Add rows of the other classes, or try a larger validation_fraction.")
    sentence = (
        "Try split random, which keeps the share of each class, unless rows of one group or time belong together."
    )
    drawn = {} if spec.validation_fraction or spec.folds else {"validation_fraction": 0.2}
    return Suggestion(sentence, changed(spec, split=SplitBy.random, **drawn))


def for_constants(spec: JobSpec) -> Suggestion | None:
    """Where the targets, or the features, of the spec itself are the same in all rows."""
    targets = _targets(spec)
    if targets and all(len(set(numbers)) == 1 for numbers in targets):
        return Suggestion("The target is the same in every row: there is nothing to learn. No spec is suggested.")
    if isinstance(spec.dataset, Inline) and len(set(spec.dataset.x)) == 1:
        return Suggestion(
            "The features are the same in every row, and tell nothing of the target. No spec is suggested."
        )
    return None


def for_targets(spec: JobSpec) -> Suggestion | None:
    """After numbers of the spec itself from which nothing is learnt: the same in all rows, or outweighed by a few."""
    if (constant := for_constants(spec)) is not None:
        return constant
    numbers = _targets(spec)[0] if len(_targets(spec)) == 1 else ()
    middle = median(numbers) if numbers else 0.0
    far = [abs(number - middle) for number in numbers]
    usual = median(far) if far else 0.0
    outliers = sum(one > OUTLYING * usual for one in far)
    if usual == 0.0 or not outliers:
        return None
    far_off = f"more than {OUTLYING:,.0f} times as far from the median as most are"
    log = f" {LOGARITHM}" if min(numbers) > 0.0 else ""
    if outliers == 1:
        told = f"The target of one row is {far_off}, and decides the loss: correct it, or leave this row out."
    else:
        told = f"Targets of {outliers} rows are {far_off}, and decide the loss: correct them, or leave these rows out."
    return Suggestion(f"{told}{log} No spec is suggested.")


def for_unscaled_numbers(spec: JobSpec) -> Suggestion | None:
    """After features or targets of the spec itself that are not standardised, and are far from 1 in size."""
    if spec.standardizes or spec.init_from is not None or not isinstance(spec.dataset, Inline):
        return None
    targets = _targets(spec) if _scales_targets(spec) else []
    features = list(zip(*spec.dataset.x, strict=True))
    for name, numbers, limit in (("Features", features, LARGE_FEATURES), ("Targets", targets or [(0.0,)], LARGE)):
        if (largest := max(fmean(map(abs, column)) for column in numbers)) > limit:
            return Suggestion(
                f"{name} are large, {figure(largest)} in the mean, and are not standardised. Try standardize true"
                f"{and_better_rate(spec)}.",
                changed(spec, standardize=True, **better_rate(spec)),
            )
    unusual = [one for one in map(pstdev, targets) if one > 0.0 and not 1.0 / LARGE <= one <= LARGE]
    if not unusual:
        return None
    return Suggestion(
        f"Targets have a standard deviation of {figure(unusual[0])}, and are not standardised. Try standardize true"
        f"{and_better_rate(spec)}.",
        changed(spec, standardize=True, **better_rate(spec)),
    )


def for_unlike_numbers(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a loss that says that numbers are not scaled, are outliers, or are other ones in newer rows.

    Of numbers that may not be scaled, nothing is said of the data before they are.
    """
    r2 = shape.at_best("val_r2")
    is_unlike = r2 is not None and r2 < UNLIKE and not shape.has_few_rows
    if _may_be_scaled(spec):
        starts_high = shape.baseline.is_known and shape.train[0] > FAR_ABOVE * shape.baseline.loss
        is_far = is_unlike and _scales_targets(spec)
        if is_far or shape.stays_a_guess or (starts_high and spec.learning_rate <= usual_rate(spec)):
            return _scaled(spec)
    if is_unlike and shape.has_drifted and not shape.lacks_a_guess and spec.split_by is SplitBy.time:
        return Suggestion(
            "Validation rows are the newest, and their targets are unlike those of older rows: predict how the target "
            "changes, or add features that change with it. No other settings are suggested."
        )
    if (spread := shape.spread) is None or not shape.is_guess:
        return None
    wide, other = ("training", "validation") if spread > 1.0 else ("validation", "training")
    times = figure(max(spread, 1.0 / spread))
    return Suggestion(
        f"Targets of {wide} rows are spread {times} times as wide as those of {other} rows: a few that are far from "
        f"the others decide the loss. Correct them, or leave these rows out. {LOGARITHM} No spec is suggested."
    )


def rmse(times: float) -> str:
    """How far outlying errors are from the others, in words."""
    return f"the RMSE is {figure(times)} times the MAE"


def for_outliers(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After errors of a few validation rows that are far larger than those of the others."""
    if (times := shape.outlying_errors) is None:
        return None
    decided, more = ("the loss", " Loss mae follows them less.") if isinstance(spec.loss, Mse) else ("R²", "")
    return Suggestion(
        f"The errors of a few validation rows are far larger than those of the others ({rmse(times)}), and decide "
        f"{decided}. Correct targets that are far from the others, or leave "
        f"these rows out. {LOGARITHM}{more} No spec is suggested."
    )


def for_diverged_numbers(spec: JobSpec) -> Suggestion | None:
    """After a loss that is not finite, though the learning rate is usual."""
    return _scaled(spec) if _may_be_scaled(spec) and spec.learning_rate <= usual_rate(spec) else None


def no_relation(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """Where nothing was learnt that holds for other rows, or too few of them could show it."""
    if (outliers := for_outliers(spec, shape)) is not None:
        return outliers
    info, missed = spec.info, shape.accuracy.missed_rows
    rows = 0 if info is None else spec.split_rows(info)[0]
    is_wide = info is not None and info.features > rows
    if shape.has_few_rows and not is_wide:
        return Suggestion(
            "So few validation rows cannot show whether a relation between features and target holds for other rows. "
            "No other settings are suggested."
        )
    if shape.accuracy.knows_largest_only and missed is not None and missed < FEW_ROWS:
        return Suggestion(
            f"Validation has about {missed:.0f} rows of rare classes, too few to show whether the features tell of "
            "them: add rows of rare classes. No other settings are suggested."
        )
    others = {SplitBy.time: "newer rows", SplitBy.group: "other groups"}
    cure = "check the data, or add features"
    if info is not None and is_wide:
        cure = f"there are {info.features} features and only {rows} training rows. Choose fewer features, or add rows"
    return Suggestion(
        "The network finds no relation between features and target that holds for "
        f"{others.get(spec.split_by, 'other rows')}: {cure}. No other settings are suggested."
    )


def _may_be_scaled(spec: JobSpec) -> bool:
    """Whether features or targets may be far from 0 and 1; numbers of the spec itself are looked at instead.

    Of generated data, only those of `blobs` are.
    """
    may_be_far = isinstance(spec.dataset, Uploaded | Shipped | Blobs)
    return may_be_far and not spec.standardizes and spec.init_from is None


def _scales_targets(spec: JobSpec) -> bool:
    """Whether there are numbers to predict that `standardize: true` scales."""
    are_numbers = spec.info is not None and spec.info.targets is Targets.numbers
    return are_numbers and spec.model_copy(update={"standardize": True}).standardizes_targets


def _scaled(spec: JobSpec) -> Suggestion:
    names = "Features or targets" if _scales_targets(spec) else "Features"
    return Suggestion(
        f"{names} are not standardised, and seem far from the sizes with which networks learn well. Try standardize "
        f"true{and_better_rate(spec)}.",
        changed(spec, standardize=True, **better_rate(spec)),
    )


def _targets(spec: JobSpec) -> list[tuple[float, ...]]:
    """The numbers of each target of the spec itself; none where they are classes."""
    is_of_numbers = spec.info is not None and spec.info.targets is Targets.numbers
    return spec.dataset.target_columns if isinstance(spec.dataset, Inline) and is_of_numbers else []

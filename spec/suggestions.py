"""What to try after a job whose network did not learn well: a sentence and a spec.

The learning rate comes before the size of the network, and nothing is suggested where nothing is likely to help.
Every row is measured: benchmarks/verdicts.py trains what is suggested, over a grid of jobs.
"""

import math
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Any

from .activations import Activation
from .architectures import (
    Architecture,
    Cnn,
    Initializer,
    Mlp,
    Normalization,
    Perceptron,
    ResMlp,
    hidden_layers,
    parameter_count,
)
from .dataset import Blobs, Inline, Linear, Shipped, Targets, Uploaded
from .job import JobSpec
from .learning_curve import LEAST_GAIN, PATIENCE, VANISHED, LearningCurve
from .schedules import Constant, Plateau
from .splits import SplitBy

FAR = 3.0
"""A learning rate is large, or small, if it is so many times the optimizer's usual one, or its share."""
FEW_NEURONS = 64
"""A layer of fewer neurons may be too small ..."""
ROWS_PER_PARAMETER = 3
"""... if the network has so many training rows for each parameter."""
NARROW = 16
"""A layer of fewer neurons is narrow."""
HIGH_DROPOUT = 0.4
"""Of a network that is not small, or of a deep one, in which dropouts multiply."""
DECAY = 0.01
"""With adam, this weight decay lowers the validation loss of a network that fits training rows far better."""
HIGH_DECAY, HIGH_L1 = 0.1, 0.01
"""From here on, a penalty may leave little of the weights; decays that are multiplied by the rate may be larger."""
LOW_CLIP = 0.01
"""A gradient clipped to a norm below it hardly moves the weights of sgd."""
TINY = 100.0
"""A learning rate is tiny if the optimizer's usual one is more than so many times that."""
LARGE = 30.0
"""Numbers of a column whose mean size is above it want to be standardised; so do targets with a deviation as large, or
as small."""
OUTLYING = 1_000.0
"""A number is an outlier if it is so many times as far from the median as the median number is."""
FEW_ROWS = 10
"""Of fewer rows, all are needed for training."""
UNLIKE = -1.0
"""A smaller R2 says that the errors are far larger than the targets' own spread."""
FAR_ABOVE = 10.0
"""The loss of the first epoch is far above an untrained network's if it is so many times that."""
FEW_EPOCHS, FEW_UPDATES = 10, 100
"""After fewer epochs, or fewer updates in all of them, a network may only not have begun to learn."""
LEAST_UPDATES = 5
"""Fewer updates say nothing of a large learning rate either."""
MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Suggestion:
    """What to try, for people and as a spec; no spec where nothing is suggested."""

    sentence: str
    spec: JobSpec | None = None


NOTHING = Suggestion("")
TOO_EARLY = Suggestion("It was stopped before its last epoch: that is too early to say what would help.")

NOT_SMALL = Suggestion(
    "The network is not small for so few rows, and its learning rate is not too large: the features may tell no "
    "more of the target. No other settings are suggested."
)


def for_one_class(spec: JobSpec) -> Suggestion:
    """Where all validation rows are of one class: rows divided by chance, which keeps the share of each class."""
    if spec.split_by is SplitBy.random:
        if spec.info is not None and spec.info.rows < FEW_ROWS and spec.monitor is None and spec.folds is None:
            sentence = f"{spec.info.rows} rows are too few to keep some from training. Try validation_fraction 0."
            return Suggestion(sentence, _with(spec, validation_fraction=0.0, patience=None))
        return Suggestion("Add rows of the other classes, or try a larger validation_fraction.")
    sentence = (
        "Try split random, which keeps the share of each class, unless rows of one group or time belong together."
    )
    drawn = {} if spec.validation_fraction or spec.folds else {"validation_fraction": 0.2}
    return Suggestion(sentence, _with(spec, split=SplitBy.random, **drawn))


def for_constant_target(spec: JobSpec) -> Suggestion | None:
    """Where the targets of the spec itself are the same in all rows."""
    if len(set(_numbers_to_predict(spec))) != 1:
        return None
    return Suggestion("The target is the same in every row: there is nothing to learn. No spec is suggested.")


def against_divergence(spec: JobSpec) -> Suggestion:
    """After a loss that is not finite: a far smaller learning rate; standardised data, where they are large."""
    if (scaled := _for_unscaled_numbers(spec) or _for_diverged_numbers(spec)) is not None:
        return scaled
    return _slower(spec, "The updates were too large.", _far_smaller_rate(spec))


def against_instability(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a loss that jumps: a smaller learning rate; standardised data, where they are large."""
    if (scaled := _for_unscaled_numbers(spec) or _for_unlike_numbers(spec, shape)) is not None:
        return scaled
    if shape.wanders and not _is_large(spec) and _updates(spec, len(shape.train)) >= FEW_UPDATES:
        return _no_relation(spec)
    if shape.is_learnt and spec.restore_best:
        return Suggestion("The model has the weights of the best epoch, which is good. No spec is suggested.")
    return _slower(spec, "The updates are too large.", _smaller_rate(spec), **_without_high_dropout(spec))


def against_overfitting(spec: JobSpec, shape: LearningCurve, *, cut_short: bool = False) -> Suggestion:
    """After a validation loss that rises: early stopping, which has the same best epoch and ends soon after it.

    Not where validation accuracy rises meanwhile: the network is over-confident (Guo et al. 2017, section 3).

    Of curves that rise, weight decay and dropout lower the least validation loss about as often as they raise it, so no
    spec has them. Where validation loss only stays far above training loss, it is more epochs while it falls, and then
    weight decay.
    """
    if shape.is_guess:
        return (
            _for_targets(spec) or _for_unscaled_numbers(spec) or _for_unlike_numbers(spec, shape) or _no_relation(spec)
        )
    patience = shape.patience
    if not shape.rises and not cut_short and (shape.still_falls or shape.improves):
        return longer(spec, shape)
    if not shape.rises and spec.optimizer.type == "adam" and spec.weight_decay < DECAY:
        return Suggestion(
            f"Try weight_decay {DECAY:g}. {_other_remedies(spec)} may help, too.", _with(spec, weight_decay=DECAY)
        )
    if not shape.rises or patience is None:
        return Suggestion(f"{_other_remedies(spec, decay=True)} may help. No spec is suggested.")
    if shape.grows_more_accurate:
        return Suggestion(
            "Validation accuracy kept rising: the network is not wrong more often, but too sure of it, and early "
            f"stopping by the loss would give accuracy away. {_other_remedies(spec)} may help. No spec is suggested."
        )
    if spec.monitored != "val_loss" and spec.monitored.startswith("val_"):
        return Suggestion(
            f"The job monitors {spec.monitored}, so early stopping by the loss is not suggested. "
            f"{_other_remedies(spec, neurons=True, decay=True)} may lower the validation loss itself. No spec is "
            "suggested."
        )
    more: dict[str, Any] = {} if spec.monitored == "val_loss" else {"monitor": "val_loss"}
    more |= {} if spec.restore_best else {"restore_best": True}
    return Suggestion(
        f"Try early stopping, patience {patience}. {_other_remedies(spec, neurons=True, decay=True)} may lower the "
        "validation loss itself.",
        _with(spec, patience=patience, **more),
    )


def _other_remedies(spec: JobSpec, *, neurons: bool = False, decay: bool = False) -> str:
    """What else may help against overfitting; nothing that the job has much of already, or has no layer for."""
    has_hidden_layers = hidden_layers(spec.architecture) > 0
    ways = {
        "More rows": True,
        "fewer neurons": neurons and has_hidden_layers,
        "dropout": has_hidden_layers and _highest_dropout(spec) <= HIGH_DROPOUT,
        "weight_decay": decay and spec.weight_decay < HIGH_DECAY,
    }
    *first, last = (way for way, helps in ways.items() if helps)
    return f"{', '.join(first)} or {last}" if first else last


def against_underfitting(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that does not fit the training data."""
    return (
        _for_targets(spec)
        or _for_unscaled_numbers(spec)
        or _for_zeros(spec)
        or _for_a_beginning(spec, shape)
        or _for_penalties(spec, shape)
        or _for_vanished_rate(spec, shape)
        or _for_unlike_numbers(spec, shape)
        or _for_network(spec, shape)
    )


def _for_network(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that is too small, or is trained too slowly, too fast or not for long enough."""
    grows = (shape.still_falls or shape.improves) and not shape.knows_largest_only
    if shape.is_imbalanced and spec.class_weight is None and not grows:
        return _for_rare_classes(spec, shape)
    may_learn = shape.is_one_epoch or _is_too_small(spec, shape) or (shape.still_falls and not shape.is_flat)
    if not may_learn and (suggestion := _for_linear_model(spec)):
        return suggestion
    learnt, wider = shape.gain >= LEAST_GAIN, _wider(spec)
    if shape.is_flat and hidden_layers(spec.architecture) > 2 and (suggestion := _for_deep_networks(spec)):
        return suggestion
    hinders = learnt and _highest_dropout(spec) > (HIGH_DROPOUT if wider is None else 0.0)
    no_dropout = {"dropout": 0.0} if hinders else {}
    has_learnt_nothing = shape.is_flat or (shape.stays_a_guess and not shape.still_falls)
    if _is_large(spec) and (has_learnt_nothing or shape.is_best_at_first):
        rate = _far_smaller_rate(spec) if has_learnt_nothing else _smaller_rate(spec)
        return _slower(spec, _too_large(spec), rate, **no_dropout)
    if _is_too_small(spec, shape) or (_is_small(spec) and (shape.is_best_at_last or shape.is_one_epoch)):
        return _faster(spec)
    if shape.is_one_epoch or (shape.still_falls and _is_short(spec, shape)):
        return longer(spec, shape)
    if hinders and _is_large(spec):
        reason = "Dropout keeps the network from fitting, and the learning rate is large."
        return _slower(spec, reason, spec.learning_rate / 3, **no_dropout)
    if hinders:
        return Suggestion("Dropout keeps the network from fitting. Try no dropout.", _with(spec, **no_dropout))
    if shape.still_falls or (not learnt and shape.is_best_at_last):
        return longer(spec, shape)
    if shape.is_guess:
        return _for_a_guess(spec, shape)
    if wider is None:
        if _is_large(spec):
            return _slower(spec, "The learning rate is large.", _smaller_rate(spec))
        return _before_the_data(spec, shape) or NOT_SMALL
    return Suggestion(
        f"The network has too few neurons. Try four times the neurons{_named(spec)}.",
        _resized(spec, wider, **_better_rate(spec)),
    )


def _for_targets(spec: JobSpec) -> Suggestion | None:
    """After targets of the spec itself from which nothing is learnt: the same in all rows, or outweighed by a few."""
    if (constant := for_constant_target(spec)) is not None:
        return constant
    numbers = _numbers_to_predict(spec)
    middle = median(numbers) if numbers else 0.0
    far = [abs(number - middle) for number in numbers]
    usual = median(far) if far else 0.0
    outliers = sum(one > OUTLYING * usual for one in far)
    if usual == 0.0 or not outliers:
        return None
    far_off = f"more than {OUTLYING:,.0f} times as far from the median as most are"
    if outliers == 1:
        told = f"The target of one row is {far_off}, and decides the loss: correct it, or leave this row out."
    else:
        told = f"Targets of {outliers} rows are {far_off}, and decide the loss: correct them, or leave these rows out."
    return Suggestion(f"{told} No spec is suggested.")


def _for_unscaled_numbers(spec: JobSpec) -> Suggestion | None:
    """After features or targets of the spec itself that are not standardised, and are far from 1 in size."""
    if spec.standardizes or spec.init_from is not None or not isinstance(spec.dataset, Inline):
        return None
    targets = _numbers_to_predict(spec)
    columns = {"Features": list(zip(*spec.dataset.x, strict=True)), "Targets": [targets or (0.0,)]}
    for name, numbers in columns.items():
        if (largest := max(fmean(map(abs, column)) for column in numbers)) > LARGE:
            return Suggestion(
                f"{name} are large, {largest:.3g} in the mean, and are not standardised. Try standardize true"
                f"{_named(spec)}.",
                _with(spec, standardize=True, **_better_rate(spec)),
            )
    deviation = pstdev(targets) if targets and spec.loss.traits.limits is None else 1.0
    if deviation == 0.0 or 1.0 / LARGE <= deviation <= LARGE:
        return None
    return Suggestion(
        f"Targets have a standard deviation of {deviation:.3g}, and are not standardised. Try standardize true"
        f"{_named(spec)}.",
        _with(spec, standardize=True, **_better_rate(spec)),
    )


def _for_unlike_numbers(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a loss that says that numbers are not scaled, are outliers, or are other ones in newer rows.

    Of numbers that may not be scaled, nothing is said of the data before they are.
    """
    r2 = shape.at_best("val_r2")
    is_unlike = r2 is not None and r2 < UNLIKE and not shape.has_few_rows
    if _may_be_scaled(spec):
        starts_high = shape.is_baseline_known and shape.train[0] > FAR_ABOVE * shape.baseline
        if is_unlike or shape.stays_a_guess or (starts_high and spec.learning_rate <= spec.optimizer.usual_rate):
            return _scaled(spec)
    if is_unlike and spec.split_by is SplitBy.time:
        return Suggestion(
            "Validation rows are the newest, and their targets are unlike those of older rows: predict how the target "
            "changes, or add features that change with it. No other settings are suggested."
        )
    if (spread := shape.spread) is None or not shape.is_guess:
        return None
    wide, other = ("training", "validation") if spread > 1.0 else ("validation", "training")
    return Suggestion(
        f"Targets of {wide} rows are spread {max(spread, 1.0 / spread):.3g} times as wide as those of {other} rows: a "
        "few that are far from the others decide the loss. Correct them, or leave these rows out; of a target that "
        "grows by factors, predict the logarithm. No spec is suggested."
    )


def _for_diverged_numbers(spec: JobSpec) -> Suggestion | None:
    """After a loss that is not finite, though the learning rate is usual."""
    return _scaled(spec) if _may_be_scaled(spec) and spec.learning_rate <= spec.optimizer.usual_rate else None


def _may_be_scaled(spec: JobSpec) -> bool:
    """Whether features or targets may be far from 0 and 1; numbers of the spec itself are looked at instead.

    Of generated data, only those of `blobs` are.
    """
    may_be_far = isinstance(spec.dataset, Uploaded | Shipped | Blobs)
    return may_be_far and not spec.standardizes and spec.init_from is None


def _scaled(spec: JobSpec) -> Suggestion:
    return Suggestion(
        "Features or targets are not standardised, and seem far from the sizes with which networks learn well. Try "
        f"standardize true{_named(spec)}.",
        _with(spec, standardize=True, **_better_rate(spec)),
    )


def _no_relation(spec: JobSpec) -> Suggestion:
    """Where nothing was learnt that holds for other rows."""
    info, others = spec.info, {SplitBy.time: "newer rows", SplitBy.group: "other groups"}
    rows = 0 if info is None else spec.split_rows(info)[0]
    cure = "check the data, or add features"
    if info is not None and info.features > rows:
        cure = f"there are {info.features} features and only {rows} training rows. Choose fewer features, or add rows"
    return Suggestion(
        "The network finds no relation between features and target that holds for "
        f"{others.get(spec.split_by, 'other rows')}: {cure}. No other settings are suggested."
    )


def _numbers_to_predict(spec: JobSpec) -> tuple[float, ...]:
    """The targets of the spec itself, if they are numbers."""
    if not isinstance(spec.dataset, Inline) or spec.info is None or spec.info.targets is Targets.classes:
        return ()
    return tuple(float(number) for number in spec.dataset.y if not isinstance(number, tuple))


def _for_a_beginning(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After so few updates, or with so little of the rate in all epochs, that not even a large rate can be blamed."""
    rises = spec.schedule.most(spec.epochs) * FAR >= 1.0
    if rises and (_is_small(spec) or _updates(spec, len(shape.train)) >= LEAST_UPDATES):
        return None
    return _after_few_epochs(spec, shape) or longer(spec, shape)


def _for_penalties(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After penalties, or a clipped gradient, that leave no way to learn in many updates."""
    if _is_short(spec, shape):
        return None
    decay = spec.weight_decay * (spec.learning_rate if spec.optimizer.decoupled else 1.0)
    changes: dict[str, Any] = {}
    if decay >= HIGH_DECAY:
        changes["weight_decay"] = 0.0
    if spec.l1 >= HIGH_L1:
        changes["l1"] = 0.0
    if changes:
        names = " and ".join(changes)
        return Suggestion(
            f"The penalty keeps the network from fitting. Try no {names}{_named(spec)}.",
            _with(spec, **changes, **_better_rate(spec)),
        )
    if spec.gradient_clip is not None and spec.gradient_clip < LOW_CLIP and spec.optimizer.type == "sgd":
        return Suggestion(
            f"The gradient is clipped so far that the weights hardly move. Try gradient_clip 1{_named(spec)}.",
            _with(spec, gradient_clip=1.0, **_better_rate(spec)),
        )
    return None


def _for_zeros(spec: JobSpec) -> Suggestion | None:
    """After weights that all began at 0: a layer's neurons get the same gradients (Goodfellow et al. 2016, 8.4)."""
    is_symmetric = spec.initial_weights is Initializer.zeros and spec.initial_biases is None
    if not is_symmetric or spec.init_from is not None or hidden_layers(spec.architecture) == 0:
        return None
    return Suggestion(
        "All weights began at 0, so all neurons of a layer learn the same. Try initial_weights kaiming_uniform"
        f"{_named(spec)}.",
        _with(spec, initial_weights="kaiming_uniform", **_better_rate(spec)),
    )


def _for_vanished_rate(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After a schedule that left nothing of the learning rate for half of the epochs.

    A plateau lowers the rate because the loss stays, so it is blamed only where nothing was learnt before.
    """
    may_be_why = shape.is_flat or not isinstance(spec.schedule, Plateau)
    if shape.rate_left > VANISHED or not may_be_why:
        return None
    return Suggestion(
        f"The schedule, {spec.schedule.type}, left less than a hundredth of the learning rate for half of the epochs. "
        f"Try schedule cosine{_named(spec)}.",
        _with(spec, schedule="cosine", **_better_rate(spec)),
    )


def _for_a_guess(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that has learnt nothing that holds for other rows: all else comes before the data."""
    if _is_large(spec):
        return _slower(spec, _too_large(spec), _far_smaller_rate(spec))
    return _before_the_data(spec, shape) or _no_relation(spec)


def _before_the_data(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """What is to be tried before anything is said of the data: a usual rate, more epochs, then plain settings.

    A small rate is the reason where nothing was learnt of training rows, or where a schedule ended the learning.
    """
    ended = not shape.is_guess and not isinstance(spec.schedule, Constant)
    if _is_tiny(spec) or (_is_small(spec) and (ended or not shape.fits_something)):
        return _faster(spec)
    return _after_few_epochs(spec, shape) or _plainer(spec)


def _after_few_epochs(spec: JobSpec, shape: LearningCurve) -> Suggestion | None:
    """After few epochs, or few updates of the weights: more of them."""
    epochs = len(shape.train)
    if not _is_short(spec, shape) or shape.met_tolerance or shape.is_one_epoch:
        return None
    few = f"{epochs} epochs" if epochs < FEW_EPOCHS else f"{_updates(spec, epochs)} updates of the weights"
    if shape.ran_out_of_patience and spec.patience is not None:
        patience = max(PATIENCE, 3 * spec.patience)
        return Suggestion(
            f"Early stopping ended training after {few}, which show little. Try patience {patience}.",
            _with(spec, patience=patience),
        )
    more = max(FEW_EPOCHS, 3 * epochs)
    return Suggestion(f"{few} show little. Try more epochs: {more}.", _with(spec, epochs=more))


def _is_short(spec: JobSpec, shape: LearningCurve) -> bool:
    """Whether there were few epochs, or few updates of the weights in all of them."""
    epochs = len(shape.train)
    return epochs < FEW_EPOCHS or _updates(spec, epochs) < FEW_UPDATES


def _updates(spec: JobSpec, epochs: int) -> int:
    """How often the weights were changed in so many epochs; as often as needed where the rows are not known."""
    rows = FEW_UPDATES if spec.info is None else spec.split_rows(spec.info)[0]
    step = rows if spec.batch_size == "full" else spec.batch_size * spec.gradient_accumulation
    return epochs * math.ceil(rows / step)


def _plainer(spec: JobSpec) -> Suggestion | None:
    """Without what may keep a network from learning, though it need not: penalties, dropout, a loss of numbers."""
    changes: dict[str, Any] = {
        name: value
        for name, value, hinders in (
            ("l1", 0.0, spec.l1 >= HIGH_L1 / 10),
            ("weight_decay", 0.0, not spec.optimizer.decoupled and spec.weight_decay >= HIGH_DECAY / 10),
            ("dropout", 0.0, _highest_dropout(spec) > HIGH_DROPOUT),
            ("loss", "cross_entropy", _has_loss_of_numbers(spec)),
        )
        if hinders
    }
    plain = _with(spec, **changes) if changes else None
    told = " and ".join(f"loss {value}" if name == "loss" else f"no {name}" for name, value in changes.items())
    return None if plain is None else Suggestion(f"Before the data are blamed, try {told}.", plain)


def _has_loss_of_numbers(spec: JobSpec) -> bool:
    """Whether classes are learnt as if they were numbers."""
    is_for_classes = spec.info is not None and spec.info.targets is Targets.classes
    return is_for_classes and Targets.numbers in spec.loss.traits.targets and not spec.loss.traits.is_for_labels


def _for_rare_classes(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a network that predicts the largest class."""
    if shape.gain >= LEAST_GAIN if shape.ranks is None else shape.ranks:
        is_alone = spec.batch_size == spec.gradient_accumulation == 1
        more, larger = (" and batch_size 32", {"batch_size": 32}) if is_alone else ("", {})
        return Suggestion(
            f"Try class_weight balanced{more}, so that rare classes count as much as others.",
            _with(spec, class_weight="balanced", **larger),
        )
    if _is_too_small(spec, shape):
        return _faster(spec)
    return _for_a_guess(spec, shape)


def _for_linear_model(spec: JobSpec) -> Suggestion | None:
    """After a network that is a linear model: a hidden layer, or an activation that is not linear.

    Not where the target is known to be linear.
    """
    is_linear = _activations(spec) <= {Activation.identity}
    if isinstance(spec.dataset, Linear):
        return None
    if isinstance(spec.architecture, Perceptron):
        hidden = {"type": "mlp", "hidden": [32], "bias": spec.architecture.bias}
        tanh = {"activation": "tanh"} if is_linear else {}
        return Suggestion(
            "A single layer is a linear model. Try a hidden layer: mlp, hidden [32]"
            f"{', activation tanh' if tanh else ''}{_named(spec)}.",
            _resized(spec, hidden, **tanh, **_better_rate(spec)),
        )
    if not is_linear:
        return None
    # A linear model hardly needs its neurons; one that is not loses too many of them to a high dropout.
    dropout = {"dropout": 0.0} if _highest_dropout(spec) > HIGH_DROPOUT else {}
    return Suggestion(
        "With identity activations the network is a linear model, however many layers it has. "
        f"Try a non-linear activation: tanh{', without dropout' if dropout else ''}{_named(spec)}.",
        _with(spec, activation="tanh", **dropout, **_better_rate(spec)),
    )


def _for_deep_networks(spec: JobSpec) -> Suggestion | None:
    """After a deep network that has learnt nothing; residual blocks and normalisation keep gradients from vanishing."""
    dropout = _without_high_dropout(spec)
    architecture = spec.architecture
    is_plain = isinstance(architecture, Mlp | Cnn) and architecture.normalization is Normalization.none
    if is_plain and _activations(spec) <= SATURATING:
        relu = {"activation": "relu", "initial_weights": "kaiming_uniform", "initial_biases": None}
        return Suggestion(
            f"Gradients vanish in a deep network of sigmoid or tanh. Try relu"
            f"{', without dropout' if dropout else ''}{_named(spec)}.",
            _with(spec, **relu, **dropout, **_better_rate(spec)),
        )
    if dropout:
        return Suggestion(
            "Dropout in each layer of a deep network leaves too little of the signal. Try no dropout"
            + _named(spec)
            + ".",
            _with(spec, **dropout, **_better_rate(spec)),
        )
    return None


def longer(spec: JobSpec, shape: LearningCurve) -> Suggestion:
    """After a loss that still falls, or that had one epoch to fall: more epochs, or what lets them be trained."""
    if shape.met_tolerance and spec.tolerance is not None:
        tolerance = spec.tolerance / 10
        return Suggestion(
            f"The gradient's norm fell below tolerance, which ended training. Try tolerance {tolerance:.3g}.",
            _with(spec, tolerance=tolerance),
        )
    if shape.fell_too_little:
        return Suggestion(
            f"Early stopping ended training because the loss fell by less than min_delta, {spec.min_delta:.3g}. Try "
            "min_delta 0.",
            _with(spec, min_delta=0.0),
        )
    if shape.ran_out_of_patience and spec.patience is not None:
        patience, waited = max(PATIENCE, 3 * spec.patience), len(shape.train) - 1 - shape.best
        ended = "while the loss was still falling"
        if waited:
            ended = f"only {waited} epochs after the best one" if waited > 1 else "only one epoch after the best one"
        return Suggestion(
            f"Early stopping ended training {ended}. Try patience {patience}.", _with(spec, patience=patience)
        )
    if spec.epochs == 1:
        return Suggestion("One epoch shows little. Try more epochs: 10.", _with(spec, epochs=10))
    epochs = min(3 * spec.epochs, MOST_EPOCHS)
    if epochs == spec.epochs:
        return NOTHING
    return Suggestion(
        f"The loss was still falling when training ended. Try more epochs: {epochs}.", _with(spec, epochs=epochs)
    )


SATURATING = {Activation.sigmoid, Activation.tanh, Activation.hard_tanh}
"""Activations whose gradients vanish for large inputs."""


def _too_large(spec: JobSpec) -> str:
    dead = ", or hidden neurons have died" if hidden_layers(spec.architecture) else ""
    return f"The learning rate is too large{dead}."


def _is_large(spec: JobSpec) -> bool:
    return spec.learning_rate > FAR * spec.optimizer.usual_rate


def _is_small(spec: JobSpec) -> bool:
    return spec.learning_rate * FAR < spec.optimizer.usual_rate


def _is_tiny(spec: JobSpec) -> bool:
    return spec.learning_rate * TINY < spec.optimizer.usual_rate


def _is_too_small(spec: JobSpec, shape: LearningCurve) -> bool:
    """Whether the rate is small and the loss still falls, or so tiny that the loss is flat."""
    return (shape.is_flat and _is_tiny(spec)) or (_is_small(spec) and shape.still_falls)


def _smaller_rate(spec: JobSpec) -> float:
    """A third, and not far above the usual rate; narrow networks learn with larger ones (Yang et al. 2021)."""
    narrow = max(NARROW / _narrowest(spec.architecture), 1.0)
    return min(spec.learning_rate / 3, FAR * spec.optimizer.usual_rate * narrow)


def _far_smaller_rate(spec: JobSpec) -> float:
    """A tenth, and not above the usual rate."""
    return min(spec.learning_rate / 10, spec.optimizer.usual_rate)


def _better_rate(spec: JobSpec) -> dict[str, float]:
    """The usual learning rate, or not far above it, where the spec's is far from it."""
    if _is_large(spec):
        return {"learning_rate": _smaller_rate(spec)}
    return {"learning_rate": spec.optimizer.usual_rate} if _is_small(spec) else {}


def _named(spec: JobSpec) -> str:
    """The better learning rate in a sentence, if there is one."""
    return "".join(f", and learning_rate {rate:.3g}" for rate in _better_rate(spec).values())


def _faster(spec: JobSpec) -> Suggestion:
    """The usual learning rate."""
    rate = spec.optimizer.usual_rate
    return Suggestion(
        f"The learning rate is small. Try a larger learning_rate: {rate:.3g}.", _with(spec, learning_rate=rate)
    )


def _slower(spec: JobSpec, reason: str, rate: float, **changes: Any) -> Suggestion:
    """A smaller learning rate that becomes smaller still, and three times the epochs."""
    epochs = min(3 * spec.epochs, MOST_EPOCHS)
    cosine = {"schedule": "cosine"} if isinstance(spec.schedule, Constant) else {}
    decays = ", schedule cosine" if cosine else ""
    dropout = ", without dropout" if "dropout" in changes else ""
    return Suggestion(
        f"{reason} Try a smaller learning_rate, {rate:.3g}{decays} and {epochs} epochs{dropout}.",
        _with(spec, learning_rate=rate, epochs=epochs, **cosine, **changes),
    )


def _activations(spec: JobSpec) -> set[Activation]:
    return set(spec.activation) if isinstance(spec.activation, tuple) else {spec.activation}


def _highest_dropout(spec: JobSpec) -> float:
    """Of all hidden layers; 0 where there are none."""
    rates = spec.dropout if isinstance(spec.dropout, tuple) else (spec.dropout,)
    return max(rates) if hidden_layers(spec.architecture) else 0.0


def _narrowest(architecture: Architecture) -> int:
    """Neurons of the smallest hidden layer; of a perceptron, 1."""
    match architecture:
        case ResMlp(width=width):
            return width
        case Mlp(hidden=hidden) | Cnn(hidden=hidden):
            return min(hidden, default=FEW_NEURONS)
    return 1


def _without_high_dropout(spec: JobSpec) -> dict[str, float]:
    """No dropout, where it is high and in so many layers that little of the signal is left."""
    return {"dropout": 0.0} if hidden_layers(spec.architecture) > 2 and _highest_dropout(spec) > HIGH_DROPOUT else {}


def _wider(spec: JobSpec) -> dict[str, Any] | None:
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
    return _with(spec, architecture=architecture, initial_weights="kaiming_uniform", initial_biases=None, **changes)


def _with(spec: JobSpec, **changes: Any) -> JobSpec | None:
    """The spec with other values, numbers as sentences write them; None when they are not valid together."""
    if {"architecture", "activation"} & changes.keys():  # another network cannot begin from that of another job
        changes["init_from"] = None
    written = {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in changes.items()}
    body = spec.model_dump(mode="json", exclude_unset=True) | written
    try:
        return JobSpec.model_validate(body)
    except ValueError:
        return None

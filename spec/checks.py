"""The rules between fields of a job, and between a job and its data."""

import math
from typing import TYPE_CHECKING

from .activations import Activation
from .architectures import Matrix, Normalization, hidden_layers, layer_shapes, parameter_count
from .base import fault
from .classes import class_labels, wrong_labels
from .dataset import DatasetInfo, Linear, Targets, Uploaded
from .losses import LOSSES
from .monitors import REGRESSION_METRICS
from .splits import EXACT, check_folds, check_split
from .warm_start import check_left_out

if TYPE_CHECKING:
    from .job import JobSpec

PARAMETER_LIMIT = 100_000_000
"""Maximum number of parameters of a network."""

LANDSCAPE_LIMIT = 1_000_000
"""Maximum number of parameters of a network whose loss landscape is measured."""

LINEAR_RANGE = (-4.0, 4.0)
"""Where nearly all targets of the data set `linear` are: they are Gaussian, of deviation 1 without noise."""


def check_fields(spec: "JobSpec") -> None:
    """Raise an error of the first rule between the fields of `spec` that it breaks, whatever its data are."""
    hidden = hidden_layers(spec.architecture)
    for field in ("activation", "dropout"):
        value = getattr(spec, field)
        if isinstance(value, tuple) and len(value) != hidden:
            raise fault(field, f"has {len(value)} values for {hidden} hidden layers: give one, or one per layer")
    traits, outer = spec.loss.traits, spec.output_activation
    takes_logits = traits.takes_logits and not spec.awaits_loss
    if takes_logits and outer not in (None, Activation.identity, traits.output_activation):
        allowed = " or ".join(filter(None, ("null", traits.output_activation)))
        raise fault("output_activation", f"must be {allowed} with loss {spec.loss.type}, which takes logits")
    if spec.label_smoothing and not traits.label_smoothing:
        smoothed = " or ".join(loss.name() for loss in LOSSES if loss.traits.label_smoothing)
        raise fault("label_smoothing", f"needs loss {smoothed}")
    check_left_out(spec)
    check_folds(spec)
    if spec.monitor is not None and spec.monitor.startswith("val_") and not spec.validates:
        raise fault("monitor", f"{spec.monitor} needs validation_fraction greater than 0")
    if spec.batch_size == "full" and spec.gradient_accumulation > 1:
        raise fault("gradient_accumulation", 'must be 1 with batch_size "full": a step has one batch, of all rows')
    if spec.initial_biases is not None and not spec.architecture.bias:
        raise fault("initial_biases", "needs architecture.bias: true")
    if spec.resources.gpus > 1 and getattr(spec.architecture, "normalization", None) is Normalization.batch:
        raise fault("resources.gpus", "must be 1 with architecture.normalization batch, which needs whole batches")


def check_against(spec: "JobSpec", info: DatasetInfo) -> None:
    """Raise an error of the first rule that `spec` breaks on data like `info`; it names the field."""
    train = check_split(spec, info)
    if spec.batch_size != "full" and spec.batch_size > train:
        raise fault("batch_size", f'must be at most {train}, the rows of the training split, or "full"')
    if spec.split_by in EXACT and (reason := batch_norm_fault(spec, train)):
        raise fault("batch_size", reason)
    if spec.augmentation.acts and info.image is None:
        raise fault("augmentation", "needs image data, such as digits: leave it out")
    if info.image is not None and spec.augmentation.crop > min(info.image[1:]):
        height, width = info.image[1:]
        raise fault("augmentation.crop", f"must be at most {min(height, width)}: images are {height} x {width} pixels")
    _check_loss(spec, info)
    _check_weighting(spec, info)
    _check_monitor(spec, info)
    shapes = layer_shapes(spec, info)
    count = parameter_count(spec, info)
    if count > PARAMETER_LIMIT:
        raise fault("architecture", f"has {count:,} parameters; at most {PARAMETER_LIMIT:,} are allowed")
    if spec.live_boundary is not None and (info.features != 2 or info.image is not None):
        raise fault("live_boundary", f"needs data with two inputs, such as spirals; these have {info.features}")
    if spec.loss_landscape and count > LANDSCAPE_LIMIT:
        raise fault("loss_landscape", f"is for at most {LANDSCAPE_LIMIT:,} parameters; the network has {count:,}")
    if isinstance(spec.initial_weights, tuple):
        _check_weights(spec.initial_weights, shapes)
    if spec.initial_biases is not None:
        given, wanted = [len(bias) for bias in spec.initial_biases], [shape[0] for shape in shapes]
        if given != wanted:
            raise fault("initial_biases", f"must have lengths {wanted}, layer by layer; it has {given}")


def _check_monitor(spec: "JobSpec", info: DatasetInfo) -> None:
    if spec.monitored.endswith("loss"):
        return
    if spec.monitored.startswith("train_") and spec.train_metrics == "running":
        raise fault("monitor", f"{spec.monitored} needs train_metrics exact")
    if info.targets is Targets.numbers and spec.monitored not in REGRESSION_METRICS:
        raise fault("monitor", f"{spec.monitored} needs classes, and this data set's targets are numbers")
    if info.targets is Targets.classes and spec.monitored in REGRESSION_METRICS:
        needed = f"{spec.monitored} needs numbers, and this data set's targets are classes"
        raise fault("monitor", needed + _or_as_numbers(spec, ": "))
    if spec.monitored == "val_roc_auc" and info.classes != 2:
        raise fault("monitor", f"val_roc_auc needs 2 classes, and there are {info.classes}")


def _check_loss(spec: "JobSpec", info: DatasetInfo) -> None:
    name, traits = spec.loss.type, spec.loss.traits
    if info.targets is Targets.numbers:
        if Targets.numbers not in traits.targets:
            raise fault("loss", f"{name} needs classes, and this data set's targets are numbers: use mse")
        known = LINEAR_RANGE if isinstance(spec.dataset, Linear) else info.target_range
        if known is not None:
            check_targets(spec, *known)
    else:
        if (info.classes or 0) < 2:
            raise fault("dataset", "has one class only: there is nothing to learn")
        if traits.most_classes is not None and (info.classes or 0) > traits.most_classes:
            needed = f"needs {traits.most_classes} classes, and there are {info.classes}"
            raise fault("loss", f"{name} {needed}: use cross_entropy")
        if Targets.classes not in traits.targets:
            needed = "numbers" if traits.limits is None else "counts"
            cure = "use cross_entropy" + _or_as_numbers(spec, ", or ")
            raise fault("loss", f"{name} needs {needed}, and this data set's targets are classes: {cure}")


def _or_as_numbers(spec: "JobSpec", before: str) -> str:
    """The end of a sentence about an upload whose targets were read as classes; of other data, nothing."""
    cure = "upload the file again with task=regression, if they are numbers"
    return before + cure if isinstance(spec.dataset, Uploaded) else ""


def check_targets(spec: "JobSpec", least: float, most: float) -> None:
    """Raise an error if the job cannot learn targets from `least` to `most`, numbers in their own units."""
    limits, outer = spec.loss.traits.limits, spec.output_activation
    seen = f"this data set's are from {least:.6g} to {most:.6g}"
    if limits is not None and not limits[0] <= least <= most <= limits[1]:
        needed = "between 0 and 1" if limits[1] == 1.0 else "of 0 or more (counts)"
        raise fault("loss", f"{spec.loss.type} needs targets {needed}, and {seen}: use mse")
    if limits is None and outer is not None and not outer.least <= least <= most <= outer.most:
        reached = (
            f"between {outer.least:.3g} and {outer.most:.3g}" if outer.most < math.inf else f"{outer.least:.3g} up"
        )
        raise fault(
            "output_activation", f"{outer} reaches numbers {reached} only, and {seen}: use null, or scale the targets"
        )


def batch_norm_fault(spec: "JobSpec", train: int) -> str | None:
    """What is wrong with the batch size for batch normalisation of so many training rows.

    One row has a variance of 0: PyTorch refuses it too (torch.nn.BatchNorm1d).
    """
    if getattr(spec.architecture, "normalization", None) is not Normalization.batch:
        return None
    batch = train if spec.batch_size == "full" else min(spec.batch_size, train)
    needed = "architecture.normalization batch needs two rows or more in every step"
    if batch == 1:
        return f"must be 2 or more: {needed}"
    if train % batch == 1:
        other = next((size for size in range(batch - 1, 1, -1) if train % size != 1), "full")
        return f"{batch} leaves one of {train} rows for an epoch's last step, and {needed}: use {other}"
    return None


def _check_weighting(spec: "JobSpec", info: DatasetInfo) -> None:
    if spec.class_weight is not None and info.targets is Targets.numbers:
        raise fault("class_weight", "needs classes, and this data set's targets are numbers")
    if wrong := wrong_labels(spec.class_weight, class_labels(spec.dataset)):
        raise fault("class_weight", wrong)
    if spec.is_weighted and spec.batch_size == spec.gradient_accumulation == 1:
        source = "class_weight" if spec.class_weight is not None else "a weight of each row"
        raise fault(
            "batch_size", f"must be at least 2 with {source}: the mean of one row does not depend on its weight"
        )


def _check_weights(weights: tuple[Matrix, ...], shapes: list[tuple[int, ...]]) -> None:
    if any(len(shape) != 2 for shape in shapes):
        raise fault("initial_weights", "can be given for perceptron, mlp and resmlp, not for convolutions: use a name")
    given = [(len(layer), len(layer[0])) for layer in weights]
    if given != shapes or any(len(row) != len(layer[0]) for layer in weights for row in layer):
        wanted = ", ".join(f"{out} x {into}" for out, into in shapes)
        has = ", ".join(f"{out} x {into}" for out, into in given)
        raise fault("initial_weights", f"must have shapes {wanted} (out x in), layer by layer; it has {has}")

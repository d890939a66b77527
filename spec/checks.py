"""The rules between fields of a job, and between a job and its data."""

from typing import TYPE_CHECKING

from .architectures import Matrix, layer_shapes, parameter_count
from .base import fault
from .dataset import DatasetInfo, DatasetSpec, Targets
from .monitors import REGRESSION_METRICS

if TYPE_CHECKING:
    from .job import JobSpec

PARAMETER_LIMIT = 100_000_000
"""Maximum number of parameters of a network."""

LANDSCAPE_LIMIT = 1_000_000
"""Maximum number of parameters of a network whose loss landscape is measured."""


def check_against(spec: "JobSpec", info: DatasetInfo) -> None:
    """Raise an error of the first rule that `spec` breaks on data like `info`; it names the field."""
    train = _check_split(spec, info)
    if spec.batch_size != "full" and spec.batch_size > train:
        raise fault("batch_size", f'must be at most {train}, the rows of the training split, or "full"')
    if spec.augmentation.acts and info.image is None:
        raise fault("augmentation", "needs image data, such as digits: leave it out")
    if info.image is not None and spec.augmentation.crop > min(info.image[1:]):
        height, width = info.image[1:]
        raise fault("augmentation.crop", f"must be at most {min(height, width)}: images are {height} x {width} pixels")
    _check_loss(spec, info)
    _check_monitor(spec, info)
    shapes = layer_shapes(spec, info)
    count = parameter_count(spec, info)
    if count > PARAMETER_LIMIT:
        raise fault("architecture", f"has {count:,} parameters; at most {PARAMETER_LIMIT:,} are allowed")
    if spec.loss_landscape and count > LANDSCAPE_LIMIT:
        raise fault("loss_landscape", f"is for at most {LANDSCAPE_LIMIT:,} parameters; the network has {count:,}")
    if isinstance(spec.initial_weights, tuple):
        _check_weights(spec.initial_weights, shapes)
    if spec.initial_biases is not None:
        given, wanted = [len(bias) for bias in spec.initial_biases], [shape[0] for shape in shapes]
        if given != wanted:
            raise fault("initial_biases", f"must have lengths {wanted}, layer by layer; it has {given}")


def _check_split(spec: "JobSpec", info: DatasetInfo) -> int:
    """Rows of the training split. Raises an error if it, or another split that the spec asks for, is empty."""
    train, validation, test = spec.split_rows(info)
    for part, share, left in (
        ("validation", spec.validation_fraction, validation),
        ("test", spec.test_fraction, test),
    ):
        if share > 0.0 and left == 0:
            raise fault(f"{part}_fraction", f"leaves no row for {part}: the data set has {info.rows}; set it to 0")
    if train <= 0:
        larger = "test_fraction" if test > validation else "validation_fraction"
        raise fault(larger, f"leaves no row for training: the data set has {info.rows}")
    return train


def _check_monitor(spec: "JobSpec", info: DatasetInfo) -> None:
    if spec.monitored.endswith("loss"):
        return
    if info.targets is Targets.numbers and spec.monitored not in REGRESSION_METRICS:
        raise fault("monitor", f"{spec.monitored} needs classes, and this data set's targets are numbers")
    if info.targets is Targets.classes and spec.monitored in REGRESSION_METRICS:
        raise fault("monitor", f"{spec.monitored} needs numbers, and this data set's targets are classes")
    if spec.monitored == "val_roc_auc" and info.classes != 2:
        raise fault("monitor", f"val_roc_auc needs 2 classes, and there are {info.classes}")


def _check_loss(spec: "JobSpec", info: DatasetInfo) -> None:
    name, traits = spec.loss.type, spec.loss.traits
    if info.targets is Targets.numbers:
        if Targets.numbers not in traits.targets:
            raise fault("loss", f"{name} needs classes, and this data set's targets are numbers: use mse")
        if traits.unit_interval and not _in_unit_interval(spec.dataset):
            raise fault("loss", f"{name} needs targets between 0 and 1: use mse")
    else:
        if (info.classes or 0) < 2:
            raise fault("dataset", "has one class only: there is nothing to learn")
        if traits.most_classes is not None and (info.classes or 0) > traits.most_classes:
            needed = f"needs {traits.most_classes} classes, and there are {info.classes}"
            raise fault("loss", f"{name} {needed}: use cross_entropy")
        if Targets.classes not in traits.targets:
            needed = "counts" if traits.counts else "numbers"
            raise fault("loss", f"{name} needs {needed}, and this data set's targets are classes: use cross_entropy")


def _in_unit_interval(dataset: DatasetSpec) -> bool:
    """Whether all targets of an inline data set are between 0 and 1."""
    targets = getattr(dataset, "y", ())
    values = (value for row in targets for value in (row if isinstance(row, tuple) else (row,)))
    return bool(targets) and all(0.0 <= value <= 1.0 for value in values)


def _check_weights(weights: tuple[Matrix, ...], shapes: list[tuple[int, ...]]) -> None:
    if any(len(shape) != 2 for shape in shapes):
        raise fault("initial_weights", "can be given for perceptron, mlp and resmlp, not for convolutions: use a name")
    given = [(len(layer), len(layer[0])) for layer in weights]
    if given != shapes or any(len(row) != len(layer[0]) for layer in weights for row in layer):
        wanted = ", ".join(f"{out} x {into}" for out, into in shapes)
        has = ", ".join(f"{out} x {into}" for out, into in given)
        raise fault("initial_weights", f"must have shapes {wanted} (out x in), layer by layer; it has {has}")

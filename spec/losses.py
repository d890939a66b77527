"""The losses: what training minimises."""

from enum import StrEnum

from .dataset import DatasetInfo, Targets


class Loss(StrEnum):
    """What is minimised, averaged over the rows of a batch."""

    mse = "mse"
    mae = "mae"
    huber = "huber"
    binary_cross_entropy = "binary_cross_entropy"
    cross_entropy = "cross_entropy"
    hinge = "hinge"
    poisson_nll = "poisson_nll"


CLASS_LOSSES = frozenset({Loss.binary_cross_entropy, Loss.cross_entropy, Loss.hinge})


def output_units(loss: Loss, info: DatasetInfo) -> int:
    """Neurons of the output layer: one per class, or one per number of a target."""
    if info.targets is Targets.numbers:
        return info.outputs
    assert info.classes is not None
    if loss in (Loss.cross_entropy, Loss.hinge):
        return info.classes
    return 1 if info.classes == 2 else info.classes

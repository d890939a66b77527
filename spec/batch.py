"""The rows and the arithmetic of one batch of a job."""

import math

from .architectures import layer_shapes
from .dataset import DatasetInfo
from .job import JobSpec


def batch_flop(spec: JobSpec, info: DatasetInfo) -> float:
    """Floating-point operations of one batch of one member: forward, and twice that backward."""
    return 6.0 * batch_rows(spec, info) * sum(math.prod(shape) * positions for shape, positions in layers(spec, info))


def batch_rows(spec: JobSpec, info: DatasetInfo) -> int:
    """Rows of a full batch."""
    train, *_ = spec.split_rows(info)
    return full_batch(spec, train)


def epoch_steps(spec: JobSpec, info: DatasetInfo) -> int:
    """Optimizer steps of an epoch."""
    train, *_ = spec.split_rows(info)
    return steps_of(spec, train)


def steps_of(spec: JobSpec, train: int) -> int:
    """Optimizer steps of an epoch of so many training rows."""
    return math.ceil(math.ceil(train / max(full_batch(spec, train), 1)) / spec.gradient_accumulation)


def full_batch(spec: JobSpec, train: int) -> int:
    """Rows of a full batch, of so many training rows."""
    return train if spec.batch_size == "full" else min(spec.batch_size, train)


def neurons(spec: JobSpec, info: DatasetInfo) -> int:
    """Neurons of all layers; a convolution has one per channel and position."""
    return sum(shape[0] * positions for shape, positions in layers(spec, info))


def layers(spec: JobSpec, info: DatasetInfo) -> list[tuple[tuple[int, ...], int]]:
    """Each layer's weight shape, and the positions per row it is applied to: of a kernel, at most the pixels."""
    pixels = info.image[1] * info.image[2] if info.image else 1
    return [(shape, pixels if len(shape) == 4 else 1) for shape in layer_shapes(spec, info)]

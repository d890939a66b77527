"""The estimate of what a job needs, before it runs."""

from .architectures import parameter_count
from .base import Frozen
from .batch import batch_rows, neurons
from .dataset import DatasetInfo
from .job import JobSpec
from .resources import Precision


class Footprint(Frozen):
    """Parameters, memory and rows that a job needs."""

    parameters: int
    memory_bytes: int
    train_rows: int
    validation_rows: int
    test_rows: int


def estimate(spec: JobSpec, info: DatasetInfo) -> Footprint:
    """The footprint of `spec` on data like `info`.

    Memory holds weights, best weights, gradient, the optimizer's buffers, activations of one batch and the data; also a
    batch's own gradient where a step adds up several, and the best epoch's buffers where they are kept.
    """
    train, validation, test = spec.split_rows(info)
    parameters = parameter_count(spec, info)
    width = 8 if spec.precision is Precision.float64 else 4
    per_row = info.features + 3 * neurons(spec, info)
    buffers = len(spec.optimizer.buffers) * (1 + spec.keep_optimizer)
    numbers = (
        parameters * (3 + buffers + (spec.gradient_accumulation > 1))
        + batch_rows(spec, info) * per_row
        + info.rows * (info.features + 1 + spec.is_weighted)
    )
    return Footprint(
        parameters=parameters,
        memory_bytes=width * numbers,
        train_rows=train,
        validation_rows=validation,
        test_rows=test,
    )

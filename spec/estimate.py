"""The estimate of what a job needs, before it runs."""

from .architectures import parameter_count
from .base import Frozen
from .dataset import DatasetInfo
from .job import JobSpec, Precision
from .step import neurons, step_rows


class Footprint(Frozen):
    """Parameters, memory and rows that a job needs."""

    parameters: int
    memory_bytes: int
    train_rows: int
    validation_rows: int
    test_rows: int


def estimate(spec: JobSpec, info: DatasetInfo) -> Footprint:
    """The footprint of `spec` on data like `info`.

    Memory holds weights, best weights, gradient, the optimizer's buffers, activations and the data.
    """
    train, validation, test = spec.split_rows(info)
    parameters = parameter_count(spec, info)
    width = 8 if spec.precision is Precision.float64 else 4
    per_row = info.features + 3 * neurons(spec, info)
    numbers = (
        parameters * (3 + len(spec.optimizer.buffers))
        + step_rows(spec, info) * per_row
        + info.rows * (info.features + 1)
    )
    return Footprint(
        parameters=parameters,
        memory_bytes=width * numbers,
        train_rows=train,
        validation_rows=validation,
        test_rows=test,
    )

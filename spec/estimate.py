"""What a job will need, before it runs."""

from .architectures import parameter_count
from .base import Frozen
from .dataset import DatasetInfo
from .job import JobSpec, Precision
from .step import neurons, step_rows


class Footprint(Frozen):
    """Parameters of a network, and the memory that training it takes."""

    parameters: int
    memory_bytes: int
    train_rows: int
    validation_rows: int
    test_rows: int


def estimate(spec: JobSpec, info: DatasetInfo) -> Footprint:
    """What `spec` needs on data like `info`: weights, best weights, gradient, buffers, activations and the rows."""
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

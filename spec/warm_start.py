"""Warm starts: a job begins with the network of a finished job, and goes on from there (fine-tuning).

The network must be the same function: its architecture, its activations and what its outputs mean. Its columns are
compared where they are known (`model/warm_start.py`).
"""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from .architectures import layer_shapes
from .base import as_written, fault
from .dataset import DatasetInfo

if TYPE_CHECKING:
    from .job import JobSpec


def _canonical(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise PydanticCustomError("uuid_parsing", "must be an id") from error


JobId = Annotated[str, AfterValidator(_canonical), WithJsonSchema({"type": "string", "format": "uuid"})]
"""The id of a job, as an answer gave it."""

LEFT_OUT = ("initial_weights", "initial_biases", "standardize")
"""Fields whose values are those of the finished job."""


def check_left_out(spec: "JobSpec") -> None:
    """Raise an error if a job that begins with another job's network says how a network begins, too."""
    for name in LEFT_OUT if spec.init_from is not None else ():
        if getattr(spec, name) != type(spec).model_fields[name].default:
            what = "statistics" if name == "standardize" else "weights"
            raise fault(name, f"must be left out with init_from: the job begins with the {what} of that job")


def check_network(spec: "JobSpec", base: "JobSpec") -> None:
    """Raise an error of the first difference between the networks of a job and of `base`, which it begins from."""
    ours, theirs = spec.architecture, base.architecture
    if ours.type != theirs.type:
        raise _differs("architecture", theirs.type, ours.type)
    for name in type(theirs).model_fields:
        wanted, given = getattr(theirs, name), getattr(ours, name)
        if given != wanted:
            raise _differs(f"architecture.{name}", wanted, given)
    if spec.activations != base.activations:
        raise _differs("activation", base.activation, spec.activation)
    if spec.loss.traits.link is not base.loss.traits.link:
        outputs = "its outputs mean something else"
        raise fault("loss", f"must be {base.loss.type}, as in the job of init_from: with {spec.loss.type} {outputs}")
    if spec.computed_output_activation is not base.computed_output_activation:
        raise _differs("output_activation", base.output_activation, spec.output_activation)


def check_shapes(spec: "JobSpec", info: DatasetInfo, base: "JobSpec", base_info: DatasetInfo) -> None:
    """Raise an error of the first layer whose shape is not that of `base`, which the job begins from."""
    shapes = zip(layer_shapes(spec, info), layer_shapes(base, base_info), strict=True)
    for number, (given, wanted) in enumerate(shapes, 1):
        if given != wanted:
            raise fault(
                "init_from",
                f"has another network: weights of its layer {number} are {_size(wanted)}, of this job {_size(given)}",
            )


def keeps_optimizer(spec: "JobSpec", base: "JobSpec") -> bool:
    """Whether the optimizer goes on where that of `base` ended: it was kept, and is of the same kind."""
    same = spec.optimizer.type == base.optimizer.type and spec.optimizer.buffers.keys() == base.optimizer.buffers.keys()
    return base.keep_optimizer and same


def _differs(path: str, wanted: object, given: object) -> PydanticCustomError:
    return fault(path, f"must be {as_written(wanted)}, as in the job of init_from, not {as_written(given)}")


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)

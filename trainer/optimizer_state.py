"""The state of an optimizer that is kept with a model: its buffers and its step count, as safetensors."""

from collections.abc import Mapping
from dataclasses import dataclass

from safetensors.torch import save as to_bytes
from torch import Tensor

STEPS = "steps"
"""Name of the step count in the file's header."""


@dataclass(frozen=True)
class OptimizerState:
    """What an optimizer goes on from."""

    steps: int
    """Steps that it has done."""
    buffers: Mapping[str, Tensor]
    """Its buffers by name, on the CPU: [parameters] each, in the order of the model's arrays."""


def dump(state: OptimizerState) -> bytes:
    """The state as a file's content."""
    return to_bytes({name: row.contiguous() for name, row in state.buffers.items()}, {STEPS: str(state.steps)})

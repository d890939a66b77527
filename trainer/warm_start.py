"""A warm start: the network of a finished job, which another job begins with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from model.preprocessing import Preprocessing

from .errors import BadDataError
from .optimizer_state import STEPS, OptimizerState
from .setup import Setup


@dataclass(frozen=True, eq=False)
class WarmStart:
    """What a job begins with."""

    arrays: Mapping[str, Tensor]
    """Weights, biases and running statistics, by their names in a model's file."""
    preprocessing: Preprocessing
    optimizer: OptimizerState | None = None
    """What its optimizer goes on from; None if that begins anew."""


@lru_cache(maxsize=1)
def read(weights: Path, preprocessing: Path, optimizer: Path | None) -> WarmStart:
    """The warm start in these files; members of a pack share it. Raises `BadDataError`."""
    try:
        return WarmStart(
            arrays=load_file(weights),
            preprocessing=Preprocessing.model_validate_json(preprocessing.read_bytes()),
            optimizer=None if optimizer is None else _optimizer_state(optimizer),
        )
    except (OSError, SafetensorError, ValidationError, ValueError, KeyError) as error:
        raise BadDataError(f"init_from: the files of its model cannot be read: {error}") from error


def _optimizer_state(file: Path) -> OptimizerState:
    with safe_open(file, framework="pt") as opened:
        return OptimizerState(
            steps=int(opened.metadata()[STEPS]),
            buffers={name: opened.get_tensor(name) for name in opened.keys()},  # noqa: SIM118 - it is no mapping
        )


def check_start(setup: Setup, start: WarmStart) -> None:
    """Raise `BadDataError` for another network's arrays, and for another optimizer's buffers."""
    wanted = {
        name: shape
        for layout in (setup.network.parameters, setup.network.running)
        for name, (_, shape) in layout.places.items()
    }
    given = {name: tuple(array.shape) for name, array in start.arrays.items()}
    if wrong := sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)):
        raise BadDataError(f"init_from: has another network: its {wrong[0]} does not fit this job's.")
    if start.optimizer is not None:
        size = (setup.network.parameters.size,)
        buffers = start.optimizer.buffers
        if buffers.keys() != set(setup.buffers) or any(row.shape != size for row in buffers.values()):
            raise BadDataError("init_from: the state of its optimizer does not fit this job's.")

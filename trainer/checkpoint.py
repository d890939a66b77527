"""Checkpoints: what a member continues from, as safetensors with JSON in it, no pickle.

Random numbers are functions of (seed, epoch, purpose, index), so nothing of them is kept. A member that
continues from its checkpoint, alone or in another pack, gets the same bits as without the interruption.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from spec.architectures import parameter_count
from spec.job import JobSpec

from .errors import BadCheckpointError

FORMAT = 1
"""Increased whenever the meaning of a checkpoint changes: an older one is refused, and its job starts again."""

NOTE = "checkpoint"
"""Name of the JSON in the file's header."""

ROWS = ("weights", "best", "running", "best_running")
"""Names of a member's rows, besides the optimizer's buffers."""


def best_rows(spec: JobSpec) -> Mapping[str, str]:
    """The rows that keep the best epoch's numbers, and the rows that they are copied from, by name."""
    buffers = {f"best_{name}": name for name in spec.optimizer.buffers} if spec.keep_optimizer else {}
    return {"best": "weights", "best_running": "running", **buffers}


def row_names(spec: JobSpec) -> tuple[str, ...]:
    """Names of all rows of a member."""
    return tuple(dict.fromkeys((*ROWS, *spec.optimizer.buffers, *best_rows(spec))))


def trained_rows(spec: JobSpec) -> tuple[str, ...]:
    """Names of the rows that training goes on from."""
    best = best_rows(spec)
    return tuple(name for name in row_names(spec) if name not in best)


@dataclass(kw_only=True, eq=False)
class TrainingState:
    """What a member carries from one epoch to the next besides its rows."""

    epoch: int = 0
    steps: int = 0
    best_epoch: int = 0
    best_steps: int = 0
    best_metrics: Mapping[str, float] = field(default_factory=dict)
    last_metrics: Mapping[str, float] = field(default_factory=dict)
    """The metrics of the newest epoch; empty in a checkpoint of an earlier release."""
    best: float = math.inf
    """The monitored value of the best epoch; less is better."""
    lowest: float = math.inf
    """The least monitored value of any epoch, by which configurations are compared."""
    score: float = math.inf
    """The monitored value of the newest epoch, by which the members of a population are compared; less is better."""
    waited: int = 0
    """Epochs since it improved, by `min_delta` at least."""
    improved_to: float | None = None
    """The monitored value since which it waits; None: that of the best epoch."""
    plateau: float = 1.0
    """The factor that the plateau schedule has reduced the learning rate to."""
    plateau_best: float = math.inf
    plateau_waited: int = 0
    rungs: int = 0
    """Rungs of its bracket that it has passed."""
    parent: int | None = None
    """The configuration that it was copied from after the newest epoch, in a population."""
    values: Mapping[str, float] = field(default_factory=dict)
    """What it trains with instead of its spec's values since it was copied, by field path."""


@dataclass(frozen=True)
class Checkpoint:
    """A member after an epoch: its training state, and its rows by name, on the CPU."""

    state: TrainingState
    rows: Mapping[str, Tensor]


def dump(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as a file's content."""
    note = json.dumps({"format": FORMAT, "progress": asdict(checkpoint.state)})
    # One entry: safetensors writes several in any order, and the same state must give the same bytes.
    return to_bytes({name: row.contiguous() for name, row in checkpoint.rows.items()}, {NOTE: note})


def load(content: bytes, spec: JobSpec) -> Checkpoint:
    """The checkpoint in a file's content, for a job like `spec`. Raises `BadCheckpointError`."""
    try:
        note = _note(content)
        if note["format"] != FORMAT:
            raise BadCheckpointError(f"it has format {note['format']}, and this trainer reads {FORMAT}")
        checkpoint = Checkpoint(TrainingState(**note["progress"]), from_bytes(content))
    except (SafetensorError, ValueError, KeyError, TypeError, struct.error) as error:
        raise BadCheckpointError(f"it cannot be read: {error}") from error
    _check(checkpoint, spec)
    return checkpoint


def _note(content: bytes) -> Mapping[str, Any]:
    """The JSON in a file's header, which safetensors' own reader of bytes leaves out."""
    (size,) = struct.unpack_from("<Q", content)
    note: Mapping[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"][NOTE])
    return note


def _check(checkpoint: Checkpoint, spec: JobSpec) -> None:
    """Refuse a checkpoint that does not fit the job."""
    rows = checkpoint.rows
    if rows.keys() != set(row_names(spec)):
        raise BadCheckpointError(f"it holds {', '.join(sorted(rows))}, which is not what this job needs")
    parameters = rows["weights"].numel() if spec.info is None else parameter_count(spec, spec.info)
    wrong = [name for name in rows.keys() - {"running", "best_running"} if rows[name].shape != (parameters,)]
    if wrong:
        raise BadCheckpointError(f"its {wrong[0]} are not {parameters} numbers, as this job has")

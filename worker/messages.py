"""What a supervisor and its trainer process send to each other: one JSON object a line, over pipes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from spec.base import Frozen
from spec.halving import BracketOrder
from spec.job import JobSpec
from spec.pictures import BoundaryFrame
from spec.states import FailureReason, StopReason
from spec.views import Curve, Metrics

CHECKPOINTS = "checkpoints"
"""The folder of checkpoints in a trainer's folder."""


class StartFiles(Frozen):
    """The files of the model that a job begins from."""

    weights: Path
    preprocessing: Path
    optimizer: Path | None = None
    """The state that its optimizer goes on from, if it does."""


class Job(Frozen):
    """A job to train, with its spec exactly as it was submitted."""

    id: str
    spec: JobSpec
    checkpoints: tuple[str, ...] = ()
    """Files in the trainer's folder to go on from, newest first: the first that can be read is taken."""
    table: Path | None = None
    """The file of its data set, when that was uploaded."""
    trial: int | None = None
    """The number of its configuration, in a bracket."""
    start: StartFiles | None = None
    """The model that it begins from, if it begins from one."""


class Train(Frozen):
    """Supervisor: train these; those of the running pack's key join it between two epochs."""

    kind: Literal["train"] = "train"
    jobs: tuple[Job, ...]
    limit: int
    limits: dict[str, int] = {}
    """Of brackets, the limit of each pack key."""
    brackets: tuple[BracketOrder, ...] = ()
    """The rules by which these are pruned; then they are not of one pack key, and no others join."""


class Cancel(Frozen):
    """Supervisor: drop these."""

    kind: Literal["cancel"] = "cancel"
    ids: tuple[str, ...]


class Leave(Frozen):
    """Supervisor: drop these when their epoch has ended and their checkpoints are saved."""

    kind: Literal["leave"] = "leave"
    ids: tuple[str, ...]


class Ready(Frozen):
    """Trainer: torch is imported and the device answers."""

    kind: Literal["ready"] = "ready"
    pid: int


class Points(Frozen):
    """Trainer: epochs ended since the last such message, as columns by job."""

    kind: Literal["points"] = "points"
    curves: dict[str, Curve]


class Drawn(Frozen):
    """Trainer: a member's decision boundary, for whoever watches now; it may be lost."""

    kind: Literal["drawn"] = "drawn"
    id: str
    frame: BoundaryFrame


class Measured(Frozen):
    """Trainer: peak memory of the pack, per member; sent once, after the first epoch."""

    kind: Literal["measured"] = "measured"
    member_bytes: int


class Working(Frozen):
    """Trainer: steps are being done, though no epoch may have ended."""

    kind: Literal["working"] = "working"


class Resumed(Frozen):
    """Trainer: the job goes on after this epoch; 0 when none of its checkpoints could be read."""

    kind: Literal["resumed"] = "resumed"
    id: str
    epoch: int
    refused: dict[str, str]
    """The files that could not be read, and why."""


class Saved(Frozen):
    """Trainer: checkpoints of these jobs are in its folder; all points up to their epochs were sent before."""

    kind: Literal["saved"] = "saved"
    epochs: dict[str, int]
    files: dict[str, str]


class Unsaved(Frozen):
    """Trainer: a checkpoint was due and could not be written; training goes on."""

    kind: Literal["unsaved"] = "unsaved"
    id: str
    epoch: int
    message: str


class FreeMembers(Frozen):
    """Trainer: this many more jobs may join the running pack."""

    kind: Literal["free_members"] = "free_members"
    count: int


class Ended(Frozen):
    """Trainer: a member left the pack; a `whole_pack` fails by the fault of any member.

    An `unsaved` one was trained, and its files could not be written on this machine; the message says why.
    """

    kind: Literal["ended"] = "ended"
    id: str
    end: Literal["succeeded", "diverged", "cancelled", "failed", "unsaved"]
    stop_reason: StopReason | None = None
    failure_reason: FailureReason | None = None
    message: str = ""
    best_epoch: int | None = None
    best_metrics: Metrics | None = None
    files: dict[str, int] = {}
    """The sizes of the files that it left, by name: one after the other in one file of the trainer's folder, its id."""
    whole_pack: bool = False


Order = Train | Leave | Cancel
Report = Ready | Points | Drawn | Measured | Working | Resumed | Saved | Unsaved | FreeMembers | Ended

_ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="kind")])
_REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])


def line(message: Order | Report) -> bytes:
    """The message as it is sent."""
    return message.model_dump_json().encode() + b"\n"


def order(text: bytes) -> Order:
    """An order of the supervisor. Raises `ValueError`."""
    return _ORDER.validate_json(text)


def report(text: bytes) -> Report:
    """A report of the trainer. Raises `ValueError`."""
    return _REPORT.validate_json(text)

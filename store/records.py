"""What the record answers: frozen values, which any process may pass on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import JSON, Dialect, Select, TypeDecorator, select, type_coerce
from uuid_utils import uuid7

from spec.batch import epoch_steps
from spec.dataset import Uploaded
from spec.halving import BracketOrder
from spec.job import JobSpec
from spec.listed import ListedSpec, without_rows
from spec.states import FailureReason, JobStatus, StopReason, SweepState
from spec.verdict import Verdict, judge
from spec.views import Curve, Metrics

from .checkpoints import CheckpointRecord
from .device_requests import device_request
from .files import part
from .tables import Job, Mirror

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Read = TypeVar("Read", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job as the record has it."""

    id: str
    owner: str
    name: str | None
    project: str
    project_id: str | None = None
    """The project that it is shared in."""
    tags: Mapping[str, str]
    spec: JobSpec
    pack_key: str
    priority: int
    epochs: int
    status: JobStatus = JobStatus.queued
    attempt: int = 0
    cancel_requested_at: datetime | None = None
    pause_requested_at: datetime | None = None
    stop_reason: StopReason | None = None
    failure_reason: FailureReason | None = None
    failure_message: str | None = None
    epoch: int = 0
    epochs_per_s: float | None = None
    metrics: Metrics | None = None
    best_epoch: int | None = None
    best_metrics: Metrics | None = None
    worker: str | None = None
    device: str | None = None
    pack_size: int | None = None
    mlflow_run_id: str | None = None
    mlflow_experiment_id: str | None = None
    sweep_id: str | None = None
    trial: int | None = None
    replicate: int | None = None
    replays: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime

    def verdict(self, curve: Curve) -> Verdict | None:
        """The verdict on its curve, once it has ended; None if nothing can be said."""
        # By its sweep or its owner: its curve does not show why it ended.
        cut_short = self.stop_reason is StopReason.pruned or self.status is JobStatus.cancelled
        return judge(self.spec, curve, self.failure_reason, cut_short=cut_short)


@dataclass(frozen=True)
class Idempotency:
    """A client's name for one request, and the digest of what it asked."""

    key: str
    body_sha256: str


@dataclass(frozen=True)
class Submitted:
    """Jobs that a request made now, or when it was first sent."""

    jobs: list[JobRecord]
    is_repeat: bool


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant; None means any."""

    status: tuple[JobStatus, ...] = ()
    """One of these; empty means any."""
    project: str | None = None
    name: str | None = None
    name_part: str | None = None
    """A part of the name, in small or capital letters."""
    dataset: str | None = None
    """The id of an upload, or the name of another data set."""
    least: Mapping[str, float] = field(default_factory=dict)
    """Best metrics that the job has, and what they are at least."""
    most: Mapping[str, float] = field(default_factory=dict)
    id_part: str | None = None
    """The beginning or the end of the id: hexadecimal digits and dashes."""
    tags: Mapping[str, str] = field(default_factory=dict)
    sweep_id: str | None = None
    outside_sweeps: bool = False
    """Only jobs of no sweep."""


@dataclass(frozen=True, kw_only=True)
class SweepFilter:
    """Which sweeps are meant; None means any."""

    state: tuple[SweepState, ...] = ()
    """One of these; empty means any."""
    name: str | None = None
    name_part: str | None = None
    """A part of the name, in small or capital letters."""
    id_part: str | None = None
    """The beginning or the end of the id: hexadecimal digits and dashes."""


@dataclass(frozen=True)
class Cancelled:
    """What became of jobs that were to be cancelled."""

    cancelled: int
    stopping: int
    """Running jobs, which their workers were asked to stop."""
    skipped: int
    """Jobs that were named by their ids and had ended, were being cancelled already, or are not the asker's."""


@dataclass(frozen=True)
class Claim:
    """A job that belongs to a worker until its lease ends."""

    job_id: str
    attempt: int
    spec: JobSpec
    cancel_requested: bool = False
    checkpoints: tuple[CheckpointRecord, ...] = ()
    """What it can continue from, newest first."""
    trial: int | None = None
    """Its configuration in a sweep."""
    bracket: BracketOrder | None = None
    """The bracket that it is claimed with, if it is one's."""
    owner: str = ""


@dataclass(frozen=True)
class Progress:
    """What a worker sends about one of its jobs with a heartbeat: that it holds it, and what is new since the last one.

    Points up to a checkpoint's epoch must have been sent before it, or with it.
    """

    job_id: str
    attempt: int
    points: Curve = field(default_factory=dict)
    epochs_per_s: float | None = None
    checkpoints: tuple[CheckpointRecord, ...] = ()


@dataclass(frozen=True)
class Renewal:
    """What a worker learns from a heartbeat: leases that it has lost, and control requests."""

    lost: frozenset[tuple[str, int]]
    """Jobs and their attempts: another slot of the worker may have claimed the job since."""
    cancel: frozenset[str]
    pause: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ArtifactRecord:
    """A file of a job in the file store."""

    name: str
    uri: str
    sha256: str
    size: int
    attempt: int | None = field(default=None, compare=False)
    """The attempt that left it; None before the record knows it."""


@dataclass(frozen=True)
class FinishedModel:
    """The model of a job that succeeded: its spec and its files, by name."""

    spec: JobSpec
    files: Mapping[str, ArtifactRecord]


@dataclass(frozen=True)
class Success:
    """How a job succeeded, and the files it left."""

    job_id: str
    attempt: int
    stop_reason: StopReason
    best_epoch: int | None
    best_metrics: Metrics | None
    metrics: Metrics | None = None
    """Of its last epoch; None when the record has them already."""
    points: Curve = field(default_factory=dict)
    """The points that the record does not have yet."""
    artifacts: Sequence[ArtifactRecord] = ()


@dataclass(frozen=True)
class EventRecord:
    """One change of a job."""

    seq: int
    at: datetime
    from_status: JobStatus | None
    to_status: JobStatus
    attempt: int
    actor: str
    reason: str


@dataclass(frozen=True)
class Reaped:
    """What happened to the jobs whose leases had expired."""

    requeued: int
    failed: int
    cancelled: int


@dataclass(frozen=True)
class PublishedFile:
    """A file in the folder where an attempt publishes its files; it may belong to no job."""

    job_id: str
    attempt: int
    uri: str


def read(kind: type[Read], row: Any, **otherwise: Any) -> Read:
    """The record in a row, whose columns have the names of its fields; `otherwise` are fields that are not so."""
    names, values = _columns(kind, tuple(otherwise))
    return kind(**dict(zip(names, values(row), strict=True)), **otherwise)


@cache
def _columns(
    kind: "type[DataclassInstance]", without: tuple[str, ...]
) -> tuple[Sequence[str], Callable[[Any], tuple[Any, ...]]]:
    names = [field.name for field in fields(kind) if field.name not in without]
    return names, attrgetter(*names)


JOBS: Select[Any] = select(Job.__table__, Mirror.run_id, Mirror.experiment_id).outerjoin(
    Mirror, Mirror.job_id == Job.id
)
"""Jobs with their runs; `record` reads its rows."""


class _WithoutRows(TypeDecorator[Any]):
    """Specs without the rows of inline data sets, which go as soon as one is read: of a page they take much memory."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The spec that is read."""
        return without_rows(value)


LISTED: Select[Any] = JOBS.with_only_columns(
    *(type_coerce(one, _WithoutRows).label("spec") if one.name == "spec" else one for one in JOBS.selected_columns)
)
"""`JOBS` without the rows of inline data sets; `listed` reads its rows."""


_NEWS = (
    *("id", "owner", "name", "project", "project_id", "tags", "priority", "status", "attempt"),
    *("stop_reason", "failure_reason", "failure_message", "cancel_requested_at", "pause_requested_at"),
    *("epoch", "epochs", "epochs_per_s"),
    *("metrics", "best_epoch", "best_metrics", "worker", "device", "pack_size", "sweep_id", "trial", "replicate"),
    *("created_at", "started_at", "finished_at", "updated_at"),
)
JOB_NEWS: Select[Any] = select(*(Job.__table__.c[name] for name in _NEWS))
"""Of jobs what changes; their specs, which do not, are most of their rows."""


def listed(row: Any) -> JobRecord:
    """The job in a row of `LISTED`; its spec is a `ListedSpec`."""
    return record(row, ListedSpec)


def record(row: Any, kind: type[JobSpec] = JobSpec) -> JobRecord:
    """The job in a row of `JOBS`, with a spec of this kind."""
    return read(
        JobRecord,
        row,
        spec=kind.stored(row.spec),
        status=JobStatus(row.status),
        stop_reason=StopReason.known(row.stop_reason),
        failure_reason=FailureReason(row.failure_reason) if row.failure_reason else None,
        mlflow_run_id=row.run_id,
        mlflow_experiment_id=row.experiment_id,
    )


def artifact_record(row: Any) -> ArtifactRecord:
    """The file in a row of its table."""
    uri = row.path if row.offset is None else part(row.path, row.offset, row.size)
    return ArtifactRecord(name=row.name, uri=uri, sha256=row.sha256, size=row.size, attempt=row.attempt)


def dataset_id(spec: JobSpec) -> str | None:
    """The uploaded data set that a job needs."""
    return spec.dataset.id if isinstance(spec.dataset, Uploaded) else None


def new_job(spec: JobSpec, owner: str, at: datetime, **relations: Any) -> JobRecord:
    """A job that is being submitted.

    `relations` are its `project_id`, the job that it `replays`, or its `sweep_id`, `trial`, `replicate` and bracket's
    `pack_key`; also its `id`, if it has one already.
    """
    relations.setdefault("id", str(uuid7()))
    if "pack_key" not in relations:  # its digest takes a while
        relations["pack_key"] = spec.pack_key
    return JobRecord(
        owner=owner,
        name=spec.name,
        project=spec.project,
        tags=dict(spec.tags),
        spec=spec,
        priority=spec.priority,
        epochs=spec.epochs,
        created_at=at,
        updated_at=at,
        **relations,
    )


def columns(job: JobRecord) -> Mapping[str, Any]:
    """The columns of a job that is being submitted."""
    request = device_request(job.spec.resources.device, job.spec.resources.gpus)
    same = (
        *("id", "owner", "name", "project", "tags", "pack_key", "priority", "epochs", "created_at", "updated_at"),
        *("sweep_id", "trial", "replicate", "replays", "project_id"),
    )
    return {
        **{name: getattr(job, name) for name in same},
        "spec": job.spec.model_dump(mode="json"),
        "dataset_id": dataset_id(job.spec),
        "device_request": request,
        "device_wish": request,
        "max_attempts": job.spec.max_attempts,
        "steps": None if (info := job.spec.info) is None else job.epochs * epoch_steps(job.spec, info),
    }

"""What the API answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .base import Frozen, fault
from .job import JobSpec
from .labels import Name, Priority, Tags
from .profile import Profile
from .schema import Task
from .states import FailureReason, JobStatus, StopReason
from .verdict import Verdict

Metrics = dict[str, float | None]
"""Numbers by metric name; null where a number was infinite or not a number."""

Curve = dict[str, list[float | None]]
"""Columns: `epoch`, then one per metric, all of one length, in order of epoch."""


class Failure(Frozen):
    """Why a job failed, in words, and whether trying again makes sense."""

    reason: FailureReason
    message: str
    retryable: bool


class Progress(Frozen):
    """How far a job is."""

    epoch: int
    epochs: int
    epochs_per_s: float | None
    eta_s: float | None


class Best(Frozen):
    """The epoch whose weights are the model, and what was measured after it."""

    epoch: int
    metrics: Metrics


class Queue(Frozen):
    """Where a queued job stands, and why it waits."""

    position: int | None
    """1 is next; null when more jobs are ahead than are counted."""
    why: str
    estimated_start_at: datetime | None
    """From how fast jobs have ended of late; null when that says nothing, and `why` says why."""


class MlflowRun(Frozen):
    """The job's run in MLflow, once the mirror has made it."""

    run_id: str
    url: str


class JobView(Frozen):
    """A job: its spec, its state and what came of it."""

    id: str
    name: str | None
    project: str
    tags: dict[str, str]
    priority: int
    """As it is now; `spec` keeps what was submitted."""
    status: JobStatus
    stop_reason: StopReason | None
    failure: Failure | None
    attempt: int
    cancel_requested: bool
    pause_requested: bool
    spec: JobSpec
    progress: Progress
    metrics: Metrics | None
    best: Best | None
    verdict: Verdict | None
    """Told of one job that is asked for when it has ended; null in lists."""
    queue: Queue | None
    """Told of one queued job that is asked for; null in lists and where a job is submitted."""
    worker: str | None
    device: str | None
    pack_size: int | None
    mlflow: MlflowRun | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    links: dict[str, str]
    warnings: list[str] = []
    """Told where a job is submitted: what will keep it waiting, unless somebody does something."""


class JobPage(Frozen):
    """Jobs, newest first, and the cursor of the next page."""

    jobs: list[JobView]
    next: str | None


class Bulk(Frozen):
    """Jobs to submit together: all of them or none."""

    jobs: Annotated[list[JobSpec], Field(min_length=1, max_length=10_000, fail_fast=True)]


class BulkIds(Frozen):
    """Ids of the jobs submitted together, in the order they were given."""

    ids: list[str]
    warnings: list[str] = []
    """As of a single job, each once."""


class Change(Frozen):
    """What may be changed of a job that was submitted; a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    priority: Priority = 0
    name: Name = None
    tags: Tags = {}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise fault("", "must name what is to change: priority, name or tags")
        return self


class Check(Frozen):
    """What a job would be, were it submitted."""

    spec: JobSpec
    parameters: int
    memory_bytes: int
    pack_key: str
    train_rows: int
    validation_rows: int
    test_rows: int


class DatasetSummary(Frozen):
    """A data set, in a list."""

    id: str
    name: str
    version: int
    """Counts the data sets of one name."""
    task: Task
    rows: int
    features: int
    """Numbers that a network gets of a row."""
    outputs: int
    """Classes, or numbers to tell."""
    image: tuple[int, int, int] | None
    """(channels, height, width), when a row is an image."""
    sha256: str
    """Digest of the file that was uploaded."""
    size_bytes: int
    """What the file and its table take."""
    created_at: datetime
    links: dict[str, str]


class DatasetView(DatasetSummary, Profile):
    """A data set, and what was found in it."""


class DatasetPage(Frozen):
    """Data sets, newest first."""

    datasets: list[DatasetSummary]


class UploadView(Frozen):
    """A file that comes piece by piece."""

    sha256: str
    """Digest of the whole file."""
    file: str
    size: int
    offset: int
    """Bytes that have come, and will not be lost: go on from here."""
    links: dict[str, str]


class Rows(Frozen):
    """Raw rows to predict: an object each, a value by column; or lists, where the columns have no names."""

    rows: Annotated[list[dict[str, Any] | list[Any]], Field(min_length=1, max_length=10_000, fail_fast=True)]


class ModelFormat(StrEnum):
    """What a model is fetched as."""

    zip = "zip"
    """Weights, spec and preprocessing, and a page that loads them in plain PyTorch."""
    onnx = "onnx"
    """One graph from raw columns to predictions, preprocessing included."""


class Predictions(Frozen):
    """What a model says of rows, in their order."""

    predictions: list[str] | list[float] | list[list[float]]
    """Classes by name; or numbers in the target's units."""
    classes: list[str] | None = None
    """The columns of `probabilities`."""
    probabilities: list[list[float]] | None = None
    """How likely each class is; null for numbers, and for losses that make none of their outputs."""
    warnings: list[str] = []
    """Values that the training rows do not have, or are far from."""
    names: list[str] | None = None
    """The columns of `input`."""
    input: list[list[str | None]] | None = None
    """The rows of the file, as text, when they were asked for."""


class PictureView(Frozen):
    """A picture of a job that has ended: a PNG."""

    name: str
    href: str


class PictureList(Frozen):
    """What there is to see of a job."""

    pictures: list[PictureView]
    why: str | None
    """Why there is nothing, when there is nothing."""


class EventView(Frozen):
    """One change of a job."""

    seq: int
    at: datetime
    from_status: JobStatus | None
    to_status: JobStatus
    attempt: int
    actor: str
    reason: str


class Events(Frozen):
    """A job's history, oldest first."""

    events: list[EventView]


class Training(Frozen):
    """What a worker trains on a device."""

    device: str
    jobs: int
    yours: int
    """How many of them are yours."""


class WorkerView(Frozen):
    """A worker that lives: what it offers and what it trains."""

    id: str
    host: str
    devices: list[str]
    """One slot each."""
    free_devices: list[str]
    slots: int
    free_slots: int
    seen_at: datetime
    training: list[Training]


class Workers(Frozen):
    """The workers that live, by name."""

    workers: list[WorkerView]


class QueueView(Frozen):
    """The queue as a whole: how long it is, who serves it, how fast it moves."""

    queued: dict[str, int]
    """Jobs that wait, by the device they ask for: auto, cpu or cuda."""
    running: int
    slots: dict[str, int]
    """Slots of the workers that live, by kind: cpu or cuda."""
    free_slots: dict[str, int]
    oldest_wait_s: float | None
    """Seconds since the oldest job that waits was submitted."""
    finished_per_min: float
    """Jobs that ended after training, in each of the last minutes."""


class FieldError(Frozen):
    """What is wrong with one field, and what is allowed."""

    path: str
    message: str


class Problem(Frozen):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    request_id: str


class Health(Frozen):
    """Whether the process lives, and for readiness which of its services answer."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = {}

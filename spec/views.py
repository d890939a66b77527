"""What the API answers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Frozen
from .job import JobSpec
from .profile import Profile
from .schema import Task
from .states import FailureReason, JobStatus, StopReason

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

    position: int
    why: str


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
    status: JobStatus
    stop_reason: StopReason | None
    failure: Failure | None
    attempt: int
    cancel_requested: bool
    spec: JobSpec
    progress: Progress
    metrics: Metrics | None
    best: Best | None
    verdict: str | None
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


class Check(Frozen):
    """What a job would be, were it submitted."""

    spec: JobSpec
    parameters: int
    memory_bytes: int
    pack_key: str
    train_rows: int
    validation_rows: int


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


class Rows(Frozen):
    """Raw rows to predict: an object each, a value by column; or lists, where the columns have no names."""

    rows: Annotated[list[dict[str, Any] | list[Any]], Field(min_length=1, max_length=10_000, fail_fast=True)]


class Predictions(Frozen):
    """What a model says of rows, in their order."""

    predictions: list[str] | list[float] | list[list[float]]
    """Classes by name; or numbers in the target's units."""
    classes: list[str] | None = None
    """The columns of `probabilities`."""
    probabilities: list[list[float]] | None = None
    """How likely each class is; null for numbers, and for losses that make none of their outputs."""


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

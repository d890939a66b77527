"""The answers of the API."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .access import Role
from .base import Frozen, fault
from .field_error import FieldError
from .job import JobSpec
from .labels import Name, Priority, Tags
from .listed import ListedSpec
from .newer import NewerView
from .profile import Profile, ValueCount
from .reading import GapWords
from .schema import Task
from .states import FailureReason, JobStatus, StopReason
from .verdict import Verdict

Metrics = dict[str, float | None]
"""Values by metric name; null where a value was infinite or not a number."""

Curve = dict[str, list[float | None]]
"""Columns: `epoch` and one per metric, of equal length, in order of epoch."""


class Failure(Frozen):
    """Why a job failed, and whether a retry makes sense."""

    reason: FailureReason
    message: str
    retryable: bool


class Progress(Frozen):
    """The progress of a job."""

    epoch: int
    epochs: int
    epochs_per_s: float | None
    eta_s: float | None


class Best(Frozen):
    """The epoch whose weights the model has, and its metrics."""

    epoch: int
    metrics: Metrics


class Queue(Frozen):
    """The position of a queued job, and why it waits."""

    position: int | None
    """1 is next; null if too many jobs are ahead to count."""
    why: str
    estimated_start_at: datetime | None
    """Estimated from the rate at which jobs ended recently; null if unknown, and `why` says why."""


class MlflowRun(Frozen):
    """The run in MLflow of a job or of a sweep, once the mirror has created it."""

    run_id: str
    url: str


class PlaceInSweep(Frozen):
    """The place of a job in the sweep that it belongs to."""

    id: str
    """Id of the sweep."""
    trial: int
    """The number of its configuration."""
    replicate: int
    """Which of the configuration's seeds or folds it is, from 0."""


class JobNews(Frozen):
    """What changes of a job: all that a list shows but its spec and its links."""

    id: str
    owner: str = ""
    """Whose job it is: a project that is shared shows those of its members."""
    name: str | None
    project: str
    tags: dict[str, str]
    priority: int
    """The current priority; `spec` keeps the submitted one."""
    status: JobStatus
    stop_reason: StopReason | None
    failure: Failure | None
    attempt: int
    cancel_requested: bool
    pause_requested: bool
    progress: Progress
    metrics: Metrics | None
    best: Best | None
    worker: str | None
    device: str | None
    pack_size: int | None
    sweep: PlaceInSweep | None = None
    """null: it was submitted on its own."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime


class JobView(JobNews):
    """A job: its spec, state and results."""

    spec: JobSpec
    verdict: Verdict | None
    """The verdict on a single job that has ended; null in lists."""
    queue: Queue | None
    """The place of a single queued job; null in lists and in the answer to a submission."""
    replays: str | None = None
    """The job that this one trains again."""
    mlflow: MlflowRun | None
    links: dict[str, str]
    warnings: list[str] = []
    """In the answer to a submission: reasons why the job would wait for ever, such as no worker with a GPU."""


class ListedJob(JobView):
    """A job in a list; of an inline data set it has only the numbers of rows and columns."""

    spec: ListedSpec


MOST_COUNTED = 10_000


class JobPage(Frozen):
    """A page of jobs, newest first unless another order is asked for, and the cursor of the next page."""

    jobs: list[ListedJob]
    newer: list[NewerView] = []
    """Jobs of this page that a newer release wrote, which this service cannot read."""
    next: str | None
    total: int | None = None
    """With the first page: how many jobs there are; 10,000 means so many or more."""


class Bulk(Frozen):
    """Jobs to submit together: all of them or none."""

    jobs: Annotated[list[JobSpec], Field(min_length=1, max_length=10_000, fail_fast=True)]


class BulkIds(Frozen):
    """Ids of the jobs submitted together, in the order of the request."""

    ids: list[str]
    warnings: list[str] = []
    """The warnings of all jobs, without repetition."""


class CancelledMany(Frozen):
    """What became of jobs that were to be cancelled together."""

    cancelled: int
    """Jobs that waited, and are cancelled."""
    stopping: int
    """Jobs that run; their workers stop them within seconds."""
    skipped: int
    """Jobs among the given ids that had ended, were being cancelled already, or are not yours."""


class Change(Frozen):
    """A change of a submitted job; fields that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    priority: Priority = 0
    name: Name = None
    tags: Tags = {}

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise fault("", "must name what is to change: priority, name or tags")
        return self


class Check(Frozen):
    """The result of checking a spec without submitting it."""

    spec: JobSpec
    parameters: int
    memory_bytes: int
    pack_key: str
    train_rows: int
    validation_rows: int
    test_rows: int
    features: int
    """Input features of the network."""
    outputs: int
    """Classes, or numbers to predict."""
    image: tuple[int, int, int] | None = None
    """(channels, height, width), for images."""
    feature_maps: list[tuple[int, int, int]] = []
    """(channels, height, width) after each convolution and its pooling."""
    warnings: list[str] = []
    """Reasons why the job would wait for ever."""


class DatasetSummary(Frozen):
    """A data set, in a list."""

    id: str
    owner: str = ""
    shared: bool = False
    """Whether the members of a project may train on it."""
    name: str
    version: int
    """Version among the data sets of one name."""
    task: Task
    rows: int
    features: int
    """Input features of a network."""
    outputs: int
    """Classes, or numbers to predict."""
    image: tuple[int, int, int] | None
    """(channels, height, width), for images."""
    sha256: str
    """SHA-256 of the uploaded file."""
    size_bytes: int
    """Size of the file and its table."""
    created_at: datetime
    links: dict[str, str]


class DatasetView(DatasetSummary, Profile):
    """A data set with its profile."""


class DatasetRows(Frozen):
    """The first rows of a data set, as they were read."""

    columns: list[str]
    """The features, at most 100; of an array its numbers one by one."""
    targets: list[str]
    """What is to be predicted."""
    rows: list[list[bool | float | str | None]]
    """A value for each column, then for each target: a number, a word, true or false, or a date as YYYY-MM-DD.

    null: there is none. `(other)`: a word that is no category of its column.
    """


class DatasetImage(Frozen):
    """An image of a data set."""

    row: int
    """Its place in the data set, from 0."""
    label: str
    """Its class, or its target's numbers."""
    href: str
    """Its address, of a PNG."""


class DatasetImages(Frozen):
    """Some images of a data set, class by class."""

    image: tuple[int, int, int]
    """(channels, height, width)"""
    rows: int
    """Images in all."""
    classes: list[ValueCount]
    """The classes with their numbers of images; none where targets are numbers."""
    black: float
    """The number that stands for black, 0 in a PNG."""
    white: float
    """The number that stands for white, 255 in a PNG."""
    images: list[DatasetImage]


class DeletedDatasetView(Frozen):
    """A data set that is gone, and that jobs name still."""

    id: str
    name: str
    version: int
    deleted_at: datetime


class DatasetPage(Frozen):
    """Data sets, newest first."""

    datasets: list[DatasetSummary]
    deleted: list[DeletedDatasetView] = []
    """Those that were deleted, the last one first."""


class UploadView(Frozen):
    """An upload in several parts."""

    sha256: str
    """SHA-256 of the whole file."""
    file: str
    size: int
    offset: int
    """Bytes that are stored: continue from here."""
    links: dict[str, str]


class Rows(Frozen):
    """Raw rows to predict: objects with values by column, or lists of values in the columns' order."""

    rows: Annotated[list[dict[str, Any] | list[Any]], Field(min_length=1, max_length=10_000, fail_fast=True)]


class ModelFormat(StrEnum):
    """The file formats of a model."""

    zip = "zip"
    """Weights, spec, preprocessing and a README with code that loads them in plain PyTorch."""
    onnx = "onnx"
    """One graph from raw columns to predictions, preprocessing included."""


class Predictions(Frozen):
    """A model's predictions, in the order of the rows."""

    predictions: list[str] | list[float] | list[list[float]]
    """Class names, or numbers in the target's units."""
    targets: list[str] | None = None
    """Names of the numbers of a prediction, if there are several."""
    classes: list[str] | None = None
    """The columns of `probabilities`."""
    probabilities: list[list[float]] | None = None
    """Probability of each class; null for numbers, and for losses whose outputs give no probabilities."""
    warnings: list[str] = []
    """Values outside the training data: unknown categories, and numbers far out of range."""
    names: list[str] | None = None
    """The columns of `input`."""
    input: list[list[str | None]] | None = None
    """The rows of the file as text, if requested."""


class PictureView(Frozen):
    """A picture of a job that has ended, as PNG."""

    name: str
    href: str


class PictureList(Frozen):
    """The pictures of a job."""

    pictures: list[PictureView]
    why: str | None
    """Why there are no pictures, or fewer than of other jobs; null if there are all."""


class EventView(Frozen):
    """An entry in a job's history."""

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
    """The jobs that a worker trains on a device."""

    device: str
    jobs: int
    yours: int
    """Those of the caller."""


class WorkerView(Frozen):
    """A live worker: its devices and the jobs it trains."""

    id: str
    host: str
    devices: list[str]
    """The devices of its slots."""
    free_devices: list[str]
    slots: int
    free_slots: int
    seen_at: datetime
    training: list[Training]


class Workers(Frozen):
    """The live workers, by name."""

    workers: list[WorkerView]


class QueueView(Frozen):
    """The whole queue: its length, the slots that serve it and its throughput."""

    queued: dict[str, int]
    """Queued jobs by requested device: auto, cpu or cuda."""
    running: int
    slots: dict[str, int]
    """Slots of live workers by kind: cpu or cuda."""
    free_slots: dict[str, int]
    oldest_wait_s: float | None
    """Seconds since the oldest queued job was submitted."""
    finished_per_min: float
    """Trained jobs that ended per minute, averaged over the last minutes."""
    backlog_s: float | None = None
    """Seconds that one slot would train what waits, at the speed of those that train; null while it is not known."""


class SessionView(Frozen):
    """Who asks, and until when."""

    owner: str
    admin: bool
    """Whether the jobs of all owners are shown."""
    role: Role = Role.member
    expires_at: datetime | None
    """null: the token does not expire."""


class ClassroomView(Frozen):
    """A classroom that has just been made."""

    id: str
    """`epochal token revoke ID` ends the classroom and the sessions of its guests."""
    token: str
    """For links, `/#classroom=TOKEN`; it is shown only once."""
    expires_at: datetime | None


class Problem(Frozen):
    """An error as problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    na_values: GapWords | None = None
    """With 422 of an upload that has words among numbers: the option with which they are read as missing values."""
    newer: NewerView | None = None
    """With 501: what is known of a job or a sweep that a newer release wrote."""
    request_id: str


class Health(Frozen):
    """Liveness of the process; for readiness also the state of its services."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = {}

"""The tables of the record. Only `store` writes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from .db import UtcTime, now


class Base(DeclarativeBase):
    """All tables; constraints have names that a migration can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: JSON(), str: Text()}


JobId = String(36)
DatasetId = String(35)


DATASET = "coalesce(dataset_id, spec->'dataset'->>'name')"
"""The data set of a job: the id of an upload, or the name of another. Written so, it has an index."""


class Job(Base):
    """One training: its spec and its state."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(JobId, primary_key=True)
    owner: Mapped[str] = mapped_column()
    name: Mapped[str | None]
    project: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(JobId)
    """The project that it is shared in; None: it is its owner's alone, whatever its project is called."""
    tags: Mapped[dict[str, Any]]
    spec: Mapped[dict[str, Any]]
    pack_key: Mapped[str]
    dataset_id: Mapped[str | None] = mapped_column(DatasetId)
    """The uploaded data set it trains on; it may be deleted once the job has ended."""
    device_wish: Mapped[str] = mapped_column()
    """What `device_request` was called: written for workers of the release before, until the release after next."""
    new_device_request: Mapped[str | None] = mapped_column("device_request")
    """None in a job that an API of the release before submitted during an upgrade."""
    device_request: Mapped[str] = column_property(func.coalesce(new_device_request, device_wish))
    """Which devices may take it: auto, cpu or cuda, and how many of them together, as in cuda*2."""
    account: Mapped[str] = column_property(func.coalesce(project_id, owner))
    """Whose share of the slots it takes: the shared project's, by its id, or its owner's, by name."""
    priority: Mapped[int]
    max_attempts: Mapped[int]
    epochs: Mapped[int]

    status: Mapped[str]
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    """The fence: every claim increases it, and every write of a worker carries it."""
    spent_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """Starts that count against max_attempts."""
    crash_count: Mapped[int] = mapped_column(server_default=text("0"))
    """Crashes of its trainer while it was alone there, since its last checkpoint."""
    not_before: Mapped[datetime | None]
    """No worker claims it before."""
    cancel_requested_at: Mapped[datetime | None]
    pause_requested_at: Mapped[datetime | None]
    """A control request of a running job; a paused job has none."""
    stop_reason: Mapped[str | None]
    failure_reason: Mapped[str | None]
    failure_message: Mapped[str | None]

    epoch: Mapped[int] = mapped_column(server_default=text("0"))
    epochs_per_s: Mapped[float | None]
    metrics: Mapped[dict[str, Any] | None]
    best_epoch: Mapped[int | None]
    best_metrics: Mapped[dict[str, Any] | None]

    worker: Mapped[str | None]
    device: Mapped[str | None]
    pack_size: Mapped[int | None]

    sweep_id: Mapped[str | None] = mapped_column(JobId)
    """The sweep that it belongs to."""
    trial: Mapped[int | None]
    """The number of its configuration in the sweep."""
    replicate: Mapped[int | None]
    """Which of the configuration's seeds or folds it is."""
    replays: Mapped[str | None] = mapped_column(JobId)
    """The job that it trains again."""

    created_at: Mapped[datetime] = mapped_column(default=now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now())
    rung_at: Mapped[datetime | None]
    """What `notified_at` was called, for workers of the release before."""
    notified_at: Mapped[datetime | None]
    """When a message was last sent for it while it was queued."""

    __table_args__ = (
        Index(
            "ix_job_claim",
            text("priority DESC"),
            "id",
            postgresql_where=text("status = 'queued'"),
            sqlite_where=text("status = 'queued'"),
        ),
        Index(
            "ix_job_turn",
            "owner",
            "device_wish",
            text("priority DESC"),
            "id",
            postgresql_where=text("status = 'queued'"),
            sqlite_where=text("status = 'queued'"),
        ),
        Index(
            "ix_job_share",
            "owner",
            text("coalesce(project_id, owner)"),
            text("coalesce(device_request, device_wish)"),
            text("priority DESC"),
            "id",
            # So that a count by the expressions reads no row.
            postgresql_include=["project_id", "device_request", "device_wish"],
            postgresql_where=text("status = 'queued'"),
            sqlite_where=text("status = 'queued'"),
        ),
        Index(
            "ix_job_same_pack",
            "owner",
            "pack_key",
            text("priority DESC"),
            "id",
            postgresql_where=text("status = 'queued'"),
            sqlite_where=text("status = 'queued'"),
        ),
        Index(
            "ix_job_finished",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL"),
            sqlite_where=text("finished_at IS NOT NULL"),
        ),
        Index(
            "ix_job_dataset_id",
            "dataset_id",
            postgresql_where=text("dataset_id IS NOT NULL"),
            sqlite_where=text("dataset_id IS NOT NULL"),
        ),
        Index(
            "ix_job_sweep",
            "sweep_id",
            "trial",
            postgresql_where=text("sweep_id IS NOT NULL"),
            sqlite_where=text("sweep_id IS NOT NULL"),
        ),
        # DATASET as PostgreSQL writes it back, so that a migration and this table can be compared.
        Index("ix_job_dataset", text("(COALESCE(dataset_id, ((spec -> 'dataset'::text) ->> 'name'::text)))"), "id"),
        Index(
            "ix_job_sweep_id",
            "sweep_id",
            "id",
            postgresql_where=text("sweep_id IS NOT NULL"),
            sqlite_where=text("sweep_id IS NOT NULL"),
        ),
        Index(
            "ix_job_project_id_status_id",
            "project_id",
            "status",
            "id",
            postgresql_where=text("project_id IS NOT NULL"),
            sqlite_where=text("project_id IS NOT NULL"),
        ),
        Index("ix_job_owner_id", "owner", "id"),
        Index("ix_job_owner_status_id", "owner", "status", "id"),
        Index("ix_job_owner_project_id", "owner", "project", "id"),
        {"postgresql_with": {"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.01}},
    )


class JobEvent(Base):
    """One change of a job's state, written in the transaction that made it."""

    __tablename__ = "job_event"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now())
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    attempt: Mapped[int]
    actor: Mapped[str]
    reason: Mapped[str]

    __table_args__ = (Index("ix_job_event_at", "at"),)


class BestMetric(Base):
    """A metric of a job that has succeeded, at its best epoch: lists of jobs are sorted by it."""

    __tablename__ = "best_metric"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    """The job's owner, here too: an owner's best jobs are found without those of others."""
    value: Mapped[float] = mapped_column(Double)

    __table_args__ = (
        Index("ix_best_metric_of_owner", "owner", "name", "value", "job_id"),
        Index("ix_best_metric_of_all", "name", "value", "job_id"),
    )


class Lease(Base):
    """A worker's claim on a running job, apart from the job's row because it changes every second."""

    __tablename__ = "lease"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    owner: Mapped[str | None]
    """The job's owner, here too: to count an owner's leases is quick, to count its running jobs is not."""
    project_id: Mapped[str | None] = mapped_column(JobId)
    """The project that the job is shared in, for the same reason."""
    attempt: Mapped[int]
    worker: Mapped[str]
    until: Mapped[datetime]
    since: Mapped[datetime | None]
    """When its pack was claimed: its time slice began. None of workers of a release before time slices."""

    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)


class Attempt(Base):
    """A job on a device, from a claim to the end of its lease; it outlives the job, for reports."""

    __tablename__ = "attempt"

    job_id: Mapped[str] = mapped_column(JobId, primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str]
    project: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(JobId)
    tags: Mapped[dict[str, Any]]
    worker: Mapped[str]
    device: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_attempt_ended_at", "ended_at"),
        Index("ix_attempt_owner_ended_at", "owner", "ended_at"),
    )


class RecentUse(Base):
    """How much device time an owner has used recently in an account; `store/recent_use.py` counts it."""

    __tablename__ = "recent_use"

    account: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[float] = mapped_column(Double)
    at: Mapped[datetime]
    """When it was counted: all rows at once."""


class CurveChunk(Base):
    """A range of epochs of a job's curve, as columns."""

    __tablename__ = "curve_chunk"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    first_epoch: Mapped[int] = mapped_column(primary_key=True)
    last_epoch: Mapped[int]
    columns: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=now())


class Checkpoint(Base):
    """A file that a running job can go on from."""

    __tablename__ = "checkpoint"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    uri: Mapped[str]
    sha256: Mapped[str]
    void: Mapped[bool] = mapped_column(server_default=text("false"))
    """It is not handed out any more, and its file may be deleted."""
    at: Mapped[datetime] = mapped_column(default=now())

    __table_args__ = (Index("ix_checkpoint_void", "job_id", postgresql_where=text("void"), sqlite_where=text("void")),)


class Mirror(Base):
    """How far a job is mirrored in MLflow."""

    __tablename__ = "mirror"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    run_id: Mapped[str | None]
    experiment_id: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(server_default=text("0"))
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    whole: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether MLflow has the curve and the status; of a job that has ended, files and pictures may be lacking."""
    done: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        Index("ix_mirror_curve", "job_id", postgresql_where=text("NOT whole"), sqlite_where=text("NOT whole")),
        Index("ix_mirror_open", "job_id", postgresql_where=text("NOT done"), sqlite_where=text("NOT done")),
    )


class Artifact(Base):
    """A file that a finished job left in the file store."""

    __tablename__ = "artifact"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    path: Mapped[str]
    offset: Mapped[int | None] = mapped_column(BigInteger)
    """Where it begins in the stored file, which has the files of several jobs; None: it is the whole file."""
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)


class Dataset(Base):
    """An uploaded file that became a table: what is in it. Both lie in the file store."""

    __tablename__ = "dataset"

    id: Mapped[str] = mapped_column(DatasetId, primary_key=True)
    owner: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(JobId)
    """The project that it is shared in."""
    name: Mapped[str]
    version: Mapped[int]
    """Counts the data sets of one name."""
    sha256: Mapped[str]
    """Digest of the file that was uploaded."""
    table_sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes that the file and its table take."""
    rows: Mapped[int] = mapped_column(BigInteger)
    columns: Mapped[dict[str, Any]]
    """Its `spec.schema.Schema`."""
    profile: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now())

    __table_args__ = (UniqueConstraint("owner", "name", "version"),)


class Upload(Base):
    """A file that arrives piece by piece, until it is a data set."""

    __tablename__ = "upload"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str]
    sha256: Mapped[str]
    """Digest of the whole file, by which its owner names it."""
    file: Mapped[str]
    """What the file is called."""
    size: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Bytes that its pieces have: all of them are in the file store."""
    updated_at: Mapped[datetime] = mapped_column(default=now())

    __table_args__ = (UniqueConstraint("owner", "sha256"),)


class UploadPiece(Base):
    """A file that holds an upload's bytes from one place to the next."""

    __tablename__ = "upload_piece"

    upload_id: Mapped[str] = mapped_column(
        ForeignKey("upload.id", ondelete="CASCADE"), type_=String(32), primary_key=True
    )
    starts_at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    path: Mapped[str]


class Sweep(Base):
    """A question about many jobs: its spec, and whether it still asks."""

    __tablename__ = "sweep"

    id: Mapped[str] = mapped_column(JobId, primary_key=True)
    owner: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(JobId)
    """The project that it is shared in, with its jobs."""
    name: Mapped[str | None]
    spec: Mapped[dict[str, Any]]
    state: Mapped[str]
    """A `spec.states.SweepState`."""
    trials: Mapped[int] = mapped_column(server_default=text("0"))
    """Configurations that were proposed."""
    generations: Mapped[int] = mapped_column(server_default=text("0"))
    """Generations that were proposed."""
    exhausted: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether nothing more is proposed: the space, or the budget, is at its end."""
    message: Mapped[str | None]
    """Why it failed."""
    controller: Mapped[str | None]
    """The process that proposes for it, as long as its lease lasts."""
    until: Mapped[datetime | None]
    run_id: Mapped[str | None]
    """Its parent run in MLflow."""
    best: Mapped[int | None]
    """The configuration whose runs MLflow shows as the best."""
    mirrored: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether MLflow has its state."""
    replays: Mapped[str | None] = mapped_column(JobId)
    """The sweep that it makes again."""
    improves: Mapped[str | None] = mapped_column(JobId)
    """The job whose counterfactuals it trains."""
    created_at: Mapped[datetime] = mapped_column(default=now())
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_sweep_owner_id", "owner", "id"),
        Index(
            "ix_sweep_project_id_id",
            "project_id",
            "id",
            postgresql_where=text("project_id IS NOT NULL"),
            sqlite_where=text("project_id IS NOT NULL"),
        ),
        Index(
            "ix_sweep_improves",
            "improves",
            "id",
            postgresql_where=text("improves IS NOT NULL"),
            sqlite_where=text("improves IS NOT NULL"),
        ),
        Index("ix_sweep_unmirrored", "id", postgresql_where=text("NOT mirrored"), sqlite_where=text("NOT mirrored")),
        Index(
            "ix_sweep_running",
            "id",
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
    )


class Generation(Base):
    """Configurations that were proposed together; with halving, the bracket in which they train."""

    __tablename__ = "sweep_generation"

    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweep.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    bracket: Mapped[dict[str, Any]]
    """Its `spec.halving.Bracket`."""
    open_trials: Mapped[int]
    """Configurations that have not ended."""
    split: Mapped[int | None]
    """The packs that its bracket was split into, when it was larger than the device that claimed it trains at once."""


class Trial(Base):
    """A configuration of a sweep, and how its jobs did."""

    __tablename__ = "sweep_trial"

    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweep.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    generation: Mapped[int]
    configuration: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what makes its jobs the jobs that they are: no configuration is trained twice."""
    state: Mapped[str]
    """A `spec.states.TrialState`."""
    score: Mapped[float | None]
    """The mean of the objective at the best epochs; less is better. None: not ended, failed or cancelled."""
    deviation: Mapped[float | None]
    """The standard deviation over seeds or folds."""
    metrics: Mapped[dict[str, Any] | None]
    """The means of all metrics at the best epochs."""
    epochs: Mapped[int] = mapped_column(server_default=text("0"))
    """Epochs of its jobs together."""

    __table_args__ = (
        UniqueConstraint("sweep_id", "digest"),
        Index("ix_sweep_trial_score", "sweep_id", "score", "number"),
        Index(
            "ix_sweep_trial_open",
            "sweep_id",
            "number",
            postgresql_where=text("state = 'open'"),
            sqlite_where=text("state = 'open'"),
        ),
    )


class Idempotency(Base):
    """A request that was answered: the same key again gets the same jobs."""

    __tablename__ = "idempotency"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    job_ids: Mapped[list[Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(default=now())


class User(Base):
    """A person or a program that owns jobs. A name that only an older release has written has no row."""

    __tablename__ = "user"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    """A `spec.access.Role`."""
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    running_quota: Mapped[int | None]
    """None, here and below: what the settings say."""
    queued_quota: Mapped[int | None]
    gpu_hours_quota: Mapped[float | None]
    bytes_quota: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now())


class Project(Base):
    """A project that somebody created, and that is shared by its members."""

    __tablename__ = "project"

    id: Mapped[str] = mapped_column(JobId, primary_key=True)
    name: Mapped[str]
    created_by: Mapped[str]
    running_quota: Mapped[int | None]
    """None, here and below: no limit."""
    queued_quota: Mapped[int | None]
    gpu_hours_quota: Mapped[float | None]
    bytes_quota: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now())

    __table_args__ = (UniqueConstraint("name"),)


class Membership(Base):
    """A user in a project."""

    __tablename__ = "membership"

    project_id: Mapped[str] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("user.name", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]
    """A `spec.access.Role`, in this project."""

    __table_args__ = (Index("ix_membership_user", "user"),)


class Audit(Base):
    """A request that asked for a change, and what came of it."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    token_id: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    status: Mapped[int]
    request_id: Mapped[str]

    __table_args__ = (Index("ix_audit_at", "at"), Index("ix_audit_actor_id", "actor", "id"))


class Token(Base):
    """A bearer token, of which only the digest is kept."""

    __tablename__ = "token"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str]
    name: Mapped[str | None]
    """What it is for."""
    scopes: Mapped[list[Any]] = mapped_column(JSON)
    sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    session_of: Mapped[str | None] = mapped_column(String(36))
    """The token that a browser signed in with, if this is its session."""

    __table_args__ = (
        UniqueConstraint("sha256"),
        Index(
            "ix_token_session_of",
            "session_of",
            postgresql_where=text("session_of IS NOT NULL"),
            sqlite_where=text("session_of IS NOT NULL"),
        ),
    )


class Webhook(Base):
    """A URL that is told when a job or a sweep ends: of a project, or else of its owner."""

    __tablename__ = "webhook"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), type_=JobId)
    url: Mapped[str]
    secret: Mapped[str]
    """Not a digest: every message is signed with it."""
    created_at: Mapped[datetime] = mapped_column(default=now())
    looked_at: Mapped[datetime] = mapped_column(default=now())
    """What ended before has its message."""
    failing_since: Mapped[datetime | None]
    """The first failure since a message last arrived."""
    disabled_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class Delivery(Base):
    """A message to a webhook: that one job or sweep ended."""

    __tablename__ = "delivery"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """The receiver sees it, and it is the same in every try."""
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"), type_=String(36))
    subject_id: Mapped[str] = mapped_column(JobId)
    """The job or the sweep."""
    ended_at: Mapped[datetime]
    body: Mapped[str]
    state: Mapped[str]
    """A `store.webhooks.DeliveryState`."""
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[datetime]
    """While it waits: when it is tried next, unless whoever tries it now says that it arrived."""

    __table_args__ = (
        UniqueConstraint("webhook_id", "subject_id", "ended_at"),
        Index("ix_delivery_state_due_at", "state", "due_at"),
    )


class Worker(Base):
    """A worker process and what it offers, refreshed by its heartbeat."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    devices: Mapped[list[Any]] = mapped_column(JSON)
    slots: Mapped[int]
    free_slots: Mapped[int]
    free_devices: Mapped[list[Any]] = mapped_column(JSON, server_default=text("'[]'"))
    seen_at: Mapped[datetime] = mapped_column(default=now())
    clock_ahead_s: Mapped[float | None] = mapped_column(Double)
    """By how much its machine's clock is ahead of the record's."""


class Tally(Base):
    """A part of a counter, which is the sum of its rows: how many jobs ended so, or how many leases were lost."""

    __tablename__ = "tally"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    what: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str]
    count: Mapped[int] = mapped_column(BigInteger)

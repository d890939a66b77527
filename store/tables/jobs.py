"""A job: its spec, its state, and the history of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from ..db import now
from .base import Base, DatasetId, JobId, partial_index

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
    steps: Mapped[int | None] = mapped_column(BigInteger)
    """Optimizer steps of all its epochs; None of a job that a release before has submitted."""

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
        partial_index("ix_job_claim", text("priority DESC"), "id", where="status = 'queued'"),
        partial_index("ix_job_turn", "owner", "device_wish", text("priority DESC"), "id", where="status = 'queued'"),
        partial_index(
            "ix_job_share",
            "owner",
            text("coalesce(project_id, owner)"),
            text("coalesce(device_request, device_wish)"),
            text("priority DESC"),
            "id",
            # So that a count by the expressions, and a sum of steps, reads no row.
            postgresql_include=["project_id", "device_request", "device_wish", "steps"],
            where="status = 'queued'",
        ),
        partial_index("ix_job_same_pack", "owner", "pack_key", text("priority DESC"), "id", where="status = 'queued'"),
        partial_index("ix_job_finished", "finished_at", where="finished_at IS NOT NULL"),
        partial_index("ix_job_dataset_id", "dataset_id", where="dataset_id IS NOT NULL"),
        partial_index("ix_job_sweep", "sweep_id", "trial", where="sweep_id IS NOT NULL"),
        # DATASET as PostgreSQL writes it back, so that a migration and this table can be compared.
        Index("ix_job_dataset", text("(COALESCE(dataset_id, ((spec -> 'dataset'::text) ->> 'name'::text)))"), "id"),
        partial_index("ix_job_sweep_id", "sweep_id", "id", where="sweep_id IS NOT NULL"),
        partial_index("ix_job_alone_id", "id", where="sweep_id IS NULL"),  # a list leaves out the jobs of sweeps
        partial_index("ix_job_alone_owner_id", "owner", "id", where="sweep_id IS NULL"),
        partial_index("ix_job_project_id_status_id", "project_id", "status", "id", where="project_id IS NOT NULL"),
        Index("ix_job_owner_id", "owner", "id"),
        Index("ix_job_owner_status_id", "owner", "status", "id"),
        Index("ix_job_owner_project_id", "owner", "project", "id"),
        {"postgresql_with": {"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.01}},
    )


class DeletedJob(Base):
    """A job that was deleted a short time ago: whoever shows it hears so. Rows are kept for `LONGEST_ABSENCE`."""

    __tablename__ = "deleted_job"

    id: Mapped[str] = mapped_column(JobId, primary_key=True)
    owner: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(JobId)
    at: Mapped[datetime] = mapped_column(default=now())

    __table_args__ = (Index("ix_deleted_job_at", "at"),)


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


class Idempotency(Base):
    """A request that was answered: the same key again gets the same jobs."""

    __tablename__ = "idempotency"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    job_ids: Mapped[list[Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(default=now())

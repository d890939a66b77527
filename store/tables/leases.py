"""Which worker has a job, and how much time of devices was used."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, JobId


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

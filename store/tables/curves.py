"""The curve of a job, and how far MLflow has it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base, JobId, partial_index


class CurveChunk(Base):
    """A range of epochs of a job's curve, as columns."""

    __tablename__ = "curve_chunk"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), type_=JobId, primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    first_epoch: Mapped[int] = mapped_column(primary_key=True)
    last_epoch: Mapped[int]
    columns: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=now())


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
        partial_index("ix_mirror_curve", "job_id", where="NOT whole"),
        partial_index("ix_mirror_open", "job_id", where="NOT done"),
    )

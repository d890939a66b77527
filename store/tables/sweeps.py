"""Sweeps, and what they propose."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base, JobId, partial_index


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
    """Why it failed, waits, or found nothing."""
    controller: Mapped[str | None]
    """The process that proposes for it, as long as its lease lasts.

    None once it was cancelled, or has failed, and it is written how all its configurations ended.
    """
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
        partial_index("ix_sweep_project_id_id", "project_id", "id", where="project_id IS NOT NULL"),
        partial_index("ix_sweep_improves", "improves", "id", where="improves IS NOT NULL"),
        partial_index("ix_sweep_unmirrored", "id", where="NOT mirrored"),
        partial_index("ix_sweep_running", "id", where="state = 'running'"),
        partial_index(
            "ix_sweep_ended_early", "id", where="state IN ('cancelled', 'failed') AND controller IS NOT NULL"
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
        Index("ix_sweep_trial_state", "sweep_id", "state", "epochs"),  # they are counted without a look at the rows
        partial_index("ix_sweep_trial_open", "sweep_id", "number", where="state = 'open'"),
    )

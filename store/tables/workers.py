"""The workers."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base


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

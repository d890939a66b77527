"""Whom the service tells that jobs and sweeps ended."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base, JobId


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

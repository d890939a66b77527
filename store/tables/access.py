"""Who may use the service, and who changed what."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base, JobId, partial_index


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
        partial_index("ix_token_session_of", "session_of", where="session_of IS NOT NULL"),
    )


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

"""Uploaded data sets."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base, DatasetId, JobId


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


class DeletedDataset(Base):
    """What jobs need to say of a data set that is gone: what it was called, and who may know."""

    __tablename__ = "deleted_dataset"

    id: Mapped[str] = mapped_column(DatasetId, primary_key=True)
    owner: Mapped[str]
    project_id: Mapped[str | None] = mapped_column(JobId)
    name: Mapped[str]
    version: Mapped[int]
    deleted_at: Mapped[datetime] = mapped_column(default=now())


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

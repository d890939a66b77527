"""The file store, and files of jobs in it."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import now
from .base import Base, JobId, partial_index


class FileStore(Base):
    """The file store of this record: the only row, once an API has started."""

    __tablename__ = "file_store"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    mark: Mapped[str]
    """What `store/files/marked.py` finds among the files."""


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

    __table_args__ = (partial_index("ix_checkpoint_void", "job_id", where="void"),)


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

    __table_args__ = (Index("ix_artifact_path", "path"),)

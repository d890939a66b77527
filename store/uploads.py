"""The record of uploads under way, and the only code that changes it.

A piece is in the file store before it is counted here: what is counted exists, whichever process dies. The sweeper
deletes pieces that were stored and never counted, like the pieces of an upload that has ended.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from .db import in_values, now, reading, writing
from .errors import UploadNotFoundError, UploadOffsetError
from .tables import Upload, UploadPiece

FOLDER = "uploads"
"""The folder of the pieces in the file store."""


@dataclass(frozen=True, kw_only=True)
class UploadRecord:
    """An upload as the record has it."""

    id: str
    owner: str
    sha256: str
    file: str
    size: int
    received: int

    @property
    def folder(self) -> str:
        """The folder of its pieces in the file store."""
        return f"{FOLDER}/{self.id}"


class UploadStore:
    """The uploads under way. An owner has one of each content, named by the digest of all of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, sha256: str, *, owner: str, file: str, size: int) -> UploadRecord:
        """Record a file that will be sent; or find it, if it is under way."""
        while True:
            known = self.find(sha256, owner=owner)
            if known is not None:
                return known
            values = {"id": uuid.uuid4().hex, "owner": owner, "sha256": sha256, "file": file, "size": size}
            try:
                with writing(self._engine) as connection:
                    connection.execute(insert(Upload).values(values))
            except IntegrityError:  # another request was a moment faster
                continue

    def find(self, sha256: str, *, owner: str) -> UploadRecord | None:
        """The upload, if it is under way."""
        with reading(self._engine) as connection:
            row = connection.execute(select(*_FIELDS).where(_named(sha256, owner))).first()
        return None if row is None else _record(row)

    def get(self, sha256: str, *, owner: str) -> UploadRecord:
        """The upload. Raises `UploadNotFoundError`, for another owner's too."""
        found = self.find(sha256, owner=owner)
        if found is None:
            raise _missing(sha256)
        return found

    def grow(self, upload: UploadRecord, path: str, size: int) -> UploadRecord:
        """Count the next piece, which is stored. Raises `UploadOffsetError` when another request was faster."""
        with writing(self._engine) as connection:
            grown = connection.execute(
                update(Upload)
                .where(Upload.id == upload.id, Upload.received == upload.received)
                .values(received=upload.received + size, updated_at=now())
                .returning(Upload.id)
            ).first()
            if grown is None:
                found = connection.execute(select(Upload.received).where(Upload.id == upload.id)).scalar()
                raise _missing(upload.sha256) if found is None else UploadOffsetError(found, upload.size)
            piece = {"upload_id": upload.id, "starts_at": upload.received, "path": path}
            connection.execute(insert(UploadPiece).values(piece))
        return replace(upload, received=upload.received + size)

    def pieces(self, upload: UploadRecord) -> list[str]:
        """The addresses of its pieces, in order."""
        with reading(self._engine) as connection:
            paths = select(UploadPiece.path).where(UploadPiece.upload_id == upload.id).order_by(UploadPiece.starts_at)
            return list(connection.execute(paths).scalars())

    def reserved(self, *, owner: str) -> int:
        """Bytes that an owner's uploads will have."""
        with reading(self._engine) as connection:
            total = select(func.coalesce(func.sum(Upload.size), 0)).where(Upload.owner == owner)
            return int(connection.execute(total).scalar_one())

    def end(self, sha256: str, *, owner: str) -> UploadRecord | None:
        """Delete an upload; the one that was deleted, and that no longer needs its files."""
        with writing(self._engine) as connection:
            row = connection.execute(delete(Upload).where(_named(sha256, owner)).returning(*_FIELDS)).first()
        return None if row is None else _record(row)

    def abandon(self, after_s: float) -> None:
        """Delete the uploads that have received nothing for so long."""
        with writing(self._engine) as connection:
            connection.execute(delete(Upload).where(Upload.updated_at < now(-after_s)))

    def unknown(self, uris: Sequence[str]) -> list[str]:
        """The addresses among these of pieces that belong to no upload under way."""
        of = {uri: uri.rsplit("/", 2)[-2] for uri in uris}
        with reading(self._engine) as connection:
            ours = in_values(connection, Upload.id, set(of.values()))
            known = set(connection.execute(select(Upload.id).where(ours)).scalars())
        return [uri for uri in uris if of[uri] not in known]


_FIELDS = (Upload.id, Upload.owner, Upload.sha256, Upload.file, Upload.size, Upload.received)


def _named(sha256: str, owner: str) -> ColumnElement[bool]:
    return and_(Upload.sha256 == sha256, Upload.owner == owner)


def _missing(sha256: str) -> UploadNotFoundError:
    return UploadNotFoundError(f"No upload of the file {sha256[:64]} is under way among yours: begin it.")


def _record(row: Row[*tuple[Any, ...]]) -> UploadRecord:
    return UploadRecord(**row._asdict())

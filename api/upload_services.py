"""What the views of uploads call: pieces of a file are stored and counted, and joined when all have arrived."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from store.disk_space import DiskSpace
from store.errors import DiskFullError, UploadNotFoundError, UploadOffsetError
from store.files import Files
from store.uploads import UploadRecord, UploadStore

from .body import CUT_OFF, MIB
from .errors import BadBodyError
from .form import STEP, Sink, UploadedFile

PIECE = STEP
"""Bytes of a body that are stored and counted together: what an API that is killed loses at most."""
CHUNK = MIB // 4


@dataclass(frozen=True)
class UploadServices:
    """The record of unfinished uploads, and the files of their pieces."""

    store: UploadStore
    files: Files
    space: DiskSpace

    def admit(self, size: int) -> None:
        """Raise `NoSpaceError` unless a file of this size can be stored: twice, while it is read from a folder."""
        self.space.admit(size if self.files.folder is None else 2 * size)

    def append(self, upload: UploadRecord, stream: IO[bytes], length: int) -> UploadRecord:
        """The upload with the next `length` bytes of `stream`; when the connection breaks, those that arrived stay."""
        for at in range(0, length, PIECE):
            upload = self._append_piece(upload, stream, min(PIECE, length - at))
        return upload

    @contextmanager
    def joined(self, upload: UploadRecord) -> Iterator[UploadedFile]:
        """The file that the pieces add up to; it exists while the context lasts."""
        if upload.received < upload.size:
            raise UploadOffsetError(upload.received, upload.size)
        self.space.admit(upload.size)
        file = UploadedFile(self.files.staging_folder() / uuid.uuid4().hex, upload.file, size=upload.size)
        try:
            file.sha256 = self._join(upload, file.path)
            yield file
        finally:
            file.path.unlink(missing_ok=True)

    def forget(self, sha256: str, *, owner: str) -> None:
        """Forget the upload, then delete its files: after a crash in between, the sweeper deletes them."""
        ended = self.store.end(sha256, owner=owner)
        if ended is not None:
            self.files.delete_folder(ended.folder)

    def _append_piece(self, upload: UploadRecord, stream: IO[bytes], size: int) -> UploadRecord:
        """The upload with a piece of `size` bytes, or of those that arrived; it is stored before it is counted."""
        self.space.admit(size)
        piece = self.files.staging_folder() / uuid.uuid4().hex
        file = piece.open("xb")
        try:
            with file:
                while size > 0:
                    chunk = stream.read(min(CHUNK, size))
                    if not chunk:  # gunicorn raises nothing when the client hangs up
                        raise BadBodyError(CUT_OFF)
                    file.write(chunk)
                    size -= len(chunk)
        finally:
            upload = self._count(upload, piece)
        return upload

    def _count(self, upload: UploadRecord, piece: Path) -> UploadRecord:
        size = piece.stat().st_size
        if size == 0:
            piece.unlink()
            return upload
        path = f"{upload.folder}/{piece.name}"
        try:
            self.files.adopt(path, piece)
            return self.store.grow(upload, path, size)
        except (UploadOffsetError, UploadNotFoundError, DiskFullError):  # it was surely not counted
            self.files.delete_file(path)
            raise
        finally:
            piece.unlink(missing_ok=True)

    def _join(self, upload: UploadRecord, path: Path) -> str:
        """Write the pieces to one file; its digest."""
        sink = Sink(path, upload.size, self.space.admit)
        try:
            for stored in self.store.pieces(upload):
                sink.write(self.files.get(stored))
            if sink.size < upload.size:
                raise FileNotFoundError  # its pieces were deleted before they were read
        except FileNotFoundError as error:  # another request finished it or gave it up
            raise UploadNotFoundError(f"The upload of {upload.sha256} has ended: begin it again.") from error
        finally:
            sink.close()
        return sink.digest.hexdigest()

"""Uploads of files in pieces: an upload that was interrupted resumes where it stopped."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import httpx

from spec.views import DatasetView, UploadView

from ..errors import BadFileError, BusyError, ConflictError, NotFoundError
from .own_files import name_of, opened
from .transport import RETRY_WAITS_S, Body, Transport, path_of, raise_for_status, read

RESUME_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits between tries to resume an upload; they begin anew whenever the upload has progressed."""

PIECE = 16 << 20
"""Bytes of a file that are sent in one request: a broken connection loses no more."""

BYTES = "application/offset+octet-stream"

OnProgress = Callable[[int, int], object]
"""Called with the bytes sent and the bytes in all."""


def upload(transport: Transport, file: Path, purpose: Body, on_progress: OnProgress) -> DatasetView:
    """The data set that the file becomes. Raises `BadFileError`, and what `Transport.request` raises."""
    with opened(file) as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return _Upload(transport, stream, sha256, name_of(file), on_progress).run(purpose)


class _Upload:
    """One file on its way."""

    def __init__(self, transport: Transport, stream: BinaryIO, sha256: str, name: str, on_progress: OnProgress) -> None:
        self._transport = transport
        self._stream = stream
        self._sha256, self._name = sha256, name
        self._on_progress = on_progress

    def run(self, purpose: Body) -> DatasetView:
        """The data set. A broken connection is retried as long as the upload progresses."""
        waits, furthest = iter(RETRY_WAITS_S), -1
        while True:
            try:
                try:
                    return self._finish(purpose)
                except (NotFoundError, ConflictError):  # the server has none of it, or not all of it
                    for has in self._send():
                        if has > furthest:
                            waits, furthest = iter(RESUME_WAITS_S), has
            except (httpx.TransportError, BusyError, NotFoundError, ConflictError) as error:
                wait_s = next(waits, None)
                if wait_s is None and isinstance(error, httpx.TransportError):
                    raise self._transport.unreachable(error) from error
                if wait_s is None:
                    raise
                self._transport.sleep(wait_s)

    def _finish(self, purpose: Body) -> DatasetView:
        answer = self._transport.send_slowly("POST", path_of("uploads", self._sha256, "finish"), json=purpose)
        return read(DatasetView, answer)

    def _send(self) -> Iterator[int]:
        """Send the bytes that the server lacks; yield how many it has, at the start and after each request."""
        http = self._transport.http
        size = os.fstat(self._stream.fileno()).st_size
        answer = http.post("/uploads", json={"sha256": self._sha256, "size": size, "file": self._name})
        raise_for_status(answer)
        has = read(UploadView, answer).offset
        self._on_progress(has, size)
        yield has
        while has < size:
            more = min(PIECE, size - has)
            self._stream.seek(has)
            answer = http.patch(
                path_of("uploads", self._sha256),
                content=_bytes(self._stream, more, lambda at: self._on_progress(at, size)),
                headers={"Content-Type": BYTES, "Content-Length": str(more), "Upload-Offset": str(has)},
            )
            raise_for_status(answer)
            has = int(answer.headers["Upload-Offset"])
            yield has


def _bytes(stream: BinaryIO, size: int, on_progress: Callable[[int], object]) -> Iterator[bytes]:
    """The next `size` bytes; `on_progress` is called with the position in the file."""
    while size > 0:
        chunk = stream.read(min(size, 1 << 16))
        if not chunk:
            raise BadFileError("The file became shorter while it was sent: upload it again.")
        size -= len(chunk)
        on_progress(stream.tell())
        yield chunk

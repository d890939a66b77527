"""The form of an upload: multipart. Its file is written to disk, counted and hashed while it arrives."""

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path
from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from .body import MIB, body_timeout
from .connection import PATIENCE_S, SLOWEST
from .errors import BadBodyError, BadFieldsError, UnsupportedBodyError

FIELDS_BYTES = MIB
"""Most bytes of a form's fields other than its file."""
FIELDS = 40
STEP = 16 * MIB
"""Bytes of a file between two looks at the free space, which others take, too."""

Admit = Callable[[int], None]
"""Called with the bytes that a file will take next; raises `NoSpaceError` when there is no space for them."""


@dataclass
class UploadedFile:
    """A file that has arrived whole, and the form's other fields."""

    path: Path
    name: str = ""
    sha256: str = ""
    size: int = 0
    fields: Mapping[str, str | list[str]] = field(default_factory=dict)
    """A list where the form has a field several times."""


@contextmanager
def received(
    request: Request, folder: Path, *, limit: int, admit: Admit, may_repeat: Collection[str] = ()
) -> Iterator[UploadedFile]:
    """The uploaded file, in `folder` while the context lasts. Raises an `ApiError` that says what is wrong.

    `limit` is the most bytes that the file may have, `may_repeat` the fields that may be given several times.
    """
    if request.mimetype != "multipart/form-data" or "boundary" not in request.mimetype_params:
        raise UnsupportedBodyError("Send a form, Content-Type: multipart/form-data, with the file in its field file.")
    if (request.content_length or 0) > limit + FIELDS_BYTES:
        raise RequestEntityTooLarge
    admit(request.content_length or 0)
    request.max_content_length = limit + FIELDS_BYTES
    uploaded = UploadedFile(folder / uuid.uuid4().hex)
    try:
        _receive(request, uploaded, limit, admit, may_repeat)
        yield uploaded
    finally:
        uploaded.path.unlink(missing_ok=True)


def _receive(request: Request, uploaded: UploadedFile, limit: int, admit: Admit, may_repeat: Collection[str]) -> None:
    sinks: list[Sink] = []

    def sink(
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None,
        content_length: int | None = None,
    ) -> Any:
        if sinks:
            raise BadFieldsError.of("file", "is given twice: one data set is one file")
        sinks.append(Sink(uploaded.path, limit, admit))
        uploaded.name = filename or ""
        return sinks[0]

    parser = FormDataParser(stream_factory=sink, max_form_memory_size=FIELDS_BYTES, max_form_parts=FIELDS, silent=False)
    try:
        with body_timeout(request, PATIENCE_S + (request.content_length or limit) / SLOWEST):
            _, fields, files = parser.parse(
                request.stream, request.mimetype, request.content_length, request.mimetype_params
            )
    except ValueError as error:
        raise BadBodyError("The form cannot be read, or ended before its last boundary: send all of it.") from error
    finally:
        for one in sinks:
            one.close()
    lists = dict(fields.lists())
    _check(lists, list(files), may_repeat)
    uploaded.fields = {name: values if len(values) > 1 else values[0] for name, values in lists.items()}
    uploaded.size, uploaded.sha256 = sinks[0].size, sinks[0].digest.hexdigest()


def _check(fields: Mapping[str, list[str]], files: list[str], may_repeat: Collection[str]) -> None:
    if "file" in fields:
        raise BadFieldsError.of("file", "is text: send it as a file, with a file name")
    if files != ["file"]:
        raise BadFieldsError.of("file", "is missing") if not files else BadFieldsError.of(files[0], "is not a file")
    for name, values in fields.items():
        if len(values) > 1 and name not in may_repeat:
            raise BadFieldsError.of(name, "is given twice")


class Sink(RawIOBase):
    """A new file that counts and hashes what is written to it."""

    def __init__(self, path: Path, limit: int, admit: Admit) -> None:
        super().__init__()
        self._file = path.open("xb")
        self._limit, self._admit = limit, admit
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: Any) -> int:
        """Append the next bytes."""
        self.size += len(content)
        if self.size > self._limit:
            raise RequestEntityTooLarge
        if self.size // STEP > (self.size - len(content)) // STEP:
            self._admit(STEP)
        self.digest.update(content)
        return self._file.write(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Ignore the position: the parser rewinds files, and this one is read by another process."""
        return 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

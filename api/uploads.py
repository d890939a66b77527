"""Resumable uploads in the manner of tus 1.0: a file arrives in pieces, and goes on from where it stopped.

An upload is named by the digest of its file, so a client that begins it again finds it.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

from flask import Blueprint, Response, request
from pydantic import Field
from werkzeug.exceptions import LengthRequired

from spec.base import Count, Frozen
from spec.views import DatasetView, UploadView
from store.errors import UploadNotFoundError, UploadOffsetError
from store.uploads import UploadRecord

from .answers import PREFIX
from .auth import principal
from .body import CUT_OFF, MIB, PATIENCE_S, body_timeout, read_json
from .dataset_services import NO_ZERO, DatasetServices, Digest, Purpose, other_digest, over_quota
from .datasets import created
from .errors import BadBodyError, BadFieldsError, UnsupportedBodyError
from .form import SLOWEST, Sink, UploadedFile
from .openapi import documented
from .parsing import answered, parse
from .services import service

BYTES = "application/offset+octet-stream"
PIECE = 16 * MIB
"""Bytes of a body that are stored and counted together: what an API that is killed loses at most."""
CHUNK = MIB // 4


class NewUpload(Frozen):
    """A file that its sender announces."""

    sha256: Annotated[Digest, Field(description="Digest of the whole file, by which the upload is named.")]
    size: Annotated[Count, Field(ge=0, le=2**60, description="Bytes of the whole file.")]
    file: Annotated[str, Field(max_length=255, pattern=NO_ZERO, description="What the file is called.")]


uploads = Blueprint("uploads", __name__, url_prefix=f"{PREFIX}/uploads")


@uploads.post("")
@documented("Begin an upload, or find it", body=NewUpload, answer=UploadView, status=201)
def begin() -> Response:
    """Begin an upload; one of the same file that is under way is found again."""
    services, new, owner = service(DatasetServices), parse(NewUpload, read_json(request)), principal().owner
    upload = services.uploads.find(new.sha256, owner=owner)
    if upload is not None:
        if upload.size != new.size:
            raise BadFieldsError.of("size", f"is {upload.size:,} in the upload under way: delete that first")
        return _answered(upload)
    used = services.used(owner)
    if used + new.size > services.quota:
        raise over_quota(used, services.quota)
    return _answered(services.uploads.begin(new.sha256, owner=owner, file=new.file, size=new.size), 201)


@uploads.get("/<sha256>")
@documented("Show how far an upload is", answer=UploadView)
def show(sha256: str) -> Response:
    """An upload and how many bytes of it have arrived."""
    return _answered(service(DatasetServices).uploads.get(sha256, owner=principal().owner))


@uploads.patch("/<sha256>")
@documented("Send bytes of an upload", raw=BYTES, status=204, headers=("Upload-Offset",))
def send(sha256: str) -> Response:
    """Append the body to an upload."""
    services = service(DatasetServices)
    upload = _received(services, services.uploads.get(sha256, owner=principal().owner))
    return _with_offset(Response(status=204), upload)


@uploads.post("/<sha256>/finish")
@documented("Make an upload a data set", body=Purpose, answer=DatasetView, status=201)
def finish(sha256: str) -> Response:
    """Read the whole file and make it a data set."""
    services, purpose, owner = service(DatasetServices), parse(Purpose, read_json(request)), principal().owner
    dataset, is_new = services.find(sha256, purpose, owner), False
    if dataset is None:
        upload = services.uploads.get(sha256, owner=owner)
        with _whole(services, upload) as file:
            if file.sha256 != sha256:
                _end(services, sha256, owner)
                raise other_digest(file)
            left = services.quota - services.used(owner) + upload.size
            dataset, is_new = services.keep(file, purpose, owner, left)
    _end(services, sha256, owner)
    return created(dataset, is_new)


@uploads.delete("/<sha256>")
@documented("Give up an upload", status=204)
def delete(sha256: str) -> Response:
    """Forget an upload and delete its bytes."""
    services, owner = service(DatasetServices), principal().owner
    services.uploads.get(sha256, owner=owner)
    _end(services, sha256, owner)
    return Response(status=204)


def _answered(upload: UploadRecord, status: int = 200) -> Response:
    at = f"{PREFIX}/uploads/{upload.sha256}"
    view = UploadView(
        sha256=upload.sha256,
        file=upload.file,
        size=upload.size,
        offset=upload.received,
        links={"self": at, "finish": f"{at}/finish"},
    )
    answer = answered(view, status)
    answer.headers["Location"] = at
    return _with_offset(answer, upload)


def _with_offset(answer: Response, upload: UploadRecord) -> Response:
    """The answer, with the headers of tus that say how far the upload is."""
    answer.headers["Upload-Offset"] = str(upload.received)
    answer.headers["Upload-Length"] = str(upload.size)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _received(services: DatasetServices, upload: UploadRecord) -> UploadRecord:
    """The upload with the bytes of this request; when the connection breaks, those that arrived are kept."""
    if request.mimetype != BYTES:
        raise UnsupportedBodyError(f"Send the bytes as they are, with the header Content-Type: {BYTES}.")
    offset, length = request.headers.get("Upload-Offset", ""), request.content_length
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 20):
        raise BadFieldsError.of("Upload-Offset", "must be a header that says at which byte of the file the body begins")
    if length is None:
        raise LengthRequired("Send the header Content-Length: it says how many bytes follow.")
    if int(offset) != upload.received:
        raise UploadOffsetError(upload.received, upload.size)
    if length > upload.size - upload.received:
        raise BadFieldsError.of("", f"has {length:,} bytes, and only {upload.size - upload.received:,} are missing")
    request.max_content_length = length
    with body_timeout(request, PATIENCE_S + length / SLOWEST):
        for at in range(0, length, PIECE):
            upload = _grown(services, upload, request.stream, min(PIECE, length - at))
    return upload


def _grown(services: DatasetServices, upload: UploadRecord, stream: IO[bytes], size: int) -> UploadRecord:
    """The upload with a piece of `size` bytes, or of those that arrived; it is stored before it is counted."""
    piece = services.files.staging_folder() / uuid.uuid4().hex
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
        upload = _counted(services, upload, piece)
    return upload


def _counted(services: DatasetServices, upload: UploadRecord, piece: Path) -> UploadRecord:
    size = piece.stat().st_size
    if size == 0:
        piece.unlink()
        return upload
    path = f"{upload.folder}/{piece.name}"
    services.files.adopt(path, piece)
    return services.uploads.grow(upload, path, size)


@contextmanager
def _whole(services: DatasetServices, upload: UploadRecord) -> Iterator[UploadedFile]:
    """The file that the pieces add up to; it exists while the context lasts."""
    if upload.received < upload.size:
        raise UploadOffsetError(upload.received, upload.size)
    file = UploadedFile(services.files.staging_folder() / uuid.uuid4().hex, upload.file, size=upload.size)
    try:
        sink = Sink(file.path, upload.size)
        try:
            for path in services.uploads.pieces(upload):
                with services.files.open(path) as piece:
                    shutil.copyfileobj(piece, sink, CHUNK)
            if sink.size < upload.size:
                raise FileNotFoundError  # its pieces were deleted before they were read
        except FileNotFoundError as error:  # another request finished it or gave it up
            raise UploadNotFoundError(f"The upload of {upload.sha256} has ended: begin it again.") from error
        finally:
            sink.close()
        file.sha256 = sink.digest.hexdigest()
        yield file
    finally:
        file.path.unlink(missing_ok=True)


def _end(services: DatasetServices, sha256: str, owner: str) -> None:
    """Forget the upload, then delete its files: after a crash in between, the sweeper deletes them."""
    ended = services.uploads.end(sha256, owner=owner)
    if ended is not None:
        services.files.delete_folder(ended.folder)

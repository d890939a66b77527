"""Uploads that may be cut off, as tus 1.0 has them: a file comes in pieces, and goes on from where it stopped.

An upload is named by the digest of its file. Whoever begins it again finds it, and has nothing to remember.
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
from .body import CUT_OFF, MIB, PATIENCE_S, arriving, read_json
from .datasets import NO_ZERO, Digest, Purpose, Shelf, keep, known, made, not_whole, quota
from .errors import BadBodyError, BadFieldsError, TooLargeError, UnsupportedBodyError
from .form import SLOWEST, Arrived, Sink
from .openapi import documented
from .parsing import answered, parse

BYTES = "application/offset+octet-stream"
PIECE = 16 * MIB
"""Bytes of a body that are stored and counted together: what an API that is killed loses at most."""
CHUNK = MIB // 4


class NewUpload(Frozen):
    """A file that is to come."""

    sha256: Annotated[Digest, Field(description="Digest of the whole file, by which the upload is named.")]
    size: Annotated[Count, Field(ge=0, le=2**60, description="Bytes of the whole file.")]
    file: Annotated[str, Field(max_length=255, pattern=NO_ZERO, description="What the file is called.")]


def blueprint(shelf: Shelf) -> Blueprint:
    """The upload routes."""
    uploads = Blueprint("uploads", __name__, url_prefix=f"{PREFIX}/uploads")

    @uploads.post("")
    @documented("Begin an upload, or find it", body=NewUpload, answer=UploadView, status=201)
    def begin() -> Response:
        new, owner = parse(NewUpload, read_json(request)), principal().owner
        upload = shelf.uploads.find(new.sha256, owner=owner)
        if upload is not None:
            if upload.size != new.size:
                raise BadFieldsError.of("size", f"is {upload.size:,} in the upload under way: delete that first")
            return _answered(upload)
        used = shelf.used(owner)
        if used + new.size > shelf.quota:
            raise TooLargeError(quota(used, shelf.quota))
        return _answered(shelf.uploads.begin(new.sha256, owner=owner, file=new.file, size=new.size), 201)

    @uploads.get("/<sha256>")
    @documented("Show how far an upload is", answer=UploadView)
    def show(sha256: str) -> Response:
        return _answered(shelf.uploads.get(sha256, owner=principal().owner))

    @uploads.patch("/<sha256>")
    @documented("Send bytes of an upload", raw=BYTES, status=204, headers=("Upload-Offset",))
    def send(sha256: str) -> Response:
        upload = _received(shelf, shelf.uploads.get(sha256, owner=principal().owner))
        return _told(Response(status=204), upload)

    @uploads.post("/<sha256>/finish")
    @documented("Make an upload a data set", body=Purpose, answer=DatasetView, status=201)
    def finish(sha256: str) -> Response:
        purpose, owner = parse(Purpose, read_json(request)), principal().owner
        dataset, is_new = known(shelf, sha256, purpose, owner), False
        if dataset is None:
            upload = shelf.uploads.get(sha256, owner=owner)
            with _whole(shelf, upload) as arrived:
                if arrived.sha256 != sha256:
                    _end(shelf, sha256, owner)
                    raise not_whole(arrived)
                left = shelf.quota - shelf.used(owner) + upload.size
                dataset, is_new = keep(shelf, arrived, purpose, owner, left)
        _end(shelf, sha256, owner)
        return made(dataset, is_new)

    @uploads.delete("/<sha256>")
    @documented("Give up an upload", status=204)
    def delete(sha256: str) -> Response:
        shelf.uploads.get(sha256, owner=principal().owner)
        _end(shelf, sha256, principal().owner)
        return Response(status=204)

    return uploads


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
    return _told(answer, upload)


def _told(answer: Response, upload: UploadRecord) -> Response:
    """The answer, with the headers of tus that say how far the upload is."""
    answer.headers["Upload-Offset"] = str(upload.received)
    answer.headers["Upload-Length"] = str(upload.size)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _received(shelf: Shelf, upload: UploadRecord) -> UploadRecord:
    """The upload with the bytes of this request; when the line breaks, those that came are kept."""
    if request.mimetype != BYTES:
        raise UnsupportedBodyError(f"Send the bytes as they are, with the header Content-Type: {BYTES}.")
    offset, length = request.headers.get("Upload-Offset", ""), request.content_length
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 20):
        raise BadFieldsError.of("Upload-Offset", "must be a header that says from which byte on these are")
    if length is None:
        raise LengthRequired("Send the header Content-Length: how many bytes come is to be known.")
    if int(offset) != upload.received:
        raise UploadOffsetError(upload.received, upload.size)
    if length > upload.size - upload.received:
        raise BadFieldsError.of("", f"has {length:,} bytes, and {upload.size - upload.received:,} are to come")
    request.max_content_length = length
    with arriving(request, PATIENCE_S + length / SLOWEST):
        for at in range(0, length, PIECE):
            upload = _grown(shelf, upload, request.stream, min(PIECE, length - at))
    return upload


def _grown(shelf: Shelf, upload: UploadRecord, stream: IO[bytes], size: int) -> UploadRecord:
    """The upload with a piece of `size` bytes, or of those that came; it is stored before it is counted."""
    piece = shelf.files.workshop() / uuid.uuid4().hex
    file = piece.open("xb")
    try:
        with file:
            while size > 0:
                chunk = stream.read(min(CHUNK, size))
                if not chunk:  # gunicorn does not tell when the client hangs up
                    raise BadBodyError(CUT_OFF)
                file.write(chunk)
                size -= len(chunk)
    finally:
        upload = _counted(shelf, upload, piece)
    return upload


def _counted(shelf: Shelf, upload: UploadRecord, piece: Path) -> UploadRecord:
    size = piece.stat().st_size
    if size == 0:
        piece.unlink()
        return upload
    path = f"{upload.folder}/{piece.name}"
    shelf.files.adopt(path, piece)
    return shelf.uploads.grow(upload, path, size)


@contextmanager
def _whole(shelf: Shelf, upload: UploadRecord) -> Iterator[Arrived]:
    """The file that the pieces make, while the context lasts."""
    if upload.received < upload.size:
        raise UploadOffsetError(upload.received, upload.size)
    arrived = Arrived(shelf.files.workshop() / uuid.uuid4().hex, upload.file, size=upload.size)
    try:
        sink = Sink(arrived.path, upload.size)
        try:
            for path in shelf.uploads.pieces(upload):
                with shelf.files.open(path) as piece:
                    shutil.copyfileobj(piece, sink, CHUNK)
            if sink.size < upload.size:
                raise FileNotFoundError  # its pieces were forgotten before they were looked up
        except FileNotFoundError as error:  # somebody finished it, or gave it up, meanwhile
            raise UploadNotFoundError(f"The upload of {upload.sha256} has ended: begin it again.") from error
        finally:
            sink.close()
        arrived.sha256 = sink.digest.hexdigest()
        yield arrived
    finally:
        arrived.path.unlink(missing_ok=True)


def _end(shelf: Shelf, sha256: str, owner: str) -> None:
    """Forget the upload, if it is under way, and then its files: those of whoever dies in between are swept."""
    ended = shelf.uploads.end(sha256, owner=owner)
    if ended is not None:
        shelf.files.delete_folder(ended.folder)

"""Resumable uploads in the manner of tus 1.0: a file arrives in pieces, and goes on from where it stopped.

An upload is named by the digest of its file, so a client that begins it again finds it.
"""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field
from werkzeug.exceptions import LengthRequired

from spec.base import Count, Frozen
from spec.reading import NO_ZERO
from spec.views import DatasetView, UploadView
from store.errors import UploadOffsetError
from store.uploads import UploadRecord

from .answers import PREFIX
from .auth import principal
from .body import body_timeout, read_json
from .connection import PATIENCE_S, SLOWEST
from .dataset_services import DatasetServices, Digest, Purpose, other_digest
from .datasets import created
from .errors import BadFieldsError, UnsupportedBodyError
from .openapi import documented
from .parsing import json_response, parse
from .services import service
from .upload_services import UploadServices

BYTES = "application/octet-stream"
TUS_BYTES = "application/offset+octet-stream"


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
    services, new, owner = service(UploadServices), parse(NewUpload, read_json(request)), principal().owner
    upload = services.store.find(new.sha256, owner=owner)
    if upload is not None:
        if upload.size != new.size:
            raise BadFieldsError.of("size", f"is {upload.size:,} in the upload under way: delete that first")
        return _upload_response(upload)
    service(DatasetServices).check_quota(owner, new.size)
    return _upload_response(services.store.begin(new.sha256, owner=owner, file=new.file, size=new.size), 201)


@uploads.get("/<sha256>")
@documented("Show how far an upload is", answer=UploadView)
def show(sha256: str) -> Response:
    """An upload and how many bytes of it have arrived."""
    return _upload_response(service(UploadServices).store.get(sha256, owner=principal().owner))


@uploads.patch("/<sha256>")
@documented("Send bytes of an upload", raw=BYTES, status=204, headers=("Upload-Offset",))
def send(sha256: str) -> Response:
    """Append the body to an upload."""
    services = service(UploadServices)
    upload = services.store.get(sha256, owner=principal().owner)
    request.max_content_length = length = _length(upload)
    with body_timeout(request, PATIENCE_S + length / SLOWEST):
        upload = services.append(upload, request.stream, length)
    return _with_offset(Response(status=204), upload)


@uploads.post("/<sha256>/finish")
@documented("Make an upload a data set", body=Purpose, answer=DatasetView, status=201)
def finish(sha256: str) -> Response:
    """Read the whole file and make it a data set."""
    services, datasets = service(UploadServices), service(DatasetServices)
    purpose, owner = parse(Purpose, read_json(request)), principal().owner
    dataset, is_new = datasets.find(sha256, purpose, owner), False
    if dataset is None:
        upload = services.store.get(sha256, owner=owner)
        with services.joined(upload) as file:
            if file.sha256 != sha256:
                services.forget(sha256, owner=owner)
                raise other_digest(file)
            left = datasets.left(owner) + upload.size
            dataset, is_new = datasets.keep(file, purpose, owner, left)
    services.forget(sha256, owner=owner)
    return created(dataset, is_new)


@uploads.delete("/<sha256>")
@documented("Give up an upload", status=204)
def delete(sha256: str) -> Response:
    """Forget an upload and delete its bytes."""
    services, owner = service(UploadServices), principal().owner
    services.store.get(sha256, owner=owner)
    services.forget(sha256, owner=owner)
    return Response(status=204)


def _upload_response(upload: UploadRecord, status: int = 200) -> Response:
    at = f"{PREFIX}/uploads/{upload.sha256}"
    view = UploadView(
        sha256=upload.sha256,
        file=upload.file,
        size=upload.size,
        offset=upload.received,
        links={"self": at, "finish": f"{at}/finish"},
    )
    answer = json_response(view, status)
    answer.headers["Location"] = at
    return _with_offset(answer, upload)


def _with_offset(answer: Response, upload: UploadRecord) -> Response:
    """The answer, with the headers of tus that say how far the upload is."""
    answer.headers["Upload-Offset"] = str(upload.received)
    answer.headers["Upload-Length"] = str(upload.size)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _length(upload: UploadRecord) -> int:
    """The length of the body, after a check that it is the next part of the upload."""
    if request.mimetype not in (BYTES, TUS_BYTES, ""):
        raise UnsupportedBodyError(
            f"Send the bytes as they are, with the header Content-Type: {BYTES}, or {TUS_BYTES} as tus does."
        )
    offset, length = request.headers.get("Upload-Offset", ""), request.content_length
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 20):
        raise BadFieldsError.of("Upload-Offset", "must be a header that says at which byte of the file the body begins")
    if length is None:
        raise LengthRequired("Send the header Content-Length: it says how many bytes follow.")
    if int(offset) != upload.received:
        raise UploadOffsetError(upload.received, upload.size)
    if length > upload.size - upload.received:
        raise BadFieldsError.of("", f"has {length:,} bytes, and only {upload.size - upload.received:,} are missing")
    return length

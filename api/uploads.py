"""Resumable uploads by the protocol tus 1.0: a file arrives in pieces, and goes on from where it stopped.

An upload is named by the digest of its file, so a client that begins it again finds it. Clients of tus that know no
digest get a name.
"""

import base64
import binascii
import uuid
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field
from werkzeug.exceptions import LengthRequired

from spec.base import Count, Frozen
from spec.reading import NO_ZERO
from spec.views import DatasetView, UploadView
from store.errors import UploadOffsetError
from store.uploads import UploadRecord

from .answers import PREFIX, dataset_view
from .auth import principal
from .body import body_timeout, read_json
from .connection import PATIENCE_S, SLOWEST
from .dataset_services import DatasetServices, Digest, Purpose, other_digest
from .errors import BadFieldsError, TusVersionError, UnsupportedBodyError
from .openapi import documented
from .parsing import made, parse
from .services import service
from .upload_services import UploadServices

BYTES = "application/octet-stream"
TUS_BYTES = "application/offset+octet-stream"
TUS = "1.0.0"
"""The version of the protocol."""
TUS_EXTENSIONS = "creation,termination"


_Size = Annotated[Count, Field(ge=0, le=2**60, description="Bytes of the whole file.")]
_Name = Annotated[str, Field(max_length=255, pattern=NO_ZERO, description="What the file is called.")]


class NewUpload(Frozen):
    """A file that its sender announces."""

    sha256: Annotated[Digest, Field(description="Digest of the whole file, by which the upload is named.")]
    size: _Size
    file: _Name


class TusUpload(Frozen):
    """The same in the headers of tus, whose clients need to know no digest."""

    sha256: Digest | None = None
    size: Annotated[_Size, Field(alias="Upload-Length")]
    file: Annotated[_Name, Field(alias="filename")] = "upload"


uploads = Blueprint("uploads", __name__, url_prefix=f"{PREFIX}/uploads")


@uploads.before_request
def _refuse_other_versions() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable", TUS) != TUS:
        raise TusVersionError(f"Uploads are sent by tus {TUS}: the header Tus-Resumable names another version.")


@uploads.after_request
def _say_version(answer: Response) -> Response:
    answer.headers["Tus-Resumable"] = TUS
    if request.method == "OPTIONS" or answer.status_code == 412:
        answer.headers["Tus-Version"], answer.headers["Tus-Extension"] = TUS, TUS_EXTENSIONS
    return answer


@uploads.post("")
@documented("Begin an upload, or find it", body=NewUpload, answer=UploadView, status=201, already=True)
def begin() -> Response:
    """Begin an upload; one of the same file that is under way is found again, and begins anew with another size."""
    services, owner = service(UploadServices), principal().owner
    name, size, file = _announced()
    upload = services.store.find(name, owner=owner)
    if upload is not None and upload.size == size:
        return _upload_response(upload)
    replaced = 0 if upload is None else upload.size
    service(DatasetServices).check_quota(owner, size - replaced)
    services.admit(size)
    if upload is not None:  # a file has one size: the first one was a mistake
        services.forget(name, owner=owner)
    return _upload_response(services.store.begin(name, owner=owner, file=file, size=size), is_new=True)


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
@documented("Make an upload a data set", body=Purpose, answer=DatasetView, status=201, already=True)
def finish(sha256: str) -> Response:
    """Read the whole file and make it a data set."""
    services, datasets = service(UploadServices), service(DatasetServices)
    purpose, owner = parse(Purpose, read_json(request)), principal().owner
    dataset, is_new = datasets.find(sha256, purpose, owner), False
    if dataset is None:
        upload = services.store.get(sha256, owner=owner)
        with services.joined(upload) as file:
            if _promises_digest(sha256) and file.sha256 != sha256:
                services.forget(sha256, owner=owner)
                raise other_digest(file)
            left = datasets.left(owner) + upload.size
            dataset, is_new = datasets.keep(file, purpose, owner, left)
    services.forget(sha256, owner=owner)
    return made(dataset_view(dataset), is_new=is_new)


@uploads.delete("/<sha256>")
@documented("Give up an upload", status=204)
def delete(sha256: str) -> Response:
    """Forget an upload and delete its bytes."""
    services, owner = service(UploadServices), principal().owner
    services.store.get(sha256, owner=owner)
    services.forget(sha256, owner=owner)
    return Response(status=204)


def _announced() -> tuple[str, int, str]:
    """Name, size and file's name of a new upload: from a body of JSON, or from the headers of tus."""
    if "Upload-Length" not in request.headers:
        new = parse(NewUpload, read_json(request))
        return new.sha256, new.size, new.file
    length = request.headers["Upload-Length"]
    known = {name: text for name, text in _metadata().items() if name in ("filename", "sha256")}
    size: int | str = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else length
    tus = parse(TusUpload, {"Upload-Length": size, **known})
    return tus.sha256 or uuid.uuid4().hex, tus.size, tus.file


def _promises_digest(name: str) -> bool:
    """Whether an upload's name is the digest of its file, and not one that `_announced` made."""
    return len(name) == 64


def _metadata() -> dict[str, str]:
    """What the header of tus says of a file: names, each with a text in base64."""
    found = {}
    for pair in filter(None, request.headers.get("Upload-Metadata", "").split(",")):
        name, _, encoded = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadFieldsError.of("Upload-Metadata", f"has a {name[:40]} that is not UTF-8 in base64") from error
    return found


def _upload_response(upload: UploadRecord, *, is_new: bool = False) -> Response:
    at = f"{PREFIX}/uploads/{upload.sha256}"
    view = UploadView(
        sha256=upload.sha256,
        file=upload.file,
        size=upload.size,
        offset=upload.received,
        links={"self": at, "finish": f"{at}/finish"},
    )
    return _with_offset(made(view, is_new=is_new), upload)


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

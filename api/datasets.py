"""Data sets over HTTP: a file goes to disk, a process of its own reads it, and the record says what is in it."""

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from spec.base import Frozen
from spec.dataset import Uploaded
from spec.job import JobSpec, Label
from spec.schema import Task
from spec.sentences import sentences
from spec.views import DatasetPage, DatasetView, FieldError
from store.datasets import DatasetRecord, DatasetStore, folder, table_path
from store.files import Files
from store.uploads import UploadStore

from .answers import PREFIX, dataset_summary, dataset_view
from .auth import principal
from .errors import BadFieldsError, TooLargeError
from .form import Arrived, received
from .openapi import documented
from .parsing import answered, parse, query
from .reader import Reader

log = logging.getLogger(__name__)

FORMAT = 1
"""Raise it when the reading changes: the same file then becomes another data set."""


NO_ZERO = r"^[^\u0000]*$"
"""What neither a database nor a command line takes."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Purpose(Frozen):
    """What a file is for."""

    target: Annotated[
        str | None,
        Field(min_length=1, max_length=200, pattern=NO_ZERO, description="Column to tell from the others; of NPZ: y."),
    ] = None
    name: Annotated[Label | None, Field(description="A name for people; its data sets are numbered.")] = None
    task: Annotated[Task | None, Field(description="null: as the target looks.")] = None


class UploadForm(Purpose):
    """A file and what it is for."""

    sha256: Annotated[Digest | None, Field(description="Digest of the file, to be sure that it came whole.")] = None


class DatasetsQuery(Frozen):
    """Which data sets to list."""

    name: Annotated[Label | None, Field(description="Only data sets of this name.")] = None


@dataclass(frozen=True)
class Shelf:
    """What the views work with."""

    store: DatasetStore
    uploads: UploadStore
    files: Files
    reader: Reader
    quota: int
    """Bytes that the data sets of one owner may take, and the uploads under way."""

    def used(self, owner: str) -> int:
        """Bytes that an owner's data sets take, and the uploads under way will."""
        return self.store.used(owner=owner) + self.uploads.reserved(owner=owner)


def blueprint(shelf: Shelf) -> Blueprint:
    """The data set routes."""
    datasets = Blueprint("datasets", __name__, url_prefix=f"{PREFIX}/datasets")

    @datasets.post("")
    @documented("Upload a data set", form=UploadForm, answer=DatasetView, status=201)
    def upload() -> Response:
        owner = principal().owner
        used = shelf.used(owner)
        left = shelf.quota - used
        try:
            with received(request, shelf.files.workshop(), limit=max(left, 0)) as arrived:
                form = parse(UploadForm, dict(arrived.fields))
                if form.sha256 not in (None, arrived.sha256):
                    raise not_whole(arrived)
                return made(*keep(shelf, arrived, form, owner, left))
        except RequestEntityTooLarge as error:
            raise TooLargeError(quota(used, shelf.quota)) from error

    @datasets.get("")
    @documented("List data sets, newest first", query=DatasetsQuery, answer=DatasetPage)
    def list_datasets() -> Response:
        found = shelf.store.newest(owner=principal().sees, name=query(DatasetsQuery).name)
        return answered(DatasetPage(datasets=[dataset_summary(dataset) for dataset in found]))

    @datasets.get("/<dataset_id>")
    @documented("Show a data set", answer=DatasetView)
    def show(dataset_id: str) -> Response:
        return answered(dataset_view(shelf.store.get(dataset_id, owner=principal().sees)))

    @datasets.delete("/<dataset_id>")
    @documented("Delete a data set", status=204)
    def delete(dataset_id: str) -> Response:
        shelf.store.delete(dataset_id, owner=principal().sees)
        shelf.files.delete_folder(folder(dataset_id))
        return Response(status=204)

    return datasets


def resolved(store: DatasetStore, specs: Sequence[JobSpec], paths: Sequence[str], *, owner: str) -> list[JobSpec]:
    """The specs, with what the record knows of their uploaded data sets. Raises `BadFieldsError`.

    `paths` say where each spec stands in the request.
    """
    known: dict[str, DatasetRecord | None] = {}
    found, faults = list[JobSpec](), list[FieldError]()
    for spec, path in zip(specs, paths, strict=True):
        if not isinstance(spec.dataset, Uploaded):
            found.append(spec)
            continue
        wanted = spec.dataset.id
        if wanted not in known:
            known[wanted] = store.find(wanted, owner=owner)
        record = known[wanted]
        if record is None:
            faults.append(FieldError(path=f"{path}dataset.id", message="is none of your data sets: upload it first"))
            continue
        try:
            found.append(spec.on(record.uploaded))
        except ValidationError as error:
            told = sentences(error, spec.model_dump(mode="json"))
            faults += [fault.model_copy(update={"path": path + fault.path}) for fault in told]
    if faults:
        raise BadFieldsError(faults)
    return found


def made(dataset: DatasetRecord, is_new: bool) -> Response:
    """The answer to an upload that has become a data set, or was one."""
    answer = answered(dataset_view(dataset), 201 if is_new else 200)
    answer.headers["Location"] = f"{PREFIX}/datasets/{dataset.id}"
    return answer


def known(shelf: Shelf, sha256: str, purpose: Purpose, owner: str) -> DatasetRecord | None:
    """The data set that a file of this digest is, if it is one already."""
    return shelf.store.find(_identity(owner, sha256, purpose), owner=owner)


def keep(shelf: Shelf, arrived: Arrived, purpose: Purpose, owner: str, left: int) -> tuple[DatasetRecord, bool]:
    """The data set that the file is, and whether it is new; it may take `left` bytes."""
    there = known(shelf, arrived.sha256, purpose, owner)
    if there is not None:
        return there, False
    dataset_id = _identity(owner, arrived.sha256, purpose)
    table = arrived.path.with_name(f"{uuid.uuid4().hex}.npz")
    try:
        targets = None if purpose.task is None else purpose.task.targets
        reading = shelf.reader.read(arrived.path, name=arrived.name, target=purpose.target, task=targets, out=table)
        size = arrived.size + table.stat().st_size
        if size > left:
            raise TooLargeError(quota(shelf.quota - left, shelf.quota, size))
        shelf.files.adopt(f"{folder(dataset_id)}/upload.{reading.profile.format}", arrived.path)
        shelf.files.adopt(table_path(dataset_id), table)
    finally:
        table.unlink(missing_ok=True)
    record = shelf.store.add(
        dataset_id,
        owner=owner,
        name=purpose.name or _name(arrived.name),
        sha256=arrived.sha256,
        table_sha256=reading.sha256,
        size=size,
        rows=reading.rows,
        table=reading.table,
        profile=reading.profile,
    )
    log.info("data set %s of %s: %d rows in %d bytes", record.id, owner, record.rows, record.size)
    return record, True


def not_whole(arrived: Arrived) -> BadFieldsError:
    """What to say of a file that is not the one that was sent."""
    return BadFieldsError.of("sha256", f"is not that of the file that came, {arrived.sha256}: send it again")


def quota(used: int, allowed: int, more: int | None = None) -> str:
    """What to say when there is no room."""
    wanted = "it does not fit" if more is None else f"with its table it takes {more:,} more"
    return (
        f"Your data sets and uploads take {used:,} of {allowed:,} bytes, and {wanted}: delete some that no job needs."
    )


def _identity(owner: str, sha256: str, purpose: Purpose) -> str:
    """The same file, read in the same way by the same owner, is the same data set."""
    told = json.dumps([FORMAT, owner, sha256, purpose.target, purpose.task], sort_keys=True)
    return f"ds_{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _name(file: str) -> str:
    """A name for a file that was given none: its own, without what a name may not have."""
    stem = re.split(r"[/\\]", file)[-1].rpartition(".")[0] or file
    return re.sub(r"[^\w .-]+", "-", stem).strip(" .-")[:200] or "data"

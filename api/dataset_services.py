"""What the views of data sets call: storing an upload, and looking up the data sets that specs name."""

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationError

from spec.classes import wrong_labels
from spec.dataset import Uploaded
from spec.field_error import FieldError
from spec.job import JobSpec
from spec.labels import Label
from spec.reading import Names, ReadingOptions, ReadingOrder
from spec.row_counts import rows_fault
from spec.schema import Task
from spec.validation_errors import sentences
from store.access import Asker
from store.datasets import DatasetRecord, DatasetStore, folder, table_path
from store.disk_space import DiskSpace
from store.files import Files
from store.uploads import UploadStore

from .errors import BadFieldsError, TooLargeError
from .form import UploadedFile
from .reader import Reader

log = logging.getLogger(__name__)

FORMAT = 10
"""Raise it when the reading changes: the same file then becomes another data set."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Purpose(ReadingOptions):
    """What a file is for, and how it is read."""

    target: Annotated[Names, Field(description="Column to predict from the others, or several, `a,b`; NPZ: y.")] = ()
    name: Annotated[Label | None, Field(description="A name for people; its data sets are numbered.")] = None
    task: Annotated[Task | None, Field(description="null: as the target looks.")] = None

    def order(self, file: str) -> ReadingOrder:
        """What the reader of a file of this name is told."""
        options = ReadingOptions(**{name: getattr(self, name) for name in ReadingOptions.model_fields})
        task = None if self.task is None else self.task.targets
        return ReadingOrder(name=file, target=self.target, task=task, options=options)


@dataclass(frozen=True)
class DatasetServices:
    """The record of data sets and uploads, their files, and the process that reads them."""

    store: DatasetStore
    uploads: UploadStore
    files: Files
    reader: Reader
    default_quota: int
    """Most bytes of one owner's data sets and unfinished uploads together."""
    space: DiskSpace

    def quota(self, owner: str) -> int:
        """Bytes that an owner may have: its own quota, or the default."""
        return self.store.quota(owner, self.default_quota)

    def used(self, owner: str) -> int:
        """Bytes of an owner's data sets, with what the unfinished uploads will take."""
        return self.store.used(owner=owner) + self.uploads.reserved(owner=owner)

    def left(self, owner: str) -> int:
        """Bytes that an owner's quota leaves."""
        return self.quota(owner) - self.used(owner)

    def check_quota(self, owner: str, size: int) -> None:
        """Raise `TooLargeError` when `size` more bytes exceed the quota."""
        used = self.used(owner)
        if used + size > (allowed := self.quota(owner)):
            raise over_quota(used, allowed)

    def find(self, sha256: str, purpose: Purpose, owner: str) -> DatasetRecord | None:
        """The data set that a file of this digest is, if it is one already."""
        return self.store.find(_identity(owner, sha256, purpose), owner=owner)

    def keep(self, file: UploadedFile, purpose: Purpose, owner: str, left: int) -> tuple[DatasetRecord, bool]:
        """The data set that the file becomes, and whether it is new; it may take `left` bytes."""
        existing = self.find(file.sha256, purpose, owner)
        if existing is not None:
            return existing, False
        dataset_id = _identity(owner, file.sha256, purpose)
        table = file.path.with_name(f"{uuid.uuid4().hex}.npz")
        try:
            reading = self.reader.read(file.path, purpose.order(file.name), table)
            self.space.admit(0)  # beside the table
            size = file.size + table.stat().st_size
            if size > left:
                raise over_quota(self.used(owner), self.quota(owner), size)
            self.files.adopt(f"{folder(dataset_id)}/upload.{reading.profile.format}", file.path)
            self.files.adopt(table_path(dataset_id), table)
        finally:
            table.unlink(missing_ok=True)
        record = self.store.add(
            dataset_id,
            owner=owner,
            name=purpose.name or _name(file.name),
            sha256=file.sha256,
            size=size,
            reading=reading,
        )
        log.info("data set %s of %s: %d rows in %d bytes", record.id, owner, record.rows, record.size)
        return record, True

    def encoding(self, spec: JobSpec) -> str | None:
        """The encoding of the file that a job's data set was uploaded as, if it is one of text and no UTF."""
        record = self.store.find(spec.dataset.id, owner=None) if isinstance(spec.dataset, Uploaded) else None
        found = None if record is None else record.profile.encoding
        return None if found is None or found.startswith("utf") else found

    def resolve(self, specs: Sequence[JobSpec], paths: Sequence[str], *, owner: Asker) -> list[JobSpec]:
        """The specs, with what the record knows of their uploaded data sets.

        Raises `BadFieldsError`, also for inline rows that do not suffice. `paths` say where each spec stands in the
        request.
        """
        records: dict[str, DatasetRecord | None] = {}
        found, faults = list[JobSpec](), list[FieldError]()
        for spec, path in zip(specs, paths, strict=True):
            if not isinstance(spec.dataset, Uploaded):
                if (wrong := rows_fault(spec)) is not None:
                    faults.append(wrong.below(path))
                found.append(spec)
                continue
            wanted = spec.dataset.id
            if wanted not in records:
                records[wanted] = self.store.find(wanted, owner=owner)
            record = records[wanted]
            if record is None:
                message = "is none of your data sets: upload it first"
                faults.append(FieldError(path=f"{path}dataset.id", message=message))
                continue
            if unknown := wrong_labels(spec.class_weight, record.table.target.labels):
                faults.append(FieldError(path=f"{path}class_weight", message=unknown))
                continue
            try:
                found.append(spec.on(record.uploaded))
            except ValidationError as error:
                faults += [fault.below(path) for fault in sentences(error, spec.model_dump(mode="json"))]
        if faults:
            raise BadFieldsError(faults)
        return found


def other_digest(file: UploadedFile) -> BadFieldsError:
    """The error of a file that is not the one that its sender has."""
    return BadFieldsError.of("sha256", f"is not that of the file that arrived, {file.sha256}: send it again")


def over_quota(used: int, allowed: int, more: int | None = None) -> TooLargeError:
    """The error of a file for which an owner has no bytes left."""
    wanted = "it does not fit" if more is None else f"with its table it takes {more:,} more"
    return TooLargeError(
        f"Your data sets and uploads take {used:,} of {allowed:,} bytes, and {wanted}: delete some that no job needs."
    )


def _identity(owner: str, sha256: str, purpose: Purpose) -> str:
    """The same file, read in the same way by the same owner, is the same data set."""
    reading = purpose.model_dump(mode="json", exclude={"name", "sha256"}, exclude_defaults=True)
    content = json.dumps([FORMAT, owner, sha256, reading], sort_keys=True)
    return f"ds_{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def _name(file: str) -> str:
    """A name for a file that was given none: its own, without what a name may not have."""
    bare = re.sub(r"\.(gz|zip)$", "", re.split(r"[/\\]", file)[-1], flags=re.IGNORECASE)
    stem = bare.rpartition(".")[0] or bare
    return re.sub(r"[^\w .-]+", "-", stem).strip(" .-")[:200] or "data"

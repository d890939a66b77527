"""The tables of uploaded data sets, as files on this machine."""

import hashlib
import os
import tempfile
import uuid
from pathlib import Path

from spec.dataset import DatasetSpec, Uploaded
from store.datasets import table_path
from store.disk import is_full
from store.files import Files

from .errors import NoSpaceError, TableError

KEPT = 8
"""Copies that are kept, the ones used last."""


class DatasetCache:
    """Keeps tables where a trainer can read them: in the file store itself where it is a folder, else copied, once.

    A copy is known by its digest, which is checked: any process of this machine may have made it.
    """

    def __init__(self, files: Files, folder: Path | None = None) -> None:
        self._files = files
        self._folder = folder or Path(tempfile.gettempdir()) / f"epochal-tables-{os.getuid()}"

    def path(self, dataset: DatasetSpec) -> Path | None:
        """The file of the data set's table; None for one that was not uploaded.

        Raises `TableError`, and `NoSpaceError` when the disk of this machine is full.
        """
        if not isinstance(dataset, Uploaded):
            return None
        copy = self._folder / f"{dataset.sha256}.npz"
        if copy.exists():
            os.utime(copy)
            return copy
        try:
            return self._fetch(dataset, copy)
        except FileNotFoundError as error:
            raise TableError("The data set was deleted: upload it again, and submit the job again.") from error
        except OSError as error:
            if is_full(error):
                raise NoSpaceError("its data set could not be copied to its worker") from error
            raise TableError(f"The data set could not be fetched: {error}") from error

    def _fetch(self, dataset: Uploaded, copy: Path) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = copy.with_suffix(f".{uuid.uuid4().hex}")
        try:
            there = self._files.fetch(table_path(dataset.id), beside)
            if not there.exists():
                raise FileNotFoundError(there)
            if there != beside:
                return there
            with beside.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != dataset.sha256:
                raise TableError("The stored data set is not the one the job was submitted on: submit it again.")
            beside.replace(copy)
        finally:
            beside.unlink(missing_ok=True)
        for old in sorted(self._folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
        return copy

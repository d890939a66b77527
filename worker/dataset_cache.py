"""The tables of uploaded data sets, as files on this machine."""

from pathlib import Path

from spec.dataset import DatasetSpec, Uploaded
from spec.disk import reason
from store.datasets import table_path
from store.files import Files, may_pass

from .errors import NotNowError, TableError
from .file_cache import ChangedFileError, FileCache

KEPT = 8
"""Copies that are kept, the ones used last."""


class DatasetCache:
    """Keeps tables where a trainer can read them."""

    def __init__(self, files: Files, folder: Path | None = None) -> None:
        self._cache = FileCache(files, "tables", kept=KEPT, folder=folder)

    def path(self, dataset: DatasetSpec) -> Path | None:
        """The file of the data set's table; None for one that was not uploaded.

        Raises `TableError`, and `NotNowError` when the disk is full or the file store is away.
        """
        if not isinstance(dataset, Uploaded):
            return None
        try:
            return self._cache.path(table_path(dataset.id), dataset.sha256 or "")
        except FileNotFoundError as error:
            raise TableError("The data set was deleted: upload it again, and submit the job again.") from error
        except ChangedFileError as error:
            raise TableError("The stored data set is not the one the job was submitted on: submit it again.") from error
        except OSError as error:
            if may_pass(error):
                raise NotNowError(f"{reason(error)}: its data set could not be copied to its worker") from error
            raise TableError(f"The data set could not be fetched: {error}") from error

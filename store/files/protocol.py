"""What every file store does. A `path` is relative to its root, or an address that `uri` or `part` gave."""

import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

LEFT_AFTER_S = 3600.0
"""An unfinished file that has not been written to for so long was left by a process that died."""


class Files(Protocol):
    """A file is there whole or not at all. Every method may raise `OSError`; `FilesUnavailableError` for a bucket."""

    @property
    def folder(self) -> Path | None:
        """The folder that this is, on a disk that may be full; None for a bucket."""

    def check(self) -> None:
        """Raise `BadFilesUrlError` if it can never be used as it is set up, `FilesUnavailableError` if not now."""

    def uri(self, path: str) -> str:
        """The address of `path`, for the record: the same on every machine."""

    def put(self, path: str, content: bytes) -> None:
        """Store `content` under `path`."""

    def adopt(self, path: str, made: Path) -> None:
        """Move the local file `made` under `path`."""

    def get(self, path: str) -> bytes:
        """What is stored under `path`; of a part, its bytes only. Raises `FileNotFoundError`."""

    def fetch(self, path: str, to: Path) -> Path:
        """A local file with what `get` gives: the stored one where it lies in a folder, else a copy at `to`.

        Of a part it is a copy, always. Raises `FileNotFoundError`.
        """

    def staging_folder(self) -> Path:
        """A local folder for unfinished files, from which `adopt` moves them; old ones in it are deleted."""

    def delete_file(self, path: str) -> None:
        """Delete what is stored under `path`; nothing is fine."""

    def delete_folder(self, folder: str) -> None:
        """Delete all that is stored below `folder`."""

    def delete_unfinished(self, after_s: float) -> None:
        """Delete what writers that died have left, if it is so old."""

    def below(self, folder: str) -> list[str]:
        """Addresses of the files below `folder`."""

    def older(self, uris: Iterable[str], than_s: float) -> list[str]:
        """The addresses among these of files that have not been written to for so long."""


def now_in(folder: Path) -> float:
    """The time by which files of this folder are dated: where machines share it, no clock of theirs."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:  # the disk is full, or the folder another user's
        return time.time()


def without_old_files(folder: Path, after_s: float = LEFT_AFTER_S) -> Path:
    """The folder, without the files that nobody has written to for so long."""
    there = list(folder.iterdir())
    now = now_in(folder) if there else 0.0
    for left in there:
        with suppress(OSError):  # another process was faster
            if now - left.stat().st_mtime > after_s:
                left.unlink()
    return folder

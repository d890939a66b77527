"""Files of the file store, where the trainers of this machine can read them."""

import hashlib
import os
import uuid
from pathlib import Path

from store.files import Files, scratch_folder


class ChangedFileError(OSError):
    """A stored file is not the one that was written."""


class FileCache:
    """Finds a file in the file store itself where that is a folder, and else copies it, once.

    A copy is known by its digest, which is checked: any process of this machine may have made it.
    """

    def __init__(self, files: Files, name: str, *, kept: int, folder: Path | None = None) -> None:
        self._files, self._kept = files, kept
        self._folder = folder or scratch_folder() / f"epochal-{name}-{os.getuid()}"

    def path(self, stored: str, sha256: str) -> Path:
        """A local file with what is stored under a path or an address.

        Raises `OSError`: `FileNotFoundError` if there is nothing, `ChangedFileError` if it is not what `sha256` says.
        """
        copy = self._folder / f"{sha256}{Path(stored).suffix}"
        if copy.exists():
            os.utime(copy)
            return copy
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = copy.with_suffix(f".{uuid.uuid4().hex}")
        try:
            there = self._files.fetch(stored, beside)
            if not there.exists():
                raise FileNotFoundError(there)
            if there != beside:
                return there
            with beside.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != sha256:
                raise ChangedFileError(f"{stored} is not the file that was written")
            beside.replace(copy)
        finally:
            beside.unlink(missing_ok=True)
        for old in sorted(self._folder.glob(f"*{copy.suffix}"), key=lambda path: path.stat().st_mtime)[: -self._kept]:
            old.unlink(missing_ok=True)
        return copy

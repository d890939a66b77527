"""A file store that is a folder: of this machine, or shared by all of them."""

import os
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .addresses import split
from .errors import BadFilesUrlError
from .protocol import now_in, without_old_files

STAGING = ".making"


class LocalFiles:
    """The folder behind `file:///...` or a plain path."""

    def __init__(self, url: str) -> None:
        if url.startswith("file:") and urlsplit(url).netloc not in ("", "localhost"):
            raise BadFilesUrlError(
                f"EPOCHAL_FILES_URL: {url} names a machine. A folder has three slashes: file:///folder."
            )
        self.folder = path_of(url)

    def check(self) -> None:
        """Raise `BadFilesUrlError` unless this user can write to the folder."""
        there = next(one for one in (self.folder, *self.folder.parents) if one.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            absent = "" if there == self.folder else f"{self.folder} is not there: is its disk mounted here? And "
            raise BadFilesUrlError(
                f"EPOCHAL_FILES_URL: {absent}this user cannot write to {there}. Change its owner or mode."
            )

    def uri(self, path: str) -> str:
        """The address of `path`, for the record."""
        return (self.folder / path).as_uri()

    def put(self, path: str, content: bytes) -> None:
        """Store `content` under `path`."""
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not with tempfile: its files are their maker's alone, and the API may be another user on a shared folder.
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync(target.parent)

    def adopt(self, path: str, made: Path) -> None:
        """Move the local file `made` under `path`."""
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(target)
        _sync(target.parent)

    def get(self, path: str) -> bytes:
        """What is stored under `path`; of a part, its bytes only. Raises `FileNotFoundError`."""
        whole, found = split(path)
        offset, size = found or (0, -1)
        with self._at(whole).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def fetch(self, path: str, to: Path) -> Path:
        """The stored file itself; of a part, a copy at `to`. Raises `FileNotFoundError`."""
        whole, found = split(path)
        if found is not None:
            to.write_bytes(self.get(path))
            return to
        there = self._at(whole)
        there.stat()  # it is there
        return there

    def staging_folder(self) -> Path:
        """A folder on the same disk, from which `adopt` moves files without a copy."""
        staging = self.folder / STAGING
        staging.mkdir(parents=True, exist_ok=True)
        return without_old_files(staging)

    def delete_file(self, path: str) -> None:
        """Delete what is stored under `path`, and its folder when that is empty."""
        there = self._at(path)
        there.unlink(missing_ok=True)
        with suppress(OSError):
            there.parent.rmdir()

    def delete_folder(self, folder: str) -> None:
        """Delete all that is stored below `folder`."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._at(folder))

    def delete_unfinished(self, after_s: float) -> None:
        """Delete old files of the staging folder; a half-written file beside its target is found by `below`."""
        if (self.folder / STAGING).exists():
            without_old_files(self.folder / STAGING, after_s)

    def below(self, folder: str) -> list[str]:
        """Addresses of the files below `folder`."""
        return [path.as_uri() for path in self._at(folder).rglob("*") if path.is_file()]

    def older(self, uris: Iterable[str], than_s: float) -> list[str]:
        """The addresses among these of files that have not been written to for so long."""
        written_at = dict[str, float]()
        for uri in uris:
            with suppress(FileNotFoundError):  # another process has deleted it
                written_at[uri] = self._at(uri).stat().st_mtime
        before = now_in(self.folder) - than_s if written_at else 0.0
        return [uri for uri, at in written_at.items() if at <= before]

    def _at(self, path: str) -> Path:
        return path_of(path) if "://" in path else self.folder / path


def path_of(url: str) -> Path:
    """The path that a plain path or an address, `file:///...`, means here."""
    return Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else Path(url).absolute()


def _sync(folder: Path) -> None:
    """Make sure that a rename in `folder` survives a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

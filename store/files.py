"""Where models, checkpoints and data sets lie: a folder or an object store."""

import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import fsspec

LEFT_AFTER_S = 3600.0
"""An unfinished file that has not been written to for so long was left by a process that died."""


class Files:
    """The file store behind a URL (`file:///...`, `s3://...`). A file is there whole or not at all."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._local = url.startswith("file:") or "://" not in url

    @property
    def folder(self) -> Path | None:
        """The folder that this is; None for an object store."""
        return Path(self._root) if self._local else None

    def uri(self, path: str) -> str:
        """The address of `path`, for the record."""
        return str(self._fs.unstrip_protocol(f"{self._root}/{path}"))

    def put(self, path: str, content: bytes) -> None:
        """Store `content` under `path`."""
        if not self._local:
            self._fs.pipe_file(f"{self._root}/{path}", content)  # an object store shows an object when it is whole
            return
        target = Path(self._root) / path
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

    def staging_folder(self) -> Path:
        """A local folder for unfinished files, from which `adopt` moves them cheaply; old ones in it are deleted."""
        folder = Path(self._root) / ".making" if self._local else Path(tempfile.gettempdir()) / "epochal-making"
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            with suppress(OSError):  # another process was faster
                if time.time() - left.stat().st_mtime > LEFT_AFTER_S:
                    left.unlink()
        return folder

    def adopt(self, path: str, made: Path) -> None:
        """Move the local file `made` under `path`."""
        if not self._local:
            self._fs.put_file(str(made), f"{self._root}/{path}")
            made.unlink()
            return
        target = Path(self._root) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(target)
        _sync(target.parent)

    def fetch(self, path: str, to: Path) -> Path:
        """A local file with what is stored under `path` or an address: itself if it is local, else a copy at `to`.

        Of a part of a file it is a copy, always.
        """
        if _PART.search(path):
            to.write_bytes(self.get(path))
            return to
        where = fsspec.core.url_to_fs(path)[1] if "://" in path else f"{self._root}/{path}"
        if self._local:
            return Path(where)
        self._fs.get_file(where, str(to))
        return to

    def delete_folder(self, folder: str) -> None:
        """Delete all that is stored below `folder`."""
        with suppress(FileNotFoundError):
            self._fs.rm(f"{self._root}/{folder}", recursive=True)

    def get(self, path: str) -> bytes:
        """What is stored under `path`, or at an address that `uri` or `part` gave. Raises `FileNotFoundError`."""
        whole, start, end = _range(path)
        return bytes(self._fs.cat_file(self._where(whole), start, end))

    def open(self, path: str) -> BinaryIO:
        """What is stored under `path`, to be read bit by bit. Raises `FileNotFoundError`."""
        opened: BinaryIO = self._fs.open(self._where(path), "rb")
        return opened

    def delete_file(self, path: str) -> None:
        """Delete what is stored under `path`, or at an address that `uri` gave, and its folder when that is empty."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._where(path))
        if self._local:
            with suppress(OSError):
                Path(fsspec.core.strip_protocol(self._where(path))).parent.rmdir()

    def below(self, folder: str) -> list[str]:
        """Addresses of the files below `folder`."""
        return [str(self._fs.unstrip_protocol(path)) for path in self._fs.find(self._where(folder))]

    def older(self, uris: Iterable[str], than_s: float) -> list[str]:
        """The addresses among these of files that have not been written to for so long."""
        before = datetime.now(UTC) - timedelta(seconds=than_s)
        found = []
        for uri in uris:
            with suppress(FileNotFoundError):  # another process has deleted it
                if self._fs.modified(fsspec.core.strip_protocol(uri)) <= before:
                    found.append(uri)
        return found

    def _where(self, path: str) -> str:
        return path if "://" in path else f"{self._root}/{path}"


_PART = re.compile(r"#(\d+)\+(\d+)$")


def part(uri: str, offset: int, size: int) -> str:
    """The address of `size` bytes of a stored file: many small files are stored as one, which costs one sync."""
    return f"{uri}#{offset}+{size}"


def without_part(uri: str) -> tuple[str, int | None]:
    """The address of the whole file, and where the part begins; None where it is not a part."""
    whole, start, _ = _range(uri)
    return whole, start


def _range(path: str) -> tuple[str, int | None, int | None]:
    found = _PART.search(path)
    if found is None:
        return path, None, None
    offset, size = int(found[1]), int(found[2])
    return path[: found.start()], offset, offset + size


def _sync(folder: Path) -> None:
    """Make sure that a rename in `folder` survives a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

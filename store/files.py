"""Where models, checkpoints and data sets lie: a folder or an object store."""

import os
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec


class Files:
    """The file store behind a URL (`file:///...`, `s3://...`). A file is there whole or not at all."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._local = url.startswith("file:") or "://" not in url

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
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself must survive a power cut
        finally:
            os.close(folder)

    def get(self, path: str) -> bytes:
        """What is stored under `path`, or at an address that `uri` gave. Raises `FileNotFoundError`."""
        return bytes(self._fs.cat_file(self._where(path)))

    def delete(self, path: str) -> None:
        """Delete what is stored under `path`, or at an address that `uri` gave, and its folder when that is empty."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._where(path))
        if self._local:
            with suppress(OSError):
                Path(fsspec.core.strip_protocol(self._where(path))).parent.rmdir()

    def older(self, folder: str, than_s: float) -> list[str]:
        """Addresses of the files below `folder` that nobody has written to for so long."""
        before = datetime.now(UTC) - timedelta(seconds=than_s)
        paths = self._fs.find(self._where(folder))
        return [str(self._fs.unstrip_protocol(path)) for path in paths if self._fs.modified(path) <= before]

    def _where(self, path: str) -> str:
        return path if "://" in path else f"{self._root}/{path}"

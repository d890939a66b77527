"""The space on the disks: some is kept free, so that running jobs can end.

New jobs and uploads are refused before the disk is full. What is then left takes the models and checkpoints of jobs
that run.
"""

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, text

from spec.disk import reason

from .db import reading
from .errors import DiskFullError, NoSpaceError
from .files import Files, ScratchError

MIB = 2**20

PROBED_EVERY_S = 5.0
"""How often PostgreSQL is asked for space: it writes a temporary file to answer."""

_PROBE = text("SELECT count(*) FROM generate_series(1, 50000)")
"""With little memory, PostgreSQL writes these numbers to its disk, some 700 KiB, without a trace in any table."""


class DiskSpace:
    """The space that is free where the record and the files lie, and in `others`."""

    def __init__(
        self,
        engine: Engine,
        files: Files,
        reserve_mib: int,
        *others: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._files, self._reserve = engine, files, reserve_mib * MIB
        named = {"record": _record_folder(engine), "files": files.folder}
        self._named = {name: folder for name, folder in named.items() if folder is not None}
        self._others = others
        self._folders = [*self._named.values(), *others]
        self._clock = clock
        self._probing = threading.Lock()
        self._probed_at = float("-inf")
        self._full: str | None = None

    def disks(self) -> dict[str, tuple[int, int]]:
        """Bytes free, and in all, on this machine's disks where record and files lie; a server's are unknown."""
        usages = {name: _usage(folder) for name, folder in self._named.items()}
        return {name: (usage.free, usage.total) for name, usage in usages.items()}

    def demand(self) -> None:
        """Raise `DiskFullError` unless the reserve is free on this machine's disks, as new jobs need it."""
        free = min((_free_bytes(folder) for folder in self._folders), default=self._reserve)
        if free < self._reserve:
            raise DiskFullError(
                f"The disk of the service is full: {free // MIB:,} MiB are free, and jobs are accepted and started "
                f"from {self._reserve // MIB:,} MiB on. Tell whoever runs the service."
            )

    def demand_scratch(self) -> None:
        """Raise `ScratchError` where nothing can be written to `others`."""
        for folder in self._others:
            try:
                with tempfile.TemporaryFile(dir=folder) as written:
                    written.write(b"epochal")
            except OSError as error:
                raise ScratchError(
                    f"The folder {folder} on {socket.gethostname()} cannot be written to: {reason(error)}. Jobs leave "
                    "their models there first: mend its disk, or let TMPDIR name another folder."
                ) from error

    def admit(self, size: int) -> None:
        """Raise `NoSpaceError` when `size` more bytes of an upload would take what is kept free."""
        free = _free_bytes(self._files.staging_folder())
        if free - size < self._reserve:
            raise NoSpaceError(
                f"The disk of the service has no space for this upload: {free:,} bytes are free, it takes {size:,} "
                f"more, and {self._reserve:,} are kept for running jobs. Tell whoever runs the service."
            )

    def check(self) -> None:
        """Raise `DiskFullError` when new jobs cannot be stored; the disk of a PostgreSQL server is tried too."""
        self.demand()
        if self._engine.dialect.name != "postgresql":
            return
        if self._clock() - self._probed_at > PROBED_EVERY_S and self._probing.acquire(blocking=False):
            try:
                self._full = self._probe()
                self._probed_at = self._clock()
            finally:
                self._probing.release()
        if self._full is not None:
            raise DiskFullError(self._full)

    def _probe(self) -> str | None:
        """What PostgreSQL says about its disk; None when there is space."""
        try:
            with reading(self._engine) as connection:
                connection.execute(text("SET LOCAL work_mem = '64kB'"))
                connection.execute(_PROBE)
        except DiskFullError as error:
            return str(error)
        return None


def _record_folder(engine: Engine) -> Path | None:
    """The folder of a record in a file; None when a server keeps it."""
    url = engine.url
    return Path(url.database).parent if url.get_backend_name() == "sqlite" and url.database else None


def _free_bytes(folder: Path) -> int:
    """Bytes that are free on the disk of a folder."""
    return _usage(folder).free


def _usage(folder: Path) -> "shutil._ntuple_diskusage":
    """How full the disk of a folder is, which may not exist yet."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return shutil.disk_usage(there)

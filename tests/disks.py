"""Small disks, which a test can fill: file systems in memory, which only root can mount."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

MIB = 2**20


class SmallDisk:
    """A folder on a disk of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, free: int = 0) -> None:
        """Fill it, so that so many bytes are free."""
        with self._filler.open("ab", buffering=0) as file:
            while (left := os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize - free) > 0:
                try:
                    file.write(bytes(min(left, MIB)))
                except OSError:  # somebody else was faster
                    break

    def remount(self, how: str) -> None:
        """Let it be read-only (`ro`), as a disk with errors or an export of a server becomes, or not (`rw`)."""
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)

    def empty(self) -> None:
        """Free what `fill` took."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(mib: int) -> Iterator[SmallDisk]:
    """A disk of so many MiB."""
    folder = Path(tempfile.mkdtemp(prefix="epochal-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        with suppress(OSError):
            folder.rmdir()


@cache
def without_disks() -> str | None:
    """Why this machine cannot mount a small disk; None when it can."""
    try:
        with small_disk(1):
            return None
    except (OSError, subprocess.CalledProcessError):
        return "a small disk cannot be mounted; it needs Linux and root"

"""The storm itself: whoever ends it finds none of its processes afterwards."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short, as PostgreSQL's socket is in it, and which its user may enter."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_storm_that_is_told_to_end_leaves_no_process(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--workers", "1"]
    storm = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)})
    try:
        eventually(lambda: any(folder.glob("*/logs/worker-1.log")), within_s=120.0, what="a worker is started")
        storm.send_signal(signal.SIGTERM)
        assert storm.wait(60.0) == 128 + signal.SIGTERM
        eventually(lambda: not _started_in(folder), within_s=5.0, what="what the storm started has ended")
    finally:
        for pid in _started_in(folder):
            os.kill(pid, signal.SIGKILL)


def _started_in(folder: Path) -> list[int]:
    """The processes that know this folder for temporary files."""
    mark, found = f"TMPDIR={folder}".encode(), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found

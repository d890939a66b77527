"""Time: wall seconds, and the CPU seconds of this process or of a whole family of processes.

On a shared machine only CPU time tells how much work was done; wall time tells what a user waits.
"""

import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FAMILY = "BENCHMARK_FAMILY"
"""Environment variable that all processes of a contestant inherit, wherever they are re-parented to."""


@dataclass(frozen=True)
class Spent:
    """Wall and CPU seconds; NaN where they cannot be told."""

    wall_s: float
    cpu_s: float

    def per(self, count: int) -> "Spent":
        """The share of each of `count`."""
        return Spent(self.wall_s / count, self.cpu_s / count)


class Stopwatch:
    """Runs from its making; `read` says what was spent since."""

    def __init__(self, cpu_seconds: Callable[[], float] = time.process_time) -> None:
        self._cpu_seconds = cpu_seconds
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()

    def read(self) -> Spent:
        """What was spent since the making."""
        wall = time.perf_counter() - self._wall
        return Spent(wall, self._cpu_seconds() - self._cpu)


def family(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a new family of processes."""
    return {**environ, FAMILY: uuid.uuid4().hex}


def family_cpu_seconds() -> float:
    """CPU seconds of every process of this family that lives, and of the children they have buried. Linux only."""
    mark = f"{FAMILY}={os.environ.get(FAMILY)}".encode()
    ticks = sum(_ticks(process) for process in Path("/proc").glob("[0-9]*") if _bears(process, mark))
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else float("nan")


def _bears(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended, or it is somebody else's
        return False


def _ticks(process: Path) -> int:
    """User and system ticks of a process and of its buried children (proc(5): stat, fields 14 to 17)."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])

"""Wall time, and CPU time of this process or of a family of processes.

On a shared machine only CPU time measures the work; wall time is what a user waits.
"""

import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FAMILY = "BENCHMARK_FAMILY"
"""Environment variable that all processes of a contestant inherit, even when they are re-parented."""


@dataclass(frozen=True)
class Spent:
    """Wall and CPU seconds; NaN if unknown."""

    wall_s: float
    cpu_s: float

    def per(self, count: int) -> "Spent":
        """The time per unit of `count` units."""
        return Spent(self.wall_s / count, self.cpu_s / count)


class Stopwatch:
    """Measures time from its creation on."""

    def __init__(self, cpu_seconds: Callable[[], float] = time.process_time) -> None:
        self._cpu_seconds = cpu_seconds
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()

    def read(self) -> Spent:
        """The time since its creation."""
        wall = time.perf_counter() - self._wall
        return Spent(wall, self._cpu_seconds() - self._cpu)


def family(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a new family of processes."""
    return {**environ, FAMILY: uuid.uuid4().hex}


def family_cpu_seconds() -> float:
    """CPU seconds of all live processes of this family and of the children they have waited for. Linux only."""
    mark = f"{FAMILY}={os.environ.get(FAMILY)}".encode()
    ticks = sum(_ticks(process) for process in Path("/proc").glob("[0-9]*") if _belongs(process, mark))
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else float("nan")


def _belongs(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended, or belongs to another user
        return False


def _ticks(process: Path) -> int:
    """User and system ticks of a process and of the children it has waited for (proc(5): stat, fields 14 to 17)."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])

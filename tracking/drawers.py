"""Processes that draw pictures: matplotlib holds Python's lock, so threads of one process draw one at a time."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping

from model.drawing import LENGTH_BYTES, Drawing, unzipped

MOST = 8
NICE = 15
"""Where all cores are busy, pictures come after what trains, and after the curves."""
LONGEST_S = 120.0
"""A process that has not drawn after so long never will."""


class DrawingError(Exception):
    """A drawing process ended before it had drawn."""


class Drawers:
    """Draws in child processes, one for each thread that asks. They end when this process does."""

    def __init__(self, *, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._free: list[subprocess.Popen[bytes]] = []

    def draw(self, drawing: Drawing) -> Mapping[str, bytes]:
        """All pictures of a job by name, as `trainer.plots.pictures` draws them. Raises `DrawingError`."""
        try:
            process = self._free.pop()
        except IndexError:
            process = _start()
        watchdog = threading.Timer(self._longest_s, process.kill)
        watchdog.start()
        try:
            drawn = _ask(process, drawing)
        except (OSError, DrawingError) as error:
            process.kill()
            _end(process)
            raise DrawingError(f"the pictures of {drawing.title} were not drawn: {error}") from error
        finally:
            watchdog.cancel()
        self._free.append(process)
        return drawn

    def close(self) -> None:
        """End the processes; the next picture starts another. No thread may draw meanwhile."""
        while self._free:
            _end(self._free.pop())


def drawn_here(drawing: Drawing) -> Mapping[str, bytes]:
    """The same, drawn in this process: the first time it imports matplotlib, which a mirror needs at no start."""
    from trainer.plots import pictures

    return pictures(drawing)


def at_once() -> int:
    """How many pictures this machine draws at a time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


def _start() -> subprocess.Popen[bytes]:
    """A process that draws until its input ends, in a process group of its own: Ctrl-C is for the mirror."""
    command, environ = [sys.executable, "-m", "trainer.plots", "--many"], {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
    os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process


def _ask(process: subprocess.Popen[bytes], drawing: Drawing) -> Mapping[str, bytes]:
    questions, answers = process.stdin, process.stdout
    if questions is None or answers is None:
        raise DrawingError("the drawing process has no pipes")
    questions.write(drawing.model_dump_json().encode() + b"\n")
    questions.flush()
    length = answers.read(LENGTH_BYTES)
    size = int.from_bytes(length, "big")
    content = answers.read(size)
    if len(length) < LENGTH_BYTES or len(content) < size:
        raise DrawingError("the drawing process ended")
    return unzipped(content)


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # at the end of its input, the process ends
    process.wait()

"""The reader of uploads: each file is read by `ingest` in a process of its own, which limits its memory and time."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from spec.dataset import Targets
from spec.profile import Reading, Refusal

from .children import ProcessSlots, child_environment
from .errors import BadFieldsError

log = logging.getLogger(__name__)

REFUSED = 2
AT_ONCE = 2
"""Most files that are read at once; each may take as much memory as `ingest.limits` allows."""
SLOT_WAIT_S = 60.0
WALL_S = 1800.0
# Threads and arenas would take address space, which is what the limit counts.
_FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}


class Reader:
    """Reads uploaded files, a few at a time."""

    def __init__(self, *, at_once: int = AT_ONCE, slot_wait_s: float = SLOT_WAIT_S, wall_s: float = WALL_S) -> None:
        self._slots = ProcessSlots(at_once, slot_wait_s, "Other uploads are being read: try again.")
        self._wall_s = wall_s

    def read(self, file: Path, *, name: str, target: str | None, task: Targets | None, out: Path) -> Reading:
        """Write the file's table to `out` and describe it. Raises `BadFieldsError` or `BusyError`."""
        with self._slots.slot():
            return self._read(file, name, target, task, out)

    def _read(self, file: Path, name: str, target: str | None, task: Targets | None, out: Path) -> Reading:
        command = [sys.executable, "-m", "ingest", str(file), f"--name={name}", f"--out={out}"]
        command += [] if target is None else [f"--target={target}"]
        command += [] if task is None else [f"--task={task.value}"]
        try:
            done = subprocess.run(
                command, env=child_environment(**_FRUGAL), capture_output=True, timeout=self._wall_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BadFieldsError.of("file", f"could not be read within {self._wall_s:.0f} s") from error
        try:
            if done.returncode == 0:
                return Reading.model_validate_json(done.stdout)
            if done.returncode == REFUSED:
                refusal = Refusal.model_validate_json(done.stdout)
                raise BadFieldsError.of(refusal.path, refusal.message)
        except ValidationError:
            log.exception("the reader of %s answered %r", file, done.stdout[:500])
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise BadFieldsError.of("file", "takes more time or memory to read than a file of its size may")
        log.error("the reader ended with %d: %s", done.returncode, done.stderr[-2000:].decode(errors="replace"))
        raise BadFieldsError.of("file", "could not be read: the service's log says why")

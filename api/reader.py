"""The reader of uploads: each file is read by `ingest` in a process of its own, which limits its memory and time."""

import logging
import signal
import subprocess
from pathlib import Path
from typing import TypeVar

from flask import g, has_app_context
from pydantic import ValidationError

from spec.field_error import FieldError
from spec.known import KnownReading
from spec.profile import Reading, Refusal
from spec.reading import ReadingOrder

from .children import ask, child_environment
from .errors import BadFieldsError
from .slots import Slots

_Answer = TypeVar("_Answer", Reading, KnownReading)

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
        self._slots = Slots(at_once, slot_wait_s, "Other uploads are being read: try again.")
        self._wall_s = wall_s

    def read(self, file: Path, order: ReadingOrder, out: Path) -> Reading:
        """Write the file's table to `out` and describe it. Raises `BadFieldsError` or `BusyError`."""
        return self._answer(Reading, order, str(file), f"--out={out}")

    def read_known(self, file: Path, order: ReadingOrder, known: Path, out: Path, *, with_cells: bool) -> KnownReading:
        """Write the numbers of the rows that a model is to predict to `out`, and describe them. Raises as `read`.

        `known` holds a `spec.known.KnownColumns`.
        """
        more = ["--cells"] if with_cells else []
        return self._answer(KnownReading, order, str(file), f"--out={out}", f"--known={known}", *more)

    def _answer(self, kind: type[_Answer], order: ReadingOrder, *arguments: str) -> _Answer:
        question, environ = order.model_dump_json().encode(), child_environment(**_FRUGAL)
        try:
            with self._slots.slot():
                done = ask("ingest", *arguments, question=question, environ=environ, wall_s=self._wall_s)
        except subprocess.TimeoutExpired as error:
            raise BadFieldsError.of("file", f"could not be read within {self._wall_s:.0f} s") from error
        try:
            if done.returncode == 0:
                return kind.model_validate_json(done.stdout)
            if done.returncode == REFUSED:
                refusal = Refusal.model_validate_json(done.stdout)
                fault = FieldError(path=refusal.path, message=refusal.message)
                raise BadFieldsError([fault], na_values=refusal.na_values)
        except ValidationError:
            log.exception("the reader of %s answered %r", order.name, done.stdout[:500])
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGABRT):
            raise BadFieldsError.of("file", "takes more time or memory to read than a file of its size may")
        request = g.get("request_id", "") if has_app_context() else ""
        said_last = done.stderr[-2000:].decode(errors="replace")
        log.error("request %s: the reader of %s ended with %d: %s", request, order.name, done.returncode, said_last)
        raise BadFieldsError.of("file", f"could not be read, for a reason that is not known: report request {request}")

"""A check of every SQL statement: `store/transitions.py` is the only module that writes `job.status`."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, event

ROOT = Path(__file__).parents[3]
WRITER = Path("store/transitions.py")
PACKAGES = frozenset(
    {"spec", "store", "model", "ingest", "api", "worker", "tracking", "trainer", "sweeps", "epochal", "tests"}
)

_WRITES_JOBS = re.compile(
    r"\b(?:update|into)\s+(?:or\s+\w+\s+|only\s+)?(?:\w+\.)?job\b(?P<rest>.*?)(?:\breturning\b|$)",
    re.IGNORECASE | re.DOTALL,
)
_STATUS = re.compile(r"(?<![\w.])status\b|^\s*(?:values|select|default)\b", re.IGNORECASE)
"""The column without its table's name, as a column that is written has to stand; or an INSERT of all columns."""


class StatusWriteError(AssertionError):
    """Another module than the writer of states writes one."""


@cache
def writes_status(statement: str) -> bool:
    """Whether an SQL statement writes the state of jobs."""
    plain = re.sub(r'["`\[\]]', "", statement)
    return any(_STATUS.search(found["rest"]) for found in _WRITES_JOBS.finditer(plain))


@contextmanager
def only_transitions_write() -> Iterator[None]:
    """Every statement of this process is checked meanwhile, of any engine.

    A test may plant a state. Raises `StatusWriteError` where the statement is executed.
    """
    event.listen(Engine, "before_cursor_execute", _check)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", _check)


def _check(_connection: object, _cursor: object, statement: str, *_: object) -> None:
    if writes_status(statement) and (module := _executing()) != WRITER and module.parts[0] != "tests":
        raise StatusWriteError(f"{module} writes job.status: only {WRITER} may.\n{statement}")


def _executing() -> Path:
    """The module of ours that executes the statement."""
    frame = inspect.currentframe()
    while frame is not None:
        if module := _ours(frame.f_code.co_filename):
            return module
        frame = frame.f_back
    raise AssertionError("a statement that nobody executes")


@cache
def _ours(file: str) -> Path | None:
    """The module of this project in a file, from the project's root; None for any other, and for this one."""
    path = Path(file)
    if path == Path(__file__) or not path.is_relative_to(ROOT):
        return None
    module = path.relative_to(ROOT)
    return module if module.parts[0] in PACKAGES else None

"""One module writes the states of jobs: store/transitions.py."""

import ast
import re
from collections.abc import Iterator

import pytest

from spec.states import TRANSITIONS, JobStatus
from spec.views import Change
from store.errors import ForbiddenTransitionError
from store.transitions import Transition

from .pages import ROOT, files

WRITER = ROOT / "store" / "transitions.py"
SERVED = ("spec", "store", "model", "ingest", "api", "worker", "tracking", "trainer", "epochal")
RAW_SQL = re.compile(r"\b(?:update\s+job\b.*\bstatus|insert\s+into\s+job\b)", re.IGNORECASE | re.DOTALL)
WRITES = {"values", "update", "insert", "ordered_values"}


def writes_of_status(source: str) -> Iterator[int]:
    """The lines of a module that write a job's state, or hand SQLAlchemy a column `status` to write."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), keywords=keywords) if name in WRITES:
                if any(keyword.arg == "status" for keyword in keywords):
                    yield node.lineno
            case ast.Dict(keys=keys):
                if any(isinstance(key, ast.Constant) and key.value == "status" for key in keys):
                    yield node.lineno
            case ast.Constant(value=str(text)) if RAW_SQL.search(text):
                yield node.lineno


def writers_of_jobs(source: str) -> bool:
    """Whether a module makes statements that write the table of jobs."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(ast.unparse(call).startswith(("update(Job)", "insert(Job)", "delete(Job)")) for call in calls)


def test_no_other_module_writes_a_status() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in files(*(f"{package}/**.py" for package in SERVED))
        if path != WRITER
        for line in writes_of_status(path.read_text(encoding="utf-8"))
        # A dictionary with a key `status` is an answer or a problem, unless the module writes jobs.
        if path.is_relative_to(ROOT / "store") or writers_of_jobs(path.read_text(encoding="utf-8"))
    }
    assert not found


def test_only_the_store_writes_jobs() -> None:
    writing = {
        path.relative_to(ROOT).parts[0]
        for path in files(*(f"{package}/**.py" for package in SERVED))
        if writers_of_jobs(path.read_text(encoding="utf-8"))
    }
    assert writing == {"store"}


def test_a_user_cannot_change_a_status() -> None:
    assert "status" not in Change.model_fields


@pytest.mark.parametrize(
    "statement",
    [
        'connection.execute(update(Job).where(Job.id == job_id).values(status="running"))',
        'connection.execute(update(Job).values({"status": "running", "epoch": 3}))',
        'connection.execute(insert(Job), [{"id": "1", "status": "succeeded"}])',
        "connection.execute(text(\"UPDATE job SET epoch = 1, status = 'failed'\"))",
        "connection.exec_driver_sql(\"insert into job (id) values ('1')\")",
    ],
)
def test_a_writer_elsewhere_would_be_found(statement: str) -> None:
    assert list(writes_of_status(statement))


def test_the_writer_is_found_by_the_same_search() -> None:
    assert list(writes_of_status(WRITER.read_text(encoding="utf-8")))


@pytest.mark.parametrize("source", JobStatus)
@pytest.mark.parametrize("to", JobStatus)
def test_every_change_is_checked_against_the_table(source: JobStatus, to: JobStatus) -> None:
    if to in TRANSITIONS[source]:
        assert Transition((source,), to).to is to
    else:
        with pytest.raises(ForbiddenTransitionError, match=f"from {source} to {to}"):
            Transition((source,), to)

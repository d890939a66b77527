"""One module writes the states of jobs, and the check that says so misses no way to write one."""

import pytest
from sqlalchemy import Engine, insert, text, update
from sqlalchemy.orm import Session

from spec.job import JobSpec
from spec.states import TRANSITIONS, JobStatus
from spec.views import Change
from store import db
from store.errors import ForbiddenTransitionError
from store.tables import Job
from store.transitions import Transition
from tests.record import Record

from .status_writes import ROOT, StatusWriteError, writes_status

PLANTED = [
    'connection.execute(update(Job).values(status="running"))',
    'connection.execute(update(Job).values({"status": "running", "epoch": 3}))',
    'connection.execute(update(Job).values({Job.status: "running"}))',
    'connection.execute(update(Job).values(dict(status="running")))',
    'values = {}; values["sta" + "tus"] = "running"; connection.execute(update(Job).values(values))',
    'connection.execute(update(Job.__table__).ordered_values((Job.status, "running")))',
    'connection.execute(Job.__table__.update(), {"status": "running"})',
    'connection.execute(insert(Job), [{**row, "status": "succeeded"}])',
    'job = session.get(Job, row["id"]); setattr(job, "status", "running"); session.flush()',
    'session.add(Job(id="other", status="running")); session.flush()',
    "connection.execute(text(\"UPDATE job SET epoch = 1, status = 'failed'\"))",
    'column = "status"; connection.execute(text(f"update job\\n set {column} = \'failed\'"))',
    "connection.exec_driver_sql('UPDATE \"job\" AS j SET (epoch, \"status\") = (1, \\'failed\\')')",
    'connection.exec_driver_sql("INSERT INTO job SELECT * FROM job")',
    "connection.exec_driver_sql(\"WITH old AS (SELECT 1) UPDATE job SET status = 'failed' WHERE epoch = 0\")",
]


@pytest.mark.parametrize("source", PLANTED)
def test_a_write_of_a_status_by_another_module_is_an_error(store: Record, engine: Engine, source: str) -> None:
    """The statements are executed by code that says it is a module of the store."""
    job_id = store.submit([JobSpec.model_validate({"dataset": "xor"})], owner="ada").jobs[0].id
    planted = compile(source, str(ROOT / "store" / "planted.py"), "exec")
    with db.writing(engine) as connection, Session(connection) as session:
        row = dict(connection.execute(Job.__table__.select()).mappings().one())
        names = {"Job": Job, "insert": insert, "text": text, "update": update, "row": row}
        with pytest.raises(StatusWriteError, match=r"store/planted\.py writes job\.status"):
            exec(planted, {**names, "connection": connection, "session": session})  # noqa: S102 - a module of the store
    assert store.get(job_id, owner="ada").status is JobStatus.queued


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE job SET epoch=1 WHERE job.status = 'queued'",
        "UPDATE job SET epoch=1 WHERE job.id = 'a' RETURNING id, status",
        "INSERT INTO job_event (job_id, to_status) SELECT job.id, job.status FROM job",
        "SELECT status FROM job FOR UPDATE",
        "DELETE FROM job WHERE status = 'failed'",
    ],
)
def test_a_statement_that_only_reads_a_status_passes(statement: str) -> None:
    assert not writes_status(statement)


def test_a_user_cannot_change_a_status() -> None:
    assert "status" not in Change.model_fields


@pytest.mark.parametrize("source", JobStatus)
@pytest.mark.parametrize("to", JobStatus)
def test_every_change_is_checked_against_the_table(source: JobStatus, to: JobStatus) -> None:
    if to in TRANSITIONS[source]:
        assert Transition((source,), to).to is to
    else:
        with pytest.raises(ForbiddenTransitionError, match=f"from {source} to {to}"):
            Transition((source,), to)

"""Many jobs are cancelled at once: by a filter, by their ids, while others hold their rows."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import Engine, select

from spec.job import JobSpec
from spec.states import FailureReason, JobStatus
from store import control, db
from store.mirror import MirrorStore
from store.records import Cancelled, JobFilter
from store.tables import Job
from tests.record import Record, listening
from tests.services import PATIENCE

ADA: dict[str, Any] = {"owner": "ada", "actor": "ada"}


def submit(store: Record, count: int = 1, owner: str = "ada", **fields: Any) -> list[str]:
    specs = [JobSpec.model_validate({"dataset": "xor", **fields})] * count
    return [job.id for job in store.submit(specs, owner=owner).jobs]


def claim(store: Record, limit: int = 1) -> list[str]:
    return [claim.job_id for claim in store.claim(worker="w", device="cpu", limit=limit, lease_s=30.0)]


def status(store: Record, job_id: str) -> JobStatus:
    return store.get(job_id, owner=None).status


def test_a_filter_cancels_what_waits_and_asks_what_runs_to_stop(store: Record, engine: Engine) -> None:
    (running,) = submit(store, project="mine", tags={"a": "1"})
    assert claim(store) == [running]
    waiting = submit(store, 3, project="mine", tags={"a": "1"})
    store.request_pause(waiting[0], **ADA)
    other = submit(store, project="mine", tags={"a": "2"}) + submit(store, tags={"a": "1"})
    other += submit(store, owner="bob", project="mine", tags={"a": "1"})
    wanted = JobFilter(project="mine", tags={"a": "1"})
    assert store.cancel_many(wanted, **ADA) == Cancelled(cancelled=3, stopping=1, skipped=0)
    assert [status(store, job_id) for job_id in waiting] == [JobStatus.cancelled] * 3
    assert all(store.events(job_id)[-1].reason == "cancelled while it waited" for job_id in waiting)
    assert store.get(running, owner=None).cancel_requested_at is not None
    assert [status(store, job_id) for job_id in other] == [JobStatus.queued] * 3
    assert [pending.job.id for pending in MirrorStore(engine).finished()] == []  # they never ran
    assert store.cancel_many(wanted, **ADA) == Cancelled(cancelled=0, stopping=0, skipped=0)


def test_ids_that_cannot_be_cancelled_are_skipped(store: Record) -> None:
    ended, waiting, _left = submit(store, 3)
    assert claim(store) == [ended]
    store.fail(ended, 1, reason=FailureReason.error, message="It broke.")
    (foreign,) = submit(store, owner="bob")
    unknown = "00000000-0000-7000-8000-000000000000"
    asked = [ended, waiting, waiting, foreign, unknown]
    assert store.cancel_many(JobFilter(), ids=asked, **ADA) == Cancelled(cancelled=1, stopping=0, skipped=3)
    assert status(store, foreign) is JobStatus.queued
    assert store.cancel_many(JobFilter(), ids=[foreign], owner=None, actor="root") == Cancelled(1, 0, 0)
    assert store.cancel_many(JobFilter(project="no"), ids=left_of(store), **ADA) == Cancelled(0, 0, skipped=1)
    assert store.cancel_many(JobFilter(), ids=[], **ADA) == Cancelled(0, 0, 0)


def left_of(store: Record) -> list[str]:
    return [job.id for job in store.list_jobs(JobFilter(status=(JobStatus.queued,)), owner="ada")[0]]


def test_a_job_that_another_has_locked_is_cancelled_after_the_others(store: Record, engine: Engine) -> None:
    ids = submit(store, 3)
    done: list[Cancelled] = []
    with db.writing(engine) as connection:
        connection.execute(select(Job.id).where(Job.id == ids[1]).with_for_update())
        cancelling = threading.Thread(target=lambda: done.append(store.cancel_many(JobFilter(), **ADA)))
        cancelling.start()
        if engine.dialect.name == "postgresql":
            while status(store, ids[2]) is JobStatus.queued:
                time.sleep(0.01)
            assert status(store, ids[1]) is JobStatus.queued
    cancelling.join(10.0 * PATIENCE)
    assert done == [Cancelled(cancelled=3, stopping=0, skipped=0)]


def statements(store: Record, engine: Engine, count: int) -> list[int]:
    """How many statements cancel so many jobs by their ids, and by a filter."""
    ids = submit(store, count, project="named")
    submit(store, count, project="filtered")
    with listening(engine) as named:
        assert store.cancel_many(JobFilter(), ids=ids, **ADA) == Cancelled(cancelled=count, stopping=0, skipped=0)
    with listening(engine) as filtered:
        wanted = JobFilter(project="filtered")
        assert store.cancel_many(wanted, **ADA) == Cancelled(cancelled=count, stopping=0, skipped=0)
    return [len(named), len(filtered)]


@pytest.mark.thorough
def test_many_jobs_take_as_many_statements_as_two(
    store: Record, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = statements(store, engine, 2)
    assert statements(store, engine, control.TOGETHER) == two
    monkeypatch.setattr(control, "TOGETHER", 50)
    assert statements(store, engine, 52) == [2 * count - 1 for count in two]  # the jobs are looked for once

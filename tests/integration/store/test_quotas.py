"""Quotas of users and projects hold exactly, however many submit and claim at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select, update

from spec.access import ProjectView, Quotas, Role
from spec.job import JobSpec
from spec.states import JobStatus
from store import db
from store.access import Access
from store.errors import QueueFullError
from store.limits import Limits
from store.projects import ProjectStore
from store.queue import Queue
from store.quotas import QuotaWatch
from store.tables import Attempt, Job
from store.usage import Span, UsageStore, shares
from store.users import UserStore
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record

HOUR_S = 3600.0


def spec(project: str = "default", **fields: object) -> JobSpec:
    return JobSpec.model_validate({"dataset": "digits", "project": project, **fields})


def shared(engine: Engine, quotas: Quotas, *members: str) -> ProjectView:
    """A project with these quotas and members."""
    users, projects = UserStore(engine), ProjectStore(engine)
    for name in members:
        users.create(name, Role.member, Quotas())
    made = projects.create("vision", creator=members[0], may_take_name=True)
    for name in members[1:]:
        projects.set_member(made, name, Role.member)
    projects.set_quotas(made, quotas)
    return made


def accepted(store: Record, owner: str, project: str) -> bool:
    try:
        store.submit([spec(project)], owner=owner)
    except QueueFullError:
        return False
    return True


@pytest.mark.both_databases
def test_of_fifty_submits_at_once_exactly_the_quota_is_accepted(engine: Engine, store: Record) -> None:
    shared(engine, Quotas(queued=7), "ada", "bob")
    UserStore(engine).create("eve", Role.member, Quotas(queued=7))
    with ThreadPoolExecutor(50) as pool:
        of_project = list(pool.map(lambda n: accepted(store, ("ada", "bob")[n % 2], "vision"), range(50)))
        of_user = list(pool.map(lambda _: accepted(store, "eve", "default"), range(50)))
    assert (sum(of_project), sum(of_user)) == (7, 7)
    assert accepted(store, "ada", "default")  # the quota is the project's, not hers
    with pytest.raises(QueueFullError, match="The quota of queued jobs of the project vision is 7, and 7 wait"):
        store.submit([spec("vision")], owner="bob")


@pytest.mark.both_databases
def test_workers_that_claim_at_once_start_exactly_the_quota(engine: Engine) -> None:
    shared(engine, Quotas(running=3), "ada", "bob")
    UserStore(engine).create("eve", Role.member, Quotas(running=2))
    store = Record(engine, Limits(owner_running=5))
    for owner, project in (("ada", "vision"), ("bob", "vision"), ("eve", "default"), ("ada", "default")):
        store.submit([spec(project) for _ in range(8)], owner=owner)

    def claim(n: int) -> list[str]:
        one = Record(engine, Limits(owner_running=5))
        claims = one.claim(worker=f"w{n}", device="cpu", limit=2, lease_s=60)
        return [claim.job_id for claim in claims]

    with ThreadPoolExecutor(8) as pool:
        claimed = [job_id for ids in pool.map(claim, range(24)) for job_id in ids]
    while more := claim(99):
        claimed += more
    jobs = [store.get(job_id, owner=None) for job_id in claimed]
    assert len(set(claimed)) == len(claimed)
    assert sum(job.project == "vision" for job in jobs) == 3
    assert sum(job.owner == "eve" for job in jobs) == 2
    assert sum(job.owner == "ada" for job in jobs) == 5

    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], ["cpu"]))
    with db.reading(engine) as connection:
        waiting = connection.execute(select(Job.id).where(Job.status == JobStatus.queued.value)).scalars().all()
    said = [place.why for job_id in waiting if (place := Queue(engine).place(job_id)) is not None]
    for quota in ("of the project vision is 3, and 3 run.", "of eve is 2, and 2 run."):
        assert any(why.endswith(f"The quota of running jobs {quota}") for why in said)


def test_who_has_spent_the_gpu_hours_of_the_month_trains_on_processors_only(engine: Engine, store: Record) -> None:
    made = shared(engine, Quotas(gpu_hours=0.01), "ada", "bob")
    store.submit([spec("vision"), spec("vision")], owner="ada")
    claims = store.claim(worker="w", device="cuda:0+cuda:1", limit=2, lease_s=60)
    assert claims == []  # they asked for one device
    assert len(store.claim(worker="w", device="cuda:0", limit=2, lease_s=60)) == 2
    store.submit([spec("vision"), spec("vision")], owner="bob")
    with db.writing(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        connection.execute(update(Attempt).values(started_at=db.now(-60.0)))
    used = sum(use.seconds for use in UsageStore(engine).used(None, month, at))
    assert used == pytest.approx(60.0, abs=3.0)  # one GPU for a minute, though two jobs shared it
    assert {use.project_id for use in UsageStore(engine).used(Access("ada"), month, at)} == {made.id}
    assert Record(engine).claim(worker="w", device="cuda:0", limit=2, lease_s=60) == []
    assert len(Record(engine).claim(worker="w", device="cpu", limit=2, lease_s=60)) == 2


def test_gpu_hours_are_counted_again_after_fifty_times_as_long_as_it_took_and_after_a_minute_at_most(
    engine: Engine, store: Record
) -> None:
    UserStore(engine).create("ada", Role.member, Quotas(gpu_hours=0.01))
    store.submit([spec()], owner="ada")
    (claim,) = store.claim(worker="w", device="cuda:0", limit=1, lease_s=60)
    now, took = 0.0, 0.1

    def clock() -> float:
        nonlocal now
        now += took
        return now

    watch = QuotaWatch(clock)

    def spent_after(seconds: float) -> bool:
        nonlocal now
        now += seconds
        with db.reading(engine) as connection:
            return watch.reached(connection, "cuda").owners == {"ada"}

    assert not spent_after(0.0)
    with db.writing(engine) as connection:
        connection.execute(update(Attempt).values(started_at=db.now(-60.0)))
    store.requeue(claim.job_id, claim.attempt, reason="it was stopped", charge=False)
    assert not spent_after(4.8)
    assert spent_after(0.1)
    with db.writing(engine) as connection:
        connection.execute(update(Attempt).values(started_at=db.now(-30.0)))
    took = 10.0
    assert not spent_after(4.8)
    with db.writing(engine) as connection:
        connection.execute(update(Attempt).values(started_at=db.now(-60.0)))
    assert not spent_after(49.0)
    assert spent_after(1.0)


def test_an_attempt_that_was_lost_and_a_job_that_was_deleted_are_counted(engine: Engine, store: Record) -> None:
    (job,) = store.submit([spec()], owner="ada").jobs
    store.claim(worker="w", device="cpu", limit=1, lease_s=-1.0)
    store.reap()
    (claim,) = store.claim(worker="w2", device="cpu", limit=1, lease_s=60)
    store.request_cancel(job.id, owner="ada", actor="ada")
    store.confirm_cancel(job.id, claim.attempt)
    store.delete(job.id, owner="ada")
    with db.writing(engine) as connection:
        connection.execute(update(Attempt).values(started_at=db.now(-HOUR_S)))
        at = connection.execute(select(db.now())).scalar_one()
        rows = connection.execute(select(Attempt.worker, Attempt.ended_at)).all()
    assert {row.worker for row in rows} == {"w", "w2"}
    assert all(row.ended_at is not None for row in rows)
    found = UsageStore(engine).used("ada", at.replace(year=at.year - 1), at)
    assert sum(use.seconds for use in found) == pytest.approx(2 * HOUR_S, abs=10.0)


def test_each_second_of_a_slot_is_divided_among_those_that_are_there() -> None:
    one, other = ("w", "cuda:0"), ("w", "cuda:1")
    spans = [Span(one, 0, 10), Span(one, 5, 10), Span(one, 10, 20), Span(other, 0, 4), Span(one, 3, 3)]
    assert shares(spans) == [7.5, 2.5, 10.0, 4.0, 0.0]

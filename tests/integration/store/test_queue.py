"""The order of the queue, its limits, the places and reasons it reports, and paused jobs."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update

from spec.job import JobSpec
from spec.settings import BadSettingsError, Settings
from spec.states import FailureReason, JobStatus
from spec.views import Change
from store import db
from store.errors import IllegalTransitionError, JobNotFoundError, QueueFullError
from store.limits import COUNTED_EVERY_S, Limits, QueueCapacity
from store.queue import FAR, Place, Queue
from store.records import Claim, JobFilter, Progress
from store.scheduler import next_job
from store.slot_share import SlotShare
from store.tables import Job
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record

from .test_jobs import WORKER, claim, job, points, side_by_side, spec, submit, succeed


@pytest.fixture
def queue(engine: Engine) -> Queue:
    return Queue(engine)


def of(store: Record, owner: str, count: int, **fields: Any) -> list[str]:
    return submit(store, *(spec(seed=seed, **fields) for seed in range(count)), owner=owner)


def owners(store: Record, *packs: list[Claim]) -> list[set[str]]:
    return [{job(store, one.job_id).owner for one in pack} for pack in packs]


def place(queue: Queue, job_id: str) -> Place:
    found = queue.place(job_id)
    assert found is not None
    return found


def age(engine: Engine, job_id: str, **seconds: float) -> None:
    """Set times of a job so many seconds back."""
    with db.writing(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        values = {column: at - timedelta(seconds=back) for column, back in seconds.items()}
        connection.execute(update(Job).where(Job.id == job_id).values(**values))


# --- which job is next ---------------------------------------------------------------------------------------------


def test_an_owner_with_one_job_does_not_wait_for_the_hundred_of_another(store: Record) -> None:
    of(store, "ada", 100)
    (single,) = of(store, "bob", 1)
    first, second, third = claim(store, 10), claim(store, 10), claim(store, 10)
    assert (len(first), [one.job_id for one in second], len(third)) == (10, [single], 10)
    assert owners(store, first, third) == [{"ada"}, {"ada"}]


def test_owners_with_many_jobs_alternate(store: Record) -> None:
    of(store, "ada", 40)
    of(store, "bob", 40)
    packs = [claim(store, 5) for _ in range(6)]
    assert owners(store, *packs) == [{"ada"}, {"bob"}] * 3


def test_priority_goes_before_share(store: Record) -> None:
    of(store, "ada", 3)
    claim(store)
    urgent = of(store, "ada", 2, priority=1)
    of(store, "bob", 1)
    assert [one.job_id for one in claim(store)] == urgent


def test_a_pack_is_of_one_owner(store: Record) -> None:
    mine = of(store, "ada", 2)
    theirs = of(store, "bob", 2)
    assert [[one.job_id for one in claim(store)] for _ in range(3)] == [mine, theirs, []]


def test_a_job_that_a_device_cannot_train_delays_no_other_there(store: Record) -> None:
    of(store, "ada", 3, priority=9, resources={"device": "cuda"})
    mine = of(store, "bob", 1)
    assert [one.job_id for one in claim(store, device="cpu")] == mine
    assert claim(store, device="cpu") == []
    assert len(claim(store, device="cuda:1")) == 3


def test_a_pack_takes_no_job_while_another_owners_is_next_and_has_waited_long(store: Record, engine: Engine) -> None:
    of(store, "ada", 3)
    (first,) = claim(store, 1)
    (other,) = of(store, "bob", 1)
    assert len(store.claim_into_pack(beside=first.job_id, limit=1, **WORKER)) == 1
    age(engine, other, updated_at=60)
    assert store.claim_into_pack(beside=first.job_id, limit=1, **WORKER) == []
    assert [one.job_id for one in claim(store)] == [other]
    assert len(store.claim_into_pack(beside=first.job_id, limit=1, **WORKER)) == 1


def test_a_pack_takes_no_job_that_it_still_has(store: Record) -> None:
    lost, mate = of(store, "ada", 2)
    claim(store, 1, lease_s=-1.0)
    claim(store, 1)
    store.reap()
    assert store.claim_into_pack(beside=mate, limit=8, held=[lost, mate], **WORKER) == []
    assert [one.job_id for one in store.claim_into_pack(beside=mate, limit=8, held=[mate], **WORKER)] == [lost]


def test_claims_at_the_same_moment_go_to_different_owners(store: Record) -> None:
    for owner in ("ada", "bob", "cyd"):
        of(store, owner, 20)
    packs = side_by_side(*(lambda w=worker: claim(store, 4, worker=w) for worker in ("w1", "w2", "w3")))
    assert sorted(owner for owned in owners(store, *packs) for owner in owned) == ["ada", "bob", "cyd"]


def test_a_claim_locks_one_owner_and_leaves_the_others_to_other_workers(store: Record, engine: Engine) -> None:
    for owner in ("ada", "bob", "cyd"):
        of(store, owner, 1)
    if engine.dialect.name != "postgresql":
        return  # SQLite has one writer at a time
    with db.writing(engine) as one, db.writing(engine) as two:
        heads = [next_job(connection, "cpu") for connection in (one, two)]
        ours = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        held = [connection.execute(text(ours)).scalar_one() for connection in (one, two)]
    assert [head.owner for head in heads if head is not None] == ["ada", "bob"]
    assert held == [1, 1]


def test_claims_are_shared_evenly_between_few_owners(store: Record) -> None:
    for owner in ("ada", "bob"):
        of(store, owner, 40)
    packs = side_by_side(*(lambda w=f"w{number}": claim(store, 5, worker=w) for number in range(6)))
    taken = Counter(owner for owned in owners(store, *packs) for owner in owned)
    assert taken["ada"] + taken["bob"] == 6
    assert abs(taken["ada"] - taken["bob"]) <= 2


# --- limits -------------------------------------------------------------------------------------------------------


def test_an_owner_has_no_more_jobs_running_than_the_limit(engine: Engine) -> None:
    store = Record(engine, Limits(owner_running=3))
    mine = of(store, "ada", 10)
    (theirs,) = of(store, "bob", 1)
    assert [one.job_id for one in claim(store)] == mine[:3]
    assert [one.job_id for one in claim(store)] == [theirs]
    assert claim(store) == []
    assert store.claim_into_pack(beside=mine[0], limit=5, **WORKER) == []
    store.fail(mine[0], 1, reason=FailureReason.error, message="It broke.")
    assert [one.job_id for one in store.claim_into_pack(beside=mine[1], limit=5, **WORKER)] == [mine[3]]


def test_claims_at_the_same_moment_stay_within_an_owners_limit(engine: Engine) -> None:
    store = Record(engine, Limits(owner_running=5))
    of(store, "ada", 40)
    packs = side_by_side(*(lambda w=f"w{number}": claim(store, 3, worker=w) for number in range(6)))
    assert sum(map(len, packs)) == 5


def test_a_claim_is_limited_by_the_jobs_that_an_owner_may_still_start(engine: Engine) -> None:
    store = Record(engine, Limits(owner_running=10))
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"] * 4, ["cpu"] * 4))
    of(store, "ada", 16)
    assert len(claim(store)) == 4


AUTO = Limits(owner_share=SlotShare(leaves_one=True))


def start(store: Record, slot: int) -> str | None:
    """The owner whose job starts on this slot of w1, which has several."""
    taken = claim(store, 1, device=f"cpu:{slot}")
    return job(store, taken[0].job_id).owner if taken else None


def with_slots(engine: Engine, slots: int) -> None:
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, [f"cpu:{slot}" for slot in range(slots)], []))


def test_an_owner_of_urgent_jobs_leaves_one_slot_while_another_waits(engine: Engine) -> None:
    store = Record(engine, AUTO)
    with_slots(engine, 3)
    of(store, "ada", 10, priority=10)
    of(store, "bob", 2)
    assert [start(store, slot) for slot in range(3)] == ["ada", "ada", "bob"]
    of(store, "cyd", 1)
    assert start(store, 3) == "cyd"  # a slot of a worker that is not registered yet


def test_an_owner_alone_uses_every_slot(engine: Engine) -> None:
    store = Record(engine, AUTO)
    with_slots(engine, 3)
    of(store, "ada", 4)
    assert [start(store, slot) for slot in range(4)] == ["ada"] * 4


def test_a_single_slot_is_not_kept_from_anybody(engine: Engine) -> None:
    store = Record(engine, AUTO)
    with_slots(engine, 1)
    of(store, "ada", 2, priority=10)
    of(store, "bob", 1)
    assert start(store, 0) == "ada"


def test_a_share_holds_though_nobody_else_waits_and_says_so(engine: Engine) -> None:
    limits = Limits(owner_share=SlotShare(part=0.75))
    store = Record(engine, limits)
    with_slots(engine, 4)
    waiting = of(store, "ada", 5)
    assert [start(store, slot) for slot in range(4)] == ["ada", "ada", "ada", None]
    why = place(Queue(engine, limits), waiting[-1]).why
    assert why.endswith("Its owner uses 75% of the slots, and may use no more.")
    of(store, "bob", 1)
    assert start(store, 3) == "bob"


def test_claims_at_the_same_moment_leave_a_slot(engine: Engine) -> None:
    store = Record(engine, AUTO)
    with_slots(engine, 4)
    of(store, "ada", 10, priority=10)
    of(store, "bob", 10)
    owned = side_by_side(*(lambda number=number: start(store, number) for number in range(4)))
    assert sorted(map(str, owned)) == ["ada", "ada", "ada", "bob"]


@pytest.mark.parametrize(
    ("text", "running", "share"),
    [
        ("auto", 0, SlotShare(leaves_one=True)),
        ("0", 0, SlotShare()),
        ("20", 20, SlotShare()),
        ("0.75", 0, SlotShare(part=0.75)),
        ("75%", 0, SlotShare(part=0.75)),
        ("100%", 0, SlotShare()),
    ],
)
def test_the_running_limit_is_a_number_or_a_share(text: str, running: int, share: SlotShare) -> None:
    limits = Limits.of(Settings.read({"EPOCHAL_OWNER_RUNNING_LIMIT": text}))
    assert (limits.owner_running, limits.owner_share) == (running, share)


@pytest.mark.parametrize("text", ["-1", "1.5", "0.0", "0%", "120%", "half", "75 %"])
def test_other_running_limits_are_refused(text: str) -> None:
    with pytest.raises(BadSettingsError, match="EPOCHAL_OWNER_RUNNING_LIMIT"):
        Settings.read({"EPOCHAL_OWNER_RUNNING_LIMIT": text})


def test_submits_at_the_same_moment_stay_within_an_owners_limit(engine: Engine) -> None:
    store = Record(engine, Limits(owner_queued=12))

    def five() -> int | QueueFullError:
        try:
            return len(of(store, "ada", 5))
        except QueueFullError as error:
            return error

    answers = side_by_side(*[five] * 6)
    assert sorted(map(str, answers))[:2] == ["5", "5"]
    assert sum(isinstance(answer, QueueFullError) for answer in answers) == 4
    assert store.counts()[JobStatus.queued] == 10
    assert len(of(store, "bob", 5)) == 5


def test_a_full_queue_refuses_jobs_until_some_have_started(engine: Engine) -> None:
    store = Record(engine, Limits(owner_queued=4))
    of(store, "ada", 3)
    with pytest.raises(QueueFullError, match="The quota of queued jobs of ada is 4, and 3 wait"):
        of(store, "ada", 2)
    assert store.counts()[JobStatus.queued] == 3
    claim(store, 1)
    assert len(of(store, "ada", 2)) == 2


def test_the_whole_queue_is_counted_once_a_second(engine: Engine) -> None:
    now = 100.0
    capacity = QueueCapacity(Limits(queue=5), clock=lambda: now)
    others = Record(engine)
    of(others, "ada", 2)

    def demand(jobs: int) -> None:
        with db.writing(engine) as connection:
            capacity.demand(connection, "bob", jobs)

    demand(3)
    capacity.taken(1)  # it counts at once what this process submitted
    with pytest.raises(QueueFullError, match="3 jobs wait, and the queue takes 5"):
        demand(3)
    of(others, "cyd", 2)  # and a second later what others submitted
    demand(2)
    now += COUNTED_EVERY_S + 0.1
    with pytest.raises(QueueFullError, match="4 jobs wait"):
        demand(2)


# --- places and reasons -------------------------------------------------------------------------------------------


@pytest.mark.either_database
@pytest.mark.parametrize("seed", range(4))
def test_the_places_are_the_order_in_which_jobs_start(store: Record, queue: Queue, seed: int) -> None:
    """Claimed one at a time, the n-th job to start is the one at the n-th place."""
    draw = random.Random(seed)

    def some(count: int) -> list[str]:
        drawn = [
            (
                draw.choice(["ada", "ada", "ada", "bob", "cyd", "dan"]),
                spec(seed=number, priority=draw.choice([0, 0, 1])),
            )
            for number in range(count)
        ]
        return [submit(store, one, owner=owner)[0] for owner, one in drawn]

    some(10)
    while draw.random() < 0.8:
        claim(store, 1)
    waiting = [one.id for one in store.list_jobs(JobFilter(status=(JobStatus.queued,)), owner=None)[0]] + some(20)
    positions = {place(queue, job_id).position: job_id for job_id in waiting}
    started = [one.job_id for _ in waiting for one in claim(store, 1)]
    assert [positions[number] for number in range(1, len(waiting) + 1)] == started


def test_a_job_that_does_not_wait_has_no_place(store: Record, queue: Queue) -> None:
    (mine,) = of(store, "ada", 1)
    claim(store)
    assert queue.place(mine) is None


def test_a_queued_job_has_the_reason_why_it_waits(store: Record, queue: Queue, engine: Engine) -> None:
    of(store, "ada", 2)
    (mine,) = of(store, "bob", 1)
    assert place(queue, mine).why == "No worker is up: start one with `epochal worker`."
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu", "cpu", "cuda:0"], ["cpu"]))
    found = place(queue, mine)
    assert found.position == 2
    assert found.why == (
        "It needs a slot; 1 of 3 are free; 1 job is ahead of it by fair share. "
        "No job has ended recently, so its start cannot be estimated."
    )
    assert found.estimated_start_at is None


def test_the_next_job_starts_now_when_a_slot_is_free(store: Record, queue: Queue, engine: Engine) -> None:
    (mine,) = of(store, "ada", 1)
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], ["cpu"]))
    found = place(queue, mine)
    assert found.why == "It needs a slot; 1 of 1 are free; it is next."
    assert found.estimated_start_at is not None


def test_the_start_is_estimated_from_how_fast_jobs_ended_recently(store: Record, queue: Queue, engine: Engine) -> None:
    done = of(store, "ada", 10)
    for one in claim(store):
        succeed(store, one)
    for number, job_id in enumerate(done):
        age(engine, job_id, started_at=100.0, finished_at=10.0 * number)
    waiting = of(store, "ada", 5)
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], []))
    with db.reading(engine) as connection:
        now = connection.execute(select(db.now())).scalar_one()
    starts = [place(queue, job_id).estimated_start_at for job_id in waiting]
    assert all(start is not None for start in starts)
    waits = [(start - now).total_seconds() for start in starts if start is not None]
    assert waits == pytest.approx([10.0, 20.0, 30.0, 40.0, 50.0], abs=4.0)
    assert queue.overview().finished_per_min == pytest.approx(6.0, rel=0.3)


@pytest.mark.both_databases
def test_the_backlog_is_known_in_seconds_of_work(store: Record, queue: Queue, engine: Engine) -> None:
    assert queue.overview().backlog_s == 0.0
    of(store, "ada", 4, epochs=100)
    claims = claim(store, 2, device="cpu:0") + claim(store, 1, device="cpu:1")
    waits = of(store, "bob", 1, epochs=10_000)
    assert queue.overview().backlog_s is None  # nobody knows how fast a slot is
    speeds = [Progress(one.job_id, 1, points(1, 1), epochs_per_s=10.0) for one in claims]
    store.renew(worker="w1", progress=speeds, lease_s=30.0)
    slot = (20.0 + 10.0) / 2  # epochs in a second, of two slots in the mean
    assert queue.overview().backlog_s == pytest.approx((10_000 + 100) / slot)
    with db.writing(engine) as connection:  # a release before has submitted it: it counts as the others in the mean
        connection.execute(update(Job).where(Job.id == waits[0]).values(steps=None))
    assert queue.overview().backlog_s == pytest.approx(2 * 100 / slot)
    store.renew(worker="w1", progress=[Progress(claims[2].job_id, 1, points(2, 25))], lease_s=30.0)
    succeed(store, claims[2])  # of 100 epochs it trained 25, and others are taken to do so too
    assert queue.overview().backlog_s == pytest.approx(2 * 25 / 20.0)


def test_a_job_starts_when_a_running_pack_ends(store: Record, queue: Queue, engine: Engine) -> None:
    with_slots(engine, 2)
    slow, fast, new = of(store, "ada", 3, epochs=100)
    waiting = of(store, "ada", 3, epochs=50)
    for slot, job_id in enumerate((slow, fast)):
        assert [one.job_id for one in claim(store, 1, device=f"cpu:{slot}")] == [job_id]
    speeds = {slow: 1.0, fast: 10.0}
    trained = [Progress(job_id, 1, points(1, 20), epochs_per_s=speed) for job_id, speed in speeds.items()]
    store.renew(worker="w1", progress=trained, lease_s=30.0)
    assert _starts_in(engine, queue, [new, waiting[0]]) == pytest.approx([8.0, 80.0], abs=5.0)
    why = place(queue, waiting[1]).why
    assert place(queue, waiting[1]).estimated_start_at is None
    assert "No job has ended recently" in why


def test_no_job_is_told_to_wait_longer_than_one_behind_it(store: Record, queue: Queue, engine: Engine) -> None:
    """One slot trains for long; the other has ended a job in each ten seconds."""
    with_slots(engine, 2)
    slow, *done = of(store, "ada", 11, epochs=1_000)
    for job_id in (slow, *done):
        (one,) = claim(store, 1, device="cpu:0" if job_id == slow else "cpu:1")
        if job_id != slow:
            succeed(store, one)
    for number, job_id in enumerate(done):
        age(engine, job_id, started_at=100.0, finished_at=10.0 * number)
    (fast,) = of(store, "ada", 1, epochs=100)
    assert [one.job_id for one in claim(store, 1, device="cpu:1")] == [fast]
    trained = [Progress(job_id, 1, points(1, 20), epochs_per_s=10.0) for job_id in (slow, fast)]
    store.renew(worker="w1", progress=trained, lease_s=30.0)
    waits = _starts_in(engine, queue, of(store, "ada", 3))
    assert waits == pytest.approx([8.0, 20.0, 30.0], abs=4.0)


def test_a_pack_ends_with_its_last_member(store: Record, queue: Queue, engine: Engine) -> None:
    with_slots(engine, 1)
    short, long, waiting = (
        *of(store, "ada", 1, epochs=10),
        *of(store, "ada", 1, epochs=100),
        *of(store, "ada", 1, dropout=0.5),
    )
    assert {one.job_id for one in claim(store, 2)} == {short, long}
    trained = [Progress(job_id, 1, points(1, 5), epochs_per_s=1.0) for job_id in (short, long)]
    store.renew(worker="w1", progress=trained[:1], lease_s=30.0)
    assert place(queue, waiting).estimated_start_at is None  # nobody knows how fast the other is
    store.renew(worker="w1", progress=trained, lease_s=30.0)
    assert _starts_in(engine, queue, [waiting]) == pytest.approx([95.0], abs=5.0)


def _starts_in(engine: Engine, queue: Queue, ids: list[str]) -> list[float]:
    with db.reading(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
    starts = [place(queue, job_id).estimated_start_at for job_id in ids]
    return [(start - at).total_seconds() for start in starts if start is not None]


def test_a_job_of_an_owner_who_has_enough_running_says_so(engine: Engine) -> None:
    limits = Limits(owner_running=2)
    store = Record(engine, limits)
    mine = of(store, "ada", 3)
    claim(store)
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], ["cpu"]))
    assert "Its owner has 2 jobs running, and may have 2." in place(Queue(engine, limits), mine[2]).why


def test_a_job_that_no_worker_can_run_says_what_to_do(store: Record, queue: Queue, engine: Engine) -> None:
    (mine,) = of(store, "ada", 1, resources={"device": "cuda"})
    assert queue.warnings(["auto", "cuda"]) == ["No worker is up: start one with `epochal worker`."]
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], ["cpu"]))
    (warning,) = queue.warnings(["auto", "cuda", "cpu"])
    assert warning == place(queue, mine).why
    assert "needs a GPU, and no worker that is up has one" in warning
    WorkerStore(engine).heartbeat(WorkerRecord("w2", "host", 1, ["cuda:0"], []))
    assert queue.warnings(["cuda"]) == []
    (warning,) = queue.warnings(["cuda*2"])
    assert "a slot of 2 GPUs" in warning
    assert "`epochal worker --devices cuda:0+cuda:1`" in warning
    WorkerStore(engine).heartbeat(WorkerRecord("w3", "host", 1, ["cuda:0+cuda:1"], []))
    assert queue.warnings(["cuda*2", "auto*2"]) == []


def test_a_job_behind_very_many_has_no_position(store: Record, queue: Queue, engine: Engine) -> None:
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], []))
    ids = of(store, "ada", FAR + 2)
    assert place(queue, ids[FAR]).position == FAR + 1
    found = place(queue, ids[FAR + 1])
    assert (found.position, found.estimated_start_at) == (None, None)
    assert "more than 1,000 jobs are ahead of it" in found.why


def test_the_overview_counts_jobs_and_slots_by_device(store: Record, queue: Queue, engine: Engine) -> None:
    of(store, "ada", 3)
    claim(store, 2)
    (oldest,) = of(store, "bob", 1, resources={"device": "cuda"})
    age(engine, oldest, created_at=120.0)
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu", "cpu"], ["cpu"]))
    found = queue.overview()
    assert found.queued == {"auto": 1, "cpu": 0, "cuda": 1}
    assert found.running == 2
    assert (found.slots, found.free_slots) == ({"cpu": 2, "cuda": 0}, {"cpu": 1, "cuda": 0})
    assert found.finished_per_min == 0.0


def test_the_overview_of_an_empty_queue_is_zero(queue: Queue) -> None:
    found = queue.overview()
    assert (sum(found.queued.values()), found.running, found.oldest_wait_s) == (0, 0, None)


def test_what_workers_train_is_counted_by_device(store: Record, engine: Engine) -> None:
    of(store, "ada", 3)
    of(store, "bob", 2)
    claim(store, worker="w1", device="cpu")
    claim(store, worker="w1", device="cuda:0")
    training = WorkerStore(engine).training(owner="ada")
    assert [(one.worker, one.device, one.jobs, one.yours) for one in training] == [
        ("w1", "cpu", 3, 3),
        ("w1", "cuda:0", 2, 0),
    ]
    assert [one.yours for one in WorkerStore(engine).training(owner=None)] == [3, 2]


# --- pause and resume ---------------------------------------------------------------------------------------------

ASKED: dict[str, Any] = {"owner": "ada", "actor": "ada"}


def history(store: Record, job_id: str) -> list[JobStatus]:
    """The states the job went through; each change begins where the one before ended."""
    events = store.events(job_id)
    assert all(before.to_status is after.from_status for before, after in pairwise(events))
    return [event.to_status for event in events]


def test_a_waiting_job_is_paused_at_once_and_a_second_request_changes_nothing(store: Record) -> None:
    (mine,) = submit(store)
    for _ in range(2):
        assert store.request_pause(mine, **ASKED).status is JobStatus.paused
    assert claim(store) == []
    for _ in range(2):
        assert store.resume(mine, **ASKED).status is JobStatus.queued
    assert history(store, mine) == [JobStatus.queued, JobStatus.paused, JobStatus.queued]
    assert [one.job_id for one in claim(store)] == [mine]


def test_a_running_job_is_paused_when_its_worker_requeues_it(store: Record) -> None:
    mine, mate = submit(store, spec(seed=1, max_attempts=1), spec(seed=2))
    held = claim(store)
    for _ in range(2):
        requested = store.request_pause(mine, **ASKED)
        assert (requested.status, requested.pause_requested_at is not None) == (JobStatus.running, True)
    renewal = store.renew(worker="w1", progress=[Progress(one.job_id, one.attempt) for one in held], lease_s=30)
    assert renewal.pause == {mine}
    assert not renewal.cancel | renewal.lost
    assert store.requeue(mine, held[0].attempt, reason="paused while it ran", charge=False)
    found = job(store, mine)
    assert (found.status, found.pause_requested_at, found.worker) == (JobStatus.paused, None, None)
    assert job(store, mate).status is JobStatus.running
    store.resume(mine, **ASKED)
    (again,) = claim(store)
    assert (again.job_id, again.attempt) == (mine, 2)
    assert history(store, mine) == [JobStatus.queued, JobStatus.running, JobStatus.paused, *history(store, mate)]


def test_a_resume_withdraws_a_pause_that_no_worker_has_seen(store: Record) -> None:
    (mine,) = submit(store)
    (held,) = claim(store)
    store.request_pause(mine, **ASKED)
    assert store.resume(mine, **ASKED).status is JobStatus.running
    assert store.renew(worker="w1", progress=[Progress(mine, held.attempt)], lease_s=30).pause == frozenset()


def test_a_lost_job_whose_pause_was_requested_is_paused(store: Record) -> None:
    (mine,) = submit(store)
    claim(store, lease_s=-1.0)
    store.request_pause(mine, **ASKED)
    store.reap()
    assert job(store, mine).status is JobStatus.paused


def test_a_lost_job_that_has_no_attempt_left_fails_though_its_pause_was_requested(store: Record) -> None:
    (mine,) = submit(store, spec(max_attempts=1))
    claim(store, lease_s=-1.0)
    store.request_pause(mine, **ASKED)
    assert store.reap().failed == 1


def test_a_paused_job_is_cancelled_at_once(store: Record) -> None:
    (mine,) = submit(store)
    store.request_pause(mine, **ASKED)
    assert store.request_cancel(mine, **ASKED).status is JobStatus.cancelled


def test_cancel_wins_over_pause(store: Record) -> None:
    mine, other = submit(store, spec(seed=1), spec(seed=2))
    held = claim(store)
    store.request_pause(mine, **ASKED)
    for job_id in (mine, other):
        store.request_cancel(job_id, **ASKED)
    renewal = store.renew(worker="w1", progress=[Progress(one.job_id, one.attempt) for one in held], lease_s=30)
    assert renewal.cancel == {mine, other}
    assert not renewal.pause
    with pytest.raises(IllegalTransitionError, match="being cancelled cannot be paused"):
        store.request_pause(other, **ASKED)
    assert store.requeue(mine, held[0].attempt, reason="paused while it ran", charge=False)
    assert job(store, mine).status is JobStatus.cancelled


@pytest.mark.parametrize("control", [Record.request_pause, Record.resume])
def test_a_job_that_has_ended_is_neither_paused_nor_resumed(store: Record, control: Callable[..., Any]) -> None:
    (mine,) = submit(store)
    (held,) = claim(store)
    store.fail(mine, held.attempt, reason=FailureReason.error, message="It broke.")
    with pytest.raises(IllegalTransitionError, match="failed"):
        control(store, mine, **ASKED)
    with pytest.raises(JobNotFoundError):
        control(store, mine, owner="bob", actor="bob")


def test_control_requests_and_ends_at_the_same_moment_leave_a_history_without_a_gap(store: Record) -> None:
    for seed in range(25):
        (mine,) = submit(store, spec(seed=seed))
        calls: list[Callable[[], Any]] = [
            lambda m=mine: store.request_pause(m, **ASKED),  # type: ignore[misc]
            lambda m=mine: store.resume(m, **ASKED),  # type: ignore[misc]
            lambda: [store.requeue(c.job_id, c.attempt, reason="dropped", charge=False) for c in claim(store)],
        ]
        if seed % 2:
            calls.append(lambda m=mine: store.request_cancel(m, **ASKED))  # type: ignore[misc]
        side_by_side(*calls)
        found = job(store, mine)
        assert history(store, mine)[-1] is found.status
        if seed % 2:
            assert found.status is JobStatus.cancelled
        else:
            assert found.status in (JobStatus.queued, JobStatus.paused)
            store.request_cancel(mine, **ASKED)


# --- changes ------------------------------------------------------------------------------------------------------


def change(**fields: Any) -> Change:
    return Change.model_validate(fields)


def test_a_new_priority_counts_at_once(store: Record) -> None:
    first, second = submit(store, spec(seed=1), spec(seed=2))
    assert store.change(second, change(priority=7), **ASKED).priority == 7
    assert [one.job_id for one in claim(store, 1)] == [second]
    assert store.events(second)[1].reason == "changed: priority 7"
    assert [event.to_status for event in store.events(second)][:2] == [JobStatus.queued] * 2
    assert job(store, first).priority == 0


def test_only_the_given_fields_change(store: Record) -> None:
    (mine,) = submit(store, spec(name="a", tags={"week": "1"}, priority=3))
    found = store.change(mine, change(tags={"week": "2"}), **ASKED)
    assert (found.name, found.tags, found.priority) == ("a", {"week": "2"}, 3)
    assert store.change(mine, change(name=None), **ASKED).name is None
    assert found.spec == JobSpec.model_validate(
        {"dataset": "digits", "name": "a", "tags": {"week": "1"}, "priority": 3}
    )


def test_a_job_that_has_ended_keeps_its_priority_and_takes_tags(store: Record) -> None:
    (mine,) = submit(store)
    store.request_cancel(mine, **ASKED)
    with pytest.raises(IllegalTransitionError, match="cancelled cannot be given another priority"):
        store.change(mine, change(priority=1, name="b"), **ASKED)
    assert job(store, mine).name is None
    assert store.change(mine, change(name="b"), **ASKED).name == "b"
    with pytest.raises(JobNotFoundError):
        store.change(mine, change(name="c"), owner="bob", actor="bob")

import math
import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError

from spec.job import JobSpec
from spec.states import FINISHED, FailureReason, JobStatus, StopReason
from spec.views import Curve
from store import db
from store.best_metrics import Position
from store.checkpoints import CheckpointRecord
from store.errors import IdempotencyMismatchError, IllegalTransitionError, JobNotFoundError
from store.records import ArtifactRecord, Claim, Idempotency, JobFilter, JobRecord, Progress, Success
from store.tables import Idempotency as IdempotencyRow
from store.tables import Job
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record, listening

WORKER: dict[str, Any] = {"worker": "w1", "device": "cpu:0", "lease_s": 30.0}


def spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "digits", **fields})


def seeded(count: int) -> list[JobSpec]:
    """Jobs that differ in their seeds; one is checked for all, which takes time."""
    first = spec()
    return [first.model_copy(update={"seed": seed}) for seed in range(count)]


def submit(store: Record, *specs: JobSpec, owner: str = "ada") -> list[str]:
    return [job.id for job in store.submit(specs or [spec()], owner=owner).jobs]


def claim(store: Record, limit: int = 64, **changes: Any) -> list[Claim]:
    return store.claim(limit=limit, **{**WORKER, **changes})


def job(store: Record, job_id: str) -> JobRecord:
    return store.get(job_id, owner=None)


def points(first: int, last: int, base: float = 0.0) -> Curve:
    epochs = range(first, last + 1)
    return {"epoch": list(epochs), "train_loss": [base + 1.0 / epoch for epoch in epochs]}


def succeed(store: Record, claimed: Claim, **changes: Any) -> bool:
    ended: dict[str, Any] = {"stop_reason": StopReason.max_epochs, "best_epoch": 1, "best_metrics": {"val_loss": 0.5}}
    return bool(store.succeed(Success(claimed.job_id, claimed.attempt, **{**ended, **changes})))


def side_by_side(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls answer, or raise, when they start at the same moment."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return call()
        except (IllegalTransitionError, IdempotencyMismatchError) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


# --- submit -------------------------------------------------------------------------------------------------------


def test_a_submitted_job_is_queued_with_its_spec_and_its_first_event(store: Record) -> None:
    wanted = spec(name="first", project="course", tags={"week": "1"}, learning_rate=0.01)
    made = store.submit([wanted], owner="ada").jobs[0]
    assert (made.status, made.attempt, made.owner) == (JobStatus.queued, 0, "ada")
    assert made.spec == wanted
    assert job(store, made.id) == made
    assert [(one.to_status, one.actor) for one in store.events(made.id)] == [(JobStatus.queued, "ada")]
    assert made.created_at.tzinfo is not None


def test_many_jobs_are_submitted_in_the_order_given(store: Record) -> None:
    ids = submit(store, *(spec(seed=seed) for seed in range(2000)))
    assert ids == sorted(ids)
    assert [job(store, ids[index]).spec.seed for index in (0, 999, 1999)] == [0, 999, 1999]


def test_the_same_key_with_the_same_body_answers_with_the_same_job(store: Record) -> None:
    key = Idempotency("k", "digest")
    first, again = (store.submit([spec()], owner="ada", idempotency=key) for _ in range(2))
    assert [made.id for made in again.jobs] == [made.id for made in first.jobs]
    assert (first.is_repeat, again.is_repeat) == (False, True)


def test_the_same_key_with_another_body_is_refused_and_stores_nothing(store: Record) -> None:
    store.submit([spec()], owner="ada", idempotency=Idempotency("k", "digest"))
    with pytest.raises(IdempotencyMismatchError):
        store.submit([spec()], owner="ada", idempotency=Idempotency("k", "other"))
    assert store.counts()[JobStatus.queued] == 1


def test_a_key_is_known_for_seven_days(store: Record, engine: Engine) -> None:
    for key, days in (("old", 8), ("k", 6)):
        store.submit([spec()], owner="ada", idempotency=Idempotency(key, "digest"))
        with db.writing(engine) as connection:
            mine = IdempotencyRow.key == key
            connection.execute(update(IdempotencyRow).where(mine).values(at=db.now(-days * 86_400.0)))
    assert store.submit([spec()], owner="ada", idempotency=Idempotency("k", "digest")).is_repeat
    store.submit([spec()], owner="ada", idempotency=Idempotency("new", "digest"))
    with db.reading(engine) as connection:
        assert set(connection.execute(select(IdempotencyRow.key)).scalars()) == {"k", "new"}


def test_owners_may_use_the_same_key(store: Record) -> None:
    for owner in ("ada", "bob"):
        assert not store.submit([spec()], owner=owner, idempotency=Idempotency("k", owner)).is_repeat


def test_requests_with_one_key_at_the_same_moment_make_one_job(store: Record) -> None:
    key = Idempotency("k", "digest")
    answers = side_by_side(*[lambda: store.submit([spec()], owner="ada", idempotency=key)] * 6)
    assert len({answer.jobs[0].id for answer in answers}) == 1
    assert store.counts()[JobStatus.queued] == 1


def test_a_key_taken_by_another_body_at_the_same_moment_makes_one_job(store: Record) -> None:
    answers = side_by_side(
        *(lambda b=body: store.submit([spec()], owner="ada", idempotency=Idempotency("k", b)) for body in "abcd")
    )
    assert sum(isinstance(answer, IdempotencyMismatchError) for answer in answers) == 3
    assert store.counts()[JobStatus.queued] == 1


@pytest.mark.thorough
def test_ten_thousand_jobs_are_submitted_all_or_none(store: Record, engine: Engine) -> None:
    wanted = seeded(10_000)
    made = store.submit(wanted, owner="ada").jobs
    assert [one.spec.seed for one in made] == list(range(10_000))
    assert store.counts()[JobStatus.queued] == 10_000
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM job_event")).scalar_one() == 10_000
    broken = wanted[0].model_copy(update={"priority": 2**70})  # no column takes it
    with pytest.raises((OverflowError, DBAPIError)):
        store.submit([*wanted[:50], broken], owner="ada")
    assert store.counts()[JobStatus.queued] == 10_000


def test_another_owners_job_is_not_found(store: Record) -> None:
    (mine,) = submit(store)
    with pytest.raises(JobNotFoundError):
        store.get(mine, owner="bob")
    with pytest.raises(JobNotFoundError):
        store.request_cancel(mine, owner="bob", actor="bob")
    assert job(store, mine).status is JobStatus.queued


# --- list ---------------------------------------------------------------------------------------------------------


def test_pages_are_newest_first_and_complete_while_jobs_are_added(store: Record) -> None:
    ids = submit(store, *(spec(seed=seed) for seed in range(25)))
    seen, cursor = [], None
    for _ in range(3):
        page, _, cursor = store.list_jobs(JobFilter(), owner="ada", after=cursor, limit=10)
        seen += [found.id for found in page]
        submit(store)
    assert seen == ids[::-1]
    assert cursor is None


@pytest.mark.parametrize(
    ("wanted", "seeds"),
    [
        (JobFilter(project="b"), {2}),
        (JobFilter(name="third"), {3}),
        (JobFilter(tags={"course": "intro"}), {1, 2}),
        (JobFilter(tags={"course": "intro", "week": "2"}), {2}),
        (JobFilter(status=(JobStatus.cancelled,)), {3}),
        (JobFilter(tags={"course": "none"}), set()),
    ],
)
def test_a_filter_finds_its_jobs(store: Record, wanted: JobFilter, seeds: set[int]) -> None:
    _, _, third = submit(
        store,
        spec(seed=1, tags={"course": "intro"}),
        spec(seed=2, project="b", tags={"course": "intro", "week": "2"}),
        spec(seed=3, name="third"),
    )
    store.request_cancel(third, owner="ada", actor="ada")
    found, *_ = store.list_jobs(wanted, owner="ada")
    assert {one.spec.seed for one in found} == seeds


# --- claim --------------------------------------------------------------------------------------------------------


def test_a_claim_takes_the_head_of_the_queue_and_its_pack_in_order(store: Record) -> None:
    small = submit(store, *(spec(seed=seed) for seed in range(3)))
    other = submit(store, spec(dataset="iris"))
    urgent = submit(store, spec(seed=9, priority=5))
    assert [one.job_id for one in claim(store)] == [*urgent, *small]
    assert [one.job_id for one in claim(store)] == other
    assert claim(store) == []


def test_a_claimed_job_runs_with_a_lease_and_an_event(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    found = job(store, mine)
    assert (found.status, found.attempt, found.worker, found.device) == (JobStatus.running, 1, "w1", "cpu:0")
    assert found.pack_size == 1
    assert claimed.spec == found.spec
    assert [event.to_status for event in store.events(mine)] == [JobStatus.queued, JobStatus.running]


def test_a_claim_takes_no_more_than_its_limit(store: Record) -> None:
    submit(store, *(spec(seed=seed) for seed in range(5)))
    assert len(claim(store, 2)) == 2
    assert len(claim(store, 64)) == 3


def test_a_limit_may_depend_on_the_job_at_the_head(store: Record) -> None:
    submit(store, *(spec(seed=seed) for seed in range(5)))
    assert len(store.claim(limit=lambda head: head.seed + 3, **WORKER)) == 3


def test_a_worker_leaves_idle_slots_their_share(store: Record, engine: Engine) -> None:
    for name in ("w1", "w2"):
        WorkerStore(engine).heartbeat(WorkerRecord(name, "host", 1, ["cpu:0", "cpu:1"], ["cpu:0", "cpu:1"]))
    submit(store, *(spec(seed=seed) for seed in range(64)))
    assert len(claim(store)) == 16


def test_claims_at_the_same_moment_share_no_job(store: Record) -> None:
    ids = submit(store, *(spec(seed=seed) for seed in range(120)))

    def drain(name: str) -> Callable[[], list[str]]:
        def until_empty() -> list[str]:
            taken: list[str] = []
            while claimed := claim(store, 7, worker=name):
                taken += [one.job_id for one in claimed]
            return taken

        return until_empty

    takings = side_by_side(*(drain(f"w{number}") for number in range(4)))
    taken = [job_id for taking in takings for job_id in taking]
    assert sorted(taken) == ids


@pytest.mark.either_database
@pytest.mark.parametrize(
    ("requested", "device", "taken"),
    [
        ("auto", "cpu:0", True),
        ("auto", "cuda:0", True),
        ("cpu", "cpu:0", True),
        ("cpu", "cuda:0", False),
        ("cuda", "cpu:0", False),
        ("cuda", "cuda:0", True),
        ("cuda", "cuda:0+cuda:1", False),
    ],
)
def test_a_device_takes_only_jobs_that_may_run_on_it(store: Record, requested: str, device: str, taken: bool) -> None:
    submit(store, spec(resources={"device": requested}))
    assert bool(claim(store, device=device)) is taken


@pytest.mark.either_database
@pytest.mark.parametrize(("gpus", "device", "taken"), [(2, "cpu+cpu", True), (2, "cpu", False), (3, "cpu+cpu", False)])
def test_a_job_for_several_devices_waits_for_just_so_many(store: Record, gpus: int, device: str, taken: bool) -> None:
    submit(store, spec(resources={"gpus": gpus}))
    assert bool(claim(store, device=device)) is taken


def test_a_claim_of_sixty_four_jobs_is_one_update(store: Record, engine: Engine) -> None:
    submit(store, *(spec(seed=seed) for seed in range(80)))
    with listening(engine) as statements:
        assert len(claim(store, 64)) == 64
    assert sum("UPDATE job " in statement for statement, _ in statements) == 1
    assert len(statements) <= 9  # two for quotas and reports


def test_a_pack_takes_no_job_while_one_of_another_shape_is_next_and_has_waited_long(
    store: Record, engine: Engine
) -> None:
    submit(store, spec(seed=1))
    (first,) = claim(store)
    (other,) = submit(store, spec(dataset="iris"))
    submit(store, spec(seed=2))
    with db.writing(engine) as connection:
        connection.execute(update(Job).where(Job.id == other).values(updated_at=db.now(-60.0)))
    assert store.claim_into_pack(beside=first.job_id, limit=8, **WORKER) == []
    assert [one.job_id for one in claim(store)] == [other]
    assert len(store.claim_into_pack(beside=first.job_id, limit=8, **WORKER)) == 1


def test_a_running_pack_takes_queued_jobs_of_its_shape(store: Record) -> None:
    submit(store, spec(seed=1), spec(seed=2), spec(dataset="iris"))
    (first,) = claim(store, 1)
    taken = store.claim_into_pack(beside=first.job_id, limit=8, **WORKER)
    assert [one.spec.seed for one in taken] == [2]


# --- renew --------------------------------------------------------------------------------------------------------


def test_a_heartbeat_stores_points_progress_and_the_last_metrics(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    for first, last in ((1, 2), (3, 3)):
        store.renew(worker="w1", progress=[Progress(mine, claimed.attempt, points(first, last), 2.5)], lease_s=30)
    found = job(store, mine)
    assert (found.epoch, found.epochs_per_s) == (3, 2.5)
    assert found.metrics == {"train_loss": 1.0 / 3}
    assert store.curve(mine) == points(1, 3)
    assert store.curve(mine, after_epoch=2) == points(3, 3)
    assert store.curve(mine, upto=1) == points(1, 1)


def test_a_heartbeat_sent_twice_changes_nothing(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    for _ in range(2):
        store.renew(worker="w1", progress=[Progress(mine, claimed.attempt, points(1, 3))], lease_s=30)
    assert store.curve(mine) == points(1, 3)


def test_epochs_trained_again_replace_the_points_of_the_lost_attempt(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    store.renew(worker="w1", progress=[Progress(mine, claimed.attempt, points(1, 5, base=10.0))], lease_s=30)
    store.requeue(mine, claimed.attempt, reason="lost", charge=True)
    (again,) = claim(store)
    for first, last in ((1, 2), (3, 4), (5, 6)):
        store.renew(worker="w1", progress=[Progress(mine, again.attempt, points(first, last))], lease_s=30)
        assert store.curve(mine) == points(1, last)


def test_an_attempt_that_resumes_replaces_only_what_it_trains_again(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    kept = CheckpointRecord(epoch=5, uri="file:///checkpoint", sha256="0" * 64)
    for first, last in ((1, 3), (4, 8)):
        sent = Progress(mine, claimed.attempt, points(first, last, base=10.0), checkpoints=(kept,) if last == 8 else ())
        store.renew(worker="w1", progress=[sent], lease_s=30)
    store.requeue(mine, claimed.attempt, reason="lost", charge=True)
    (again,) = claim(store)
    store.renew(worker="w1", progress=[Progress(mine, again.attempt, points(6, 7))], lease_s=30)
    old, new = points(1, 5, base=10.0), points(6, 7)
    assert store.curve(mine) == {name: [*old[name], *new[name]] for name in old}
    assert store.curve(mine, after_epoch=5) == new


def test_heartbeats_of_one_attempt_that_overlap_leave_no_gap_and_nothing_twice(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    for first, last in ((1, 5), (3, 9), (4, 5)):
        store.renew(worker="w1", progress=[Progress(mine, claimed.attempt, points(first, last))], lease_s=30)
    assert store.curve(mine) == points(1, 9)


def test_numbers_that_are_not_finite_are_null(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    wild: Curve = {"epoch": [1, 2, 3], "train_loss": [math.inf, math.nan, 0.1]}
    store.renew(worker="w1", progress=[Progress(mine, claimed.attempt, wild, 1.0)], lease_s=30)
    assert store.curve(mine) == {"epoch": [1, 2, 3], "train_loss": [None, None, 0.1]}
    assert succeed(store, claimed, best_metrics={"train_loss": math.nan})
    assert job(store, mine).best_metrics == {"train_loss": None}


def test_a_metric_that_starts_late_is_null_before(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    store.renew(worker="w1", progress=[Progress(mine, claimed.attempt, points(1, 1))], lease_s=30)
    store.renew(
        worker="w1", progress=[Progress(mine, claimed.attempt, {**points(2, 2), "val_loss": [0.5]})], lease_s=30
    )
    assert store.curve(mine) == {**points(1, 2), "val_loss": [None, 0.5]}


def test_a_heartbeat_is_as_many_statements_for_many_jobs_as_for_one(store: Record, engine: Engine) -> None:
    submit(store, *(spec(seed=seed) for seed in range(65)))
    one, many = claim(store, 1), claim(store, 64)
    numbers = []
    for claimed in (one, many):
        beats = [Progress(it.job_id, it.attempt, points(1, 2), 1.0) for it in claimed]
        with listening(engine) as statements:
            assert store.renew(worker="w1", progress=beats, lease_s=30).lost == frozenset()
        numbers.append(len(statements))
    assert numbers[0] == numbers[1] <= 7  # BEGIN is one on SQLite
    assert all(store.curve(it.job_id) == points(1, 2) for it in many)


def test_a_heartbeat_for_a_job_that_passed_on_is_lost_and_stores_nothing(store: Record) -> None:
    (mine,) = submit(store)
    (old,) = claim(store)
    store.requeue(mine, old.attempt, reason="lost", charge=True)
    claim(store, worker="w2")
    renewal = store.renew(worker="w1", progress=[Progress(mine, old.attempt, points(1, 1))], lease_s=30)
    assert renewal.lost == {(mine, 1)}
    assert store.curve(mine) == {"epoch": []}


def test_a_worker_that_claims_its_own_lost_job_again_keeps_the_new_attempt_only(store: Record) -> None:
    (mine,) = submit(store)
    claim(store, lease_s=-1.0)
    store.reap()
    (again,) = claim(store)
    late = Progress(mine, 1, points(4, 5))
    renewal = store.renew(worker="w1", progress=[late, Progress(mine, again.attempt)], lease_s=30)
    assert renewal.lost == {(mine, 1)}
    assert store.curve(mine) == {"epoch": []}


def test_a_heartbeat_answers_a_cancel_request(store: Record) -> None:
    mine, other = submit(store, spec(seed=1), spec(seed=2))
    claimed = claim(store)
    store.request_cancel(mine, owner="ada", actor="ada")
    renewal = store.renew(worker="w1", progress=[Progress(one.job_id, one.attempt) for one in claimed], lease_s=30)
    assert renewal.cancel == {mine}
    assert renewal.lost == frozenset()
    assert job(store, other).cancel_requested_at is None


# --- the end ------------------------------------------------------------------------------------------------------


def test_success_keeps_the_reason_the_best_epoch_the_last_points_and_the_files(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    left = ArtifactRecord("model.safetensors", "file:///model", "0" * 64, 12)
    assert succeed(store, claimed, points=points(1, 4), artifacts=[left])
    found = job(store, mine)
    assert (found.status, found.stop_reason) == (JobStatus.succeeded, StopReason.max_epochs)
    assert (found.best_epoch, found.best_metrics) == (1, {"val_loss": 0.5})
    assert found.finished_at is not None
    assert store.curve(mine) == points(1, 4)
    assert store.artifacts(mine) == [left]


def test_a_stored_file_goes_with_the_last_job_that_has_a_part_of_it(store: Record) -> None:
    ids = submit(store, spec(), spec(seed=1))
    for place, claimed in enumerate(claim(store)):
        left = [ArtifactRecord("model.safetensors", f"file:///pack#{5 * place}+5", "0" * 64, 5)]
        assert succeed(store, claimed, artifacts=left)
        assert store.artifacts(claimed.job_id) == left
    assert store.delete(ids[0], owner="ada") == []
    assert store.delete(ids[1], owner="ada") == ["file:///pack"]


def test_jobs_that_succeed_together_keep_each_its_own_end(store: Record) -> None:
    ids = submit(store, *(spec(seed=seed) for seed in range(4)))
    claims = {claimed.job_id: claimed for claimed in claim(store)}
    assert store.requeue(ids[3], 1, reason="its worker was stopped", charge=False)
    reasons = [StopReason.max_epochs, StopReason.early_stopping, StopReason.max_epochs, StopReason.max_epochs]

    def success(number: int) -> Success:
        return Success(
            job_id=ids[number],
            attempt=claims[ids[number]].attempt,
            stop_reason=reasons[number],
            best_epoch=number + 1,
            best_metrics={"val_loss": number / 10},
            metrics=None if number == 2 else {"train_loss": float(number)},
            points=points(1, 4 + number),
            artifacts=[ArtifactRecord("model.safetensors", f"file:///{number}", "0" * 64, number)],
        )

    ends = [success(number) for number in range(4)]
    assert store.succeed(*ends) == set(ids[:3])
    for number, end in enumerate(ends[:3]):
        found = job(store, end.job_id)
        assert (found.status, found.stop_reason) == (JobStatus.succeeded, end.stop_reason)
        assert (found.best_epoch, found.best_metrics) == (end.best_epoch, end.best_metrics)
        assert found.metrics == (end.metrics or {"train_loss": end.points["train_loss"][-1]})
        assert store.curve(end.job_id) == end.points
        assert store.artifacts(end.job_id) == end.artifacts
        assert store.events(end.job_id)[-1].reason == reasons[number].sentence
    assert (job(store, ids[3]).status, store.curve(ids[3])["epoch"]) == (JobStatus.queued, [])
    assert store.succeed(*ends) == set()
    assert store.succeed() == set()


def test_failure_keeps_its_reason_and_its_sentence(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    assert store.fail(mine, claimed.attempt, reason=FailureReason.diverged, message="The loss was not finite.")
    found = job(store, mine)
    assert (found.status, found.failure_reason) == (JobStatus.failed, FailureReason.diverged)
    assert found.failure_message == "The loss was not finite."


def test_no_state_follows_a_final_one(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    assert succeed(store, claimed)
    history = store.events(mine)
    assert not succeed(store, claimed)
    assert not store.fail(mine, claimed.attempt, reason=FailureReason.error, message="late")
    assert not store.confirm_cancel(mine, claimed.attempt)
    assert not store.requeue(mine, claimed.attempt, reason="late", charge=False)
    for request in (store.request_cancel, store.retry):
        with pytest.raises(IllegalTransitionError):
            request(mine, owner="ada", actor="ada")
    assert store.events(mine) == history


def test_an_old_attempt_can_end_nothing(store: Record) -> None:
    (mine,) = submit(store)
    (old,) = claim(store)
    store.requeue(mine, old.attempt, reason="lost", charge=True)
    (new,) = claim(store)
    assert not succeed(store, old, points=points(1, 1, base=9.0))
    assert store.curve(mine) == {"epoch": []}
    assert succeed(store, new)


def test_a_waiting_job_is_cancelled_at_once_and_a_second_request_changes_nothing(store: Record) -> None:
    (mine,) = submit(store)
    for _ in range(2):
        assert store.request_cancel(mine, owner="ada", actor="ada").status is JobStatus.cancelled
    assert len(store.events(mine)) == 2
    assert claim(store) == []


def test_a_running_job_is_cancelled_when_its_worker_confirms(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    assert store.request_cancel(mine, owner="ada", actor="ada").status is JobStatus.running
    assert store.confirm_cancel(mine, claimed.attempt, points(1, 2))
    assert job(store, mine).status is JobStatus.cancelled
    assert store.curve(mine) == points(1, 2)


def test_cancel_and_finish_at_the_same_moment_end_in_one_state(store: Record) -> None:
    for seed in range(20):
        (mine,) = submit(store, spec(seed=seed))
        (claimed,) = claim(store)
        side_by_side(
            lambda m=mine: store.request_cancel(m, owner="ada", actor="ada"),  # type: ignore[misc]
            lambda c=claimed: succeed(store, c),  # type: ignore[misc]
            lambda c=claimed: store.confirm_cancel(c.job_id, c.attempt),  # type: ignore[misc]
        )
        ends = [event for event in store.events(mine) if event.to_status in FINISHED]
        assert [event.to_status for event in ends] == [job(store, mine).status]


def test_a_cancel_is_never_lost_while_the_job_changes_hands(store: Record) -> None:
    for seed in range(30):
        (mine,) = submit(store, spec(seed=seed))
        (claimed,) = claim(store)
        side_by_side(
            lambda m=mine: store.request_cancel(m, owner="ada", actor="ada"),  # type: ignore[misc]
            lambda c=claimed: store.requeue(c.job_id, c.attempt, reason="it stops", charge=False),  # type: ignore[misc]
            lambda: claim(store, worker="w2"),
        )
        found = job(store, mine)
        assert found.status is JobStatus.cancelled or found.cancel_requested_at is not None
        assert found.status in (JobStatus.cancelled, JobStatus.running)
        for held in [found] if found.status is JobStatus.running else []:
            assert store.confirm_cancel(mine, held.attempt)


def test_the_end_of_a_lost_job_and_the_reaper_at_the_same_moment_do_not_deadlock(store: Record) -> None:
    submit(store, *(spec(seed=seed) for seed in range(40)))
    claimed = claim(store, lease_s=-1.0)
    beats = [Progress(one.job_id, one.attempt, points(1, 1)) for one in claimed]
    ended, _, renewal = side_by_side(
        lambda: [succeed(store, one, points=points(1, 2)) for one in claimed],
        store.reap,
        lambda: store.renew(worker="w1", progress=beats, lease_s=-1.0),
    )
    for one, well in zip(claimed, ended, strict=True):
        assert job(store, one.job_id).status is (JobStatus.succeeded if well else JobStatus.queued)
        assert len(store.events(one.job_id)) == 3
    assert isinstance(renewal.lost, frozenset)


def test_every_event_has_the_state_before_and_after(store: Record) -> None:
    (mine,) = submit(store, spec(max_attempts=1))
    claim(store, lease_s=-1.0)
    store.reap()
    store.retry(mine, owner="ada", actor="ada")
    store.request_cancel(mine, owner="ada", actor="ada")
    queued, running, failed, cancelled = (
        JobStatus.queued,
        JobStatus.running,
        JobStatus.failed,
        JobStatus.cancelled,
    )
    events = [(event.seq, event.from_status, event.to_status, event.actor) for event in store.events(mine)]
    assert events == [
        (1, None, queued, "ada"),
        (2, queued, running, "w1"),
        (3, running, failed, "reaper"),
        (4, failed, queued, "ada"),
        (5, queued, cancelled, "ada"),
    ]


def test_characters_that_a_database_refuses_are_replaced_in_a_message(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    assert store.fail(mine, claimed.attempt, reason=FailureReason.error, message="a\0b\ud800c")
    assert job(store, mine).failure_message == "a\N{REPLACEMENT CHARACTER}b?c"


def test_a_failed_job_is_queued_again_when_asked(store: Record) -> None:
    (mine,) = submit(store)
    (claimed,) = claim(store)
    store.fail(mine, claimed.attempt, reason=FailureReason.error, message="no")
    again = store.retry(mine, owner="ada", actor="ada")
    assert (again.status, again.failure_reason, again.finished_at) == (JobStatus.queued, None, None)
    assert claim(store)[0].attempt == 2


# --- lost workers -------------------------------------------------------------------------------------------------


def test_a_job_whose_lease_has_expired_is_queued_again(store: Record) -> None:
    (mine,) = submit(store)
    claim(store, lease_s=-1.0)
    assert store.reap().requeued == 1
    found = job(store, mine)
    assert (found.status, found.worker, found.pack_size) == (JobStatus.queued, None, None)
    assert store.reap().requeued == 0


def test_a_job_whose_lease_holds_is_left_alone(store: Record) -> None:
    submit(store)
    claim(store, lease_s=30.0)
    assert store.reap().requeued == 0


def test_reapers_at_the_same_moment_free_each_job_once(store: Record) -> None:
    ids = submit(store, *(spec(seed=seed) for seed in range(30)))
    claim(store, lease_s=-1.0)
    reaped = side_by_side(*[store.reap] * 4)
    assert sum(one.requeued for one in reaped) == len(ids)
    assert {len(store.events(one)) for one in ids} == {3}


def test_a_job_that_loses_too_many_workers_fails(store: Record) -> None:
    (mine,) = submit(store, spec(max_attempts=2))
    for _ in range(2):
        claim(store, lease_s=-1.0)
        store.reap()
    found = job(store, mine)
    assert (found.status, found.failure_reason) == (JobStatus.failed, FailureReason.worker_lost)


def test_an_attempt_given_back_uncharged_does_not_count(store: Record) -> None:
    (mine,) = submit(store, spec(max_attempts=1))
    for _ in range(3):
        (claimed,) = claim(store)
        assert store.requeue(mine, claimed.attempt, reason="its worker stops", charge=False)
    assert job(store, mine).status is JobStatus.queued


def test_a_lost_job_whose_cancel_was_requested_is_cancelled(store: Record) -> None:
    (mine,) = submit(store)
    claim(store, lease_s=-1.0)
    store.request_cancel(mine, owner="ada", actor="ada")
    assert store.reap().cancelled == 1
    assert job(store, mine).status is JobStatus.cancelled


# --- the queue ----------------------------------------------------------------------------------------------------


def test_jobs_that_may_have_lost_their_message_are_found_until_one_is_sent(store: Record, engine: Engine) -> None:
    ids = submit(store, *(spec(seed=seed) for seed in range(3)))
    assert store.unnotified(older_than_s=60.0) == []
    with db.writing(engine) as connection:
        connection.execute(update(Job).values(updated_at=db.now(-120.0)))
    assert store.unnotified(older_than_s=60.0) == ids
    store.mark_notified(ids[:2])
    assert store.unnotified(older_than_s=60.0) == ids[2:]


def test_counts_name_every_state(store: Record) -> None:
    submit(store, spec(seed=1), spec(seed=2))
    claim(store, 1)
    counts = store.counts()
    assert set(counts) == set(JobStatus)
    assert (counts[JobStatus.queued], counts[JobStatus.running]) == (1, 1)


FREQUENT: list[tuple[str, Callable[[Record], object]]] = [
    ("ix_job_claim", lambda store: store.unnotified(older_than_s=-1.0)),
    ("ix_job_claim", lambda store: store.list_jobs(JobFilter(), owner=None, order="queue", after=Position("0", 0))),
    ("ix_job_owner_id", lambda store: store.list_jobs(JobFilter(), owner="ada")),
    ("ix_job_owner_status_id", lambda store: store.list_jobs(JobFilter(status=(JobStatus.failed,)), owner="ada")),
    ("ix_job_owner_project_id", lambda store: store.list_jobs(JobFilter(project="b"), owner="ada")),
    ("ix_job_dataset", lambda store: store.list_jobs(JobFilter(dataset="moons"), owner="ada")),
    ("ix_job_alone_owner_id", lambda store: store.list_jobs(JobFilter(outside_sweeps=True), owner="ada")),
    ("ix_job_alone_id", lambda store: store.list_jobs(JobFilter(outside_sweeps=True), owner=None)),
    ("ix_job_share ix_job_same_pack", lambda store: claim(store, 8)),
]
"""Indexes, with what is asked often and uses them."""


def test_a_frequent_statement_uses_its_index(store: Record, engine: Engine) -> None:
    """The statements themselves are explained, among many more jobs that have ended than jobs that wait."""
    fill(store, engine)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    for indexes, ask in FREQUENT:
        with listening(engine) as statements:
            ask(store)
        with engine.begin() as connection:
            plans = [
                "\n".join(map(str, connection.exec_driver_sql(explain + statement, parameters)))
                for statement, parameters in statements
                if " job" in statement
            ]
        for index in indexes.split():
            assert any(re.search(rf"\b{index}\b", plan) for plan in plans), (index, plans)


def test_the_claims_index_serves_a_prepared_statement_too(store: Record, engine: Engine) -> None:
    """After five times PostgreSQL may plan without looking at parameters: the status must not be one."""
    if engine.dialect.name != "postgresql":
        return
    submit(store)
    with listening(engine) as statements:
        claim(store, 8)
    head = next(statement for statement, _ in statements if "FOR NO KEY UPDATE" in statement)
    assert "job.status = 'queued'" in head


def fill(store: Record, engine: Engine) -> None:
    """Many jobs that have ended, of two owners, most of a sweep; few that wait, the rarer shape first."""
    ended = submit(store, *seeded(2800), owner="bob")
    submit(store, *(spec(seed=seed) for seed in range(190)), *(spec(dataset="iris", seed=seed) for seed in range(10)))
    submit(store, spec(dataset="iris", priority=5))
    changes: list[tuple[list[str], dict[str, Any]]] = [
        (ended, {"status": "succeeded"}),
        (ended[:1000], {"status": "failed", "project": "b"}),
        (ended[:400], {"owner": "ada"}),
        (ended[100:], {"sweep_id": str(uuid.uuid4())}),
    ]
    with db.writing(engine) as connection:
        for ids, values in changes:
            connection.execute(update(Job).where(Job.id.in_(ids)).values(**values))
        connection.execute(text("ANALYZE"))

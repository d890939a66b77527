from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from spec.job import JobSpec
from spec.states import FailureReason, JobStatus, StopReason
from spec.views import Curve
from store import db
from store.checkpoints import KEPT, CheckpointRecord, CheckpointStore
from store.ends import BACKOFF_S, CRASHES
from store.queue import Queue
from store.records import Claim, Progress, Success
from store.tables import Checkpoint, Job
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record

WORKER: dict[str, Any] = {"worker": "w1", "device": "cpu:0", "lease_s": 30.0}


def submit(store: Record, **fields: Any) -> str:
    return store.submit([JobSpec.model_validate({"dataset": "digits", **fields})], owner="ada").jobs[0].id


def claim(store: Record, **changes: Any) -> Claim:
    (claimed,) = store.claim(limit=1, **{**WORKER, **changes})
    return claimed


def points(first: int, last: int) -> Curve:
    epochs = range(first, last + 1)
    return {"epoch": list(epochs), "train_loss": [1.0 / epoch for epoch in epochs]}


def checkpoint(epoch: int, attempt: int = 1) -> CheckpointRecord:
    return CheckpointRecord(epoch, f"file:///a{attempt}-e{epoch}", f"{epoch:064d}")


def beat(store: Record, claimed: Claim, first: int, last: int, kept: int | None = None) -> None:
    new = () if kept is None else (checkpoint(kept, claimed.attempt),)
    progress = Progress(claimed.job_id, claimed.attempt, points(first, last), checkpoints=new)
    assert not store.renew(worker="w1", progress=[progress], lease_s=30.0).lost


def give_back(store: Record, claimed: Claim, **changes: Any) -> bool:
    return store.requeue(claimed.job_id, claimed.attempt, **{"reason": "a test", "charge": False, **changes})


def test_a_first_claim_has_no_checkpoint(store: Record) -> None:
    submit(store)
    assert claim(store).checkpoints == ()


def test_a_claim_hands_out_the_newest_checkpoints_first(store: Record) -> None:
    submit(store)
    claimed = claim(store)
    for epoch in (10, 20, 30):
        beat(store, claimed, epoch - 9, epoch, kept=epoch)
    give_back(store, claimed)
    assert [one.epoch for one in claim(store).checkpoints] == [30, 20]


def test_a_job_keeps_two_checkpoints_and_the_older_are_void(store: Record, engine: Engine) -> None:
    submit(store)
    claimed = claim(store)
    sweep = CheckpointStore(engine)
    for epoch in range(1, 6):
        beat(store, claimed, epoch, epoch, kept=epoch)
    assert sorted(sweep.stale()) == [checkpoint(epoch).uri for epoch in range(1, 6 - KEPT)]
    sweep.forget(sweep.stale())
    assert sweep.stale() == []
    give_back(store, claimed)
    assert [one.epoch for one in claim(store).checkpoints] == [5, 4]


def test_a_checkpoint_recorded_twice_is_one(store: Record) -> None:
    submit(store)
    claimed = claim(store)
    for _ in range(2):
        beat(store, claimed, 1, 3, kept=3)
    give_back(store, claimed)
    assert claim(store).checkpoints == (checkpoint(3),)


def test_a_stale_attempt_records_no_checkpoint(store: Record) -> None:
    job_id = submit(store)
    old = claim(store)
    give_back(store, old)
    new = claim(store)
    late = Progress(job_id, old.attempt, points(1, 3), checkpoints=(checkpoint(3),))
    assert store.renew(worker="w1", progress=[late], lease_s=30.0).lost == {(job_id, 1)}
    assert not give_back(store, old, checkpoints=(checkpoint(3),))
    give_back(store, new)
    assert claim(store).checkpoints == ()


def test_a_claim_voids_the_curve_after_its_checkpoint(store: Record) -> None:
    job_id = submit(store)
    claimed = claim(store)
    beat(store, claimed, 1, 4)
    beat(store, claimed, 5, 9, kept=7)
    beat(store, claimed, 10, 12)
    give_back(store, claimed)
    assert store.curve(job_id) == points(1, 12)
    again = claim(store)
    assert store.curve(job_id) == points(1, 7)
    assert (found := store.get(job_id, owner=None)).epoch == 7
    assert found.metrics is None
    beat(store, again, 8, 8)
    assert store.curve(job_id) == points(1, 8)


def test_a_claim_without_a_checkpoint_voids_the_whole_curve(store: Record) -> None:
    job_id = submit(store)
    claimed = claim(store)
    beat(store, claimed, 1, 4)
    give_back(store, claimed)
    claim(store)
    assert store.curve(job_id) == {"epoch": []}
    assert store.get(job_id, owner=None).epoch == 0


def test_an_attempt_that_starts_from_the_older_checkpoint_leaves_no_gap(store: Record) -> None:
    job_id = submit(store)
    claimed = claim(store)
    for epoch in (4, 8):
        beat(store, claimed, epoch - 3, epoch, kept=epoch)
    give_back(store, claimed)
    beat(store, claim(store), 5, 6)
    assert store.curve(job_id) == points(1, 6)


def test_a_checkpoint_later_than_an_attempts_start_is_void_once_it_sends_points(store: Record) -> None:
    job_id = submit(store)
    claimed = claim(store)
    beat(store, claimed, 1, 4, kept=4)
    beat(store, claimed, 5, 8, kept=8)
    give_back(store, claimed)
    second = claim(store)
    beat(store, second, 5, 6)  # the newest could not be read just then, and no note said so
    give_back(store, second)
    assert [one.epoch for one in claim(store).checkpoints] == [4]
    assert store.curve(job_id) == points(1, 4)


def test_a_checkpoint_is_kept_when_the_points_sent_with_it_void_older_ones(store: Record) -> None:
    submit(store)
    first = claim(store)
    for epoch in (1, 2, 3):
        beat(store, first, epoch, epoch, kept=epoch)
    give_back(store, first)
    second = claim(store)  # which can read neither just now, and starts from its first epoch
    beat(store, second, 1, 1, kept=1)
    give_back(store, second)
    assert claim(store).checkpoints == (checkpoint(1, attempt=2),)


def test_a_requeued_job_keeps_its_last_points_and_its_checkpoint(store: Record) -> None:
    job_id = submit(store)
    claimed = claim(store)
    beat(store, claimed, 1, 4)
    assert give_back(store, claimed, points=points(5, 6), checkpoints=(checkpoint(6),))
    assert store.curve(job_id) == points(1, 6)
    assert claim(store).checkpoints == (checkpoint(6),)
    assert store.curve(job_id) == points(1, 6)


def test_a_refused_checkpoint_is_noted_and_not_handed_out_again(store: Record, engine: Engine) -> None:
    job_id = submit(store)
    claimed = claim(store)
    for epoch in (4, 8):
        beat(store, claimed, epoch - 3, epoch, kept=epoch)
    refused = checkpoint(8)
    assert store.add_note(job_id, claimed.attempt, reason="it is cut off", refused=[refused.uri])
    last = store.events(job_id)[-1]
    assert (last.from_status, last.to_status, last.reason) == (JobStatus.running, JobStatus.running, "it is cut off")
    assert CheckpointStore(engine).stale() == [refused.uri]
    give_back(store, claimed)
    assert claim(store).checkpoints == (checkpoint(4),)
    assert not store.add_note(job_id, claimed.attempt, reason="late", refused=[checkpoint(4).uri])


def ends() -> dict[str, Any]:
    return {
        "succeeded": lambda store, one: store.succeed(
            Success(one.job_id, one.attempt, StopReason.max_epochs, best_epoch=1, best_metrics={})
        ),
        "failed": lambda store, one: store.fail(one.job_id, one.attempt, reason=FailureReason.error, message="no"),
        "cancelled while it ran": lambda store, one: store.confirm_cancel(one.job_id, one.attempt),
        "cancelled while it waited": lambda store, one: (
            give_back(store, one),
            store.request_cancel(one.job_id, owner=None, actor="ada"),
        ),
        "lost too often": lambda store, one: give_back(store, one, charge=True),
    }


@pytest.mark.parametrize("end", ends())
def test_the_checkpoints_of_a_job_that_has_ended_are_void(store: Record, engine: Engine, end: str) -> None:
    job_id = submit(store, max_attempts=1)
    claimed = claim(store)
    beat(store, claimed, 1, 4, kept=4)
    ends()[end](store, claimed)
    assert store.get(job_id, owner=None).finished_at is not None
    assert CheckpointStore(engine).stale() == [checkpoint(4).uri]


def test_a_retried_job_starts_from_its_first_epoch(store: Record) -> None:
    job_id = submit(store)
    claimed = claim(store)
    beat(store, claimed, 1, 4, kept=4)
    store.fail(job_id, claimed.attempt, reason=FailureReason.error, message="no")
    store.retry(job_id, owner=None, actor="ada")
    again = claim(store)
    assert again.checkpoints == ()
    assert store.curve(job_id) == {"epoch": []}
    beat(store, again, 1, 2, kept=2)
    give_back(store, again)
    assert claim(store).checkpoints == (checkpoint(2, attempt=2),)


def crash(store: Record, engine: Engine) -> None:
    """Claim the only job, backoff or not, and let it crash."""
    with db.writing(engine) as connection:
        connection.execute(update(Job).values(not_before=None))
    give_back(store, claim(store), charge=True, crashed=True, reason="SIGSEGV")


def test_a_job_that_crashes_alone_repeatedly_is_quarantined(store: Record, engine: Engine) -> None:
    job_id = submit(store, max_attempts=20)
    for _ in range(CRASHES):
        assert store.get(job_id, owner=None).status is JobStatus.queued
        crash(store, engine)
    found = store.get(job_id, owner=None)
    assert (found.status, found.failure_reason) == (JobStatus.failed, FailureReason.quarantined)
    assert found.failure_message is not None
    assert "SIGSEGV" in found.failure_message


def test_a_new_checkpoint_resets_the_crash_count(store: Record, engine: Engine) -> None:
    job_id = submit(store, max_attempts=20)
    for epoch in range(1, CRASHES + 2):
        claimed = claim(store)
        beat(store, claimed, epoch, epoch, kept=epoch)
        give_back(store, claimed, charge=True, crashed=True)
    assert store.get(job_id, owner=None).status is JobStatus.queued


def test_a_crash_counts_as_an_attempt(store: Record, engine: Engine) -> None:
    job_id = submit(store, max_attempts=1)
    crash(store, engine)
    found = store.get(job_id, owner=None)
    assert (found.status, found.failure_reason) == (JobStatus.failed, FailureReason.worker_lost)


def test_a_retry_resets_the_crash_count(store: Record, engine: Engine) -> None:
    job_id = submit(store, max_attempts=20)
    for _ in range(CRASHES):
        crash(store, engine)
    store.retry(job_id, owner=None, actor="ada")
    for _ in range(CRASHES - 1):
        crash(store, engine)
    assert store.get(job_id, owner=None).status is JobStatus.queued


def test_only_a_second_crash_makes_a_job_wait(store: Record, engine: Engine) -> None:
    job_id = submit(store, max_attempts=20)
    crash(store, engine)
    give_back(store, claim(store), charge=True, crashed=True)
    assert store.claim(limit=1, **WORKER) == []
    assert store.unnotified(older_than_s=-1.0) == []
    with db.reading(engine) as connection:
        until = connection.execute(select(Job.not_before).where(Job.id == job_id)).scalar_one()
    assert until is not None
    assert timedelta(0) < until - datetime.now(UTC) <= timedelta(seconds=BACKOFF_S[2] + 5)
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], ["cpu"]))
    place = Queue(engine).place(job_id)
    assert place is not None
    assert place.estimated_start_at == until
    assert place.why.startswith("It waits until ")
    with db.writing(engine) as connection:
        connection.execute(update(Job).values(not_before=db.now(-1.0)))
    assert store.unnotified(older_than_s=-1.0) == [job_id]
    assert claim(store).attempt == 3


def test_a_lost_worker_makes_no_job_wait(store: Record) -> None:
    submit(store, max_attempts=20)
    for attempt in range(1, 5):
        assert claim(store, lease_s=-1.0).attempt == attempt
        assert store.reap().requeued == 1


def test_checkpoints_are_deleted_with_their_job(store: Record, engine: Engine) -> None:
    job_id = submit(store)
    beat(store, claim(store), 1, 4, kept=4)
    with db.writing(engine) as connection:
        connection.execute(Job.__table__.delete().where(Job.id == job_id))  # type: ignore[attr-defined]
        assert connection.execute(select(Checkpoint.uri)).all() == []

from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from spec.job import JobSpec
from spec.states import FailureReason
from spec.sweep import SweepSpec
from spec.views import Change, Curve
from store.__main__ import main
from store.mirror import MirrorStore, Pending
from store.parents import ParentStore
from store.records import Claim, Progress
from store.sweeps import SweepStore
from store.tables import Job
from tests.record import Record, migrate


@pytest.fixture
def mirror(engine: Engine) -> MirrorStore:
    return MirrorStore(engine)


def running(store: Record, epochs: int = 0) -> Claim:
    store.submit([JobSpec.model_validate({"dataset": "digits"})], owner="ada")
    (claimed,) = store.claim(worker="w", device="cpu:0", limit=1, lease_s=30)
    if epochs:
        beat(store, claimed, 1, epochs)
    return claimed


def beat(store: Record, claimed: Claim, first: int, last: int) -> None:
    points: Curve = {"epoch": list(range(first, last + 1)), "train_loss": [0.5] * (last - first + 1)}
    store.renew(worker="w", progress=[Progress(claimed.job_id, claimed.attempt, points)], lease_s=30)


def as_is(store: Record, job_id: str) -> Pending:
    """The job as the mirror saw it just now."""
    return Pending(store.get(job_id, owner=None), None, 0, 0)


def test_a_job_that_has_not_started_is_not_mirrored(store: Record, mirror: MirrorStore) -> None:
    store.submit([JobSpec.model_validate({"dataset": "digits"})], owner="ada")
    assert mirror.running() == []
    assert mirror.finished() == []


def test_a_running_job_is_behind_until_its_epochs_are_mirrored(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store, epochs=3)
    (pending,) = mirror.running()
    assert (pending.job.id, pending.run_id, pending.epoch) == (claimed.job_id, None, 0)
    mirror.started(claimed.job_id, "run", "1")
    mirror.advanced(claimed.job_id, 3, claimed.attempt)
    assert mirror.running() == []
    beat(store, claimed, 4, 4)
    (pending,) = mirror.running()
    assert (pending.run_id, pending.epoch, pending.attempt) == ("run", 3, 1)


def test_a_job_that_ended_is_behind_until_it_is_done(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    store.fail(claimed.job_id, claimed.attempt, reason=FailureReason.error, message="no")
    assert [pending.job.id for pending in mirror.finished()] == [claimed.job_id]
    mirror.done(as_is(store, claimed.job_id))
    assert mirror.finished() == []


def test_a_job_whose_curve_is_mirrored_lacks_files_only(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store, epochs=2)
    assert mirror.busy()
    store.fail(claimed.job_id, claimed.attempt, reason=FailureReason.error, message="no")
    (pending,) = mirror.finished()
    assert (mirror.without_files(), mirror.busy()) == ([], False)
    assert mirror.whole(pending, 2, done=False)
    assert mirror.finished() == []
    (pending,) = mirror.without_files()
    assert (pending.job.id, pending.epoch) == (claimed.job_id, 2)
    store.retry(claimed.job_id, owner="ada", actor="ada")
    assert (mirror.without_files(), mirror.busy()) == ([], True)
    assert [one.job.id for one in mirror.running()] == [claimed.job_id]


def test_jobs_that_wait_for_the_run_of_their_sweep_take_no_other_s_place(
    store: Record, mirror: MirrorStore, engine: Engine
) -> None:
    claimed, lone = running(store, epochs=1), running(store, epochs=1)
    sweep = SweepSpec.model_validate(
        {"base": {"dataset": "digits"}, "space": {"learning_rate": [0.1]}, "method": "grid"}
    )
    sweep_id = SweepStore(engine).submit(sweep, owner="ada").id
    with engine.begin() as connection:
        of_sweep = {"sweep_id": sweep_id, "trial": 0, "replicate": 0}
        connection.execute(update(Job).where(Job.id == claimed.job_id).values(**of_sweep))
    assert [one.id for one in mirror.running(1)] == [lone.job_id]
    for claim in (claimed, lone):
        store.fail(claim.job_id, claim.attempt, reason=FailureReason.error, message="no")
    assert [one.id for one in mirror.finished(1)] == [lone.job_id]
    ParentStore(engine).started(sweep_id, "run")
    assert [one.id for one in mirror.finished(1)] == [claimed.job_id]


def test_jobs_that_were_deleted_are_known(store: Record, mirror: MirrorStore) -> None:
    there = running(store)
    assert mirror.deleted([there.job_id, "gone"]) == {"gone"}
    assert mirror.deleted([]) == set()


def test_all_runs_are_sent_again_on_request(store: Record, mirror: MirrorStore) -> None:
    claimed, _ = running(store, epochs=3), running(store)
    store.fail(claimed.job_id, claimed.attempt, reason=FailureReason.error, message="no")
    mirror.started(claimed.job_id, "run", "1")
    mirror.advanced(claimed.job_id, 3, claimed.attempt)
    mirror.done(as_is(store, claimed.job_id))
    assert mirror.finished() == mirror.without_files() == []
    assert mirror.again() == 1
    (pending,) = mirror.finished()
    assert (pending.id, pending.run_id, pending.epoch) == (claimed.job_id, "run", 0)


def test_the_command_says_how_many_runs_are_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    migrate(f"sqlite:///{tmp_path}/epochal.db")
    assert main(["mirror"]) == 0
    assert "0 jobs" in capsys.readouterr().out


def test_a_job_that_is_retried_is_mirrored_again(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    store.fail(claimed.job_id, claimed.attempt, reason=FailureReason.error, message="no")
    mirror.started(claimed.job_id, "run", "1")
    mirror.advanced(claimed.job_id, 0, claimed.attempt)
    mirror.done(as_is(store, claimed.job_id))
    store.retry(claimed.job_id, owner="ada", actor="ada")
    store.claim(worker="w", device="cpu:0", limit=1, lease_s=30)
    (pending,) = mirror.running()
    assert (pending.run_id, pending.attempt) == ("run", 1)


def test_a_job_that_fails_again_after_a_retry_is_mirrored_again_to_its_end(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    store.fail(claimed.job_id, claimed.attempt, reason=FailureReason.error, message="no")
    mirror.done(as_is(store, claimed.job_id))
    store.retry(claimed.job_id, owner="ada", actor="ada")
    assert mirror.finished() == []
    store.request_cancel(claimed.job_id, owner="ada", actor="ada")
    assert [pending.job.id for pending in mirror.finished()] == [claimed.job_id]


def test_the_points_of_a_paused_job_are_mirrored(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store, epochs=2)
    store.request_pause(claimed.job_id, owner="ada", actor="ada")
    store.requeue(claimed.job_id, claimed.attempt, reason="paused while it ran", charge=False)
    assert [pending.job.id for pending in mirror.running()] == [claimed.job_id]
    assert mirror.finished() == []


def test_a_job_that_is_cancelled_before_it_ran_is_mirrored(store: Record, mirror: MirrorStore) -> None:
    (job,) = store.submit([JobSpec.model_validate({"dataset": "digits"})], owner="ada").jobs
    store.request_cancel(job.id, owner="ada", actor="ada")
    assert [pending.job.id for pending in mirror.finished()] == [job.id]


def test_points_have_the_time_at_which_they_were_stored(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store, epochs=2)
    beat(store, claimed, 3, 4)
    chunks = mirror.chunks(claimed.job_id, after_epoch=2)
    assert [curve["epoch"] for _, curve in chunks] == [[3, 4]]
    assert chunks[0][0].tzinfo is not None


def test_the_record_shows_the_run(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    mirror.started(claimed.job_id, "run", "7")
    job = store.get(claimed.job_id, owner=None)
    assert (job.mlflow_run_id, job.mlflow_experiment_id) == ("run", "7")


def test_a_job_queued_again_is_not_done(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    store.fail(claimed.job_id, claimed.attempt, reason=FailureReason.error, message="no")
    failed = as_is(store, claimed.job_id)
    store.retry(claimed.job_id, owner="ada", actor="ada")
    assert not mirror.done(failed)
    store.request_cancel(claimed.job_id, owner="ada", actor="ada")
    assert [pending.job.id for pending in mirror.finished()] == [claimed.job_id]


def test_only_the_first_request_makes_a_run(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    assert mirror.creating(claimed.job_id, "7")
    assert not mirror.creating(claimed.job_id, "7")
    assert store.get(claimed.job_id, owner=None).mlflow_run_id is None


def test_of_two_runs_the_first_is_recorded(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    assert mirror.started(claimed.job_id, "first", "7") == "first"
    assert mirror.started(claimed.job_id, "second", "7") == "first"


def test_a_long_curve_is_read_in_chunks(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    for epoch in range(1, 6):
        beat(store, claimed, epoch, epoch)
    chunks = mirror.chunks(claimed.job_id, after_epoch=1, limit=2)
    assert [curve["epoch"] for _, curve in chunks] == [[2], [3]]


def test_a_mirrored_job_is_pending_again_when_it_changes(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store)
    job_id = claimed.job_id

    def pending() -> bool:
        return [one.job.id for one in (*mirror.running(), *mirror.finished())] == [job_id]

    def mirrored() -> bool:
        mirror.advanced(job_id, 0, store.get(job_id, owner=None).attempt)
        return mirror.done(as_is(store, job_id)) and not pending()

    assert not mirrored()  # it still runs
    store.request_pause(job_id, owner="ada", actor="ada")
    store.requeue(job_id, claimed.attempt, reason="paused", charge=False)
    assert pending()
    assert mirrored()
    for verb in (store.resume, store.request_pause, store.request_cancel):
        verb(job_id, owner="ada", actor="ada")
        assert pending(), verb
        assert mirrored(), verb
    store.change(job_id, Change(name="another"), owner="ada", actor="ada")
    assert pending()
    assert mirrored()


def test_a_job_that_is_deleted_while_it_is_mirrored_harms_nothing(store: Record, mirror: MirrorStore) -> None:
    claimed = running(store, epochs=1)
    store.fail(claimed.job_id, 1, reason=FailureReason.error, message="m")
    (pending,) = mirror.finished()
    assert store.delete(claimed.job_id, owner="ada") == []
    assert mirror.started(claimed.job_id, "run", "1") == "run"
    mirror.advanced(claimed.job_id, 1, 1)
    assert not mirror.done(pending)
    assert mirror.finished() == []

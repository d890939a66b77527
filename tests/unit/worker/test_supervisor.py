from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event, update

from spec.dataset import Targets
from spec.profile import ColumnProfile, Profile, Reading
from spec.schema import Column, ColumnKind, Schema, Target
from spec.states import FailureReason, JobStatus, StopReason
from store import db, tables
from store.datasets import DatasetStore
from store.errors import StoreUnavailableError
from worker.claimed_pack import ClaimedPack
from worker.context import WorkerContext
from worker.devices import Device
from worker.errors import TrainerDied
from worker.messages import (
    Cancel,
    Ended,
    FreeMembers,
    Leave,
    Order,
    Report,
    Resumed,
    Train,
    Unsaved,
)
from worker.supervisor import UNRESPONSIVE_AT_STOP_S, UNRESPONSIVE_S, Supervisor
from worker.trainer_process import Trainer

from .bench import CPU, SMALL, STALL_S, Answer, Bench, Scripted, done, drops_on_request, points, saved, staged, succeeds


def test_a_job_is_trained_and_written_down(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    bench.supervisor(succeeds).drain()

    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.stop_reason, job.best_epoch) == (JobStatus.succeeded, StopReason.max_epochs, 3)
    assert bench.store.curve(job_id)["train_loss"] == [1.0, 0.5, 1.0 / 3.0]
    (artifact,) = bench.store.artifacts(job_id)
    assert artifact.name == "model.safetensors"
    assert bench.files.get(artifact.uri) == b"weights of " + job_id.encode()
    assert f"jobs/{job_id}/a1/" in artifact.uri


def test_jobs_of_one_key_train_as_one_pack(bench: Bench) -> None:
    ids = bench.submit(*(SMALL | {"seed": seed} for seed in range(5)))
    bench.supervisor(succeeds).drain()
    assert bench.trained_together() == [5]
    assert {bench.status(job_id) for job_id in ids} == {JobStatus.succeeded}


def test_the_pack_limit_holds(bench: Bench) -> None:
    bench.submit(*(SMALL | {"seed": seed} for seed in range(3)))
    bench.supervisor(succeeds, pack_limit=1).drain()
    assert bench.trained_together() == [1, 1, 1]


def test_one_bell_drains_all_keys(bench: Bench) -> None:
    ids = bench.submit(SMALL, SMALL | {"batch_size": 8}, SMALL | {"batch_size": 16})
    bench.supervisor(succeeds).drain()
    assert {bench.status(job_id) for job_id in ids} == {JobStatus.succeeded}
    assert len(bench.trainers) == 1


def test_a_queued_job_joins_the_running_pack_when_there_is_room(bench: Bench) -> None:
    (first,) = bench.submit(SMALL)
    joined: list[str] = []

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        if not joined:
            joined.extend(bench.submit(SMALL | {"seed": 7}))
            return [points(first, 1), FreeMembers(count=1)]
        return [done(trainer, first), *succeeds(trainer, order)]

    bench.supervisor(script).drain()
    assert bench.trained_together() == [1, 1]
    assert [bench.status(job_id) for job_id in (first, *joined)] == [JobStatus.succeeded] * 2


def test_a_crash_alone_is_charged_and_tried_again(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    bench.supervisor(lambda _trainer, _order: [TrainerDied(-11)], succeeds).drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.succeeded, 2)
    assert bench.rung == [job_id]
    assert any("SIGSEGV" in event.reason for event in bench.store.events(job_id))
    assert bench.rung == [job_id]


def test_a_job_that_always_crashes_ends(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 2})
    bench.supervisor(lambda _trainer, _order: [TrainerDied(-11)]).drain()
    assert bench.status(job_id) is JobStatus.failed
    assert len(bench.trainers) <= 3


def test_a_pack_that_crashes_is_halved_until_the_culprit_is_alone(bench: Bench) -> None:
    ids = bench.submit(*(SMALL | {"seed": seed, "max_attempts": 1} for seed in range(8)))
    culprit = ids[5]

    def script(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        assert isinstance(order, Train)
        return [TrainerDied(-11)] if culprit in {job.id for job in order.jobs} else succeeds(trainer, order)

    bench.supervisor(script).drain()
    assert bench.status(culprit) is JobStatus.failed
    assert {bench.status(job_id) for job_id in ids if job_id != culprit} == {JobStatus.succeeded}
    assert {bench.store.get(job_id, owner=None).attempt for job_id in ids} == {1}


def test_members_that_succeeded_before_the_trainer_died_have_succeeded(bench: Bench) -> None:
    first, second, third = bench.submit(*(SMALL | {"seed": seed} for seed in range(3)))

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        return [done(trainer, first), points(second, 1, 2, 3), done(trainer, second), TrainerDied(-9)]

    bench.supervisor(script, succeeds).drain()
    jobs = [bench.store.get(job_id, owner=None) for job_id in (first, second, third)]
    assert [(job.status, job.attempt) for job in jobs] == [
        (JobStatus.succeeded, 1),
        (JobStatus.succeeded, 1),
        (JobStatus.succeeded, 2),  # it was alone when the trainer died
    ]
    assert bench.store.curve(second)["epoch"] == [1, 2, 3]


def test_members_that_succeed_together_are_written_down_together(bench: Bench) -> None:
    ids = bench.submit(*(SMALL | {"seed": seed} for seed in range(5)))
    commits: list[None] = []
    event.listen(bench.engine, "commit", lambda _: commits.append(None))

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        commits.clear()  # those of the claim
        return succeeds(trainer, order)

    bench.supervisor(script).drain()
    assert {bench.status(job_id) for job_id in ids} == {JobStatus.succeeded}
    assert len(commits) < len(ids)


def test_epochs_trained_again_are_written_once(bench: Bench) -> None:
    ids = bench.submit(SMALL, SMALL | {"seed": 1})

    def crashes_together(_trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        return [*(points(job.id, 1, 2) for job in order.jobs), TrainerDied(-9)]

    bench.supervisor(crashes_together, succeeds).drain()
    for job_id in ids:
        assert bench.store.curve(job_id)["epoch"] == [1, 2, 3]


def two_at_most(trainer: Scripted, order: Order) -> list[Report | Exception]:
    """Has memory for two members."""
    assert isinstance(order, Train)
    if len(order.jobs) <= 2:
        return succeeds(trainer, order)
    return [
        Ended(id=job.id, end="failed", failure_reason=FailureReason.out_of_memory, whole_pack=True)
        for job in order.jobs
    ]


def test_a_pack_that_needs_too_much_memory_is_halved(bench: Bench) -> None:
    ids = bench.submit(*(SMALL | {"seed": seed} for seed in range(4)))
    bench.supervisor(two_at_most).drain()
    assert bench.trained_together() == [4, 2, 2]
    assert {bench.status(job_id) for job_id in ids} == {JobStatus.succeeded}


def test_the_size_that_was_too_large_is_remembered(bench: Bench) -> None:
    bench.submit(*(SMALL | {"seed": seed} for seed in range(8)))
    bench.supervisor(two_at_most, pack_limit=4).drain()
    assert bench.trained_together() == [4, 2, 2, 2, 2]


def test_a_failure_of_one_member_is_its_own(bench: Bench) -> None:
    good, bad = bench.submit(SMALL, SMALL | {"learning_rate": 900.0})

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        diverged = Ended(id=bad, end="diverged", failure_reason=FailureReason.diverged)
        return [points(bad, 1), diverged, points(good, 1, 2, 3), done(trainer, good)]

    bench.supervisor(script).drain()
    job = bench.store.get(bad, owner=None)
    assert (job.status, job.failure_reason) == (JobStatus.failed, FailureReason.diverged)
    assert job.failure_message == FailureReason.diverged.sentence
    assert bench.store.curve(bad)["epoch"] == [1]
    assert bench.status(good) is JobStatus.succeeded


def test_a_cancelled_member_keeps_its_partial_curve(bench: Bench) -> None:
    kept, dropped = bench.submit(SMALL, SMALL | {"seed": 1})

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        if isinstance(order, Cancel):
            assert order.ids == (dropped,)
            return [Ended(id=dropped, end="cancelled"), points(kept, 2, 3), done(trainer, kept)]
        bench.store.request_cancel(dropped, owner="ada", actor="ada")
        return [points(kept, 1), points(dropped, 1)]

    bench.supervisor(script).drain()
    assert bench.status(dropped) is JobStatus.cancelled
    assert bench.store.curve(dropped)["epoch"] == [1]
    assert bench.status(kept) is JobStatus.succeeded


def test_a_paused_member_leaves_its_pack_uncharged_and_trains_again_when_resumed(bench: Bench) -> None:
    kept, dropped = bench.submit(SMALL, SMALL | {"seed": 1, "max_attempts": 1})

    def script(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        if isinstance(order, Leave):
            assert order.ids == (dropped,)
            return [Ended(id=dropped, end="cancelled"), points(kept, 2, 3), done(trainer, kept)]
        assert isinstance(order, Train)
        if len(order.jobs) == 1:
            return succeeds(trainer, order)
        bench.store.request_pause(dropped, owner="ada", actor="ada")
        return [points(kept, 1), points(dropped, 1)]

    supervisor = bench.supervisor(script)
    supervisor.drain()
    assert bench.status(dropped) is JobStatus.paused
    assert bench.store.curve(dropped)["epoch"] == [1]
    assert bench.status(kept) is JobStatus.succeeded
    bench.store.resume(dropped, owner="ada", actor="ada")
    supervisor.drain()
    assert bench.status(dropped) is JobStatus.succeeded
    assert bench.store.curve(dropped)["epoch"] == [1, 2, 3]


def test_a_job_that_trains_too_long_fails_with_timeout(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"timeout_s": 60.0})
    began = bench.clock.now
    bench.supervisor(drops_on_request).drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.failure_reason) == (JobStatus.failed, FailureReason.timeout)
    assert 60.0 < bench.clock.now - began < 62.0
    assert bench.store.curve(job_id)["epoch"] == [1]


def test_a_trainer_that_does_not_respond_is_killed(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"timeout_s": 10.0})
    began = bench.clock.now
    bench.supervisor(lambda _trainer, _order: []).drain()
    assert bench.store.get(job_id, owner=None).failure_reason is FailureReason.timeout
    assert bench.clock.now - began < 10.0 + UNRESPONSIVE_S + 2.0
    assert bench.trainers[0].killed


def test_a_member_whose_lease_was_lost_is_dropped_in_silence(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    taken: list[int] = []

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        if isinstance(order, Cancel):
            return [points(job_id, 2), done(trainer, job_id)]
        bench.store.requeue(job_id, 1, reason="a test takes it away", charge=False)
        claims = bench.store.claim(worker="another", device="cpu", limit=1, lease_s=30.0)
        taken.extend(claim.attempt for claim in claims)
        return [points(job_id, 1)]

    bench.supervisor(script).drain()
    job = bench.store.get(job_id, owner=None)
    assert taken == [2]
    assert (job.status, job.worker, job.attempt) == (JobStatus.running, "another", 2)
    assert bench.store.curve(job_id).get("epoch", []) == []


def test_members_go_back_uncharged_when_leases_cannot_be_renewed(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})

    def script(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        if isinstance(order, Train) and any(isinstance(earlier, Leave) for earlier in trainer.orders):
            return succeeds(trainer, order)
        return drops_on_request(trainer, order)

    bench.heartbeat.beat = lambda: None  # type: ignore[method-assign]  # the heartbeat cannot reach the record
    began = bench.clock.now
    bench.supervisor(script).drain()
    assert 20.0 < bench.clock.now - began < 21.0
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.succeeded, 2)


def test_a_job_goes_back_uncharged_however_long_the_record_was_away(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    requeue, asked = bench.store.requeue, list[bool]()

    def away_at_first(*given: Any, **named: Any) -> bool:
        asked.append(named["charge"])
        if len(asked) == 1:
            bench.clock.now += 600.0
            raise StoreUnavailableError
        return requeue(*given, **named)

    bench.heartbeat.beat = lambda: None  # type: ignore[method-assign]  # the heartbeat cannot reach the record
    bench.store.requeue = away_at_first  # type: ignore[method-assign]
    supervisor = bench.supervisor(drops_on_request, succeeds)
    supervisor._train(claimed(supervisor))
    assert asked == [False, False]
    assert bench.status(job_id) is JobStatus.queued


def claimed(supervisor: Supervisor) -> ClaimedPack:
    """A pack that this supervisor is to train."""
    pack = supervisor._claim()
    assert pack is not None
    return pack


def test_the_guard_kills_a_trainer_once_before_its_leases_pass_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.submit(SMALL)
    supervisor = bench.supervisor(lambda _trainer, _order: [])
    bench.heartbeat.beat = bench.heartbeat.watchdog  # type: ignore[method-assign]  # no lease is renewed, and the trainer does not respond

    def stop_when_killed() -> None:
        bench.heartbeat.watchdog()
        if bench.trainers[0].killed:
            supervisor.stop()

    began = bench.clock.now
    supervisor._trainer.get()
    bench.trainers[0].while_waiting = stop_when_killed
    supervisor.drain()
    assert bench.trainers[0].killed
    assert caplog.text.count("is killed before they pass on") == 1
    assert 25.0 <= bench.clock.now - began < 26.0


def test_a_stop_gives_the_jobs_back_uncharged_and_rings(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    supervisor = bench.supervisor(drops_on_request)
    supervisor._trainer.get()
    bench.trainers[0].while_waiting = supervisor.stop
    supervisor.drain()
    assert bench.status(job_id) is JobStatus.queued
    assert bench.rung == [job_id]


def test_nothing_is_claimed_while_the_trainer_cannot_start(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)

    def start(device: Device) -> Trainer:
        raise TrainerDied(1)

    context = WorkerContext(
        worker="bench",
        claims=bench.store,
        store=bench.store,
        artifacts=bench.store,
        files=bench.files,
        heartbeat=bench.heartbeat,
        start_trainer=start,
        ring=bench.rung.append,
        announce=lambda: None,
        clock=bench.clock,
    )
    Supervisor(CPU, context).drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.queued, 0)


def test_a_model_that_cannot_be_published_is_no_success(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        return [points(job_id, 1), Ended(id=job_id, end="succeeded", files={"model.safetensors": 7})]

    bench.supervisor(script).drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.failure_reason) == (JobStatus.failed, FailureReason.error)
    assert "could not read its model again" in (job.failure_message or "")


# --- checkpoints --------------------------------------------------------------------------------------------------


def saves_and_crashes(*epochs: int, code: int = -9) -> Answer:
    """Trains and saves these epochs of every member, and dies."""

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        reports: list[Report | Exception] = [
            report
            for job in order.jobs
            for epoch in epochs
            for report in (points(job.id, epoch), saved(trainer, job.id, epoch))
        ]
        return [*reports, TrainerDied(code)]

    return script


def goes_on_after(epoch: int, refused: int | None = None) -> Answer:
    """Begins after an epoch and trains to the third; may refuse the checkpoint of another."""

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        reports: list[Report | Exception] = []
        for job in order.jobs:
            no = {file: "it has format 0" for file in job.checkpoints if file.endswith(f"-e{refused}.safetensors")}
            reports.append(Resumed(id=job.id, epoch=epoch, refused=no))
            reports.append(points(job.id, *range(epoch + 1, 4)))
            reports.append(done(trainer, job.id))
        return reports

    return script


def test_a_job_goes_on_from_its_checkpoint_after_a_crash(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    bench.supervisor(saves_and_crashes(1, 2), goes_on_after(2)).drain()
    assert staged(bench.trainers[1]) == [b"2 epochs of " + job_id.encode(), b"1 epochs of " + job_id.encode()]
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.succeeded, 2)
    assert bench.store.curve(job_id)["epoch"] == [1, 2, 3]


def test_members_of_a_pack_that_crashed_go_on_from_their_checkpoints_in_the_same_attempt(bench: Bench) -> None:
    ids = bench.submit(SMALL, SMALL | {"seed": 1})
    bench.supervisor(saves_and_crashes(1, 2), goes_on_after(2)).drain()
    assert bench.trained_together() == [2, 1, 1]
    assert staged(bench.trainers[1])[0] == b"2 epochs of " + ids[0].encode()
    for job_id in ids:
        job = bench.store.get(job_id, owner=None)
        assert (job.status, job.attempt) == (JobStatus.succeeded, 1)
        assert bench.store.curve(job_id)["epoch"] == [1, 2, 3]


def test_a_crash_before_the_beat_loses_no_checkpoint_and_leaves_no_gap(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    bench.heartbeat.beat = lambda: None  # type: ignore[method-assign]  # nothing is sent before the crash
    bench.supervisor(saves_and_crashes(1), goes_on_after(1)).drain()
    assert bench.store.curve(job_id)["epoch"] == [1, 2, 3]


def broken(bench: Bench, epoch: int, how: str) -> Answer:
    """Saves two epochs, then something happens to the file of one, and the trainer dies."""

    def script(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        def damage() -> None:
            (file,) = (bench.folder / "files" / "checkpoints").rglob(f"*-e{epoch}.safetensors")
            content = file.read_bytes()
            match how:
                case "missing":
                    file.unlink()
                case "truncated":
                    file.write_bytes(content[:-1])
                case "flipped":
                    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
            trainer.killed = True

        trainer.while_waiting = damage
        return saves_and_crashes(1, 2)(trainer, order)[:-1]

    return script


@pytest.mark.parametrize("how", ["missing", "truncated", "flipped"])
def test_a_broken_checkpoint_falls_back_to_the_one_before_and_says_so(bench: Bench, how: str) -> None:
    (job_id,) = bench.submit(SMALL)
    bench.supervisor(broken(bench, 2, how), goes_on_after(1)).drain()
    assert staged(bench.trainers[1]) == [b"1 epochs of " + job_id.encode()]
    assert bench.status(job_id) is JobStatus.succeeded
    assert bench.store.curve(job_id)["epoch"] == [1, 2, 3]
    (told,) = [event.reason for event in bench.store.events(job_id) if "cannot be used" in event.reason]
    assert "of epoch 2 " in told
    assert told.endswith("it goes on from that of epoch 1")


def test_a_checkpoint_that_cannot_be_read_just_now_is_not_thrown_away(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)

    def unreadable(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        def hide() -> None:
            (file,) = (bench.folder / "files" / "checkpoints").rglob("*-e2.safetensors")
            file.rename(file.with_suffix(".hidden"))
            file.mkdir()  # to read it is an error, and not that it is gone
            trainer.killed = True

        trainer.while_waiting = hide
        return saves_and_crashes(1, 2)(trainer, order)[:-1]

    bench.supervisor(unreadable, lambda _trainer, _order: [TrainerDied(-9)]).drain()
    assert len(staged(bench.trainers[1])) == 1
    assert any("cannot be copied" in event.reason for event in bench.store.events(job_id))
    with db.writing(bench.engine) as connection:
        connection.execute(update(tables.Job).values(not_before=None))
    (claim,) = bench.store.claim(worker="another", device="cpu", limit=1, lease_s=30.0)
    assert [kept.epoch for kept in claim.checkpoints] == [2, 1]


def test_a_checkpoint_that_the_trainer_refuses_is_noted_and_not_staged_again(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)

    def refuses_and_crashes(trainer: Scripted, order: Order) -> list[Report | Exception]:
        return [*goes_on_after(1, refused=2)(trainer, order)[:1], TrainerDied(-9)]

    bench.supervisor(saves_and_crashes(1, 2), refuses_and_crashes, goes_on_after(1)).drain()
    (told,) = [event.reason for event in bench.store.events(job_id) if "cannot be used" in event.reason]
    assert "it has format 0" in told


def test_a_checkpoint_that_cannot_be_stored_is_noted_once_and_training_goes_on(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    (bench.folder / "files").mkdir()
    (bench.folder / "files" / "checkpoints").write_text("a file where a folder should be")

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        reports = saves_and_crashes(1, 2)(trainer, order)[:-1]
        return [*reports, Unsaved(id=job_id, epoch=3, message="no"), points(job_id, 3), done(trainer, job_id)]

    bench.supervisor(script).drain()
    assert bench.status(job_id) is JobStatus.succeeded
    (told,) = [event.reason for event in bench.store.events(job_id) if "could not be stored" in event.reason]
    assert "epoch 1 " in told


def test_a_job_that_ends_before_the_heartbeat_leaves_no_unrecorded_file(bench: Bench) -> None:
    bench.submit(SMALL)
    bench.heartbeat.beat = lambda: None  # type: ignore[method-assign]

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        return [*saves_and_crashes(1, 2, 3)(trainer, order)[:-1], done(trainer, order.jobs[0].id)]

    bench.supervisor(script).drain()
    assert bench.checkpoints() == []


def test_a_stop_lets_epochs_end_and_gives_the_jobs_back_with_their_checkpoints(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        if isinstance(order, Leave):
            return [points(job_id, 2), saved(trainer, job_id, 2), Ended(id=job_id, end="cancelled")]
        assert isinstance(order, Train)
        return [points(job_id, 1)]

    supervisor = bench.supervisor(script)
    supervisor._trainer.get()
    bench.trainers[0].while_waiting = supervisor.stop
    supervisor.drain()
    assert bench.status(job_id) is JobStatus.queued
    assert bench.rung == [job_id]
    assert bench.store.curve(job_id)["epoch"] == [1, 2]
    (claim,) = bench.store.claim(worker="another", device="cpu", limit=1, lease_s=30.0)
    assert [kept.epoch for kept in claim.checkpoints] == [2]
    assert bench.checkpoints() == ["a1-e2.safetensors"]


def test_a_checkpoint_that_the_record_took_stays_when_its_answer_is_lost(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    requeue, answers = bench.store.requeue, list[bool]()

    def loses_the_first_answer(*given: Any, **named: Any) -> bool:
        answers.append(requeue(*given, **named))
        if len(answers) == 1:
            raise StoreUnavailableError
        return answers[-1]

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        if isinstance(order, Leave):
            return [points(job_id, 2), saved(trainer, job_id, 2), Ended(id=job_id, end="cancelled")]
        return [points(job_id, 1)]

    def pause() -> None:
        bench.store.request_pause(job_id, owner="ada", actor="ada")
        bench.heartbeat.beat()

    bench.store.requeue = loses_the_first_answer  # type: ignore[method-assign]
    supervisor = bench.supervisor(script)
    supervisor._trainer.get()
    bench.trainers[0].while_waiting = pause
    supervisor.drain()
    assert answers == [True, False]
    assert bench.status(job_id) is JobStatus.paused
    assert bench.checkpoints() == ["a1-e2.safetensors"]


@pytest.mark.parametrize("deaf", [False, True])
def test_a_stop_waits_for_no_long_epoch(bench: Bench, *, deaf: bool) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        if isinstance(order, Cancel) and not deaf:
            return [Ended(id=job_id, end="cancelled")]
        return [points(job_id, 1)] if isinstance(order, Train) else []

    supervisor = bench.supervisor(script)
    supervisor._trainer.get()
    bench.trainers[0].while_waiting = supervisor.stop
    began = bench.clock.now
    supervisor.drain()
    assert 8.0 < bench.clock.now - began < 8.0 + UNRESPONSIVE_AT_STOP_S + 1.0  # of 20 s
    assert bench.trainers[0].killed == deaf
    assert bench.status(job_id) is JobStatus.queued


# --- stalls and poison --------------------------------------------------------------------------------------------


def test_a_trainer_that_gets_no_further_is_killed_and_its_job_charged(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL)
    began = bench.clock.now
    bench.supervisor(lambda _trainer, _order: [points(job_id, 1)], goes_on_after(0)).drain()
    assert bench.clock.now - began == pytest.approx(STALL_S, abs=1.0)
    assert bench.trainers[0].killed
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.succeeded, 2)
    assert any("made no progress for 100 s" in event.reason for event in bench.store.events(job_id))


def test_a_job_that_crashes_alone_three_times_is_quarantined(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 20})
    supervisor = bench.supervisor(lambda _trainer, _order: [TrainerDied(-11)])
    supervisor.drain()
    assert (bench.status(job_id), len(bench.trainers)) == (JobStatus.queued, 3)  # it waits; the third is warm for it
    with db.writing(bench.engine) as connection:
        connection.execute(update(tables.Job).values(not_before=None))
    supervisor.drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.failure_reason, job.attempt) == (JobStatus.failed, FailureReason.quarantined, 3)
    assert "SIGSEGV" in (job.failure_message or "")


def test_jobs_whose_data_set_is_gone_fail_and_the_next_trains(bench: Bench) -> None:
    column, target = Column(name="x", type=ColumnKind.number, size=2), ("a", "b")
    told = ColumnProfile(name="x", type=ColumnKind.number)
    record = DatasetStore(bench.engine).add(
        f"ds_{'0' * 32}",
        owner="ada",
        name="gone",
        sha256="0" * 64,
        size=1,
        reading=Reading(
            rows=10,
            table=Schema(columns=(column,), target=Target(name="y", type=Targets.classes, labels=target)),
            profile=Profile(format="csv", columns=[told], target=told),
            sha256="0" * 64,
        ),
    )
    on_it: dict[str, object] = {"dataset": record.uploaded, "epochs": 3}
    *lost, fine = bench.submit(on_it, on_it | {"seed": 1}, SMALL)
    bench.supervisor(succeeds).drain()
    for job_id in lost:
        job = bench.store.get(job_id, owner=None)
        assert (job.status, job.failure_reason) == (JobStatus.failed, FailureReason.bad_data)
        assert job.failure_message == "The data set was deleted: upload it again, and submit the job again."
    assert bench.status(fine) is JobStatus.succeeded

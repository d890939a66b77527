"""What becomes of jobs whose files cannot be stored."""

import errno
import os
from collections.abc import Callable

import pytest

from spec.states import JobStatus
from store.files.local import LocalFiles
from worker.errors import TrainerDied
from worker.messages import Cancel, Ended, Order, Report, Train

from .bench import SMALL, Answer, Bench, Scripted, done, points, saved, succeeds


class FullDisk(LocalFiles):
    """A file store that takes checkpoints, and no model while `error` is set."""

    error: int | None = errno.ENOSPC

    def put(self, path: str, content: bytes) -> None:
        if self.error is not None and path.startswith("jobs/"):
            raise OSError(self.error, os.strerror(self.error))
        super().put(path, content)


PATIENCE_S = 60.0
"""Less than a worker's own: each step of the clock takes a test time, too."""


@pytest.fixture(autouse=True)
def less_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.outcomes.PATIENCE_S", PATIENCE_S)


@pytest.fixture
def disk(bench: Bench) -> FullDisk:
    bench.files = disk = FullDisk(f"file://{bench.folder / 'files'}")
    return disk


def trains_to_the_end(meanwhile: Callable[[Scripted], object] = lambda _trainer: None) -> Answer:
    """Trains and saves every member, which then all succeed; `meanwhile` runs whenever the supervisor waits."""

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train), "the trainer has nothing left to cancel"
        beat = trainer.while_waiting

        def wait() -> None:
            beat()
            meanwhile(trainer)

        trainer.while_waiting = wait
        return [
            report
            for job in order.jobs
            for report in (points(job.id, 1, 2), saved(trainer, job.id, 2), points(job.id, 3), done(trainer, job.id))
        ]

    return script


def reasons(bench: Bench, job_id: str) -> list[str]:
    return [event.reason for event in bench.store.events(job_id)]


def test_a_model_is_stored_when_there_is_space_again(
    bench: Bench, disk: FullDisk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "worker.outcomes")
    ids = bench.submit(SMALL | {"max_attempts": 1}, SMALL | {"max_attempts": 1})
    began = bench.clock.now

    def space_after_20_s(_trainer: Scripted) -> None:
        if bench.clock.now - began > 20.0:
            disk.error = None

    bench.supervisor(trains_to_the_end(space_after_20_s)).drain()
    for job_id in ids:
        job = bench.store.get(job_id, owner=None)
        assert (job.status, job.attempt) == (JobStatus.succeeded, 1)
        (artifact,) = bench.store.artifacts(job_id)
        assert bench.files.get(artifact.uri) == b"weights of " + job_id.encode()
        assert sum("the disk is full" in reason for reason in reasons(bench, job_id)) == 1
        assert caplog.text.count(f"{job_id} succeeded") == 1
    assert 20.0 < bench.clock.now - began < 31.0


def test_a_job_is_given_back_uncharged_when_the_disk_stays_full(bench: Bench, disk: FullDisk) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    began = bench.clock.now
    bench.supervisor(trains_to_the_end()).drain()
    assert PATIENCE_S < bench.clock.now - began < PATIENCE_S + 5.0
    assert bench.status(job_id) is JobStatus.queued
    assert "the disk is full: its model could not be stored; it is not charged" in reasons(bench, job_id)[-1]
    assert bench.store.claim(worker="w", device="cpu", limit=1, lease_s=30.0) == []  # it waits a little

    disk.error = None
    bench.ready_now()
    (claim,) = bench.store.claim(worker="w", device="cpu", limit=1, lease_s=30.0)
    assert [kept.epoch for kept in claim.checkpoints] == [2]
    assert bench.store.curve(job_id)["epoch"] == [1, 2]


def test_a_job_that_waits_for_space_can_be_cancelled_and_its_trainer_lives(bench: Bench, disk: FullDisk) -> None:
    (job_id,) = bench.submit(SMALL)

    def cancel(_trainer: Scripted) -> None:
        bench.store.request_cancel(job_id, owner=None, actor="ada")

    began = bench.clock.now
    bench.supervisor(trains_to_the_end(cancel)).drain()
    assert bench.status(job_id) is JobStatus.cancelled
    assert bench.clock.now - began < 5.0
    (trainer,) = bench.trainers
    assert not trainer.killed
    assert not any(isinstance(order, Cancel) for order in trainer.orders)


def test_a_worker_that_stops_gives_back_what_it_could_not_store(bench: Bench, disk: FullDisk) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    supervisor = bench.supervisor(trains_to_the_end(lambda _trainer: supervisor.stop()))
    supervisor.drain()
    assert bench.status(job_id) is JobStatus.queued


def test_a_lease_that_cannot_be_renewed_ends_the_wait_for_space(bench: Bench, disk: FullDisk) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    bench.heartbeat.beat = lambda: None  # type: ignore[method-assign]  # the heartbeat cannot reach the record
    began = bench.clock.now
    supervisor = bench.supervisor(trains_to_the_end())
    assert supervisor._trainer.get()
    pack = supervisor._claim()
    assert pack is not None
    supervisor._train(pack)
    assert 20.0 < bench.clock.now - began < 21.0
    assert bench.status(job_id) is JobStatus.queued


def test_a_trainer_that_dies_while_its_models_wait_charges_no_job(bench: Bench, disk: FullDisk) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    bench.supervisor(trains_to_the_end(lambda trainer: trainer.reports.append(TrainerDied(-9)))).drain()
    assert bench.status(job_id) is JobStatus.queued
    assert not list((bench.folder / "files" / "jobs").rglob("*.safetensors"))


def test_a_model_that_its_trainer_could_not_write_charges_no_job(bench: Bench) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})

    def unsaved(trainer: Scripted, order: Order) -> list[Report | Exception]:
        return [
            points(job_id, 1),
            saved(trainer, job_id, 1),
            Ended(id=job_id, end="unsaved", message="Read-only file system"),
        ]

    bench.supervisor(unsaved).drain()
    assert bench.status(job_id) is JobStatus.queued
    assert (
        "Read-only file system: its worker could not write its model; it is not charged" in reasons(bench, job_id)[-1]
    )
    bench.ready_now()
    bench.supervisor(succeeds).drain()
    assert bench.status(job_id) is JobStatus.succeeded


def test_a_file_store_that_stays_broken_costs_no_job_which_says_why_it_waits(bench: Bench, disk: FullDisk) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    disk.error = errno.EIO
    bench.supervisor(trains_to_the_end()).drain()
    assert bench.status(job_id) is JobStatus.queued
    assert "Input/output error: its model could not be stored; it is not charged" in reasons(bench, job_id)[-1]

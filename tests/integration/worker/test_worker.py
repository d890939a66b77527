"""Real processes, a real record, a real broker: jobs are submitted to the record, and workers finish them."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spec.states import FailureReason, JobStatus
from store.leases import WORKER_STOPPED
from store.workers import WorkerRecord, WorkerStore
from tests.services import PATIENCE, eventually, trainers

from .site import LONG, QUICK, STRUCK, Broker, Site

STOP_S = 60.0
"""A worker on a busy machine has given its jobs back by then."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On PostgreSQL, and with `--all-databases` on SQLite too: tests that share a worker are on one database."""
    if "shared_site" in metafunc.fixturenames:
        databases = ["postgres", "sqlite"] if metafunc.config.getoption("--all-databases") else ["postgres"]
        metafunc.parametrize("shared_site", databases, indirect=True, scope="module")


@pytest.fixture
def warm(shared_site: Site) -> Site:
    """A site with a worker, which outlives most tests."""
    shared_site.worker(stop_s=STOP_S)
    return shared_site


def registered(site: Site, worker: subprocess.Popen[bytes]) -> list[WorkerRecord]:
    """What the record says of a worker: nothing once it has signed off. One that was killed stays there for a while."""
    return [one for one in WorkerStore(site.engine).live() if one.pid == worker.pid]


def test_a_bell_makes_a_waiting_worker_train_the_job(warm: Site) -> None:
    worker = warm.worker()
    eventually(lambda: WorkerStore(warm.engine).live() != [], 20.0, "the worker is registered")
    eventually(lambda: len(trainers(worker.pid)) == 1, 20.0, "its trainer is started")
    (job_id,) = warm.submit(QUICK)
    job = warm.wait(job_id, JobStatus.succeeded)

    assert warm.store.curve(job_id)["epoch"] == [1, 2, 3, 4, 5]
    assert job.epoch == 5
    files = {artifact.name: artifact.uri for artifact in warm.store.artifacts(job_id)}
    assert {"model.safetensors", "spec.json"} <= files.keys()
    assert all(warm.files.get(uri) for uri in files.values())


def test_a_killed_trainer_is_replaced_and_the_job_finishes(warm: Site) -> None:
    worker = warm.worker()
    warm.slow_motion.begin()
    (job_id,) = warm.submit(STRUCK)
    warm.wait_for_an_epoch(job_id)
    (trainer,) = trainers(worker.pid)
    trainer.kill()
    warm.slow_motion.end()
    job = warm.wait(job_id, JobStatus.succeeded, within_s=60.0)
    assert job.attempt >= 2  # a busy machine may miss the record for a lease, too
    assert warm.store.curve(job_id)["epoch"] == list(range(1, 151))


def test_a_job_that_takes_its_trainer_down_three_times_is_quarantined_and_the_worker_lives(warm: Site) -> None:
    worker = warm.worker()
    (job_id,) = warm.submit(LONG | {"max_attempts": 20})
    for attempt in (1, 2, 3):
        eventually(lambda n=attempt: warm.job(job_id).attempt == n, 40.0, f"attempt {attempt}")  # type: ignore[misc]
        warm.wait_for_an_epoch(job_id)
        (trainer,) = trainers(worker.pid)
        trainer.kill()
        trainer.wait()
    job = warm.wait(job_id, JobStatus.failed)
    assert job.failure_reason is FailureReason.quarantined
    (other,) = warm.submit(STRUCK)
    warm.wait(other, JobStatus.succeeded, within_s=60.0)


def test_a_running_job_is_cancelled_within_seconds_and_keeps_its_curve(warm: Site) -> None:
    (job_id,) = warm.submit(LONG)
    warm.wait_for_an_epoch(job_id)
    warm.store.request_cancel(job_id, owner="ada", actor="ada")
    warm.wait(job_id, JobStatus.cancelled, within_s=4.0)
    assert warm.store.curve(job_id)["epoch"][0] == 1


def test_a_running_job_is_paused_within_seconds_and_trains_again_when_resumed(warm: Site) -> None:
    (job_id,) = warm.submit(LONG | {"max_attempts": 1})
    warm.wait_for_an_epoch(job_id)
    warm.store.request_pause(job_id, owner="ada", actor="ada")
    paused = warm.wait(job_id, JobStatus.paused, within_s=4.0)
    assert (paused.worker, paused.epoch > 0) == (None, True)
    (other,) = warm.submit(QUICK)  # its slot is free for others meanwhile
    warm.wait(other, JobStatus.succeeded)
    warm.store.resume(job_id, owner="ada", actor="ada")
    warm.doorbell.ring(job_id)
    assert warm.wait(job_id, JobStatus.running).attempt == 2
    warm.store.request_cancel(job_id, owner="ada", actor="ada")
    warm.wait(job_id, JobStatus.cancelled, within_s=4.0)


def test_a_killed_workers_job_passes_on_and_no_orphan_stays(warm: Site) -> None:
    first = warm.worker()
    warm.slow_motion.begin()
    (job_id,) = warm.submit(STRUCK)
    warm.wait_for_an_epoch(job_id)
    (orphan,) = trainers(first.pid)
    second = warm.start_worker(stop_s=STOP_S)
    warm.kill(first)
    warm.slow_motion.end()
    eventually(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, 5.0, "the orphan ends")
    job = warm.wait(job_id, JobStatus.succeeded, within_s=80.0)
    assert job.attempt >= 2  # a busy machine may miss the record for a lease, too
    assert str(second.pid) in (job.worker or "")
    assert warm.store.curve(job_id)["epoch"] == list(range(1, 151))


def test_a_job_that_trains_too_long_fails_with_timeout(warm: Site) -> None:
    (job_id,) = warm.submit(LONG | {"timeout_s": 1.0})
    job = warm.wait(job_id, JobStatus.failed)
    assert job.failure_reason is FailureReason.timeout


def test_sigterm_gives_the_job_back_and_leaves_nothing(warm: Site) -> None:
    worker = warm.worker()
    (job_id,) = warm.submit(LONG | {"max_attempts": 1})
    warm.wait_for_an_epoch(job_id)
    (trainer,) = trainers(worker.pid)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20 * PATIENCE) == 0
    assert not trainer.is_running()
    assert warm.job(job_id).status is JobStatus.queued
    assert registered(warm, worker) == []
    warm.store.request_cancel(job_id, owner="ada", actor="ada")


@pytest.mark.thorough
def test_a_worker_that_leaves_when_idle_trains_first_however_slowly_its_trainer_starts(shared_site: Site) -> None:
    site = shared_site
    site.stop_workers()
    (job_id,) = site.submit(QUICK)
    worker = site.start_worker("cpu:1", "--leave-when-idle", "0.1")  # a trainer takes longer to start
    assert worker.wait(40 * PATIENCE) == 0
    assert (site.job(job_id).status, site.job(job_id).attempt) == (JobStatus.succeeded, 1)


@pytest.mark.thorough
def test_jobs_queued_before_the_worker_came_need_no_bell(shared_site: Site) -> None:
    site = shared_site
    site.stop_workers()
    ids = site.submit(*(QUICK | {"seed": seed} for seed in range(64)), ring=False)
    started = site.start_worker(devices="cpu:2", stop_s=STOP_S)
    for job_id in ids:
        site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    jobs = [site.job(job_id) for job_id in ids]
    assert max(job.pack_size or 0 for job in jobs) >= 16
    (worker,) = registered(site, started)
    assert worker.devices == ("cpu:0", "cpu:1")
    assert {job.device for job in jobs} <= set(worker.devices)
    assert all(site.store.curve(job.id)["epoch"] == [1, 2, 3, 4, 5] for job in jobs)


@pytest.mark.thorough
def test_a_machine_that_shuts_down_tells_every_process_and_the_job_is_saved(warm: Site) -> None:
    """So does systemd; and a stack then tells its worker again."""
    worker = warm.worker()
    (job_id,) = warm.submit(LONG | {"max_attempts": 1})
    warm.wait_for_an_epoch(job_id)
    process = psutil.Process(worker.pid)
    told = [*reversed(process.children(recursive=True)), process]
    process.suspend()  # it hears all of them at once
    for one in told:
        for number in (signal.SIGTERM, signal.SIGHUP):
            one.send_signal(number)
    worker.terminate()
    process.resume()
    assert worker.wait(20 * PATIENCE) == 0
    assert warm.job(job_id).status is JobStatus.queued
    assert warm.store.events(job_id)[-1].reason == WORKER_STOPPED
    (claim,) = warm.store.claim(worker="another", device="cpu", limit=1, lease_s=30.0)
    assert claim.checkpoints != ()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="b-") as folder:  # a socket's path must be short
        broker = Broker(Path(folder))
        broker.start()
        yield broker
        broker.stop()


def test_a_job_submitted_while_the_broker_is_down_runs(tmp_path: Path, broker: Broker) -> None:
    site = Site(tmp_path, f"sqlite:///{tmp_path / 'record.db'}", broker.url)
    try:
        worker = site.start_worker()
        eventually(lambda: len(trainers(worker.pid)) == 1, 20.0, "the worker is up")
        broker.stop()
        (job_id,) = site.submit(QUICK)
        site.wait(job_id, JobStatus.succeeded, within_s=30.0)
        broker.start()
        (later,) = site.submit(QUICK | {"seed": 1})
        site.wait(later, JobStatus.succeeded, within_s=30.0)
    finally:
        site.close()

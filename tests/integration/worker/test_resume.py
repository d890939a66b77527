"""Trainers and workers are killed, stopped and frozen, and jobs go on from their checkpoints."""

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import load
from sqlalchemy import select

from spec.states import JobStatus
from store import db
from store.tables import Checkpoint, Lease
from tests.services import PATIENCE, eventually, fresh_database, trainers

from .site import STRUCK, Site

OFTEN_S = 0.2
LEASE_S = 60.0


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """One database is enough: what the record does, its own tests check on both."""
    with fresh_database(postgres_url) as url:
        yield url


def checkpoints(site: Site, job_id: str) -> list[int]:
    """Epochs of the checkpoints that the record would hand out."""
    with db.reading(site.engine) as connection:
        query = select(Checkpoint.epoch).where(Checkpoint.job_id == job_id, ~Checkpoint.void)
        return sorted(connection.execute(query).scalars())


def lease(site: Site, job_id: str) -> datetime:
    """When the lease of a job ends."""
    with db.reading(site.engine) as connection:
        return connection.execute(select(Lease.until).where(Lease.job_id == job_id)).scalar_one()


def settle(site: Site, job_id: str) -> None:
    """Wait until what was on its way from the trainer to the record is there: the second renewal begins after it."""
    seen = {lease(site, job_id)}

    def renewed_twice() -> bool:
        seen.add(lease(site, job_id))
        return len(seen) > 2

    eventually(renewed_twice, 40.0, "the lease is renewed twice")


def files(site: Site, job_id: str = "") -> list[Path]:
    """What lies in the file store for checkpoints, of one job or of all."""
    return [path for path in (site.home / "files" / "checkpoints").rglob("*") if job_id in path.as_posix()]


def model(site: Site, job_id: str) -> dict[str, list[float]]:
    """The numbers of a job's model."""
    (artifact,) = [one for one in site.store.artifacts(job_id) if one.name == "model.safetensors"]
    arrays = load(site.files.get(artifact.uri))
    return {name: array.flatten().tolist() for name, array in arrays.items()}


def reasons(site: Site, job_id: str) -> list[str]:
    return [event.reason for event in site.store.events(job_id)]


def goes_on_after(site: Site, job_id: str) -> list[int]:
    """After which epochs the job went on, as the workers' logs say."""
    lines = [line for path in sorted(site.home.glob("*.log")) for line in path.read_text().splitlines()]
    said = f"{job_id} goes on after epoch "
    return [int(line.partition(said)[2]) for line in lines if said in line]


@pytest.fixture
def warm(shared_site: Site) -> Site:
    """A site with a worker that saves often and outlives each test."""
    shared_site.worker(lease_s=LEASE_S, checkpoint_s=OFTEN_S)
    return shared_site


def kill_a_trainer(site: Site, worker: subprocess.Popen[bytes], job_id: str) -> None:
    """Kill it while it trains the job."""
    site.wait_for_an_epoch(job_id)
    (trainer,) = trainers(worker.pid)
    trainer.kill()
    trainer.wait()


def test_a_pack_goes_on_elsewhere_from_where_it_was_when_its_worker_is_told_to_end(shared_site: Site) -> None:
    site = shared_site
    site.stop_workers()
    site.slow_motion.begin()
    ids = site.submit(*(STRUCK | {"max_attempts": 1, "seed": seed} for seed in range(12)))
    first = site.start_worker(lease_s=LEASE_S, stop_s=60.0)
    eventually(lambda: all(site.job(job_id).epoch for job_id in ids), 40.0, "all train")
    assert {site.job(job_id).pack_size for job_id in ids} == {12}
    first.send_signal(signal.SIGUSR1)  # as Slurm does
    first.send_signal(signal.SIGTERM)  # as Kubernetes does, and Slurm when somebody then cancels it
    assert first.wait(20 * PATIENCE) == 0
    jobs = [site.job(job_id) for job_id in ids]
    assert {job.status for job in jobs} == {JobStatus.queued}
    assert [checkpoints(site, job.id) for job in jobs] == [[job.epoch] for job in jobs]
    assert all("its worker was stopped" in reasons(site, job_id) for job_id in ids)
    site.slow_motion.end()

    site.start_worker(lease_s=LEASE_S, checkpoint_s=OFTEN_S)
    for job in jobs:
        site.wait(job.id, JobStatus.succeeded, within_s=60.0)
        assert goes_on_after(site, job.id) == [job.epoch]
        assert site.store.curve(job.id)["epoch"] == list(range(1, 151))


def test_a_killed_trainers_job_goes_on_and_ends_as_if_nothing_had_happened(warm: Site) -> None:
    worker = warm.worker()
    spec = STRUCK | {"dropout": 0.2, "schedule": "cosine"}
    (whole,) = warm.submit(spec)
    warm.wait(whole, JobStatus.succeeded, within_s=60.0)
    warm.slow_motion.begin()
    (broken,) = warm.submit(spec)
    eventually(lambda: checkpoints(warm, broken) != [], 40.0, "a checkpoint is recorded")
    kill_a_trainer(warm, worker, broken)
    warm.slow_motion.end()
    job = warm.wait(broken, JobStatus.succeeded, within_s=60.0)

    assert job.attempt >= 2  # a busy machine may miss the record for a lease, too
    assert 0 < goes_on_after(warm, broken)[0] < 150
    assert warm.store.curve(broken) == warm.store.curve(whole)
    assert model(warm, broken) == model(warm, whole)
    assert (job.best_epoch, job.best_metrics) == (warm.job(whole).best_epoch, warm.job(whole).best_metrics)
    eventually(lambda: files(warm) == [], 20.0, "no checkpoint is left")


@pytest.mark.thorough
def test_a_job_whose_checkpoints_are_all_broken_starts_over_and_its_history_says_so(warm: Site) -> None:
    worker = warm.worker()
    warm.slow_motion.begin()
    (job_id,) = warm.submit(STRUCK)
    eventually(lambda: len(checkpoints(warm, job_id)) == 2, 40.0, "two checkpoints are recorded")
    (trainer,) = trainers(worker.pid)
    trainer.suspend()  # it writes no other meanwhile
    settle(warm, job_id)
    for path in files(warm, job_id):
        if path.is_file():
            os.truncate(path, 100)
    trainer.kill()
    warm.slow_motion.end()
    warm.wait(job_id, JobStatus.succeeded, within_s=60.0)
    told = [reason for reason in reasons(warm, job_id) if "cannot be used" in reason]
    assert len(told) == 2
    assert told[1].endswith("it goes on from its beginning")
    assert warm.store.curve(job_id)["epoch"] == list(range(1, 151))


@pytest.mark.thorough
def test_a_frozen_trainer_is_killed_and_its_job_goes_on(site: Site) -> None:
    worker = site.start_worker(checkpoint_s=OFTEN_S, stall_s=15.0)
    site.slow_motion.begin()
    (job_id,) = site.submit(STRUCK)
    eventually(lambda: checkpoints(site, job_id) != [], 40.0, "a checkpoint is recorded")
    (trainer,) = trainers(worker.pid)
    trainer.suspend()
    site.slow_motion.end()
    job = site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    assert job.attempt >= 2  # a busy machine may miss the record for a lease, too
    assert not psutil.pid_exists(trainer.pid)
    assert "the trainer made no progress for 15 s and was killed" in reasons(site, job_id)
    assert site.store.curve(job_id)["epoch"] == list(range(1, 151))

"""One job on several devices: a slot of two processes, which torch's launcher starts and which share every batch."""

from pathlib import Path

import psutil
import pytest

from spec.states import JobStatus
from tests.services import PATIENCE, eventually, trainers

from .site import LONG, Site

JOB = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [32]},
    "epochs": 6,
    "dropout": 0.2,
    "batch_size": 33,
}
IMAGES = JOB | {
    "architecture": {"type": "cnn", "channels": [4], "hidden": [16]},
    "augmentation": {"crop": 1, "flip": True},
    "epochs": 3,
}
TOGETHER = {"resources": {"gpus": 2}}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of record is enough for what trainer processes do."""
    return f"sqlite:///{tmp_path / 'record.db'}"


def test_two_processes_give_the_curve_of_one_and_nothing_outlives_their_worker(site: Site) -> None:
    pair = site.start_worker(devices="cpu+cpu")
    *shared, long = site.submit(JOB | TOGETHER, IMAGES | TOGETHER, LONG | TOGETHER)
    alone = site.submit(JOB, IMAGES)
    for job_id in shared:
        assert site.wait(job_id, JobStatus.succeeded, within_s=60.0).device == "cpu+cpu"
    site.wait_for_an_epoch(long)
    assert {site.job(job_id).status for job_id in alone} == {JobStatus.queued}  # a pair takes jobs for pairs only
    processes = psutil.Process(pair.pid).children(recursive=True)
    assert len(trainers(pair.pid)) >= 2
    pair.kill()
    pair.wait()
    _, alive = psutil.wait_procs(processes, timeout=20.0 * PATIENCE)
    assert alive == []

    site.start_worker()
    for job_id, other in zip(alone, shared, strict=True):
        site.wait(job_id, JobStatus.succeeded, within_s=60.0)
        together, lone = site.store.curve(other), site.store.curve(job_id)
        assert together.keys() == lone.keys()
        for name, column in lone.items():
            assert together[name] == pytest.approx(column, rel=1e-5, abs=1e-6), name


def test_a_group_that_loses_a_process_is_replaced_and_the_job_finishes(site: Site) -> None:
    worker = site.start_worker(devices="cpu+cpu")
    site.slow_motion.begin()
    (job_id,) = site.submit(JOB | TOGETHER | {"epochs": 150})
    site.wait_for_an_epoch(job_id)
    trainers(worker.pid)[-1].kill()
    site.slow_motion.end()
    eventually(lambda: site.job(job_id).attempt >= 2, 30.0, "it is tried again")
    site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    assert site.store.curve(job_id)["epoch"] == list(range(1, 151))

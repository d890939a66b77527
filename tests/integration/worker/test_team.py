"""One job on several devices: a slot of two processes, which torch's launcher starts and which share every batch."""

from collections.abc import Iterator

import psutil
import pytest

from spec.job import JobSpec
from spec.states import JobStatus
from tests.services import PATIENCE, eventually, trainers
from tests.unit.trainer.recording import train

from .site import LONG, STRUCK, Site

JOB = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [32]},
    "epochs": 4,
    "dropout": 0.2,
    "batch_size": 133,
}
IMAGES = JOB | {
    "architecture": {"type": "cnn", "channels": [4], "hidden": [16]},
    "augmentation": {"crop": 1, "flip": True},
    "epochs": 2,
}
TOGETHER = {"resources": {"gpus": 2}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Site]:
    """One kind of record is enough for what trainer processes do, and one worker for both tests."""
    home = tmp_path_factory.mktemp("site")
    site = Site(home, f"sqlite:///{home / 'record.db'}", redis_url)
    yield site
    site.close()


@pytest.mark.thorough
def test_a_group_that_loses_a_process_is_replaced_and_the_job_finishes(site: Site) -> None:
    worker = site.worker("cpu+cpu")
    site.slow_motion.begin()
    (job_id,) = site.submit(STRUCK | TOGETHER)
    site.wait_for_an_epoch(job_id)
    trainers(worker.pid)[-1].kill()
    site.slow_motion.end()
    eventually(lambda: site.job(job_id).attempt >= 2, 30.0, "it is tried again")
    site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    assert site.store.curve(job_id)["epoch"] == list(range(1, 151))


def test_two_processes_give_the_curve_of_one_and_nothing_outlives_their_worker(site: Site) -> None:
    pair = site.worker("cpu+cpu")
    site.slow_motion.begin()  # the last job trains until its worker is killed, and need not be fast
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

    for job_id, spec in zip(shared, (JOB, IMAGES), strict=True):
        together, lone = site.store.curve(job_id), train(JobSpec.model_validate(spec)).curves["0"]
        assert together["epoch"] == list(range(1, len(lone) + 1))
        assert together.keys() == {"epoch", *lone[0]}
        for name in lone[0]:
            assert together[name] == pytest.approx([metrics[name] for metrics in lone], rel=1e-5, abs=1e-6), name

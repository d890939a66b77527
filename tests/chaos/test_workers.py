"""Trainers and workers that die, freeze or lose the record."""

import time
from collections.abc import Mapping

import pytest

from spec.states import JobStatus
from store.workers import WorkerStore
from tests.services import promised

from .conftest import LEASE_S, Strike
from .site import Site, Worker, gone

STRUCK = {"dataset": "digits", "epochs": 200, "architecture": {"type": "mlp", "hidden": [32]}}
"""In slow motion it trains for 40 s, and ends soon after that."""
QUICK = {"dataset": "xor", "epochs": 5}
TAKEN_OVER_S = LEASE_S + 5.0 + 20.0
"""The lease, a round of the reaper, and the training from its start on a machine that does other things too."""


def whole(here: Site, job_id: str) -> None:
    """The job has one end, and a curve without gap or duplicate."""
    job = here.job(job_id)
    assert here.store.curve(job_id)["epoch"] == list(range(1, job.spec.epochs + 1))
    assert [event.to_status for event in here.store.events(job_id)].count(JobStatus.succeeded) == 1


def trained_by_one(here: Site, spec: Mapping[str, object]) -> tuple[str, Worker, Worker]:
    """A job that trains, the worker that has it, and another that could have it."""
    workers = [here.worker(), here.worker()]
    promised(lambda: all(len(one.trainers()) == 1 for one in workers), within_s=30.0, what="both are there")
    here.slow_motion.begin()
    (job_id,) = here.submit(spec)
    here.trains(job_id)
    (other,) = [one for one in workers if not has(here, job_id, one)]
    (holder,) = [one for one in workers if one is not other]
    return job_id, holder, other


def has(here: Site, job_id: str, worker: Worker) -> bool:
    """The job is, or was last, this worker's."""
    return f"-{worker.pid}-" in (here.job(job_id).worker or "")


def stopped_then_killed(worker: Worker) -> None:
    worker.stop()
    time.sleep(0.05)
    worker.kill()


@pytest.mark.parametrize("strike", [Worker.kill, stopped_then_killed], ids=["F3-node", "F25-stopped-then-killed"])
def test_a_node_that_dies_leaves_its_job_to_another(here: Site, strike: Strike) -> None:
    job_id, first, second = trained_by_one(here, STRUCK)
    strike(first)
    here.slow_motion.end()
    here.reaches(job_id, JobStatus.succeeded, TAKEN_OVER_S)
    assert has(here, job_id, second)
    whole(here, job_id)


def cut(worker: Worker) -> None:
    worker.record.cut()


def stall(worker: Worker) -> None:
    worker.record.stall()


def heal(worker: Worker) -> None:
    worker.record.heal()


@pytest.mark.parametrize(
    ("strike", "undo"),
    [(Worker.freeze, Worker.thaw), (cut, heal), (stall, heal)],
    ids=["F26-frozen", "F18-cut-off", "F18-half-open"],
)
def test_a_worker_that_comes_back_after_its_lease_writes_nothing(here: Site, strike: Strike, undo: Strike) -> None:
    job_id, first, second = trained_by_one(here, STRUCK)
    zombies = first.trainers()
    strike(first)
    promised(lambda: here.job(job_id).attempt == 2, within_s=LEASE_S + 15.0, what="the other takes over")
    undo(first)
    here.slow_motion.end()
    promised(
        lambda: all(gone(zombie) for zombie in zombies),
        within_s=5.0,
        what="the trainer whose lease passed on is ended",
    )
    here.reaches(job_id, JobStatus.succeeded, TAKEN_OVER_S)
    assert here.job(job_id).attempt == 2
    assert has(here, job_id, second)
    whole(here, job_id)
    ids = here.submit(*(QUICK | {"seed": seed, "priority": 9} for seed in range(4)))
    for one in ids:
        here.reaches(one, JobStatus.succeeded, 30.0)  # and it works on


def test_f27_a_worker_that_stops_for_less_than_its_lease_keeps_its_job(here: Site) -> None:
    job_id, first, _ = trained_by_one(here, STRUCK)
    for _ in range(3):
        assert here.job(job_id).status is JobStatus.running
        first.freeze()
        time.sleep(LEASE_S / 3)  # the fault itself
        first.thaw()
        time.sleep(1.0)
    assert here.job(job_id).status is JobStatus.running
    here.slow_motion.end()
    here.reaches(job_id, JobStatus.succeeded, 60.0)
    assert here.job(job_id).attempt == 1
    whole(here, job_id)


@pytest.mark.parametrize("hours", [-24, 1, 24])
def test_f29_a_worker_whose_clock_is_wrong_neither_loses_nor_steals(
    here: Site, hours: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("clock")
    (folder / "sitecustomize.py").write_text(
        f"import time\nreal = time.time\ntime.time = lambda: real() + {hours} * 3600\n"
    )
    here.worker()
    wrong = here.worker(PYTHONPATH=str(folder))
    promised(lambda: len(wrong.trainers()) == 1, within_s=30.0, what="it is there")
    ids = here.submit(*(STRUCK | {"seed": seed, "epochs": 90} for seed in range(2)), QUICK)
    for job_id in ids:
        here.reaches(job_id, JobStatus.succeeded, 40.0)
        job = here.job(job_id)
        assert job.attempt == 1
        assert job.started_at is not None
        assert job.finished_at is not None
        assert 0.0 <= (job.finished_at - job.started_at).total_seconds() < 40.0


def test_f23_a_worker_that_dies_between_files_and_record_publishes_once(here: Site) -> None:
    dying = here.worker(EPOCHAL_FAILPOINTS="published")
    (job_id,) = here.submit(QUICK)
    assert dying.wait(within_s=40.0) == -9
    assert here.job(job_id).status is JobStatus.running
    assert here.store.artifacts(job_id) == []
    here.worker()
    here.reaches(job_id, JobStatus.succeeded, TAKEN_OVER_S)
    artifacts = here.store.artifacts(job_id)
    assert {artifact.attempt for artifact in artifacts} == {here.job(job_id).attempt}
    assert all(here.files.get(artifact.uri) for artifact in artifacts)


def test_i6_a_worker_that_was_killed_is_no_longer_counted(here: Site, worker: Worker) -> None:
    workers = WorkerStore(here.engine)
    promised(lambda: any(one.pid == worker.pid for one in workers.live()), within_s=20.0, what="it is registered")
    pid = worker.pid
    worker.stop()
    assert worker.wait(within_s=20.0) == 0
    assert all(one.pid != pid for one in workers.live())

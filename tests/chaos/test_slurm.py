"""Workers as pilots of a real Slurm: they come with the backlog, are preempted and cancelled, and leave when idle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from spec.states import FINISHED, JobStatus
from store.db import reading
from store.tables import Lease
from tests.services import promised
from tests.slurm import Slurm, slurm

from .conftest import LEASE_S
from .site import TOKEN, Api, Site

pytestmark = pytest.mark.slurm

JOBS, SHAPES = 200, 20
STOPPED = "its worker was stopped"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    with slurm() as made:
        yield made


def running(cluster: Slurm) -> list[str]:
    return cluster.run("squeue", "-h", "-n", "epochal-pilot", "-t", "R", "-o", "%A").split()


def training(here: Site) -> set[str]:
    """The workers that hold leases."""
    with reading(here.engine) as connection:
        return set(connection.execute(select(Lease.worker)).scalars())


def given_back(here: Site, ids: list[str]) -> int:
    """Jobs that a pilot gave back when it was told to end."""
    return sum(any(event.reason == STOPPED for event in here.store.events(job_id)) for job_id in ids)


def test_pilots_come_and_go_and_no_job_is_lost_or_doubled(here: Site, api: Api, cluster: Slurm, tmp_path: Path) -> None:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")},
        **{"EPOCHAL_URL": api.url, "EPOCHAL_TOKEN": TOKEN, "EPOCHAL_HOME": str(tmp_path / "home")},
        **{"EPOCHAL_DATABASE_URL": here.postgres.url, "EPOCHAL_BROKER_URL": here.broker.url},
        **{"EPOCHAL_FILES_URL": here.files_folder.as_uri(), "EPOCHAL_DEVICES": "cpu:1"},
        **{"EPOCHAL_LEASE_S": str(LEASE_S), "EPOCHAL_CHECKPOINT_S": "1"},
        **cluster.environ,
        **here.slow_motion.environ,
    }
    here.slow_motion.begin()
    specs = [
        {
            "dataset": "iris",
            "epochs": 60,
            "architecture": {"type": "mlp", "hidden": [8 + number % SHAPES]},
            "seed": number,
        }
        for number in range(JOBS)
    ]
    ids = here.submit(*specs)
    command = [
        sys.executable,
        "-m",
        "epochal",
        "autoscale",
        "--slurm",
        "--max",
        "2",
        "--every",
        "1",
        "--cool-down",
        "4",
    ]
    command += ["--idle", "10", "--within", "0.1"]
    with (tmp_path / "autoscale.log").open("wb") as log:
        scaler = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=tmp_path)
    try:
        promised(lambda: len(running(cluster)) == 2, within_s=60.0, what=f"two pilots run; {tmp_path}")
        promised(lambda: len(training(here)) == 2, within_s=60.0, what="both train")

        cluster.run("sbatch", "--partition=urgent", "--output=/dev/null", script="#!/bin/bash\nsleep 3\n")
        promised(
            lambda: given_back(here, ids) > 0, within_s=30.0, what="the pilot that is preempted gives its jobs back"
        )
        preempted = given_back(here, ids)

        promised(lambda: len(running(cluster)) == 2, within_s=60.0, what="the pilot is back")
        promised(lambda: len(training(here)) == 2, within_s=60.0, what="both train again")
        cluster.run("scancel", running(cluster)[0])
        promised(lambda: given_back(here, ids) > preempted, within_s=30.0, what="so does the pilot that is cancelled")

        here.slow_motion.end()
        promised(
            lambda: all(here.job(job_id).status in FINISHED for job_id in ids), within_s=120.0, what="all have ended"
        )
        promised(lambda: cluster.run("squeue", "-h") == "", within_s=40.0, what="idle pilots leave")
    finally:
        scaler.terminate()
        scaler.wait(10)
    for job_id in ids:
        job, events = here.job(job_id), here.store.events(job_id)
        assert job.status is JobStatus.succeeded, job
        assert [event.to_status for event in events].count(JobStatus.succeeded) == 1
        assert here.store.curve(job_id)["epoch"] == list(range(1, job.spec.epochs + 1))
    with reading(here.engine) as connection:
        assert connection.execute(select(func.count()).select_from(Lease)).scalar_one() == 0

"""Disks that are full for a while: of the files, of the record, and of all that an embedded stack has."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spec.states import JobStatus
from tests.acceptance.embedded import Embedded, await_value
from tests.disks import SmallDisk, small_disk
from tests.services import promised

from .conftest import LEASE_S
from .site import Api, Disks, Site, Worker
from .test_workers import STRUCK

pytestmark = pytest.mark.disk


@pytest.fixture
def disks(here: Site) -> Iterator[Disks]:
    assert here.disks is not None
    yield here.disks
    here.disks.files.empty()
    here.disks.record.empty()
    here.postgres.revive()


def post(api: Api) -> httpx.Response:
    with api.client() as client:
        return client.post("/jobs", json={"dataset": "xor", "epochs": 5})


def reasons(site: Site, job_id: str) -> list[str]:
    return [event.reason for event in site.store.events(job_id)]


def test_a_job_that_ends_while_the_disk_is_full_succeeds_when_there_is_space(
    here: Site, api: Api, worker: Worker, disks: Disks
) -> None:
    (job_id,) = here.submit(STRUCK | {"max_attempts": 1})
    here.trains(job_id)
    disks.files.fill()
    answer = post(api)
    assert (answer.status_code, "disk" in answer.json()["detail"]) == (503, True)
    promised(lambda: any("model could not" in one for one in reasons(here, job_id)), within_s=60.0, what="it ended")
    time.sleep(2 * LEASE_S)
    assert here.job(job_id).status is JobStatus.running
    disks.files.empty()
    here.reaches(job_id, JobStatus.succeeded, 20.0)
    assert here.job(job_id).attempt == 1
    assert here.store.curve(job_id)["epoch"] == list(range(1, 201))
    assert post(api).status_code == 201


def test_a_record_whose_disk_is_full_for_longer_than_a_lease_costs_no_attempt(
    here: Site, api: Api, worker: Worker, disks: Disks
) -> None:
    here.slow_motion.begin()
    (job_id,) = here.submit(STRUCK | {"max_attempts": 1})
    here.trains(job_id)
    disks.record.fill()
    time.sleep(3 * LEASE_S)
    disks.record.empty()
    here.postgres.revive()
    here.slow_motion.end()
    here.reaches(job_id, JobStatus.succeeded, 60.0)
    assert here.store.curve(job_id)["epoch"] == list(range(1, 201))
    promised(lambda: post(api).status_code == 201, within_s=20.0, what="jobs are accepted again")


def test_a_worker_whose_own_disk_becomes_read_only_fails_no_job_and_claims_none_until_it_is_mended(here: Site) -> None:
    with small_disk(64) as disk:
        worker = here.worker(TMPDIR=str(disk.path), EPOCHAL_DISK_RESERVE_MIB="1")
        here.slow_motion.begin()
        (job_id,) = here.submit(STRUCK | {"max_attempts": 1})
        here.trains(job_id)
        disk.remount("ro")
        here.slow_motion.end()
        here.reaches(job_id, JobStatus.queued, 90.0)
        assert "Read-only file system: its worker could not write its model; it is not" in reasons(here, job_id)[-1]
        (other,) = here.submit({"dataset": "xor", "epochs": 5})
        promised(lambda: "claims nothing: The folder" in worker.log.read_text(), within_s=30.0, what="its log says so")
        assert here.job(other).status is JobStatus.queued
        disk.remount("rw")
        here.reaches(other, JobStatus.succeeded, 40.0)
        here.reaches(job_id, JobStatus.succeeded, 60.0)
        assert here.store.curve(job_id)["epoch"] == list(range(1, 201))
        assert worker.log.read_text().count("claims nothing: ") == 1


@pytest.fixture
def stack() -> Iterator[tuple[Embedded, SmallDisk]]:
    with small_disk(192) as disk:
        embedded = Embedded(disk.path / "home", environ={"EPOCHAL_DISK_RESERVE_MIB": "16"})
        try:
            embedded.start()
            yield embedded, disk
        finally:
            disk.empty()
            embedded.stop()


def test_an_embedded_stack_whose_disk_is_full_loses_and_fails_no_job(stack: tuple[Embedded, SmallDisk]) -> None:
    embedded, disk = stack
    with embedded.client() as client, embedded.http() as http:
        embedded.slow_motion.begin()
        ids = client.submit_many([{**STRUCK, "seed": seed, "max_attempts": 1} for seed in range(4)])
        await_value(lambda: client.job(ids[0]).progress.epoch > 20)
        disk.fill()
        refused = http.post("/jobs", json={"dataset": "xor"})
        ready = httpx.get(f"{embedded.endpoints.api}/readyz", trust_env=False)
        assert (refused.status_code, ready.status_code) == (503, 503)
        assert "disk" in refused.json()["detail"]
        assert "disk" in ready.json()["checks"]["disk"]
        (mirror,) = (service.pid for service in embedded.home.services() if service.name == "tracking")
        assert mirror is not None
        os.kill(mirror, signal.SIGKILL)  # what the stack writes of that finds no space
        time.sleep(10.0)
        assert all(client.job(job_id).status in (JobStatus.running, JobStatus.queued) for job_id in ids)
        disk.empty()
        embedded.slow_motion.end()
        await_value(lambda: all(client.job(job_id).status is JobStatus.succeeded for job_id in ids), within_s=90.0)
        assert all(len(client.curve(job_id)["epoch"]) == STRUCK["epochs"] for job_id in ids)
    await_value(lambda: [one.restarts for one in embedded.home.services() if one.name == "tracking"] == [1])
    assert httpx.get(f"{embedded.endpoints.api}/readyz", trust_env=False).status_code == 200
    assert Path(embedded.home.path).exists()

"""A worker on a machine whose shared folder is not mounted, as a real process."""

import pytest

from spec.states import JobStatus
from store.mark import MarkStore
from store.workers import WorkerStore
from tests.services import eventually

from .site import QUICK, Site

pytestmark = pytest.mark.thorough


def test_a_worker_without_the_shared_folder_claims_nothing_and_trains_once_it_is_mounted(site: Site) -> None:
    MarkStore(site.engine).settled(site.files)  # as the API does at its start
    folder, away = site.home / "files", site.home / "away"
    folder.rename(away)
    folder.mkdir()
    (job_id,) = site.submit(QUICK)
    site.environment["EPOCHAL_LOG_LEVEL"] = "DEBUG"
    site.start_worker()
    log = site.home / "worker-0.log"
    eventually(lambda: "claims nothing for now: The folder" in log.read_text(), 40.0, "the worker would not claim")
    assert WorkerStore(site.engine).live() == []
    assert site.job(job_id).attempt == 0
    assert list(folder.iterdir()) == []

    folder.rmdir()
    away.rename(folder)
    eventually(lambda: WorkerStore(site.engine).live() != [], 20.0, "the worker is registered")
    site.doorbell.ring(job_id)
    site.wait(job_id, JobStatus.succeeded)
    assert all(site.files.get(artifact.uri) for artifact in site.store.artifacts(job_id))
    assert log.read_text().count(f"this worker is not registered, and no job trains here: The folder {folder} on ") == 1

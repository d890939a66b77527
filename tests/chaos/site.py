"""The whole service as real processes, each of which may be killed, frozen or cut off."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from sqlalchemy import make_url, select

from epochal.stack import services as programs
from epochal.stack.home import Home
from epochal.stack.process import Child, Service
from spec.job import JobSpec
from spec.states import JobStatus
from store import db, schema
from store.doorbell import Doorbell
from store.errors import StoreUnavailableError
from store.files import files_at
from store.records import JobRecord
from store.tables import Job, Lease
from store.tokens import TokenStore
from tests.disks import SmallDisk, small_disk, without_disks
from tests.integration.tracking.servers import MlflowServer
from tests.record import Record
from tests.services import OwnBroker, OwnPostgres, family, freeze, own_broker, own_postgres, promised, thaw, trainers
from tests.slow_motion import SlowMotion

from .proxy import Proxy

TOKEN = "epo_chaos"
OWNER = "chaos"

TOLD, TOLD_LINES = 8, 40
"""How many jobs, and how many lines of each log, are shown of a test that failed."""


class Program:
    """One of our processes, as the stack starts it. Start it from a thread that lives as long as it shall live."""

    def __init__(self, service: Service) -> None:
        self._child = Child(service)
        self.name = service.name
        self.log = service.log

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self._child.pid or 0

    def start(self, *, wait: bool = False) -> None:
        """Start it, and wait until it is usable if asked to."""
        self._child.ready = False
        self._child.start()
        if wait:
            promised(self._child.probe, within_s=60.0, what=f"{self.name} is usable; its log is {self.log}")

    def kill(self) -> None:
        """End it as a power cut would, with all its children."""
        for one in family(self.pid):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.wait(10.0)

    def kill_alone(self) -> None:
        """End it as a power cut would, and leave its children to themselves."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait(10.0)

    def stop(self) -> None:
        """Ask it to end, and do not wait."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, within_s: float) -> int:
        """Its exit status, once it has ended."""
        promised(lambda: self._child.exit_status() is not None, within_s=within_s, what=f"{self.name} has ended")
        return self._child.exit_status() or 0

    def freeze(self) -> None:
        """Let it and its children hang."""
        freeze(self.pid)

    def thaw(self) -> None:
        """Let them go on."""
        thaw(self.pid)

    def end(self) -> None:
        """End it for good."""
        if self.pid:
            thaw(self.pid)
        self._child.end()


class Worker(Program):
    """A worker, and its own wires to the record and to the broker."""

    def __init__(self, service: Service, record: Proxy, broker: Proxy) -> None:
        super().__init__(service)
        self.record, self.broker = record, broker

    def trainers(self) -> list[psutil.Process]:
        """Its trainer processes."""
        return trainers(self.pid)


@dataclass(frozen=True)
class Disks:
    """The disks of a site, which may be filled."""

    files: SmallDisk
    record: SmallDisk


class Site:
    """A record, a broker, the API, workers, and MLflow with its mirror when it is wanted."""

    def __init__(
        self,
        folder: Path,
        postgres: OwnPostgres,
        broker: OwnBroker,
        stack: ExitStack,
        lease_s: float,
        disks: Disks | None,
    ) -> None:
        self.disks = disks
        self.home = Home(folder)
        self.home.logs.mkdir(parents=True, exist_ok=True)
        self.postgres, self.broker = postgres, broker
        self._stack = stack
        schema.migrate(postgres.url)
        self.engine = db.connect(postgres.url)
        stack.callback(self.engine.dispose)
        TokenStore(self.engine).ensure(TOKEN, owner=OWNER)
        self.store = Record(self.engine)
        self.doorbell = Doorbell(broker.url)
        self.files_folder = (folder if disks is None else disks.files.path) / "files"
        files_url = self.files_folder.as_uri()
        self.files = files_at(files_url)
        self.slow_motion = SlowMotion(folder)
        self._environ = {
            **{"EPOCHAL_HOME": str(folder), "EPOCHAL_FILES_URL": files_url, "EPOCHAL_LEASE_S": str(lease_s)},
            **{"EPOCHAL_DEVICES": "cpu:1", "EPOCHAL_TOKEN": "", "PYTHONUNBUFFERED": "1"},
            **self.slow_motion.environ,
            "EPOCHAL_CHECKPOINT_S": "1",  # jobs are short here, and are to go on from where they were
        }
        self.workers: list[Worker] = []

    def _wires(self) -> tuple[Proxy, Proxy, Mapping[str, str]]:
        """A wire to the record, one to the broker, and the environment that leads over them."""
        record, broker = Proxy(self.postgres.port), Proxy(self.broker.port)
        self._stack.callback(record.close)
        self._stack.callback(broker.close)
        over = make_url(self.postgres.url).set(port=record.port)
        return (
            record,
            broker,
            {
                **self._environ,
                "EPOCHAL_DATABASE_URL": over.render_as_string(hide_password=False),
                "EPOCHAL_BROKER_URL": f"redis://127.0.0.1:{broker.port}/0",
            },
        )

    def worker(self, **environ: str) -> Worker:
        """One more worker, which is started."""
        record, broker, over = self._wires()
        made = Worker(
            programs.worker(self.home, {**over, **environ}, len(self.workers) + 1, stop_s=25.0), record, broker
        )
        self.workers.append(made)
        self._run(made)
        return made

    def api(self, **environ: str) -> "Api":
        """The API, which is ready."""
        record, broker, over = self._wires()
        listener = self._stack.enter_context(programs.listen("127.0.0.1", 0, "EPOCHAL_PORT"))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        made = Api(programs.api(self.home, {**over, **environ}, listener, url), url, record, broker, listener)
        self._run(made, wait=True)
        return made

    def mlflow(self) -> "Mirrored":
        """MLflow, which answers, and the mirror."""
        server = MlflowServer(self.home.path / "mlflow")
        self._stack.callback(server.close)
        server.start()
        record, _, over = self._wires()
        wire = Proxy(server.port)
        self._stack.callback(wire.close)
        url = f"http://127.0.0.1:{wire.port}"
        mirror = Program(programs.tracking(self.home, {**over, "EPOCHAL_MLFLOW_URL": url}))
        self._run(mirror)
        return Mirrored(server, wire, mirror, record)

    def controller(self) -> Program:
        """The controller of sweeps, which is started."""
        _, _, over = self._wires()
        made = Program(programs.sweeps(self.home, over))
        self._run(made)
        return made

    def _run(self, program: Program, *, wait: bool = False) -> None:
        self._stack.callback(program.end)
        program.start(wait=wait)

    # --- what a test asks of it ---------------------------------------------------------------------------------

    def submit(self, *specs: Mapping[str, object], ring: bool = True) -> list[str]:
        """New jobs, behind the back of the API."""
        jobs = self.store.submit([JobSpec.model_validate(spec) for spec in specs], owner=OWNER).jobs
        if ring:
            self.doorbell.ring(jobs[0].id)
        return [job.id for job in jobs]

    def job(self, job_id: str) -> JobRecord:
        """A job as the record has it."""
        return self.store.get(job_id, owner=None)

    def reaches(self, job_id: str, status: JobStatus, within_s: float) -> float:
        """The seconds until a job is in a state."""
        began = time.monotonic()
        promised(lambda: self.job(job_id).status is status, within_s=within_s, what=f"{job_id} {status}")
        return time.monotonic() - began

    def trains(self, job_id: str) -> None:
        """Wait until a job has trained an epoch."""
        promised(lambda: self.job(job_id).epoch > 0, within_s=40.0, what=f"{job_id} trains")

    def account(self) -> str:
        """The jobs that changed last, and what each process wrote last: for whoever asks why a test has failed."""
        logs = [*sorted(self.home.logs.glob("*.log")), self.postgres.log]
        return "\n".join([*self._changed_last(), *(f"--- {log} ends with:\n{_end_of(log)}" for log in logs)])

    def _changed_last(self) -> Iterator[str]:
        query = select(Job.id, Lease.attempt, Lease.worker, Lease.until).outerjoin(Lease, Lease.job_id == Job.id)
        try:
            with db.reading(self.engine) as connection:
                rows = connection.execute(query.order_by(Job.updated_at.desc()).limit(TOLD)).all()
            for row in rows:
                job = self.job(row.id)
                yield f"{job.id}: {job.status}, attempt {job.attempt}, {job.epoch} of {job.epochs} epochs, {job.worker}"
                if row.until is not None:
                    yield f"  leased to {row.worker}, attempt {row.attempt}, until {row.until.time()}"
                for event in self.store.events(job.id):
                    then = f"{event.at.time()} {event.to_status}, attempt {event.attempt}"
                    yield f"  {then}, {event.actor}: {event.reason}"
        except StoreUnavailableError as error:
            yield f"the record: {error}"

    def processes(self) -> Sequence[int]:
        """Every process that belongs to this site, however it was started."""
        mark = f"EPOCHAL_HOME={self.home.path}".encode()
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, mark)]


class Api(Program):
    """The API, and its own wires."""

    def __init__(self, service: Service, url: str, record: Proxy, broker: Proxy, listener: socket.socket) -> None:
        super().__init__(service)
        self.url, self.record, self.broker = url, record, broker
        self._listener = listener

    def client(self, timeout_s: float = 10.0) -> httpx.Client:
        """A client that gives each request a connection of its own."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}", "Connection": "close"},
            timeout=timeout_s,
            trust_env=False,
        )


class Mirrored:
    """MLflow, the mirror, and the wires between."""

    def __init__(self, server: MlflowServer, wire: Proxy, mirror: Program, record: Proxy) -> None:
        self.server, self.wire, self.mirror, self.record = server, wire, mirror, record


@contextmanager
def site(folder: Path, *, lease_s: float) -> Iterator[Site]:
    """A site with a record and a broker of its own; whatever is started in it ends with it."""
    with ExitStack() as stack:
        disks = None if without_disks() else Disks(*(stack.enter_context(small_disk(mib)) for mib in (256, 512)))
        postgres = stack.enter_context(own_postgres(None if disks is None else disks.record.path))
        broker = stack.enter_context(own_broker())
        made = Site(folder, postgres, broker, stack, lease_s, disks)
        yield made


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-TOLD_LINES:])


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _has(entry: Path, mark: bytes) -> bool:
    """Whether the process lives and has `mark` in its environment; a zombie's is empty."""
    with contextlib.suppress(OSError):
        return mark in (entry / "environ").read_bytes().split(b"\0")
    return False

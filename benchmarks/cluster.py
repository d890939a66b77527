"""Two hundred workers on one record with a million queued jobs, and the API of such a service in N processes.

`python -m benchmarks.cluster [--quick] [--write] [--jobs 1000000] [--workers 200] [--seconds 40]`. The workers are
threads, each with a connection of its own, that do to the record what a worker does, through the same classes: claim a
pack, renew its leases with new points once a second, end its jobs. Nothing trains. PostgreSQL is our own, from a wheel.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from spec.states import StopReason
from spec.views import Curve
from store import db
from store.claims import ClaimStore
from store.leases import LeaseStore
from store.records import Claim, Progress, Success
from store.tokens import TokenStore
from store.workers import WorkerRecord, WorkerStore
from tests.services import OwnPostgres, eventually, free_port, own_postgres

from .backlog import OWNERS, SHAPES, backlog
from .machine import about, command
from .tables import replace_section, table

PAGE = Path("docs/scale.md")
PACK, EPOCHS, LEASE_S = 16, 10, 30.0
PROCESSES = 4
"""In which the workers are threads."""
REGISTER_S = 5.0
TOKEN = "epo_benchmark"  # noqa: S105 - of a database that goes away
SPEC = json.dumps({"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}}).encode()
SERVER = ("-c", "max_connections=400", "-c", "shared_buffers=512MB", "-c", "max_wal_size=2GB")


@dataclass
class Timings:
    """How long each request to the record or the API took, in seconds, by what it was."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    jobs: list[str] = field(default_factory=list)

    def add(self, other: "Timings") -> None:
        """Take in what another process measured."""
        for what, seconds in other.seconds.items():
            self.seconds[what] += seconds
        self.jobs += other.jobs

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Measure this."""
        before = time.perf_counter()
        yield
        self.seconds[what].append(time.perf_counter() - before)


@dataclass(frozen=True)
class Measured:
    """A run: what was asked, for how long, and the CPU seconds that PostgreSQL needed."""

    timings: Timings
    seconds: float
    server_s: float

    def rows(self, title: str) -> list[list[str]]:
        """Rows of a table: rate, latency at the median and the 99th percentile, processor time of the server."""
        cores = f"{self.server_s / self.seconds:.2f}"
        return [
            [f"{title}: {what}", f"{len(lasted) / self.seconds:,.0f}", *_quantiles(lasted), cores]
            for what, lasted in self.timings.seconds.items()
        ]


def simulated(url: str, name: str, ends_at: float, beat_s: float) -> Timings:
    """What one worker does to the record until a time."""
    engine, found = db.connect(url), Timings()
    queue, leases, workers = ClaimStore(engine), LeaseStore(engine), WorkerStore(engine)
    draw = random.Random(name)  # noqa: S311 - a load, no secret
    time.sleep(draw.random() * beat_s)
    seen_at = float("-inf")
    claims: list[Claim] = []
    epoch = 0
    while time.time() < ends_at:
        if time.monotonic() - seen_at > REGISTER_S:
            seen_at = time.monotonic()
            workers.heartbeat(WorkerRecord(name, "here", 0, ["cpu"], [] if claims else ["cpu"]))
        if not claims:
            with found.timed("claims of a pack"):
                claims = queue.claim(worker=name, device="cpu", limit=lambda _: PACK, lease_s=LEASE_S)
            found.jobs += [claim.job_id for claim in claims]
            epoch = 0
        elif epoch < EPOCHS:
            epoch += 1
            points: Curve = {"epoch": [epoch], "train_loss": [draw.random()], "val_loss": [draw.random()]}
            progress = [Progress(claim.job_id, claim.attempt, points) for claim in claims]
            with found.timed("heartbeats with points"):
                leases.renew(worker=name, progress=progress, lease_s=LEASE_S)
            time.sleep(beat_s)
        else:
            ends = [
                Success(one.job_id, one.attempt, StopReason.max_epochs, EPOCHS, {"val_loss": 0.5}) for one in claims
            ]
            with found.timed("ends of a pack"):
                leases.succeed(*ends)
            claims = []
    engine.dispose()
    return found


def _threads(url: str, workers: int, ends_at: float, beat_s: float, process: int) -> Timings:
    """The workers of one process."""
    found = Timings()
    with ThreadPoolExecutor(workers) as pool:
        names = [f"worker-{process}-{number}" for number in range(workers)]
        for one in pool.map(lambda name: simulated(url, name, ends_at, beat_s), names):
            found.add(one)
    return found


def cluster(engine: Engine, server: OwnPostgres, workers: int, seconds: float, beat_s: float) -> Measured:
    """Let workers work for a while. Raises `AssertionError` if a job was claimed twice."""
    url = engine.url.render_as_string(hide_password=False)
    found = Timings()
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        list(pool.map(os.getenv, ["HOME"] * PROCESSES))  # they are there
        before, ends_at = _server_seconds(server), time.time() + seconds
        work = partial(_threads, url, workers // PROCESSES, ends_at, beat_s)
        for one in pool.map(work, range(PROCESSES)):
            peak = _server_seconds(server)
            found.add(one)
    twice = [job_id for job_id, count in Counter(found.jobs).items() if count > 1]
    assert not twice, f"{len(twice)} jobs were claimed twice"
    return Measured(found, seconds, peak - before)


def _server_seconds(server: OwnPostgres) -> float:
    """CPU seconds of PostgreSQL: of the processes it has, and of those that ended."""
    assert server.process is not None
    first = psutil.Process(server.process.pid)
    total = sum(first.cpu_times()[:4])
    for child in first.children():
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(total)


@contextmanager
def api(url: str, processes: int) -> Iterator[int]:
    """The port of the API, in so many processes."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.gunicorn", "api.wsgi:app"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {"EPOCHAL_DATABASE_URL": url, "EPOCHAL_QUEUE_LIMIT": "0", "EPOCHAL_LOG_LEVEL": "ERROR"}
    environ |= {"EPOCHAL_BROKER_URL": "redis://127.0.0.1:1/0", "EPOCHAL_HOME": "/tmp/epochal-cluster"}  # noqa: S108
    started = subprocess.Popen([*command, "--workers", str(processes), "--bind", f"127.0.0.1:{port}"], env=environ)
    try:
        eventually(lambda: _status(port, "GET", "/healthz") == 200, within_s=60.0, what="the API answers")
        yield port
    finally:
        started.terminate()
        started.wait(20)


def _status(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def users(port: int, seconds: float, count: int = 16) -> Timings:
    """What so many users ask of the API at once: submit a job, show it, list, over and over."""
    found, lock = Timings(), threading.Lock()
    ends = time.monotonic() + seconds

    def user(_: int) -> None:
        mine, connection = Timings(), http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def ask(method: str, path: str, body: bytes | None = None) -> bytes:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, f"/api/v1{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 300, content
            return content

        while time.monotonic() < ends:
            with mine.timed("submit a job"):
                job = json.loads(ask("POST", "/jobs", SPEC))["id"]
            with mine.timed("show a job"):
                ask("GET", f"/jobs/{job}")
            with mine.timed("list 50 jobs"):
                ask("GET", "/jobs?limit=50")
        connection.close()
        with lock:
            found.add(mine)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(user, range(count)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run with a short queue, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each run of the workers; half for the API")
    options = parser.parse_args(arguments)
    if options.quick:
        options.jobs, options.workers, options.seconds = 5_000, 8, 3.0
    with own_postgres(settings=SERVER) as server, backlog(server.url, options.jobs) as engine:
        TokenStore(engine).ensure(TOKEN, owner="owner-1")
        rows = []
        runs: list[tuple[str, int, float]] = [("a beat a second", options.workers, 1.0)]
        runs += [(f"without a pause, {workers} workers", workers, 0.0) for workers in (8, options.workers)]
        for title, workers, beat_s in runs:
            _say(f"{workers} workers, {title}")
            rows += cluster(engine, server, workers, options.seconds, beat_s).rows(title)
        asked = []
        for processes in (1, 2, 4):
            _say(f"the API in {processes} processes")
            with api(engine.url.render_as_string(hide_password=False), processes) as port:
                users(port, 1.0)
                before = _server_seconds(server)
                timings = users(port, options.seconds / 2)
                spent = _server_seconds(server) - before
                asked += Measured(timings, options.seconds / 2, spent).rows(f"{processes} processes")
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one().split()[0]
    report = _report(command("cluster", arguments), options, version, rows, asked)
    print(report)
    if options.write:
        replace_section(PAGE, "cluster", report)


def _report(
    made_by: str,
    options: argparse.Namespace,
    version: str,
    rows: Sequence[Sequence[str]],
    asked: Sequence[Sequence[str]],
) -> str:
    header = ["", "per second", "p50 ms", "p99 ms", "cores of PostgreSQL, in all"]
    return "\n".join(
        [
            f"{made_by}: {options.jobs:,} queued jobs of "
            f"{OWNERS} owners and {SHAPES} shapes; {options.workers} workers, which claim packs of at most {PACK}, "
            f"renew {EPOCHS} times and end them. PostgreSQL {version}, the workers and the API share the "
            f"machine's cores: the rates are lower bounds. {about('sqlalchemy', 'psycopg')} No job was claimed twice.",
            "",
            table(header, rows),
            "",
            "The API, asked by 16 users at once:",
            "",
            table(header, asked),
        ]
    )


def _quantiles(seconds: Sequence[float]) -> list[str]:
    ordered = sorted(seconds)
    return [f"{1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.1f}" for share in (0.5, 0.99)]


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

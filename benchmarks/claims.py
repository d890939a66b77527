"""Claims per second from a long queue with priorities and fair share, and the latency of its reads.

`python -m benchmarks.claims [--quick] [--write] [--jobs 1000000] [--claimers 8] [--seconds 20] [--server URL]`. The
claimers are processes; each claims pack after pack and finishes none, so that the number of running jobs grows. The
script also explains every statement, and fails when one scans the table of jobs.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

import psutil
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from spec.job import JobSpec
from spec.states import JobStatus
from store import db
from store.best_metrics import Position
from store.claims import ClaimStore
from store.jobs import JobStore
from store.notifications import NotificationStore
from store.queue import Queue
from store.records import JobFilter
from store.workers import WorkerRecord, WorkerStore

from .backlog import OWNERS, SHAPES, backlog
from .machine import about, command
from .tables import PAGE, replace_section, table

SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
PACK = 16
READS = 200
LEASE_S = 3600.0

_start: Barrier
"""In a claimer's process: the barrier at which all claimers start."""


@dataclass(frozen=True)
class Cpu:
    """CPU time of the client process and of PostgreSQL's backend process."""

    ours_s: float
    theirs_s: float

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.ours_s + other.ours_s, self.theirs_s + other.theirs_s)

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.ours_s - other.ours_s, self.theirs_s - other.theirs_s)


@dataclass(frozen=True)
class Claimed:
    """The jobs that one claimer claimed, and the duration of each claim."""

    job_ids: list[str]
    seconds: list[float]
    cpu: Cpu


class Meter:
    """Measures the CPU time of this process and of its one PostgreSQL backend."""

    def __init__(self, engine: Engine) -> None:
        with engine.connect() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        self._backend = psutil.Process(pid)

    def read(self) -> Cpu:
        """The CPU time until now."""
        theirs = self._backend.cpu_times()
        return Cpu(time.process_time(), theirs.user + theirs.system)


@dataclass(frozen=True)
class Timed:
    """A row of the table."""

    what: str
    seconds: list[float]
    cpu: Cpu
    elapsed_s: float | None = None
    jobs: int | None = None

    def cells(self) -> list[str]:
        """Its cells: rates, latency at the median and the 99th percentile, and CPU time."""
        times = len(self.seconds)
        rate = "-" if self.elapsed_s is None else f"{times / self.elapsed_s:,.0f}"
        jobs = "-" if self.elapsed_s is None or self.jobs is None else f"{self.jobs / self.elapsed_s:,.0f}"
        lasted = [_quantile(self.seconds, share) for share in (0.5, 0.99)]
        spent = [self.cpu.theirs_s / times, self.cpu.ours_s / times]
        return [self.what, rate, jobs, *(f"{1e3 * seconds:.1f}" for seconds in (*lasted, *spent))]


def claims(engine: Engine, claimers: int, seconds: float) -> Timed:
    """Measure concurrent claimers. Raises `ClaimedTwiceError` if a job was claimed twice."""
    context = get_context("spawn")
    with ProcessPoolExecutor(claimers, context, initializer=_meet, initargs=(context.Barrier(claimers),)) as pool:
        url = engine.url.render_as_string(hide_password=False)
        results = list(pool.map(partial(_claim, url, seconds), range(claimers)))
    claimed = Counter(job_id for result in results for job_id in result.job_ids)
    twice = [job_id for job_id, count in claimed.items() if count > 1]
    with engine.connect() as connection:
        started = connection.execute(text("SELECT count(*) FROM job_event WHERE to_status = 'running'")).scalar_one()
    if twice or started < claimed.total():
        raise ClaimedTwiceError(f"{len(twice)} jobs were claimed twice; {started} starts for {claimed.total()} jobs")
    lasted = [each for result in results for each in result.seconds]
    cpu = sum((result.cpu for result in results), Cpu(0.0, 0.0))
    return Timed(f"claim a pack, {claimers} at once", lasted, cpu, seconds, claimed.total())


def _meet(barrier: Barrier) -> None:
    global _start  # noqa: PLW0603 - the only way to pass a barrier to a pool's process
    _start = barrier


def _claim(url: str, seconds: float, number: int) -> Claimed:
    """Claim pack after pack. The first claim is not timed, because it loads code and plans statements."""
    engine = db.connect(url)
    claim = partial(
        ClaimStore(engine).claim, worker=f"claimer-{number}", device="cpu", limit=lambda _: PACK, lease_s=LEASE_S
    )
    job_ids, lasted = list[str](), list[float]()
    claim()
    meter = Meter(engine)
    _start.wait()
    began, spent = time.perf_counter(), meter.read()
    while (before := time.perf_counter()) < began + seconds:
        job_ids.extend(claimed.job_id for claimed in claim())
        lasted.append(time.perf_counter() - before)
    spent = meter.read() - spent
    engine.dispose()
    return Claimed(job_ids, lasted, spent)


def reads(engine: Engine, times: int) -> list[Timed]:
    """Measure users' requests to such a queue, one after the other."""
    store, queue, sampled = JobStore(engine), Queue(engine), _some_jobs(engine, times)
    page, timed = partial(store.list_jobs, limit=50), partial(_timed, Meter(engine))
    waiting = JobFilter(status=(JobStatus.queued,))
    spec = JobSpec.model_validate({"dataset": "digits"})
    return [
        timed("submit a job", (partial(store.submit, [spec], owner=f"owner-{n % OWNERS}") for n in range(times))),
        timed("show a job", (partial(store.get, job_id, owner=owner) for job_id, owner in sampled)),
        timed("its place in the queue, and why it waits", (partial(queue.place, job_id) for job_id, _ in sampled)),
        timed("list an owner's newest 50 jobs", (partial(page, JobFilter(), owner=owner) for _, owner in sampled)),
        timed(
            "the 50 that follow somewhere in the middle",
            (partial(page, JobFilter(), owner=owner, after=Position(job_id)) for job_id, owner in sampled),
        ),
        timed("an owner's newest 50 that wait", (partial(page, waiting, owner=owner) for _, owner in sampled)),
        timed("the whole queue, counted", (queue.overview for _ in range(max(times // 20, 1)))),
    ]


def _some_jobs(engine: Engine, count: int) -> list[tuple[str, str]]:
    """A sample of queued jobs, with their owners."""
    chosen = text("SELECT id, owner FROM job TABLESAMPLE BERNOULLI (5) REPEATABLE (1) WHERE status = 'queued' LIMIT :n")
    with engine.connect() as connection:
        return [(row.id, row.owner) for row in connection.execute(chosen, {"n": count})]


def _timed(meter: Meter, what: str, requests: Iterable[Callable[[], object]]) -> Timed:
    lasted, spent = [], meter.read()
    for request in requests:
        before = time.perf_counter()
        request()
        lasted.append(time.perf_counter() - before)
    return Timed(what, lasted, meter.read() - spent)


def explain(engine: Engine) -> set[str]:
    """The indexes that the statements use. Raises `SequentialScanError` if one scans the table of jobs."""
    store, claims, queue = JobStore(engine), ClaimStore(engine), Queue(engine)
    ((job_id, owner),) = _some_jobs(engine, 1)
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    (head, *_) = claims.claim(worker="claimer-0", device="cpu", limit=lambda _: PACK, lease_s=LEASE_S)
    claims.claim_into_pack(worker="claimer-0", device="cpu", beside=head.job_id, limit=1, lease_s=LEASE_S)
    NotificationStore(engine).unnotified()
    store.get(job_id, owner=owner)
    store.list_jobs(JobFilter(), owner=owner, after=Position(job_id))
    store.list_jobs(JobFilter(status=(JobStatus.queued,)), owner=owner)
    queue.place(job_id)
    queue.overview()
    event.remove(engine, "before_cursor_execute", note)
    used = set[str]()
    with engine.connect() as connection:
        for statement, parameters in statements:
            plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
            if any("Seq Scan on job " in line for line in plan):
                raise SequentialScanError("\n".join([statement, *plan]))
            used |= {word for line in plan for word in line.split() if word.startswith(("ix_job_", "pk_job"))}
        connection.rollback()
    return used


def running(engine: Engine) -> str:
    """The number of running jobs, in all and per owner."""
    with engine.connect() as connection:
        counts = connection.execute(text("SELECT count(*) FROM lease GROUP BY owner")).scalars().all()
    return f"{sum(counts):,} jobs run in the end, {min(counts)} to {max(counts)} of each of {len(counts)} owners"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run with a short queue, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--claimers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--server", default=SERVER, help="PostgreSQL server for a temporary database")
    options = parser.parse_args(arguments)
    if options.quick:
        options.jobs, options.claimers, options.seconds = 20_000, 2, 0.3
    if not _answers(options.server):
        print(f"claims: not run, because no PostgreSQL answers at {options.server}: give one with --server")
        return
    busy = os.getloadavg()[0]
    with backlog(options.server, options.jobs) as engine:
        for number in range(options.claimers):
            WorkerStore(engine).heartbeat(WorkerRecord(f"claimer-{number}", "here", 0, ["cpu"], ["cpu"]))
        rows = [
            claims(engine, options.claimers, options.seconds),
            claims(engine, 1, options.seconds / 4),
            *reads(engine, READS // 10 if options.quick else READS),
        ]
        shared, used = running(engine), explain(engine)
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one().split()[0]
    header = ["", "per second", "jobs per second", "p50 ms", "p99 ms", "CPU ms, PostgreSQL", "CPU ms, ours"]
    waiting = f"{options.jobs:,} jobs of {OWNERS} owners wait, of {SHAPES} shapes, 3 priorities, 3 device requests"
    words = (
        f"{made_by(options.server, arguments)}: {waiting}; packs of at most {PACK}. "
        f"{place(options.server, version)}. This machine's load was {busy:.1f} before. "
        f"{about('sqlalchemy', 'psycopg')}\n\n"
        f"No job was claimed twice. {shared}. No statement scans the jobs; they use {', '.join(sorted(used))}."
    )
    report = f"{words}\n\n{table(header, [row.cells() for row in rows])}"
    print(report)
    if options.write:
        replace_section(PAGE, "claims", report)


def place(server: str, version: str) -> str:
    """Which PostgreSQL answered, and where it runs."""
    if server == SERVER:
        return f"PostgreSQL {version} as Debian sets it up, on the same machine"
    return f"PostgreSQL {version} at {make_url(server).render_as_string(hide_password=True)}"


def made_by(server: str, arguments: Sequence[str] | None) -> str:
    """The command, without the server's password."""
    return command("claims", arguments).replace(server, make_url(server).render_as_string(hide_password=True))


def _answers(server: str) -> bool:
    engine = create_engine(server)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


def _quantile(values: Sequence[float], share: float) -> float:
    """The quantile of the values at `share`."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


class ClaimedTwiceError(Exception):
    """A job was claimed twice."""


class SequentialScanError(Exception):
    """A statement scans the table of jobs."""


if __name__ == "__main__":
    main()

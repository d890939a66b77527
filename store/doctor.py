"""What is wrong with the record, the broker and the file store, as seen from this machine."""

import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from kombu.connection import Connection as BrokerConnection
from sqlalchemy import Engine, func, literal, select
from sqlalchemy.exc import SQLAlchemyError

from spec.findings import CLOCKS_S, Finding, Health, clock_differs, ok, warning, wrong
from spec.settings import Settings
from spec.states import SweepState

from .db import connect, demand_writable, now, reading
from .device_requests import KINDS
from .disk_space import DiskSpace
from .doorbell import transport_options
from .errors import DiskFullError, ReadOnlyError, StoreError, in_full
from .figures import read_figures
from .files import (
    BadFilesUrlError,
    Files,
    MarkedFiles,
    ScratchError,
    WrongFilesError,
    files_at,
    scratch_folder,
)
from .mark import MarkStore
from .queue import Queue
from .schema import schema_of
from .tables import Sweep
from .workers import WorkerRecord, WorkerStore

LAG_S = 300.0
LOW = 0.1
"""Part of a disk that should be free."""
BROKER_S = 5.0
ALONE_S = 60.0
"""How long a sweep may be without a controller: one that is well looks at it again within seconds."""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a worker on this machine needs; what cannot be looked at is a finding, too."""
    engine = connect(settings.database_url)
    found = list(_record(engine))
    is_read = all(finding.health is not Health.wrong for finding in found)
    try:
        files: Files = files_at(settings.files_url)
        if is_read:
            files = MarkedFiles(files, MarkStore(engine).known)
    except BadFilesUrlError as error:
        found.append(wrong("files", str(error), "Correct EPOCHAL_FILES_URL."))
    else:
        found += _files(files)
        if is_read:
            found += _disks(engine, files, settings.disk_reserve_mib)
    found += _broker(settings.broker_url)
    if is_read:
        found += _work(engine)
    engine.dispose()
    return found


def _record(engine: Engine) -> Iterator[Finding]:
    where = engine.url.render_as_string(hide_password=True)
    try:
        began = time.monotonic()
        schema = schema_of(engine)
        took_ms = 1000.0 * (time.monotonic() - began)
        with reading(engine) as connection:
            demand_writable(connection)
            ahead_s = (connection.execute(select(now())).scalar_one()).timestamp() - time.time()
            knows_letters = connection.execute(select(func.lower(literal("Ä")) == "ä")).scalar_one()
    except ReadOnlyError:
        fix = "Let EPOCHAL_DATABASE_URL name the primary server; or look why the server is read-only: a full disk?"
        yield wrong("record", f"{where} is read-only.", fix)
        return
    except (StoreError, SQLAlchemyError, OSError) as error:
        yield wrong(
            "record",
            f"{where} does not answer: {_first_line(error)}",
            "Start the database, or correct EPOCHAL_DATABASE_URL.",
        )
        return
    yield ok("record", f"{where} answers within {took_ms:.0f} ms.")
    if not knows_letters:
        says = "The database's locale knows ASCII letters only: a search for `müller` does not find `MÜLLER`."
        yield warning("record", says, "Restore a dump into a database with a locale of UTF-8, such as C.UTF-8.")
    if schema.is_newer:
        yield warning(
            "schema",
            f"A newer release has migrated the record to {schema.found}; this one knows {schema.needed}.",
            "Upgrade this machine.",
        )
    elif not schema.serves:
        yield wrong(
            "schema",
            f"The record has schema {schema.found or 'none'}, and this release needs {schema.needed}.",
            "Run `python -m store migrate`.",
        )
    else:
        yield ok("schema", f"The record has the schema of this release, {schema.needed}.")
    if abs(ahead_s) > CLOCKS_S:
        fix = "Let NTP set both clocks: jobs are safe, but times mislead, and S3 refuses wrong ones."
        yield clock_differs("The record's clock", ahead_s, "this machine's", fix)
    else:
        yield ok("clock", f"This machine's clock and the record's differ by {abs(ahead_s):.1f} s.")


def _clocks(workers: Sequence[WorkerRecord]) -> Iterator[Finding]:
    """Clocks of workers; the fix is theirs."""
    for worker in workers:
        ahead_s = worker.clock_ahead_s or 0.0
        if abs(ahead_s) > CLOCKS_S:
            whose = f"The clock of {worker.host}, of the worker {worker.id},"
            fix = "Let NTP set it: jobs are safe, but times mislead, and S3 refuses wrong ones."
            yield clock_differs(whose, ahead_s, "the record's", fix)


def _files(files: Files) -> Iterator[Finding]:
    path, content = f"doctor/{uuid.uuid4().hex}", socket.gethostname().encode()
    where = files.uri("").rstrip("/")
    try:
        began = time.monotonic()
        files.put(path, content)
        back = files.get(path)
        files.delete_file(path)
        took_ms = 1000.0 * (time.monotonic() - began)
    except WrongFilesError as error:
        yield wrong("files", str(error), "After files were moved there on purpose: `python -m store mark`.")
        return
    except (BadFilesUrlError, OSError) as error:
        yield wrong(
            "files",
            f"Nothing can be stored in {where}: {_first_line(error)}",
            "Correct EPOCHAL_FILES_URL, or the rights of this user there; for s3:// the AWS_* variables.",
        )
        return
    if back != content:
        yield wrong("files", f"{where} gives back another file than was stored.", "Use a store that is consistent.")
        return
    yield ok("files", f"{where} stores and gives back a file within {took_ms:.0f} ms.")


def _disks(engine: Engine, files: Files, reserve_mib: int) -> Iterator[Finding]:
    start_again = "Then start the worker again."
    scratch: list[Path] = []
    try:
        scratch.append(scratch_folder())
    except ScratchError as error:
        yield wrong("disk", str(error), start_again)
    space = DiskSpace(engine, files, reserve_mib, *scratch)
    try:
        space.check()
        space.demand_scratch()
    except ScratchError as error:
        yield wrong("disk", str(error), start_again)
    except DiskFullError as error:
        yield wrong("disk", str(error), "Delete jobs and data sets that nobody needs, or enlarge the disk.")
    except StoreError as error:
        yield wrong("disk", str(error), "Look at the database's log.")
    for name, (free, size) in space.disks().items():
        says = f"{free / 2**30:,.1f} GiB of {size / 2**30:,.1f} are free on the disk of the {name}."
        if free < LOW * size:
            yield warning("disk", says, "Delete jobs and data sets that nobody needs, or enlarge the disk.")
        else:
            yield ok("disk", says)


def _broker(url: str) -> Iterator[Finding]:
    if not url:
        return
    try:
        began = time.monotonic()
        options = transport_options(url, timeout_s=BROKER_S)
        broker = BrokerConnection(url, connect_timeout=BROKER_S, transport_options=options)  # type: ignore[no-untyped-call]
        with broker as connection:
            where = connection.as_uri()
            queue = connection.SimpleQueue(
                f"epochal.doctor.{uuid.uuid4().hex}", queue_opts={"auto_delete": True, "durable": False}
            )
            queue.put({"ring": 1})
            queue.get(timeout=BROKER_S).ack()
            queue.close()  # first: RabbitMQ tells who still listens to a queue that it is deleted
            queue.queue.delete()
        took_ms = 1000.0 * (time.monotonic() - began)
    except Exception as error:  # each transport has errors of its own, and none may hide the other findings
        yield wrong(
            "broker",
            f"It takes no message, or gives none back: {_first_line(error)}",
            "Mend it, or correct EPOCHAL_BROKER_URL. Jobs are safe: meanwhile workers look every ten seconds.",
        )
        return
    yield ok("broker", f"{where} takes a message and gives it back within {took_ms:.0f} ms.")


def _work(engine: Engine) -> Iterator[Finding]:
    yield from _clocks(WorkerStore(engine).live())
    figures = read_figures(engine)
    waiting = sum(one.work.jobs for one in figures.waiting)
    if figures.workers:
        slots = ", ".join(f"{figures.slots[kind]} {kind}" for kind in KINDS if figures.slots.get(kind))
        yield ok("workers", f"{figures.workers} are up, with these slots: {slots}.")
    elif waiting:
        yield wrong("workers", f"None is up, and {waiting:,} jobs wait.", "Start one: `epochal worker`.")
    else:
        yield warning("workers", "None is up.", "Start one: `epochal worker`.")
    if figures.workers:
        for unserved in Queue(engine).warnings({one.device for one in figures.waiting}):
            yield warning("queue", f"Jobs wait that nobody can train. {unserved}", "See there.")
    yield ok("queue", f"{waiting:,} jobs wait, {sum(figures.running.values()):,} train.")
    if alone := _without_controller(engine):
        says = f"{alone:,} sweeps run, and for a minute no controller has looked at them."
        yield wrong("sweeps", says, "Start it: `python -m sweeps`, or Compose's service sweeps. Its log says more.")
    if figures.mirror_lag_s > LAG_S:
        yield warning(
            "mirror",
            f"MLflow lacks curves of {figures.mirror_behind:,} jobs, the oldest {figures.mirror_lag_s:,.0f} s old.",
            "Look at the log of the mirror (tracking); the record has the curves.",
        )
    else:
        yield ok("mirror", f"MLflow is at most {figures.mirror_lag_s:.0f} s behind.")


def _without_controller(engine: Engine) -> int:
    """How many sweeps run that nobody proposes for."""
    since = func.coalesce(Sweep.until, Sweep.created_at)
    alone = select(func.count()).where(Sweep.state == SweepState.running.value, since < now(-ALONE_S))
    with reading(engine) as connection:
        return connection.execute(alone).scalar_one()


def _first_line(error: Exception) -> str:
    said = in_full(error)
    return (said or type(error).__name__).splitlines()[0]

"""A record of the release before, and services of both releases beside each other on one record."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import Engine, bindparam, event, select, text
from sqlalchemy.exc import OperationalError

from spec.access import Role
from spec.job import JobSpec
from spec.states import JobStatus
from spec.views import Curve
from store import db, schema
from store.errors import StoreUnavailableError
from store.projects import ProjectStore
from store.queue import Queue
from store.records import Progress
from store.users import UserStore
from tests.record import Record, downgrade, upgrade
from tests.services import fresh_database

BEFORE = "0005"
"""The schema of the release before."""

OLD_SUBMIT = text(
    """
    INSERT INTO job (id, owner, project, tags, spec, pack_key, device_wish, priority, max_attempts, epochs, status,
                     created_at, updated_at)
    VALUES (:id, 'ada', 'default', '{}', :spec, :pack_key, :request, 0, 3, 100, 'queued', :at, :at)
    """
).bindparams(bindparam("at", type_=db.UtcTime()))
OLD_CLAIM = text(
    """
    SELECT id FROM job
    WHERE status = 'queued' AND owner = 'ada' AND device_wish IN ('auto', 'cuda')
    ORDER BY priority DESC, id
    """
)


def spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "digits", **fields})


def submit_as_before(engine: Engine, *requests: str) -> list[str]:
    """Submit jobs as an API of the release before does; a job of each device request."""
    ids = [str(uuid4()) for _ in requests]
    with db.writing(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        for job_id, request in zip(ids, requests, strict=True):
            kind, _, gpus = request.partition("*")
            wanted = spec(resources={"device": kind, "gpus": int(gpus or 1)})
            row = {"id": job_id, "request": request, "pack_key": wanted.pack_key, "at": at}
            connection.execute(OLD_SUBMIT, {**row, "spec": json.dumps(wanted.model_dump(mode="json"))})
    return ids


def claim(store: Record, device: str) -> Sequence[str]:
    """The jobs that a worker of this release claims for a device until no job waits for it."""
    claimed: list[str] = []
    while taken := store.claim(worker="w1", device=device, limit=64, lease_s=30.0):
        claimed += [one.job_id for one in taken]
    return claimed


@pytest.fixture(params=["sqlite", "postgresql"])
def record(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[Engine]:
    """A record of this release that a test may bring to another schema."""
    with (
        nullcontext(sqlite_url)
        if request.param == "sqlite"
        else fresh_database(request.getfixturevalue("postgres_url")) as url
    ):
        schema.migrate(url)
        engine = db.connect(url)
        yield engine
        engine.dispose()


def test_jobs_that_were_queued_before_an_upgrade_are_claimed_after_it(record: Engine) -> None:
    downgrade(record, BEFORE)
    auto, cpu, cuda, team = submit_as_before(record, "auto", "cpu", "cuda", "auto*2")
    upgrade(record)
    store = Record(record)
    assert Queue(record).overview().queued == {"auto": 1, "cpu": 1, "cuda": 1, "auto*2": 1}
    assert store.unnotified(older_than_s=-60.0) == sorted([auto, cpu, cuda, team])
    assert set(claim(store, "cpu")) == {auto, cpu}
    assert claim(store, "cuda:0") == [cuda]
    assert claim(store, "cpu+cpu") == [team]


def test_a_downgrade_keeps_the_jobs(record: Engine) -> None:
    store = Record(record)
    (mine,) = store.submit([spec(resources={"device": "cuda"})], owner="ada").jobs
    downgrade(record, BEFORE)
    with db.reading(record) as connection:
        assert connection.execute(OLD_CLAIM).scalars().all() == [mine.id]
    upgrade(record)
    assert claim(store, "cuda:0") == [mine.id]


def test_a_downgrade_to_the_first_schema_keeps_histories_and_curves(record: Engine) -> None:
    store = Record(record)
    store.submit([spec()] * 2, owner="ada")
    (first, _) = store.claim(worker="w1", device="cpu", limit=2, lease_s=30.0)
    points: Curve = {"epoch": [1, 2], "val_loss": [0.5, 0.4]}
    store.renew(worker="w1", progress=[Progress(first.job_id, first.attempt, points)], lease_s=30.0)

    def kept() -> list[int]:
        with db.reading(record) as connection:
            tables = ("job", "job_event", "curve_chunk", "lease", "mirror")
            return [connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables]  # noqa: S608

    before = kept()
    assert min(before) > 0
    downgrade(record, "0001")
    assert kept() == before


def test_a_job_that_an_api_of_the_release_before_submits_is_claimed(store: Record, engine: Engine) -> None:
    (mine,) = submit_as_before(engine, "cuda")
    (new,) = store.submit([spec(resources={"device": "cuda"})], owner="ada").jobs
    queue = Queue(engine)
    assert queue.overview().queued == {"auto": 0, "cpu": 0, "cuda": 2}
    assert {place.position for job_id in (mine, new.id) if (place := queue.place(job_id))} == {1, 2}
    assert claim(store, "cpu") == []
    assert set(claim(store, "cuda:0")) == {mine, new.id}
    assert store.get(mine, owner="ada").status is JobStatus.running


def test_a_worker_of_the_release_before_finds_a_job_that_this_release_submits(store: Record, engine: Engine) -> None:
    submitted = store.submit([spec(resources={"device": device}) for device in ("auto", "cpu", "cuda")], owner="ada")
    auto, _, cuda = (job.id for job in submitted.jobs)
    with db.reading(engine) as connection:
        assert connection.execute(OLD_CLAIM).scalars().all() == [auto, cuda]


OLD_TOKEN = text(
    "INSERT INTO token (id, owner, scopes, sha256, created_at) VALUES (:id, :owner, :scopes, :sha256, :at)"
)


def test_owners_of_tokens_become_users_and_an_api_of_the_release_before_goes_on(record: Engine) -> None:
    downgrade(record, "0014")
    old = [("1", "root", ["jobs:read", "admin"]), ("2", "root", ["jobs:read"]), ("3", "ada", ["jobs:read"])]
    with db.writing(record) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        for token_id, owner, scopes in old:
            row = {"id": token_id, "sha256": token_id, "owner": owner, "scopes": json.dumps(scopes), "at": at}
            connection.execute(OLD_TOKEN.bindparams(bindparam("at", type_=db.UtcTime())), row)
    (before,) = submit_as_before(record, "auto")
    upgrade(record)
    users, store = UserStore(record), Record(record)
    assert {user.name: (user.role, user.active) for user in users.listed()} == {
        "ada": (Role.member, True),
        "root": (Role.admin, True),
    }
    ProjectStore(record).create("vision", creator="ada", may_take_name=True)
    (beside,) = submit_as_before(record, "auto")  # by an API of the release before
    for job_id in (before, beside):
        assert store.get(job_id, owner="ada").project_id is None
    assert set(claim(store, "cpu")) == {before, beside}


OLD_RUNNING = text(
    """
    INSERT INTO job (id, owner, project, tags, spec, pack_key, device_wish, priority, max_attempts, epochs, status,
                     created_at, updated_at)
    SELECT 'job-' || worker || '-' || number, 'ada', 'default', '{}', '{}', 'k', 'auto', 0, 3, 100, 'running', now(),
           now()
    FROM generate_series(1, :workers) worker, generate_series(1, 16) number
    """
)
OLD_LEASES = text(
    "INSERT INTO lease (job_id, attempt, worker, until) SELECT id, 1, split_part(id, '-', 2), now() FROM job"
)
OLD_RENEWAL = (
    text("UPDATE lease SET until = clock_timestamp() WHERE worker = :worker"),
    text("UPDATE job SET epoch = epoch + 1 FROM lease WHERE lease.job_id = job.id AND lease.worker = :worker"),
)
WORKERS = 4


def test_a_record_is_migrated_under_workers_that_renew_their_leases(postgres_url: str) -> None:
    with fresh_database(postgres_url) as url:
        schema.migrate(url)
        engine = db.connect(url)
        downgrade(engine, BEFORE)
        with db.writing(engine) as connection:
            connection.execute(OLD_RUNNING, {"workers": WORKERS})
            connection.execute(OLD_LEASES)
            # Who waits looks for a deadlock once, after this time: the migration shall be the last who does.
            connection.execute(text(f"ALTER DATABASE {engine.url.database} SET deadlock_timeout = '10ms'"))
        engine.dispose()
        migrated, renewals = threading.Event(), [0] * WORKERS

        def renew(worker: int) -> None:
            while not migrated.wait(0.02):
                with suppress(StoreUnavailableError), db.writing(engine) as connection:
                    for statement in OLD_RENEWAL:
                        connection.execute(statement, {"worker": str(worker + 1)})
                    renewals[worker] += 1

        with ThreadPoolExecutor(WORKERS) as pool:
            workers = [pool.submit(renew, worker) for worker in range(WORKERS)]
            try:
                schema.migrate(url)
            finally:
                migrated.set()
            for worker in workers:
                worker.result()
        assert min(renewals) > 0
        engine.dispose()


def test_a_step_that_is_stopped_after_one_of_its_indexes_is_done_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.schema.random.uniform", lambda *_: 0.0)
    stopped = set[str]()

    def stop(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("CREATE INDEX CONCURRENTLY") and statement not in stopped:
            stopped.add(statement)
            raise OperationalError(statement, None, LockNotAvailable())

    with fresh_database(postgres_url) as url:
        event.listen(Engine, "after_cursor_execute", stop)
        try:
            schema.migrate(url)
        finally:
            event.remove(Engine, "after_cursor_execute", stop)
        assert stopped
        engine = db.connect(url)
        Record(engine).ready()
        with db.reading(engine) as connection:
            assert connection.execute(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")).scalar_one() == 0
        engine.dispose()

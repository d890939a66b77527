"""What is wrong with a record, a broker and a file store."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.exceptions import ChannelError
from sqlalchemy import insert, text, update

from spec.findings import Finding, Health
from spec.settings import Settings
from store import db
from store.db import now
from store.doctor import examine
from store.files import MARK, files_at
from store.mark import MarkStore
from store.tables import Job, Sweep
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record, migrate
from tests.services import fresh_database, postgres_server

from .test_jobs import spec, submit


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    migrate(f"sqlite:///{tmp_path}/epochal.db")
    yield tmp_path
    # Nothing that was stored to try the store stays.
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "epochal.db" not in path.name]


def found(home: Path, **settings: str) -> dict[str, Finding]:
    """What is found, by part; of several the worst."""
    return {one.part: one for one in sorted(findings(home, **settings), key=lambda one: [*Health].index(one.health))}


def findings(home: Path, **settings: str) -> list[Finding]:
    """All that is found."""
    read = Settings.read(
        {"EPOCHAL_HOME": str(home), **{f"EPOCHAL_{name.upper()}": settings[name] for name in settings}}
    )
    return list(examine(read))


def test_a_service_that_is_well(home: Path, redis_url: str) -> None:
    engine = db.connect(f"sqlite:///{home}/epochal.db")
    WorkerStore(engine).heartbeat(WorkerRecord("w", "host", 1, ("cpu", "cpu"), ()))
    engine.dispose()
    well = found(home, broker_url=redis_url)
    assert {one.health for one in well.values()} == {Health.ok}, well
    assert set(well) == {"record", "schema", "clock", "files", "broker", "disk", "workers", "queue", "mirror"}
    assert "2 cpu" in well["workers"].says


def test_each_thing_that_is_wrong_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = db.connect(f"sqlite:///{home}/epochal.db")
    (job_id,) = submit(Record(engine), spec(resources={"device": "cuda"}))
    sick = found(
        home, broker_url="redis://127.0.0.1:1/0", files_url="file:///proc/epochal", disk_reserve_mib=str(2**29)
    )
    for part in ("broker", "files", "disk", "workers"):
        assert sick[part].fix, part
    assert sick["broker"].health is sick["files"].health is sick["workers"].health is Health.wrong
    assert "1 jobs wait" in sick["workers"].says

    WorkerStore(engine).heartbeat(WorkerRecord("w", "host", 1, ("cpu",), ()))
    with db.writing(engine) as connection:
        ended = {"status": "failed", "finished_at": now(-900), "attempt": 1}
        connection.execute(update(Job).where(Job.id == job_id).values(**ended))
        connection.execute(text("INSERT INTO mirror (job_id) VALUES (:id)"), {"id": job_id})
        old = {"id": job_id, "owner": "lab", "spec": {}, "state": "running", "mirrored": True, "created_at": now(-90)}
        connection.execute(insert(Sweep).values(**old))
    monkeypatch.setattr("store.doctor.time.time", lambda: 1_000_000_000.0)
    behind = found(home)
    assert (behind["sweeps"].health, behind["sweeps"].says[:12]) == (Health.wrong, "1 sweeps run")
    assert behind["mirror"].health is behind["clock"].health is Health.warning
    assert "ahead of this machine's" in behind["clock"].says
    engine.dispose()


@pytest.mark.parametrize(("revision", "health"), [("0001", Health.wrong), ("9999", Health.warning)])
def test_the_schema_of_another_release_is_said(home: Path, revision: str, health: Health) -> None:
    engine = db.connect(f"sqlite:///{home}/epochal.db")
    with db.writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    engine.dispose()
    said = found(home)
    assert said["schema"].health is health
    assert ("workers" in said) == (health is Health.warning)  # an old schema may lack what would be read


@pytest.mark.thorough
@pytest.mark.parametrize(("locale", "health"), [("C", Health.warning), ("C.UTF-8", Health.ok)])
def test_a_database_that_knows_ascii_letters_only_is_said(home: Path, locale: str, health: Health) -> None:
    with postgres_server() as server, fresh_database(server, locale=locale) as url:
        migrate(url)
        assert found(home, database_url=url)["record"].health is health


def test_a_database_that_is_away_hides_no_other_fault(tmp_path: Path) -> None:
    away = found(
        tmp_path, database_url="postgresql+psycopg://ann:secret@127.0.0.1:1/x", broker_url="redis://127.0.0.1:1/0"
    )
    assert {part for part, one in away.items() if one.health is Health.wrong} == {"record", "broker"}
    assert "secret" not in str(away)


def test_a_broker_that_refuses_us_hides_no_other_finding(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ChannelError("ACCESS_REFUSED - operation not permitted")

    monkeypatch.setattr("store.doctor.BrokerConnection.SimpleQueue", refused)
    said = found(home, broker_url="amqp://127.0.0.1:1//")
    assert said["broker"].health is Health.wrong
    assert "ACCESS_REFUSED" in said["broker"].says
    assert "queue" in said


def test_a_file_store_of_no_known_kind_is_said(home: Path) -> None:
    said = found(home, files_url="ftp://somewhere/files")
    assert said["files"].health is Health.wrong
    assert "s3://" in said["files"].says
    assert "queue" in said


def test_no_place_for_temporary_files_hides_no_other_finding(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc/epochal"])
    all_found = found(home)
    assert all_found["disk"].health is Health.wrong
    assert "['/proc/epochal']" in all_found["disk"].says
    assert "TMPDIR" in all_found["disk"].says
    assert {"files", "queue", "mirror"} <= set(all_found)
    disks = [one.says for one in findings(home, disk_reserve_mib="1000000000") if one.part == "disk"]
    assert any("is full" in says for says in disks), disks


def test_files_that_are_not_the_ones_of_the_record_are_said(home: Path) -> None:
    engine = db.connect(f"sqlite:///{home}/epochal.db")
    right = files_at((home / "right").as_uri())
    MarkStore(engine).settled(right)
    engine.dispose()
    assert found(home, files_url=right.uri(""))["files"].health is Health.ok
    said = found(home)["files"]
    assert said.health is Health.wrong
    assert "is not the file store of this service: it has no mark" in said.says
    assert "python -m store mark" in said.fix
    right.delete_file(MARK)


@pytest.mark.parametrize(
    ("ahead_s", "said"), [(3600.0, r"3(599|60\d) s ahead of"), (-60.0, r"(59|6\d) s behind"), (1.0, None)]
)
def test_a_worker_whose_clock_is_wrong_is_named(home: Path, ahead_s: float, said: str | None) -> None:
    engine = db.connect(f"sqlite:///{home}/epochal.db")
    workers = WorkerStore(engine, clock=lambda: time.time() + ahead_s)
    for _ in range(3):  # the first says that it is there, the second learns the record's time
        workers.heartbeat(WorkerRecord("w", "node7", 1, ("cpu",), ()))
    engine.dispose()
    clock = found(home)["clock"]
    if said is None:
        assert clock.health is Health.ok
    else:
        assert clock.health is Health.warning
        assert re.search(said, clock.says)
        assert "node7" in clock.says

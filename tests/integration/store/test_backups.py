"""Backups of the record, by the commands that the pages tell."""

import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from spec.job import JobSpec
from store import db, schema
from tests.record import Record
from tests.services import own_postgres

DOCS = Path(__file__).parents[3] / "docs"


def told(program: str) -> list[str]:
    """The options of a program, which are the same on both pages."""
    pages = [(DOCS / name).read_text() for name in ("operations.md", "kubernetes.md")]
    found: set[str] = {re.findall(rf"{program} (--.*) [<>] (?:epochal|\$name)\.dump", page)[0] for page in pages}
    assert len(found) == 1
    return found.pop().split()


def test_files_come_back_before_the_api_starts_which_is_not_ready_without_their_mark() -> None:
    page = (DOCS / "operations.md").read_text()
    restored = page[page.index("pg_restore --username") :]
    steps = ["tar --extract --directory=/files", "tar --extract --directory=/artifacts", "docker compose up"]
    assert sorted(steps, key=restored.index) == steps


@pytest.mark.thorough
def test_a_dump_comes_back_whole_and_leaves_nothing_of_a_newer_release(tmp_path: Path) -> None:
    dump = tmp_path / "epochal.dump"
    with own_postgres() as server:
        with psycopg.connect(
            make_url(server.url).set(drivername="postgresql").render_as_string(), autocommit=True
        ) as made:
            made.execute("CREATE ROLE epochal SUPERUSER LOGIN")
            made.execute("CREATE DATABASE epochal OWNER epochal")
        url = make_url(server.url).set(username="epochal", database="epochal").render_as_string()
        schema.migrate(url)
        before = db.connect(url)
        Record(before).submit([JobSpec.model_validate({"dataset": "digits"})] * 2, owner="ann")
        at = ["--host=127.0.0.1", f"--port={server.port}"]
        with dump.open("wb") as file:
            subprocess.run([server.program("pg_dump"), *at, *told("pg_dump")], stdout=file, check=True)
        with db.writing(before) as connection:  # an upgrade, and work after it
            connection.execute(text("CREATE TABLE newer (id text PRIMARY KEY, job text REFERENCES job (id))"))
            connection.execute(text("INSERT INTO newer SELECT id, id FROM job"))
        Record(before).submit([JobSpec.model_validate({"dataset": "digits"})], owner="ann")
        before.dispose()
        with dump.open("rb") as file:
            subprocess.run([server.program("pg_restore"), *at, *told("pg_restore")], stdin=file, check=True)
        after = db.connect(url)
        with db.reading(after) as connection:
            assert connection.execute(text("SELECT count(*) FROM job")).scalar_one() == 2
            assert connection.execute(text("SELECT to_regclass('newer')")).scalar_one() is None
        after.dispose()

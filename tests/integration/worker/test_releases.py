"""F42: two releases side by side on one record, each of real processes.

The newer one is a copy of this code with what a next release brings: a field in the spec, and so a new version of its
format; a migration that adds a column; and workers who know of both.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from spec.job import SPEC_VERSION
from spec.states import JobStatus
from store import db
from tests.services import eventually, fresh_database, trainers

from .site import STRUCK, Site

pytestmark = pytest.mark.thorough

REPOSITORY = Path(__file__).parents[3]
ROOMS = ("spec", "store", "worker", "trainer", "model", "ingest", "migrations")
MIGRATION = '''
"""A column of the next release."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("flavour", sa.Text(), nullable=True))
'''
SUBMIT = """
import sys
from spec.job import JobSpec
from store import db
from store.jobs import JobStore
engine = db.connect(sys.argv[1])
spec = JobSpec.model_validate_json(sys.argv[2])
print(JobStore(engine).submit([spec], owner="ada").jobs[0].id, sys.modules["spec.job"].__file__)
"""


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The code of the next release."""
    code = tmp_path / "next"
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, code / room)  # compiled modules too: times are copied, so they count
    job, told = code / "spec/job.py", f"SPEC_VERSION = {SPEC_VERSION}\n"
    field = "    version: Annotated[Count, Field(ge=1, le=SPEC_VERSION"
    source = job.read_text()
    assert (source.count(told), source.count(field)) == (1, 1)
    source = source.replace(told, f"SPEC_VERSION = {SPEC_VERSION + 1}\n")
    job.write_text(source.replace(field, f'    flavour: str = "plain"\n{field}'))
    versions = code / "migrations/versions"
    head = max(path.name for path in versions.glob("0*.py")).split("_")[0]
    (versions / "9999_next.py").write_text(MIGRATION.format(head=head))
    return code


class Newer:
    """The next release on the record of a site."""

    def __init__(self, site: Site, code: Path) -> None:
        self._site, self._code = site, code
        self._environment = {**site.environment, "PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}

    def runs(self, *words: str) -> str:
        """What one of its commands says."""
        command = [sys.executable, *words]
        done = subprocess.run(
            command, env=self._environment, cwd=self._code, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def submit(self, spec: str) -> str:
        """A job in its format."""
        said = self.runs("-c", SUBMIT, self._site.environment["EPOCHAL_DATABASE_URL"], spec)
        job_id, format_of = said.split(" ", 1)
        assert format_of == os.fspath(self._code / "spec" / "job.py")
        return job_id

    def start_worker(self) -> subprocess.Popen[bytes]:
        """One of its workers."""
        command = [sys.executable, "-m", "worker", "--devices", "cpu:1"]
        with (self._site.home / "newer.log").open("wb") as log:
            worker = subprocess.Popen(
                command, env=self._environment, cwd=self._code, stderr=log, stdout=log, start_new_session=True
            )
        self._site.workers.append(worker)
        return worker


def test_f42_an_old_worker_trains_what_it_knows_while_a_newer_one_trains_what_is_new(site: Site, newer: Path) -> None:
    old = site.start_worker(checkpoint_s=0.2)
    site.slow_motion.begin()
    (running,) = site.submit(STRUCK)
    site.wait_for_an_epoch(running)
    released = Newer(site, newer)
    released.runs("-m", "store", "migrate")  # under a worker that trains
    with db.reading(site.engine) as connection:
        connection.execute(text("SELECT flavour FROM job"))

    unknown = released.submit('{"dataset": "xor", "epochs": 5, "flavour": "sweet", "priority": 9}')
    (known,) = site.submit(STRUCK)
    site.slow_motion.end()
    for job_id in (running, known):
        site.wait(job_id, JobStatus.succeeded, within_s=60.0)
    with db.reading(site.engine) as connection:
        waits = connection.execute(text("SELECT status, attempt FROM job WHERE id = :id"), {"id": unknown}).one()
    assert tuple(waits) == ("queued", 0)  # though it is first in the queue

    site.slow_motion.begin()
    (passed_on,) = site.submit(STRUCK | {"max_attempts": 2})
    site.wait_for_an_epoch(passed_on)
    eventually(lambda: saved(site, passed_on), 20.0, "a checkpoint is recorded")
    (trainer,) = trainers(old.pid)
    trainer.suspend()  # it does not end while the newer worker starts
    released.start_worker()
    eventually(lambda: status(site, unknown) == "succeeded", 60.0, "the newer worker trains what is new")
    site.kill(old)
    trainer.kill()
    site.slow_motion.end()
    job = site.wait(passed_on, JobStatus.succeeded, within_s=80.0)
    assert job.attempt >= 2  # a busy machine may miss the record for a lease, too
    assert f"{passed_on} goes on after epoch " in (site.home / "newer.log").read_text()
    for job_id, epochs in ((running, 150), (known, 150), (passed_on, 150)):
        assert site.store.curve(job_id)["epoch"] == list(range(1, epochs + 1))
    assert trainers(site.workers[-1].pid)


def status(site: Site, job_id: str) -> str:
    """The state of a job whose spec this release cannot read."""
    with db.reading(site.engine) as connection:
        return str(connection.execute(text("SELECT status FROM job WHERE id = :id"), {"id": job_id}).scalar_one())


def saved(site: Site, job_id: str) -> bool:
    with db.reading(site.engine) as connection:
        query = text("SELECT count(*) FROM checkpoint WHERE job_id = :id AND NOT void")
        return bool(connection.execute(query, {"id": job_id}).scalar_one())

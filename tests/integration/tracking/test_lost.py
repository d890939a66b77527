"""An MLflow whose database was lost and made anew: the mirror notices, says so once, and sends everything again."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.records import Claim
from tests.record import new_record
from tracking.mirror import Mirror

from .conftest import Service, copied, curve
from .servers import MlflowServer
from .test_deleted import delete, purge

pytestmark = pytest.mark.thorough


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A record and a mirror with an MLflow of their own."""
    server = MlflowServer(tmp_path / "mlflow")
    with new_record(tmp_path) as engine:
        service = Service(engine, tmp_path, server)
        try:
            server.start()
            yield service
        finally:
            service.close()
            server.close()


def lose(server: MlflowServer) -> None:
    """Lose the server's database; it makes a new one when it starts again."""
    server.kill()
    for file in server.home.glob("mlflow.db*"):
        file.unlink()
    server.start()


def ended(service: Service, project: str) -> Claim:
    claim = service.run(project=project)
    service.succeed(claim, points=curve(1, 30))
    return claim


def copied_with_patience(service: Service, mirror: Mirror) -> None:
    for _ in range(4):
        copied(mirror)
        service.later()
    copied(mirror)


def test_runs_of_a_lost_database_are_sent_again_each_to_its_own_experiment(
    own: Service, caplog: pytest.LogCaptureFixture
) -> None:
    mirror = own.mirror()
    claims = {project: ended(own, project) for project in ("first", "second")}
    copied(mirror)
    lose(own.server)
    caplog.clear()
    for project in ("second", "first"):  # experiments get their numbers in another order
        ended(own, project)
        copied_with_patience(own, mirror)
    for project, claim in claims.items():
        assert [run["info"]["status"] for run in own.server.runs(project)] == ["FINISHED"] * 2
        assert own.epochs_of(claim) == list(range(1, 31))
        assert own.server.artifact(own.run_of(claim), "curves.png").startswith(b"\x89PNG")
    (warning,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "MLflow's database is another one" in warning.getMessage()
    assert "2 jobs" in warning.getMessage()


def test_a_mirror_that_starts_over_a_lost_database_sends_everything_again_once(
    own: Service, caplog: pytest.LogCaptureFixture
) -> None:
    claim = ended(own, "first")
    copied(own.mirror())
    lose(own.server)
    caplog.clear()
    mirror = own.mirror()
    copied_with_patience(own, mirror)
    assert own.epochs_of(claim) == list(range(1, 31))
    assert caplog.text.count("MLflow's database is another one") == 1
    caplog.clear()
    copied_with_patience(own, own.mirror())
    assert len(own.server.runs("first")) == 1
    assert "another one" not in caplog.text


def test_a_run_that_was_purged_is_no_sign_of_a_lost_database(own: Service, caplog: pytest.LogCaptureFixture) -> None:
    ended(own, "first")
    last = ended(own, "first")
    copied(own.mirror())
    lose(own.server)  # so that all runs are older than the database
    copied_with_patience(own, own.mirror())
    delete(own, "runs", run_id=own.run_of(last))
    purge(own)
    caplog.clear()
    copied_with_patience(own, own.mirror())
    assert len(own.server.runs("first")) == 1
    assert "another one" not in caplog.text

"""The checker sees what it is there to see."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from spec.states import JobStatus
from spec.views import Curve
from store import db, schema
from store.tables import CurveChunk, Job, JobEvent, Lease
from tests.integration.tracking.conftest import Service, copied, curve
from tests.integration.tracking.servers import MlflowServer
from tracking.mlflow import Metric, Mlflow

from .checker import Checker, Reference, Verdict, numbers
from .load import Cancel

KIND = ("shape", 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    made = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def service(tmp_path: Path, server: MlflowServer) -> Iterator[Service]:
    url = f"sqlite:///{tmp_path / 'epochal.db'}"
    schema.migrate(url)
    engine = db.connect(url)
    made = Service(engine, tmp_path, server)
    yield made
    made.close()
    engine.dispose()


def last() -> Curve:
    """The last ten epochs, in one of which the validation loss is not finite."""
    points = curve(21, 30)
    points["val_loss"][7] = None
    return points


class Case:
    """A job that has succeeded in two beats and is whole in MLflow; one value of its curve is not finite."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.claim = service.run()
        service.beat(self.claim, 1, 20)
        service.succeed(self.claim, points=last())
        copied(service.mirror())
        self.id = self.claim.job_id
        self.accepted = {self.id: KIND}
        self.cancels: list[Cancel] = []

    def change(self, *statements: object) -> None:
        """Do to the record what no code of ours does."""
        with db.writing(self.service.engine) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def verdict(self) -> Verdict:
        """What the checker says."""
        model = numbers(b"model of " + self.id.encode())
        checker = Checker(self.service.engine, self.service.folder / "files", self.service.server)
        reference = {KIND: Reference({name: [*column, *last()[name]] for name, column in curve(1, 20).items()}, model)}
        return checker.check(self.accepted, reference, self.cancels, self.service.project)


def requeued(case: Case) -> None:
    case.change(update(Job).values(status="queued"))


def forgotten(case: Case) -> None:
    case.change(delete(CurveChunk).where(CurveChunk.first_epoch == 1))


def ended_again(case: Case) -> None:
    event = {"job_id": case.id, "seq": 4, "from_status": "succeeded", "to_status": "succeeded"}
    case.change(insert(JobEvent).values(**event, attempt=1, actor="zombie", reason="it woke"))


def of_nobody(case: Case) -> None:
    case.service.submit()


def log(case: Case, metric: Metric) -> None:
    with Mlflow(case.service.server.url) as mlflow:
        mlflow.log(case.service.run_of(case.claim), metrics=[metric])


def told_twice(case: Case) -> None:
    log(case, Metric("train_loss", 0.5, 1, 7))


def told_twice_of_validation(case: Case) -> None:
    log(case, Metric("val_loss", 0.5, 1, 7))


def told_after_the_end(case: Case) -> None:
    log(case, Metric("val_accuracy", 0.5, 1, 31))


def of_another_metric(case: Case) -> None:
    log(case, Metric("val_auc", 0.5, 1, 7))


def lost_on_the_way(case: Case) -> None:
    sql(case, "DELETE FROM metrics WHERE key = 'val_loss' AND step = 7 AND run_uuid = ?")


def changed_on_the_way(case: Case) -> None:
    sql(case, "UPDATE metrics SET value = value + 1e-9 WHERE key = 'val_accuracy' AND step = 7 AND run_uuid = ?")


def sql(case: Case, statement: str) -> None:
    """Do to MLflow what it does not do by itself."""
    with contextlib.closing(sqlite3.connect(case.service.server.home / "mlflow.db")) as database:
        assert database.execute(statement, [case.service.run_of(case.claim)]).rowcount == 1
        database.commit()


def beyond(case: Case) -> None:
    case.change(update(Job).values(epoch=29))


def other_numbers(case: Case) -> None:
    points = last()
    points["val_loss"][3] = 0.25
    case.change(update(CurveChunk).where(CurveChunk.first_epoch == 21).values(columns=points))


def other_file(case: Case) -> None:
    case.service.files.put(f"jobs/{case.id}/a1/model.safetensors", b"another")


def wrongly_told(case: Case) -> None:
    case.cancels.append(Cancel(case.id, 200, JobStatus.cancelled))


def held(case: Case) -> None:
    case.change(insert(Lease).values(job_id=case.id, attempt=1, worker="w1", until=db.now(9.0)))


def run_left_running(case: Case) -> None:
    with Mlflow(case.service.server.url) as mlflow:
        mlflow.update(case.service.run_of(case.claim), "a name", "RUNNING")


def second_run(case: Case) -> None:
    with Mlflow(case.service.server.url) as mlflow:
        experiment = mlflow.experiment(case.service.project).id
        mlflow.create_run(experiment, "extra", 1, {"epochal.job_id": case.id})


def test_what_is_whole_is_called_whole(service: Service) -> None:
    verdict = Case(service).verdict()
    assert (verdict.accepted, verdict.violations, verdict.stray_files) == (1, [], 0)


@pytest.mark.parametrize(
    ("breaks", "where"),
    [
        (requeued, "lost"),
        (ended_again, "doubled"),
        (of_nobody, "doubled"),
        (second_run, "doubled"),
        (forgotten, "gaps"),
        (told_twice, "duplicates"),
        (told_twice_of_validation, "duplicates"),
        (told_after_the_end, "duplicates"),
        (of_another_metric, "duplicates"),
        (lost_on_the_way, "gaps"),
        (changed_on_the_way, "others"),
        (beyond, "duplicates"),
        (other_numbers, "others"),
        (other_file, "others"),
        (wrongly_told, "others"),
        (held, "others"),
        (run_left_running, "others"),
    ],
)
def test_what_is_broken_is_told(service: Service, breaks: Callable[[Case], None], where: str) -> None:
    case = Case(service)
    breaks(case)
    assert getattr(case.verdict(), where), case.verdict()

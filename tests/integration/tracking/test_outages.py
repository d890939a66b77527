"""MLflow hangs, dies, or answers into the void: nothing is lost, nothing is doubled."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from store.records import Claim
from tests.chaos.proxy import Proxy
from tests.services import eventually
from tracking.mirror import Mirror
from tracking.mlflow import MlflowUnreachableError, Run

from .conftest import Service, copied, curve
from .test_deleted import copied_after_failures, experiment_of


@contextmanager
def at_work(mirror: Mirror) -> Iterator[None]:
    """The mirror goes round on and on meanwhile."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            mirror.round()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def arrived(service: Service, claim: Claim) -> int:
    """How many epochs of a job MLflow has."""
    return len(service.epochs_of(claim)) if service.job(claim.job_id).mlflow_run_id else 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    "word", ["runs/create", "runs/log-batch", "runs/log-inputs", "runs/update", "mlflow-artifacts"]
)
def test_an_answer_that_is_lost_makes_nothing_twice(service: Service, word: str) -> None:
    wire = Proxy(service.server.port)
    wire.lose_answer(word.encode())
    claim = service.run()
    service.succeed(claim, points=curve(1, 30))
    mirror = service.mirror(f"http://127.0.0.1:{wire.port}")
    copied_after_failures(service, mirror)
    assert wire.lost == 1
    wire.close()
    assert len(service.server.runs(service.project)) == 1
    assert service.epochs_of(claim) == list(range(1, 31))
    assert service.status_of(claim) == "FINISHED"
    assert service.server.artifact(service.run_of(claim), "model.safetensors")


def test_a_mirror_that_dies_while_it_makes_a_run_leaves_no_second(service: Service) -> None:
    wire = Proxy(service.server.port)
    wire.lose_answer(b"runs/create")
    claim = service.run()
    service.succeed(claim, points=curve(1, 30))
    service.mirror(f"http://127.0.0.1:{wire.port}").round()
    assert service.job(claim.job_id).mlflow_run_id is None
    wire.close()
    copied(service.mirror())  # another process, which knows only what the record says
    (run,) = service.server.runs(service.project)
    assert run["info"]["run_id"] == service.run_of(claim)


def test_a_run_that_mlflow_makes_late_for_a_mirror_that_has_ended_is_deleted(service: Service) -> None:
    claim = service.run()
    copied_after_failures(service, service.mirror())
    tags = [{"key": "epochal.job_id", "value": claim.job_id}]
    service.server.post("runs/create", {"experiment_id": experiment_of(service), "tags": tags})
    service.succeed(claim, points=curve(1, 30))
    mirror = service.mirror()  # another process, which knows only what the record says
    copied_after_failures(service, mirror)
    runs = {run["info"]["run_id"]: run["info"]["lifecycle_stage"] for run in service.server.runs(service.project)}
    assert sorted(runs.values()) == ["active", "deleted"]
    assert runs[service.run_of(claim)] == "active"
    assert mirror._memories == {}


def test_a_proxy_without_a_server_is_one_warning_and_no_job_waits_afterwards(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service.submit(4)
    claims, mirror = service.claim(4), service.mirror()
    for claim in claims:
        service.succeed(claim, points=curve(1, 3))
    answers = httpx.MockTransport(lambda _: httpx.Response(503, text="<html>no server</html>"))
    with httpx.Client(transport=answers, base_url="http://proxy") as proxy:
        monkeypatch.setattr(mirror._mlflow, "_http", proxy)
        for _ in range(3):
            assert not mirror.round()
        monkeypatch.undo()
    copied(mirror)
    assert [service.status_of(claim) for claim in claims] == ["FINISHED"] * 4
    assert len([entry for entry in caplog.records if entry.levelno >= logging.WARNING]) == 1


@pytest.mark.thorough
def test_of_many_jobs_that_a_broken_server_refuses_the_log_names_a_few(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service.submit(9)
    claims, mirror = service.claim(9), service.mirror()
    for claim in claims:
        service.succeed(claim, points=curve(1, 3))

    def broken(request: httpx.Request) -> httpx.Response:
        """MLflow whose database is away: it says that it is well, and answers nothing else."""
        return httpx.Response(200 if request.url.path == "/health" else 500, text="no database")

    with httpx.Client(transport=httpx.MockTransport(broken), base_url="http://broken") as server:
        monkeypatch.setattr(mirror._mlflow, "_http", server)
        for _ in range(3):
            mirror.round()
            service.later()
        monkeypatch.undo()
    warnings = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.partition(" ")[0] for one in sorted(warnings)] == ["job"] * 3 + ["more"]
    copied_after_failures(service, mirror)
    assert [service.status_of(claim) for claim in claims] == ["FINISHED"] * 9


def test_a_run_that_mlflow_makes_late_is_deleted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, mirror = service.run(), service.mirror()
    create, given = mirror._mlflow.create_run, []

    def given_up(*what: Any) -> Run:
        given.append(what)
        monkeypatch.undo()
        raise MlflowUnreachableError("no answer in time")

    monkeypatch.setattr(mirror._mlflow, "create_run", given_up)
    copied_after_failures(service, mirror)
    create(*given[0])  # MLflow comes to the first request when the run of the second is known
    assert len(service.server.runs(service.project)) == 2
    service.succeed(claim, points=curve(1, 30))
    copied(mirror)
    runs = service.server.runs(service.project)
    active = [run["info"]["run_id"] for run in runs if run["info"]["lifecycle_stage"] == "active"]
    assert (len(runs), active) == (2, [service.run_of(claim)])


@pytest.mark.thorough
def test_a_server_that_freezes_while_points_arrive_has_them_all_afterwards(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.submit(8, epochs=60)
    claims = service.claim(8)
    mirror = service.mirror()
    with at_work(mirror):
        for claim in claims:
            service.beat(claim, 1, 10)
        eventually(lambda: len(service.server.runs(service.project)) == 8, within_s=20, what="the runs are made")
        mirror._mlflow._http.timeout = httpx.Timeout(2.0)  # of what a frozen server is asked
        service.server.signal(signal.SIGSTOP)
        try:
            for first in range(11, 51, 10):
                for claim in claims:
                    service.beat(claim, first, first + 9)
            eventually(lambda: "does not answer" in caplog.text, within_s=20, what="the outage is noticed")
        finally:
            mirror._mlflow._http.timeout = httpx.Timeout(20.0)
            service.server.signal(signal.SIGCONT)
        for claim in claims:
            service.succeed(claim, points=curve(51, 60))
        eventually(
            lambda: {run["info"]["status"] for run in service.server.runs(service.project)} == {"FINISHED"},
            within_s=30,
            what="MLflow has all",
        )
    assert len(service.server.runs(service.project)) == 8
    for claim in claims:
        assert service.epochs_of(claim) == list(range(1, 61))
    # The outage is told once, not for eight jobs; one with a late answer of a server that catches up is told, too.
    told = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert len([one for one in told if one.startswith("Curves wait")]) == 1, told
    assert told[0].startswith("Curves wait"), told


@pytest.mark.thorough
def test_a_server_that_is_killed_and_comes_back_has_all_at_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tracking")
    service.submit(8)
    claims = service.claim(8)
    with at_work(service.mirror()):
        for claim in claims[:4]:
            service.beat(claim, 1, 10)
        eventually(lambda: [arrived(service, one) for one in claims[:4]] == [10] * 4, within_s=20, what="40 epochs")
        service.server.kill()
        for claim in claims:  # four of which MLflow has never heard
            service.succeed(claim, points=curve(11 if claim in claims[:4] else 1, 30))
        eventually(lambda: "does not answer" in caplog.text, within_s=10, what="the outage is noticed")
        service.server.start()
        eventually(
            lambda: [run["info"]["status"] for run in service.server.runs(service.project)] == ["FINISHED"] * 8,
            within_s=10,
            what="MLflow has all",
        )
    for claim in claims:
        assert service.epochs_of(claim) == list(range(1, 31))
    assert caplog.text.count("does not answer") == 1
    assert caplog.text.count("MLflow answers again") == 1

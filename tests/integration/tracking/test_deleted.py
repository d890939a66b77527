"""Experiments and runs that somebody deletes in MLflow, on its page or for good: the mirror goes on."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from spec.importing import importing
from store.mirror import MirrorStore
from tracking.mirror import LIVE_S, LOOKS_S, Mirror

from .conftest import Service, copied, curve


def delete(service: Service, kind: str, **which: str) -> None:
    """What a click on Delete on MLflow's page does."""
    service.server.post(f"{kind}/delete", which)


def purge(service: Service, *what: str) -> None:
    """Delete for good what was deleted on the page, as `mlflow gc` does; here, for it takes seconds to import."""
    database = f"sqlite:///{service.server.home / 'mlflow.db'}"
    _mlflow_gc()(["--backend-store-uri", database, "--tracking-uri", service.server.url, *what], standalone_mode=False)


@cache
def _mlflow_gc() -> Callable[..., None]:
    """MLflow's command, imported without its telemetry."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        warnings.simplefilter("ignore")
        with importing():
            from mlflow.cli import gc as command
    return command.main


def copied_after_failures(service: Service, mirror: Mirror) -> None:
    """Go round until there is nothing to copy, also of jobs that wait after a failure."""
    for _ in range(4):
        copied(mirror)
        service.later()
    copied(mirror)


def lifecycles(service: Service) -> list[str]:
    return [run["info"]["lifecycle_stage"] for run in service.server.runs(service.project)]


@pytest.mark.thorough
def test_a_run_that_is_deleted_while_its_job_trains_is_restored(service: Service) -> None:
    claim, mirror = service.run(), service.mirror()
    service.beat(claim, 1, 2)
    copied_after_failures(service, mirror)
    delete(service, "runs", run_id=service.run_of(claim))
    service.beat(claim, 3, 4)
    copied_after_failures(service, mirror)
    assert (lifecycles(service), service.epochs_of(claim)) == (["active"], [1, 2, 3, 4])


def test_an_experiment_that_is_deleted_is_restored_with_its_runs(service: Service) -> None:
    claim, mirror = service.run(), service.mirror()
    service.beat(claim, 1, 2)
    copied_after_failures(service, mirror)
    delete(service, "experiments", experiment_id=experiment_of(service))
    service.beat(claim, 3, 4)
    new = service.run(epochs=31)
    service.beat(new, 1, 1)
    service.succeed(claim, points=curve(5, 30))
    copied_after_failures(service, mirror)
    assert lifecycles(service) == ["active"] * 2
    assert service.epochs_of(claim) == list(range(1, 31))
    assert service.epochs_of(new) == [1]
    assert service.status_of(claim) == "FINISHED"


@pytest.mark.thorough
def test_what_is_deleted_for_good_is_made_anew_with_the_whole_curve(service: Service) -> None:
    mirror = service.mirror()
    ended, trains = service.run(), service.run(epochs=31)
    for claim in (ended, trains):
        service.beat(claim, 1, 2)
    copied_after_failures(service, mirror)
    before = {claim.job_id: service.run_of(claim) for claim in (ended, trains)}
    delete(service, "experiments", experiment_id=experiment_of(service))
    purge(service, "--experiment-ids", experiment_of(service))
    service.succeed(ended, points=curve(3, 30))
    service.beat(trains, 3, 4)
    copied_after_failures(service, mirror)
    assert service.run_of(ended) != before[ended.job_id]
    assert service.run_of(trains) != before[trains.job_id]
    assert service.epochs_of(ended) == list(range(1, 31))
    assert service.epochs_of(trains) == [1, 2, 3, 4]
    params: list[dict[str, Any]] = service.server.run(service.run_of(ended))["data"]["params"]
    assert {"key": "epochs", "value": "30"} in params
    service.succeed(trains, points=curve(5, 31))
    copied_after_failures(service, mirror)
    assert service.server.artifact(service.run_of(ended), "curves.png").startswith(b"\x89PNG")
    assert len(service.server.runs(service.project)) == 2


@pytest.mark.thorough
def test_what_mlflow_lost_is_made_anew_when_all_runs_are_sent_again(service: Service) -> None:
    mirror = service.mirror()
    lost, kept = service.run(), service.run(epochs=31)
    service.succeed(lost, points=curve(1, 30))
    service.succeed(kept, points=curve(1, 31))
    copied(mirror)
    before = {claim.job_id: service.run_of(claim) for claim in (lost, kept)}
    delete(service, "runs", run_id=before[lost.job_id])
    purge(service, "--run-ids", before[lost.job_id])
    assert MirrorStore(service.engine).again() == 2
    copied_after_failures(service, mirror)
    assert service.run_of(lost) != before[lost.job_id]
    assert service.run_of(kept) == before[kept.job_id]
    assert service.epochs_of(lost) == list(range(1, 31))
    assert service.epochs_of(kept) == list(range(1, 32))
    assert service.status_of(lost) == service.status_of(kept) == "FINISHED"
    assert service.server.artifact(service.run_of(lost), "curves.png").startswith(b"\x89PNG")


def test_a_run_that_is_deleted_stops_no_other(service: Service) -> None:
    mirror = service.mirror()
    deleted, other = service.run(), service.run(epochs=31)
    copied_after_failures(service, mirror)
    delete(service, "runs", run_id=service.run_of(deleted))
    service.succeed(deleted, points=curve(1, 30))
    service.succeed(other, points=curve(1, 31))
    copied(mirror)
    assert service.status_of(other) == "FINISHED"
    copied_after_failures(service, mirror)
    assert (service.status_of(deleted), lifecycles(service)) == ("FINISHED", ["active"] * 2)


def test_the_run_of_a_job_that_is_deleted_before_its_end_was_sent_is_killed(service: Service) -> None:
    claim, mirror = service.run(), service.mirror()
    service.beat(claim, 1, 2)
    copied_after_failures(service, mirror)
    run_id = service.run_of(claim)
    service.jobs.request_cancel(claim.job_id, owner="ada", actor="ada")
    service.jobs.confirm_cancel(claim.job_id, claim.attempt)
    service.jobs.delete(claim.job_id, owner="ada")
    for _ in range(int(LOOKS_S / LIVE_S) + 1):
        service.later()
    copied(mirror)
    assert service.server.run(run_id)["info"]["status"] == "KILLED"
    assert mirror._memories == {}


def experiment_of(service: Service) -> str:
    """The id of the project's experiment."""
    answer = service.server.ask("experiments/get-by-name", experiment_name=service.project)
    return str(answer["experiment"]["experiment_id"])

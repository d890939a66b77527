"""Sweeps in MLflow: a parent run, its children, the best of them; no double, whatever dies in between."""

from typing import Any

import pytest

from spec.states import FailureReason, StopReason, SweepState
from spec.sweep import SweepSpec
from spec.views import Metrics
from store.records import Success
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from store.trials import TrialStore
from sweeps.controller import Controller
from tests.chaos.proxy import Proxy
from tracking.mlflow import MlflowError, Run
from tracking.parents import SPEC_FILE

from .conftest import Service, copied, curve
from .test_deleted import copied_after_failures, delete, purge

TWO = {"learning_rate": [0.03, 0.01]}
"""A space of two configurations."""


class Silent:
    """Rings nowhere: no worker listens in these tests."""

    def ring(self, *job_ids: str) -> bool:
        return True


class Asked:
    """A sweep, its controller, and a worker that ends jobs with their rate as the loss."""

    def __init__(self, service: Service, **fields: Any) -> None:
        self.service, self.store, self.results = service, SweepStore(service.engine), SweepResults(service.engine)
        base = {"dataset": "digits", "project": service.project, "epochs": 3, "tags": {"team": "blue"}}
        body = {
            "name": "rates",
            "base": base | {"architecture": {"type": "mlp", "hidden": [8]}},
            "space": {"learning_rate": [0.03, 0.01, 0.02], "architecture.hidden": [[8], [16]]},
            "method": "grid",
            **fields,
        }
        self.id = self.store.submit(SweepSpec.model_validate(body), owner="ada").id
        self._controller = Controller(TrialStore(service.engine), Silent(), "one")  # type: ignore[arg-type]

    @property
    def record(self) -> SweepRecord:
        return self.store.get(self.id, owner=None)

    def propose(self) -> None:
        self._controller.round()

    def train(self, count: int = 1000) -> None:
        """Train so many of the jobs that wait, to their ends."""
        for claim in self.service.claim(count):
            rate = claim.spec.learning_rate
            assert isinstance(rate, float)
            loss: Metrics = {"val_loss": rate + 0.001 * claim.spec.seed}
            left = [self.service.left(claim, "notes.txt", b"n")]
            end = Success(
                claim.job_id, claim.attempt, StopReason.max_epochs, 3, loss, points=curve(1, 3), artifacts=left
            )
            assert self.service.jobs.succeed(end)

    def finish(self) -> None:
        """Until the sweep has ended."""
        for _ in range(20):
            self.propose()
            self.train()
            if self.record.state is not SweepState.running:
                return
        raise AssertionError("the sweep does not end")

    def runs(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The parent, and its children."""
        runs = [run for run in self.service.server.runs(self.service.project) if is_active(run)]
        (parent,) = [run for run in runs if "epochal.sweep" in tags_of(run)]
        return parent, [run for run in runs if tags_of(run).get("mlflow.parentRunId") == parent["info"]["run_id"]]


def is_active(run: dict[str, Any]) -> bool:
    return bool(run["info"]["lifecycle_stage"] == "active")


def tags_of(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}


def params_of(run: dict[str, Any]) -> dict[str, str]:
    return {param["key"]: param["value"] for param in run["data"].get("params", [])}


def metrics_of(run: dict[str, Any]) -> dict[str, float]:
    return {metric["key"]: metric["value"] for metric in run["data"].get("metrics", [])}


def best_of(runs: list[dict[str, Any]]) -> set[str]:
    """The configurations whose runs are marked as the best."""
    return {params_of(run)["trial"] for run in runs if tags_of(run).get("epochal.best") == "true"}


def test_a_sweep_is_a_parent_with_its_jobs_below(service: Service) -> None:
    asked, mirror = Asked(service, seeds=2), service.mirror()
    copied(mirror)
    parent, children = asked.runs()
    assert (parent["info"]["run_name"], parent["info"]["status"], children) == ("rates", "RUNNING", [])
    assert parent["info"]["run_id"] == asked.record.run_id
    assert tags_of(parent).items() >= {"epochal.sweep": asked.id, "epochal.owner": "ada", "team": "blue"}.items()
    assert params_of(parent)["method"] == "grid"
    assert "0.01" in params_of(parent)["space.learning_rate"]
    assert b'"rates"' in service.server.artifact(parent["info"]["run_id"], "sweep.json")

    asked.finish()
    copied(mirror)
    parent, children = asked.runs()
    assert parent["info"]["status"] == "FINISHED"
    assert len(children) == 12
    assert {(params_of(run)["trial"], params_of(run)["replicate"]) for run in children} == {
        (str(trial), str(replicate)) for trial in range(6) for replicate in range(2)
    }
    assert {params_of(run)["hidden"] for run in children} == {"[8]", "[16]"}
    assert {params_of(run)["learning_rate"] for run in children} == {"0.01", "0.02", "0.03"}
    best = asked.results.best(asked.id, 1)[0]
    assert best_of(children) == {str(best.number)}
    measured = metrics_of(parent)
    assert measured["best_val_loss"] == pytest.approx(0.0105)
    assert measured["best_val_loss_deviation"] == pytest.approx(0.001 / 2**0.5)
    assert measured["best_val_loss_low"] < 0.0105 < measured["best_val_loss_high"]
    assert measured["trials"] == 6
    assert tags_of(parent)["epochal.best_trial"] == str(best.number)
    assert f"#{best.number}" in tags_of(parent)["mlflow.note.content"]
    assert service.server.artifact(children[0]["info"]["run_id"], "curves.png").startswith(b"\x89PNG")


def test_a_sweep_may_have_runs_of_its_best_configuration_only(service: Service) -> None:
    asked, mirror = Asked(service, mirror="best", seeds=2), service.mirror()
    asked.propose()
    asked.train(3)
    copied(mirror)
    assert asked.runs()[1] == []
    asked.finish()
    copied(mirror)
    parent, children = asked.runs()
    assert (parent["info"]["status"], len(children)) == ("FINISHED", 2)
    assert best_of(children) == {str(asked.results.best(asked.id, 1)[0].number)}
    for run in children:
        assert [step for step, _ in service.server.history(run["info"]["run_id"])] == [1, 2, 3]
        assert service.server.artifact(run["info"]["run_id"], "curves.png").startswith(b"\x89PNG")


def test_of_a_large_sweep_only_the_best_have_files(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracking.mirror.SMALL_SWEEP", 8)
    rates = [round(0.001 * place, 3) for place in range(1, 10)]
    asked = Asked(service, space={"learning_rate": rates})
    asked.finish()
    copied(service.mirror())
    _, children = asked.runs()
    assert len(children) == 9
    assert all(run["info"]["status"] == "FINISHED" for run in children)
    (best,) = [run for run in children if "epochal.best" in tags_of(run)]
    assert service.server.artifact(best["info"]["run_id"], "notes.txt") == b"n"
    files = [service.server.ask("artifacts/list", run_id=run["info"]["run_id"]).get("files", []) for run in children]
    assert sorted(map(len, files))[:-1] == [0] * 8


@pytest.mark.thorough
def test_a_sweep_that_is_extended_has_another_best(service: Service) -> None:
    space = {"learning_rate": {"uniform": [0.001, 0.1]}}
    asked, mirror = Asked(service, space=space, method="random", trials=2), service.mirror()
    asked.finish()
    copied(mirror)
    first = best_of(asked.runs()[1])
    trials = 2
    while {str(asked.results.best(asked.id, 1)[0].number)} == first:
        trials += 8
        asked.store.extend(asked.id, trials, owner="ada")
        asked.finish()
    copied(service.mirror())  # another process
    parent, children = asked.runs()
    (best,) = asked.results.best(asked.id, 1)
    assert best_of(children) == {str(best.number)} != first
    assert best.score is not None
    assert (parent["info"]["status"], len(children)) == ("FINISHED", trials)
    assert metrics_of(parent)["best_val_loss"] == pytest.approx(best.score)
    assert metrics_of(parent)["trials"] == trials


@pytest.mark.thorough
def test_a_sweep_whose_failed_jobs_are_retried_has_them_and_the_best_of_all(service: Service) -> None:
    asked, mirror = Asked(service, space={"learning_rate": [0.01, 0.02, 0.03]}), service.mirror()
    asked.propose()
    (claim,) = service.claim(1)
    assert service.jobs.fail(claim.job_id, claim.attempt, reason=FailureReason.worker_lost, message="It was lost.")
    asked.finish()
    copied(mirror)
    parent, children = asked.runs()
    assert best_of(children) == {"1"}
    assert metrics_of(parent)["best_val_loss"] == pytest.approx(0.02)
    assert sorted(run["info"]["status"] for run in children) == ["FAILED", "FINISHED", "FINISHED"]
    asked.store.retry(asked.id, owner="ada", actor="ada")
    copied(mirror)
    assert asked.runs()[0]["info"]["status"] == "RUNNING"
    asked.finish()
    copied(service.mirror())  # another process
    parent, children = asked.runs()
    assert (parent["info"]["status"], best_of(children)) == ("FINISHED", {"0"})
    assert metrics_of(parent)["best_val_loss"] == pytest.approx(0.01)
    assert [run["info"]["status"] for run in children] == ["FINISHED"] * 3


def test_a_sweep_that_is_paused_and_cancelled_says_so(service: Service) -> None:
    asked, mirror = Asked(service), service.mirror()
    asked.propose()
    asked.train(2)
    asked.store.pause(asked.id, owner="ada", actor="ada")
    copied(mirror)
    parent, _ = asked.runs()
    assert (parent["info"]["status"], tags_of(parent)["epochal.status"]) == ("SCHEDULED", "paused")
    asked.store.cancel(asked.id, owner="ada", actor="ada")
    copied(mirror)
    parent, children = asked.runs()
    assert parent["info"]["status"] == "KILLED"
    assert sorted(run["info"]["status"] for run in children) == ["FINISHED"] * 2 + ["KILLED"] * 4


def test_sweeps_whose_files_are_refused_hold_up_neither_other_sweeps_nor_their_own_jobs(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.mirror.SWEEPS", 1)
    mirror = service.mirror()
    upload = mirror._mlflow.upload

    def refuse(run: Run, name: str, content: bytes) -> None:
        if name == SPEC_FILE:
            raise MlflowError("413 Request Entity Too Large")
        upload(run, name, content)

    monkeypatch.setattr(mirror._mlflow, "upload", refuse)
    sweeps = [Asked(service, name=f"sweep {number}", space=TWO) for number in range(3)]
    for asked in sweeps:
        asked.propose()
    service.claim(6)
    for _ in range(5):
        mirror.round()
    parents = {asked.record.run_id for asked in sweeps}
    assert (len(parents), None in parents) == (3, False)
    assert parents == {tags_of(run).get("mlflow.parentRunId") for run in service.server.runs(service.project)} - {None}


@pytest.mark.thorough
@pytest.mark.parametrize("word", ["runs/create", "runs/log-batch", "runs/update", "mlflow-artifacts"])
def test_a_mirror_that_dies_while_it_makes_a_parent_leaves_no_second(service: Service, word: str) -> None:
    wire = Proxy(service.server.port)
    asked = Asked(service, space=TWO)
    asked.propose()
    wire.lose_answer(word.encode())
    service.mirror(f"http://127.0.0.1:{wire.port}").round()
    assert wire.lost == 1
    assert (asked.record.run_id is None) == (word == "runs/create")
    wire.close()
    asked.finish()
    copied(service.mirror())  # another process, which knows only what the record says
    parent, children = asked.runs()
    assert parent["info"]["run_id"] == asked.record.run_id
    assert len(children) == 2
    assert len(service.server.runs(service.project)) == 3


@pytest.mark.thorough
@pytest.mark.parametrize("dying", ["first", "second"])
def test_of_two_mirrors_that_make_a_parent_one_that_dies_leaves_no_second(
    service: Service, monkeypatch: pytest.MonkeyPatch, dying: str
) -> None:
    wire = Proxy(service.server.port)
    asked = Asked(service, space=TWO)
    asked.propose()
    dies, lives = service.mirror(f"http://127.0.0.1:{wire.port}"), service.mirror()
    wire.lose_answer(b"runs/create")
    # Both have looked for the parent before either makes it; one never hears that it did.
    slow, quick = (lives, dies) if dying == "first" else (dies, lives)
    create = slow._mlflow.create_run

    def late(*given: Any) -> Run:
        monkeypatch.undo()
        quick.round()
        return create(*given)

    monkeypatch.setattr(slow._mlflow, "create_run", late)
    slow.round()
    assert wire.lost == 1
    wire.close()
    made = [run for run in service.server.runs(service.project) if "epochal.sweep" in tags_of(run)]
    assert len(made) == 2
    asked.finish()
    copied(service.mirror())
    parent, children = asked.runs()  # which demands that it is the only one
    assert (parent["info"]["run_id"], len(children)) == (asked.record.run_id, 2)


@pytest.mark.thorough
def test_a_parent_that_is_deleted_is_restored_and_one_that_is_gone_is_made_anew(service: Service) -> None:
    asked, mirror = Asked(service, space={"learning_rate": [0.03, 0.01, 0.02]}), service.mirror()
    asked.propose()
    asked.train(2)
    copied(mirror)
    first = asked.record.run_id
    assert first is not None
    delete(service, "runs", run_id=first)
    asked.store.pause(asked.id, owner="ada", actor="ada")
    copied_after_failures(service, mirror)
    assert (asked.runs()[0]["info"]["run_id"], len(asked.runs()[1])) == (first, 2)

    delete(service, "runs", run_id=first)
    purge(service, "--run-ids", first)
    asked.store.resume(asked.id, owner="ada", actor="ada")
    asked.finish()
    copied_after_failures(service, mirror)
    parent, children = asked.runs()
    assert parent["info"]["run_id"] == asked.record.run_id != first
    assert len(children) == 3

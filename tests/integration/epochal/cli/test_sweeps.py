"""Commands for sweeps, as a user types them, against the API."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from epochal.cli import progress
from epochal.cli.job_ids import complete
from epochal.client import Api
from epochal.client.waiting import wait_for_sweep
from spec.short_ids import SHORT
from spec.sweep_views import SweepView
from tests.integration.api.sweeping import asked, finished, proposed, train
from tests.integration.api.test_sweeps import finished_with_lost_jobs

from .conftest import WIDTH, Commands


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file with a sweep."""
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(asked(name="rates", space={"learning_rate": [0.1, 0.2]}, method="grid")))
    return str(path)


def test_a_file_is_submitted_with_the_values_of_flags(epochal: Commands, file: str) -> None:
    ran = epochal("sweep", file, "--seeds", "3", "--method", "random", "--name", "mine")
    shown = json.loads(epochal("sweep", "show", ran.out.strip(), "--json").out)
    assert (shown["spec"]["seeds"], shown["method"], shown["name"]) == (3, "random", "mine")
    assert json.loads(epochal("sweep", "show", "@last", "--json").out)["id"] == ran.out.strip()


def test_a_check_says_what_would_be_and_submits_nothing(epochal: Commands, file: str) -> None:
    shown = epochal("sweep", "--check", file).out
    assert "configurations  2" in shown
    assert "jobs            2 (1 for each configuration)" in shown
    assert json.loads(epochal("sweep", file, "--check", "--json").out)["jobs"] == 2
    assert json.loads(epochal("sweep", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [({}, "draws 16 at random, then learns"), ({"halving": "hyperband", "trials": 9}, "draws all at random: too few")],
)
def test_a_check_says_when_tpe_learns(epochal: Commands, tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    path = tmp_path / "tpe.yaml"
    body = asked(**{"method": "tpe", "trials": 64, **fields})
    path.write_text(yaml.safe_dump({name: value for name, value in body.items() if name != "generation"}))
    assert f"tpe             {said}" in epochal("sweep", str(path), "--check").out


def test_a_budget_is_said_in_place_of_a_number_of_configurations(epochal: Commands, tmp_path: Path) -> None:
    path = tmp_path / "budget.yaml"
    path.write_text(yaml.safe_dump(asked(name="budget", trials={"epochs": 5_000, "seconds": 90.0}, seeds=2)))
    checked = epochal("sweep", str(path), "--check").out
    assert "5,000 epochs of all jobs together or 90 s since it began" in checked
    assert "jobs            2 for each configuration" in checked
    sweep_id = epochal("sweep", str(path)).out.strip()
    said = [checked, epochal("sweep", "show", sweep_id).out, epochal("sweep", "list").out]
    said.append(epochal("sweep", "pause", sweep_id).err)
    assert "is paused: 0 configurations." in said[-1]
    most = 100_000 // 2
    assert not [text for text in said for wrong in (f"/{most}", f"of {most}", f"{most:,}") if wrong in text]


def test_a_sweep_is_shown_with_its_leaderboard_and_its_sentence(epochal: Commands) -> None:
    shown = epochal("sweep", "show", finished(epochal.service, seeds=3)[-8:]).out
    assert "6 of 6 ended: 6 finished" in shown
    assert "95 % interval" in shown
    assert "is better than all others" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_all_configurations_are_a_table_of_comma_separated_values(epochal: Commands) -> None:
    space = {"learning_rate": [0.1], "architecture.hidden": [[4], [8, 4]], "restore_best": [True]}
    sweep_id = finished(epochal.service, space=space, method="grid", seeds=2)
    first, second = csv.DictReader(io.StringIO(epochal("sweep", "table", sweep_id).out))
    assert list(first)[:5] == ["number", "state", "score", "deviation", "epochs_trained"]
    assert (first["number"], first["state"], first["epochs_trained"]) == ("0", "finished", "18")
    assert (first["learning_rate"], first["restore_best"]) == ("0.1", "true")
    assert sorted(json.loads(row["architecture.hidden"]) for row in (first, second)) == [[4], [8, 4]]
    assert float(first["score"]) == pytest.approx(float(first["val_accuracy"]))
    assert [one["number"] for one in json.loads(epochal("sweep", "table", "@last", "--json").out)] == [0, 1]


def test_a_sweep_is_watched_to_its_end(epochal: Commands, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(client: Api, sweep_id: str, show: Callable[[SweepView], object]) -> SweepView:
        def go_on(_: float) -> None:
            train(epochal.service)

        return wait_for_sweep(client, sweep_id, show, sleep=go_on)

    monkeypatch.setattr(progress, "wait_for_sweep", wait)
    ran = epochal("sweep", file, "--watch")
    assert (ran.code, "rates  finished" in ran.out) == (0, True)
    assert "2 of 2 (2 finished)" in ran.err
    assert "optimizer" not in ran.err


def test_sweeps_are_listed_with_short_ids_and_best_scores(epochal: Commands) -> None:
    ended = finished(epochal.service, name="first")
    shown = epochal("sweep", "list").out
    assert shown.splitlines()[1].split()[:4] == [ended[-8:], "first", "finished", "random"]
    assert "val_accuracy" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert epochal("sweep", "list", "--ids").out == f"{ended}\n"
    assert "there may be more" in epochal("sweep", "list", "--limit", "1").err
    for wanted, found in {("--state", "finished"): 1, ("--state", "paused"): 0, ("--search", "FIR"): 1}.items():
        assert len(json.loads(epochal("sweep", "list", *wanted, "--json").out)) == found


def test_a_sweep_is_paused_resumed_extended_and_cancelled_by_its_name(epochal: Commands) -> None:
    proposed(epochal.service, name="rates")
    for command, state in [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")]:
        assert f"is {state}" in epochal("sweep", command, "rates").err
    assert epochal("sweep", "pause", "rates").code == 1
    other = finished(epochal.service)
    assert "is running: 6 of 9" in epochal("sweep", "extend", other, "--trials", "9").err
    assert epochal("sweep", "show", "nothing").code == 1


def test_the_failed_jobs_of_a_sweep_are_trained_again(epochal: Commands) -> None:
    sweep = finished_with_lost_jobs(epochal.service)
    said = f"retry           epochal sweep retry {sweep[-SHORT:]} trains 2 of the failed jobs again"
    assert said in epochal("sweep", "show", sweep).out
    assert "is running: 6 of 6" in epochal("sweep", "retry", "@last").err
    train(epochal.service)
    while train(epochal.service):
        pass
    assert "retry" not in epochal("sweep", "show", sweep).out
    again = epochal("sweep", "retry", sweep)
    assert (again.code, "none of its jobs has failed in a way" in again.err) == (1, True)


def test_jobs_of_sweeps_are_listed_where_they_are_asked_for_and_are_not_the_last_job(epochal: Commands) -> None:
    assert "you have no job, those of sweeps apart." in epochal("show", "@last").err
    job = epochal.service.submit(name="mine")
    sweep = proposed(epochal.service)
    assert json.loads(epochal("show", "@last", "--json").out)["id"] == job
    assert [found for found, _ in complete("")] == [job[-SHORT:]]
    assert epochal("jobs", "--ids").out.split() == [job]
    listed = {of: epochal("jobs", "--sweep", of, "--ids").out.split() for of in ("all", sweep, "@last")}
    assert len(listed["all"]) == 7
    assert listed["@last"] == listed[sweep]
    assert {*listed["all"]} == {job, *listed[sweep]}
    assert len(epochal("jobs", "--sort", "queue", "--ids").out.split()) == 7
    assert "--sweep all lists them, too" in epochal("jobs", "--status", "failed").err


def test_who_cancels_all_jobs_hears_which_sweeps_go_on(epochal: Commands) -> None:
    proposed(epochal.service)  # all of its jobs
    sweep = proposed(epochal.service, trials=60)[-8:]
    said = epochal("cancel", "--all", "--yes").err
    assert said.strip() == f"Sweep {sweep} is running, and submits new jobs: `epochal sweep cancel {sweep}` ends it."
    assert epochal("cancel", "--status", "queued", "--yes").err == ""


def test_several_values_of_a_flag_make_a_grid(epochal: Commands) -> None:
    ran = epochal("submit", "--dataset", "iris", "--lr", "0.1,0.01", "--optimizer", "sgd", "--optimizer", "adam")
    shown = json.loads(epochal("sweep", "show", ran.out.strip(), "--json").out)
    assert (shown["method"], shown["most_trials"]) == ("grid", 4)
    assert set(shown["spec"]["space"]) == {"learning_rate", "optimizer"}
    assert len(json.loads(epochal("jobs", "--json").out)) == 0
    job = epochal("submit", "--dataset", "iris", "--hidden", "8,4", "--dropout", "0.1,0.2").out.strip()
    assert json.loads(epochal("show", job, "--json").out)["spec"]["dropout"] == [0.1, 0.2]

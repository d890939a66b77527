"""Sweeps over HTTP: submitted, checked, looked at, controlled."""

from typing import Any

import pytest

from api.sweep_stream import SharedProgress, SweepStream
from spec.states import FailureReason
from spec.sweep import SweepSpec
from store.mirror import MirrorStore
from store.parents import ParentStore

from .conftest import JOBS, Service, is_problem
from .sweeping import BASE, SPACE, SWEEPS, asked, controller, finished, proposed, submitted, train
from .test_datasets import uploaded

ANOTHER_JOB = "00000000-0000-7000-8000-000000000000"


def given(*configurations: dict[str, Any]) -> dict[str, Any]:
    """The fields of a sweep of the base job and of these configurations."""
    return {"method": "given", "space": {}, "configurations": [{}, *configurations]}


def shown(api: Service, path: str) -> Any:
    answer = api.ask("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_sweep_is_stored_and_found_again(both: Service) -> None:
    answer = both.ask("POST", SWEEPS, json=asked(name="widths"))
    assert answer.status_code == 201
    sweep = answer.get_json()
    assert answer.headers["Location"] == f"{SWEEPS}/{sweep['id']}"
    assert (sweep["state"], sweep["name"], sweep["objective"]) == ("running", "widths", "val_accuracy")
    assert (sweep["proposed"], sweep["most_trials"], sweep["leaderboard"]) == (0, 6, [])
    assert shown(both, f"{SWEEPS}/{sweep['id']}") == sweep
    listed = shown(both, SWEEPS)["sweeps"]
    assert [one["id"] for one in listed] == [sweep["id"]]


def test_a_repeated_request_makes_one_sweep(both: Service) -> None:
    first, again = (both.ask("POST", SWEEPS, json=asked(), headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json()["id"] == again.get_json()["id"]
    is_problem(both.ask("POST", SWEEPS, json=asked(trials=7), headers={"Idempotency-Key": "k"}), 422)
    assert len(shown(both, SWEEPS)["sweeps"]) == 1


NO_TEXTS: list[tuple[dict[str, Any], str]] = [
    ({"space": {"optimizer.type": ["adam", "\0"]}}, "space.optimizer.type.1"),
    ({"space": {"optimizer.type": ["adam", "\ud800"]}}, "space.optimizer.type.1"),
    (
        {"space": {"learning_rate": {"uniform": [0.1, 0.2], "when": {"loss.type": ["cross_entropy", "a\0"]}}}},
        "space.learning_rate.when.loss.type.1",
    ),
    ({"space": {"optimizer.\0": {"choice": [1], "when": {"loss.type": "mse"}}, **SPACE}}, "space.optimizer.\0"),
    (given({"tags": {"\udfff": "v"}}), "configurations.1.tags.\\udfff"),
]


@pytest.mark.both_databases
@pytest.mark.parametrize(("fields", "path"), NO_TEXTS, ids=["NUL", "half", "when", "name", "given"])
def test_a_text_that_no_record_keeps_is_refused_and_stops_no_other_sweep(
    both: Service, fields: dict[str, Any], path: str
) -> None:
    problem = is_problem(both.ask("POST", SWEEPS, json=asked(**fields)), 422)
    assert [error["path"] for error in problem["errors"]] == [path]
    assert "NUL or half a character" in problem["detail"]
    assert shown(both, f"{SWEEPS}/{proposed(both)}")["proposed"] == 6


def test_sweeps_are_listed_in_pages(api: Service) -> None:
    ids = [submitted(api) for _ in range(3)][::-1]
    page = shown(api, f"{SWEEPS}?limit=2")
    rest = shown(api, f"{SWEEPS}?limit=2&cursor={page['next']}")
    assert [one["id"] for one in (*page["sweeps"], *rest["sweeps"])] == ids
    assert rest["next"] is None


def test_sweeps_are_filtered_by_state_and_name(both: Service) -> None:
    widths, rates = submitted(both, name="Widths"), submitted(both, name="rates 100 %")
    submitted(both)
    both.ask("POST", f"{SWEEPS}/{rates}/cancel")
    for query, ids in {
        "state=cancelled": [rates],
        "state=cancelled&state=running&name=Widths": [widths],
        "state=cancelled,running&name=Widths": [widths],
        "search=width": [widths],
        "search=%25": [rates],
        "name=widths": [],
        f"id={widths[-8:]}": [widths],
        f"id={rates[:30]}&name=rates%20100%20%25": [rates],
        f"id={widths}&state=cancelled": [],
    }.items():
        assert [one["id"] for one in shown(both, f"{SWEEPS}?{query}")["sweeps"]] == ids, query
    assert is_problem(both.ask("GET", f"{SWEEPS}?state=ended"), 422)["errors"][0]["path"] == "state"
    assert is_problem(both.ask("GET", f"{SWEEPS}?id=%25%25%25%25"), 422)["errors"][0]["path"] == "id"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"space": {"learning_rat": [0.1]}}, "space.learning_rat"),
        ({"space": {"learning_rate": "fast"}}, "space.learning_rate"),
        ({"space": {"learning_rate": [0.0, -1.0]}}, "space.learning_rate"),
        ({"space": {"learning_rate": {"log_uniform": [-1.0, 0.1]}}}, "space.learning_rate.log_uniform"),
        ({"base": {**BASE, "fold": 3}}, "base.fold"),
        ({"space": {"architecture.hidden": [[0], [-3]]}}, "space.architecture.hidden"),
        ({"space": {"optimizer": ["sgdd"]}}, "space.optimizer"),
        ({"space": {"architecture.hidden.0": [8, 16]}}, "space.architecture.hidden.0"),
        ({"space": {"architecture.hidden.x": [8, 16]}}, "space.architecture.hidden.x"),
        ({"space": {"dataset": ["iris", "ds_" + 32 * "0"]}}, "space.dataset"),
        ({"space": {"dataset.id": ["ds_" + 32 * "0"]}}, "space.dataset.id"),
        ({"space": {"init_from": [ANOTHER_JOB]}}, "space.init_from"),
        ({"space": {"project": ["theirs"]}}, "space.project"),
        (given({"project": "theirs"}), "configurations.1.project"),
        (given({"init_from": ANOTHER_JOB}), "configurations.1.init_from"),
        (given({"dataset": {"id": "ds_" + 32 * "0"}}), "configurations.1.dataset"),
        ({"base": {**BASE, "init_from": ANOTHER_JOB}}, "base.init_from"),
        ({"method": "grid"}, "space.learning_rate"),
        ({"base": {**BASE, "dataset": {"id": "ds_" + 32 * "0"}}}, "base.dataset.id"),
        ({"base": {**BASE, "epochs": 0}}, "base.epochs"),
        ({"objective": "val_mae"}, "objective"),
        ({"folds": 2, "base": {**BASE, "validation_fraction": 0.3}}, "base.validation_fraction"),
        (
            {"folds": 9, "base": {**BASE, "dataset": {"x": [[0.0], [1.0], [2.0]], "y": [0, 1, 1]}, "batch_size": 1}},
            "folds",
        ),
        (
            {
                "folds": 10,
                "base": {**BASE, "dataset": "wine", "architecture": {"type": "mlp", "normalization": "batch"}},
            },
            "base.batch_size",
        ),
        ({"seeds": 2, "base": {**BASE, "seed": 2**63 - 1}}, "base.seed"),
        ({"trials": 0}, "trials"),
    ],
)
def test_a_wrong_field_is_named(api: Service, fields: dict[str, Any], path: str) -> None:
    for route in (SWEEPS, f"{SWEEPS}/check"):
        problem = is_problem(api.ask("POST", route, json=asked(**fields)), 422)
        assert path in [error["path"] for error in problem["errors"]], problem
    assert shown(api, SWEEPS)["sweeps"] == []


@pytest.mark.parametrize("method", ["grid", "random", "sobol", "tpe"])
def test_a_check_says_what_a_sweep_would_be(api: Service, method: str) -> None:
    space = {"learning_rate": [0.1, 0.01], "architecture.hidden": [[4], [8], [0]]}
    found = api.ask("POST", f"{SWEEPS}/check", json=asked(method=method, space=space, seeds=3)).get_json()
    assert (found["configurations"], found["jobs"], found["epochs"]) == (4, 12, 12 * 9)
    assert (found["packs"], found["refused"]) == (2, 2)
    assert (found["features"], found["outputs"]) == (4, 3)
    assert [reason["path"] for reason in found["reasons"]] == ["space.architecture.hidden"]
    assert shown(api, SWEEPS)["sweeps"] == []


@pytest.mark.parametrize(
    ("space", "path", "message"),
    [
        ({"architecture.hidden": [[4], [0], [-3]]}, "space.architecture.hidden", "must be at least 1; it is 0, -3"),
        (
            {"architecture.hidden": [[4], 8, 16]},
            "space.architecture.hidden",
            "must be a list, such as [8]; it is 8, 16",
        ),
        (
            {"optimizer.type": ["sgd"], "optimizer.momentum": [0.5, *(1.5 + step for step in range(6))]},
            "space.optimizer.momentum",
            "must be less than 1.0; it is 1.5, 2.5, 3.5, 4.5, 5.5 and others",
        ),
    ],
)
def test_a_check_names_the_wrong_values_of_a_field_within_an_object(
    api: Service, space: dict[str, Any], path: str, message: str
) -> None:
    found = api.ask("POST", f"{SWEEPS}/check", json=asked(method="grid", space=space)).get_json()
    assert (found["configurations"], found["reasons"]) == (1, [{"path": path, "message": message}])


def test_a_field_of_another_optimizer_is_said_to_be_none_of_this_one(api: Service) -> None:
    body = asked(method="grid", space={"optimizer.momentum": [0.5, 0.9]})
    (error,) = is_problem(api.ask("POST", SWEEPS, json=body), 422)["errors"]
    assert error["path"] == "space.optimizer.momentum"
    assert error["message"].startswith("is no field of optimizer adam: choose another optimizer in base, or let")


def test_a_grid_that_has_all_its_combinations_is_not_extended(api: Service) -> None:
    sweep_id = finished(api, method="grid", space={"learning_rate": [0.1, 0.01]})
    (error,) = is_problem(api.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 9}), 422)["errors"]
    assert error == {"path": "trials", "message": "cannot be more: the sweep has all 2 combinations of its space"}


def test_a_grid_that_has_ended_counts_the_combinations_that_are_jobs(api: Service) -> None:
    sweep_id = finished(api, space={"standardize": [True, None], "dropout": [0.1, [0.1, 0.1]]}, method="grid")
    sweep = shown(api, f"{SWEEPS}/{sweep_id}")
    assert (sweep["state"], sweep["proposed"], sweep["most_trials"]) == ("finished", 1, 1)


def test_a_check_looks_at_few_combinations_where_none_is_a_job(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, first_job = list[None](), SweepSpec.first_job

    def counted(sweep: SweepSpec, configuration: dict[str, Any]) -> Any:
        looked.append(None)
        return first_job(sweep, configuration)

    monkeypatch.setattr(SweepSpec, "first_job", counted)
    base, space = {**BASE, "epochs": 100_000}, {"optimizer.momentum": {"uniform": [0.0, 0.9]}}
    body = asked(method="random", base=base, space=space, halving="hyperband")
    is_problem(api.ask("POST", f"{SWEEPS}/check", json=body), 422)
    assert 0 < len(looked) < 1_000


def test_a_check_says_how_many_configurations_are_drawn_at_random(api: Service) -> None:
    def drawn(**fields: Any) -> Any:
        body = {"base": BASE, "space": asked()["space"], **fields}
        return api.ask("POST", f"{SWEEPS}/check", json=body).get_json()["drawn"]

    assert [drawn(), drawn(generation=64), drawn(method="random")] == [16, 64, None]
    assert drawn(trials={"epochs": 10 * 9 * 20}) == 40  # two generations of a tenth of the budget


def test_a_sweep_gets_no_more_configurations_than_may_keep_the_rows_of_its_spec(api: Service) -> None:
    rows = {"x": [[float(row)] * 100 for row in range(1_000)], "y": [0, 1] * 500}
    sweep_id = finished(api, base={**BASE, "dataset": rows})
    (error,) = is_problem(api.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 51}), 422)["errors"]
    assert error["path"] == "trials"
    assert error["message"].startswith("must be at most 50: each job keeps the rows in the spec; upload them as a file")
    assert api.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 50}).status_code == 200


def test_a_finished_sweep_whose_data_set_was_deleted_is_not_extended_and_stays(both: Service) -> None:
    dataset = uploaded(both)["id"]
    sweep_id = finished(both, base={**BASE, "dataset": {"id": dataset}})
    assert both.ask("DELETE", f"/api/v1/datasets/{dataset}").status_code == 204
    problem = is_problem(both.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 9}), 404)
    assert dataset in problem["detail"]
    sweep = shown(both, f"{SWEEPS}/{sweep_id}")
    assert (sweep["state"], sweep["most_trials"]) == ("finished", 6)


def test_what_is_read_of_curves_for_an_answer_is_bounded(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_id = finished(api, seeds=2)
    population = finished(api, halving={"type": "population", "interval": 3})
    monkeypatch.setattr("api.sweep_findings.MOST_POINTS", 25)  # up to epoch 3, two curves of four configurations
    rungs = shown(api, f"{SWEEPS}/{sweep_id}")["rungs"]
    assert [(rung["epoch"], rung["configurations"]) for rung in rungs] == [(1, 4), (3, 4)]
    assert shown(api, f"{SWEEPS}/{population}")["population"] is None
    assert shown(api, f"{SWEEPS}/{population}/trials/0")["schedule"] is None


def test_given_configurations_have_no_importances(api: Service) -> None:
    sweep_id = finished(api, **given(*({"learning_rate": 0.01 * rate} for rate in range(1, 10))))
    assert shown(api, f"{SWEEPS}/{sweep_id}")["importances"] is None


def test_a_check_counts_brackets_and_epochs(api: Service) -> None:
    body = asked(trials=22, halving={"type": "hyperband", "factor": 3})
    found = api.ask("POST", f"{SWEEPS}/check", json=body).get_json()
    kinds = [(one["bracket"]["size"], one["bracket"]["rungs"], one["count"]) for one in found["brackets"]]
    assert kinds[0][:2] == (9, [{"epoch": 1, "keep": 3}, {"epoch": 3, "keep": 1}])
    assert sum(size * count for size, _, count in kinds) == 22
    assert found["configurations"] == 22
    assert found["epochs"] < 22 * 9


def test_a_check_does_not_know_how_many_a_budget_suffices_for(api: Service) -> None:
    found = api.ask("POST", f"{SWEEPS}/check", json=asked(trials={"epochs": 900})).get_json()
    assert [found[name] for name in ("configurations", "jobs", "epochs", "brackets")] == [None, None, None, []]
    assert found["sampled"] > 0


def test_a_finished_sweep_says_what_it_found(both: Service) -> None:
    sweep = shown(both, f"{SWEEPS}/{finished(both, trials=12, generation=12, seeds=3)}")
    assert (sweep["state"], sweep["trials"]["finished"], sweep["jobs"]["succeeded"]) == ("finished", 12, 36)
    leaders = sweep["leaderboard"]
    assert len(leaders) == 10
    assert [one["score"] for one in leaders] == sorted((one["score"] for one in leaders), reverse=True)
    first = leaders[0]
    assert first["score"] == sweep["best"] == pytest.approx(first["configuration"]["learning_rate"] + 0.001)
    assert first["low"] < first["score"] < first["high"]
    assert len(first["scores"]) == len(first["jobs"]) == 3
    assert first["deviation"] == pytest.approx(0.001)
    assert sweep["comparison"]["sentence"].startswith(f"#{first['number']} is better than the next 9")
    assert all(other["difference"] > 0 and other["p"] < 0.05 for other in sweep["comparison"]["others"])
    assert [(rung["epoch"], rung["pruned"], rung["correlation"]) for rung in sweep["rungs"]] == [
        (1, False, pytest.approx(1.0)),
        (3, False, pytest.approx(1.0)),
    ]
    assert sweep["importances"]["shares"]["learning_rate"] > 0.5


def test_trials_are_listed_by_number_and_by_score(both: Service) -> None:
    sweep_id = finished(both, seeds=2)
    numbers = shown(both, f"{SWEEPS}/{sweep_id}/trials?limit=4")
    rest = shown(both, f"{SWEEPS}/{sweep_id}/trials?limit=4&cursor={numbers['next']}")
    assert [one["number"] for one in (*numbers["trials"], *rest["trials"])] == list(range(6))
    ranked = shown(both, f"{SWEEPS}/{sweep_id}/trials?sort=score")["trials"]
    assert [one["score"] for one in ranked] == sorted((one["score"] for one in ranked), reverse=True)
    assert shown(both, f"{SWEEPS}/{sweep_id}/trials?state=failed") == {"trials": [], "next": None}
    assert len(shown(both, f"{SWEEPS}/{sweep_id}/trials?state=failed,finished")["trials"]) == 6
    assert all(len(one["jobs"]) == 2 and one["epochs"] == 18 for one in ranked)
    one = shown(both, f"{SWEEPS}/{sweep_id}/trials/{ranked[0]['number']}")
    assert [job["job"] for job in one["replicates"]] == ranked[0]["jobs"]
    assert one["score"] == pytest.approx(sum(job["score"] for job in one["replicates"]) / 2)
    for number in (99, 2**31):  # the latter is more than a column of integers holds
        is_problem(both.ask("GET", f"{SWEEPS}/{sweep_id}/trials/{number}"), 404)


def test_jobs_know_their_sweep(both: Service) -> None:
    both.submit()
    sweep_id = proposed(both, trials=2, seeds=2)
    jobs = shown(both, f"{JOBS}?sweep={sweep_id}")["jobs"]
    assert [job["sweep"] for job in jobs][::-1] == [
        {"id": sweep_id, "trial": trial, "replicate": replicate} for trial in (0, 1) for replicate in (0, 1)
    ]
    assert len(shown(both, JOBS)["jobs"]) == 5
    alone = shown(both, f"{JOBS}?sweep=none")
    assert (alone["total"], alone["jobs"][0]["sweep"]) == (1, None)
    assert "pause" not in jobs[0]["links"]


@pytest.mark.parametrize(
    ("method", "request_"), [("POST", "/pause"), ("POST", "/resume"), ("POST", "/retry"), ("DELETE", "")]
)
def test_a_job_of_a_sweep_is_not_controlled_alone(both: Service, method: str, request_: str) -> None:
    job = shown(both, f"{JOBS}?sweep={proposed(both)}")["jobs"][0]
    problem = is_problem(both.ask(method, f"{JOBS}/{job['id']}{request_}"), 409)
    assert "sweep" in problem["detail"]
    assert shown(both, f"{JOBS}/{job['id']}")["status"] == "queued"


def test_a_sweep_is_paused_resumed_and_cancelled_with_its_jobs(both: Service) -> None:
    sweep_id = proposed(both)
    for request_, state, jobs in [
        ("pause", "paused", "paused"),
        ("resume", "running", "queued"),
        ("cancel", "cancelled", "cancelled"),
    ]:
        answer = both.ask("POST", f"{SWEEPS}/{sweep_id}/{request_}")
        assert answer.status_code == 200, answer.text
        assert (answer.get_json()["state"], answer.get_json()["jobs"][jobs]) == (state, 6)
    is_problem(both.ask("POST", f"{SWEEPS}/{sweep_id}/resume"), 409)
    is_problem(both.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 9}), 409)


def test_a_finished_sweep_gets_more_configurations(api: Service) -> None:
    sweep_id = finished(api)
    problem = is_problem(api.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 6}), 422)
    assert problem["errors"][0]["path"] == "trials"
    extended = api.ask("PATCH", f"{SWEEPS}/{sweep_id}", json={"trials": 9}).get_json()
    assert (extended["state"], extended["most_trials"]) == ("running", 9)
    controller(api).round()
    assert shown(api, f"{SWEEPS}/{sweep_id}")["proposed"] == 9


def test_a_sweep_leads_to_its_run_in_mlflow(api: Service) -> None:
    sweep_id = finished(api)
    assert shown(api, f"{SWEEPS}/{sweep_id}")["mlflow"] is None
    ParentStore(api.engine).started(sweep_id, "a" * 32)
    unknown = shown(api, f"{SWEEPS}/{sweep_id}")["mlflow"]
    best = shown(api, f"{SWEEPS}/{sweep_id}")["leaderboard"][0]["jobs"][0]
    MirrorStore(api.engine).started(best, "b" * 32, "7")
    known = shown(api, f"{SWEEPS}/{sweep_id}")["mlflow"]
    assert unknown["run_id"] == known["run_id"] == "a" * 32
    assert "/#/experiments/0/runs/aaaa" in unknown["url"]
    assert "/#/experiments/7/runs/aaaa" in known["url"]


def finished_with_lost_jobs(api: Service, **fields: Any) -> str:
    """The id of a sweep that has finished, and of which the first two jobs lost their worker."""
    sweep_id = proposed(api, **fields)
    for claim in api.store.claim(worker="w", device="cpu", limit=2, lease_s=60)[:2]:
        assert api.store.fail(claim.job_id, claim.attempt, reason=FailureReason.worker_lost, message="It was lost.")
    while train(api):
        pass
    return sweep_id


def test_the_failed_jobs_of_a_sweep_are_retried(both: Service) -> None:
    sweep_id = finished_with_lost_jobs(both)
    before = shown(both, f"{SWEEPS}/{sweep_id}")
    assert (before["state"], before["retryable"], before["trials"]["failed"]) == ("finished", 2, 2)
    answer = both.ask("POST", f"{SWEEPS}/{sweep_id}/retry")
    assert answer.status_code == 200, answer.text
    retried = answer.get_json()
    assert (retried["state"], retried["retryable"], retried["finished_at"]) == ("running", 0, None)
    assert (retried["jobs"]["queued"], retried["trials"]["open"]) == (2, 2)
    train(both)
    while train(both):
        pass
    ended = shown(both, f"{SWEEPS}/{sweep_id}")
    assert (ended["state"], ended["trials"]["finished"], ended["jobs"]["succeeded"]) == ("finished", 6, 6)
    replayed = both.ask("POST", f"{SWEEPS}/{sweep_id}/replay").get_json()["id"]
    while train(both):
        pass
    assert shown(both, f"{SWEEPS}/{replayed}/replay")["same"]
    problem = is_problem(both.ask("POST", f"{SWEEPS}/{sweep_id}/retry"), 409)
    assert problem["detail"].endswith("none of its jobs has failed in a way that another try may mend.")


def test_a_sweep_that_learns_from_its_jobs_says_why_they_are_not_retried(api: Service) -> None:
    sweep_id = finished_with_lost_jobs(api, method="tpe")
    assert shown(api, f"{SWEEPS}/{sweep_id}")["retryable"] == 0
    problem = is_problem(api.ask("POST", f"{SWEEPS}/{sweep_id}/retry"), 409)
    assert problem["detail"] == (
        "A sweep that has finished cannot be retried: tpe proposes configurations from how the others ended; "
        "submit the spec of a failed job as a job of its own."
    )


def test_no_job_is_retried_whose_data_set_was_deleted(both: Service) -> None:
    dataset = uploaded(both)["id"]
    sweep_id = finished_with_lost_jobs(both, base={**BASE, "dataset": {"id": dataset}})
    assert both.ask("DELETE", f"/api/v1/datasets/{dataset}").status_code == 204
    assert dataset in is_problem(both.ask("POST", f"{SWEEPS}/{sweep_id}/retry"), 404)["detail"]
    assert shown(both, f"{SWEEPS}/{sweep_id}")["state"] == "finished"


def test_a_sweep_of_another_owner_is_not_there(api: Service) -> None:
    sweep_id = proposed(api)
    other = api.tokens.create(owner="bob")
    for method, path in [("GET", ""), ("GET", "/trials"), ("POST", "/cancel"), ("GET", "/stream")]:
        is_problem(api.ask(method, f"{SWEEPS}/{sweep_id}{path}", token=other), 404)
    assert api.ask("GET", SWEEPS, token=other).get_json()["sweeps"] == []
    assert shown(api, f"{SWEEPS}/{sweep_id}")["state"] == "running"


def test_a_stream_tells_of_a_sweep_until_its_end(api: Service) -> None:
    from api.sweep_services import SweepServices

    sweep_id = proposed(api)
    services: SweepServices = api.app.extensions["epochal.services"][SweepServices]
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] == 3.0:
            services.store.cancel(sweep_id, owner="ann", actor="ann")

    shared = SharedProgress(services, lambda: now[0])
    texts = list(SweepStream(shared, sweep_id, sleep, lambda: now[0]))
    assert [text.split("\n")[0] for text in texts] == [
        "retry: 1000",
        "event: progress",
        "event: progress",
        "event: end",
    ]
    assert '"state":"running"' in texts[1]
    assert '"state":"cancelled"' in texts[-1]
    assert all(shared.of(sweep_id) is shared.of(sweep_id) for _ in range(200))  # asked once for all who follow


def test_all_configurations_are_columns_of_one_table(both: Service) -> None:
    space = {"optimizer": ["sgd", "adam"], "optimizer.momentum": {"choice": [0.9], "when": {"optimizer.type": "sgd"}}}
    sweep_id = finished(both, method="grid", space=space, seeds=2)
    rows = shown(both, f"{SWEEPS}/{sweep_id}/trials")["trials"]
    columns = shown(both, f"{SWEEPS}/{sweep_id}/table")
    for name in ("number", "generation", "state", "score", "deviation", "epochs"):
        assert columns[name] == [row[name] for row in rows]
    assert columns["configuration"] == {"optimizer": ["sgd", "adam"], "optimizer.momentum": [0.9, None]}
    assert both.ask("GET", f"{SWEEPS}/{sweep_id}/table", token=None).status_code == 401

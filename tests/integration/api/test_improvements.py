"""Improvements over HTTP: counterfactuals are trained as one sweep, and the verdict says which helped."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier
from typing import Any

import pytest

from spec.job import JobSpec
from spec.states import FailureReason, StopReason
from spec.views import Curve, Metrics
from store.records import Success
from store.sweep_records import SweepRecord
from store.sweeps import SweepStore

from .conftest import JOBS, Service, is_problem
from .sweeping import SWEEPS, controller
from .test_sweeps import shown

JOB: dict[str, Any] = {
    **{"dataset": "iris", "epochs": 2, "learning_rate": 0.1, "seed": 7},
    **{"architecture": {"type": "mlp", "hidden": [4]}},
}


def accuracy(spec: JobSpec) -> float:
    """Slower is better, and seeds differ a little."""
    return (0.9 if spec.learning_rate < 0.02 else 0.5) + 0.001 * (spec.seed % 3)


def work(api: Service, score: Callable[[JobSpec], float | None] = accuracy) -> int:
    """Train all that waits; how many jobs that were."""
    count = 0
    for claim in api.store.claim(worker="w", device="cpu", limit=1000, lease_s=60):
        end, count = score(claim.spec), count + 1
        if end is None:
            api.store.fail(claim.job_id, claim.attempt, reason=FailureReason.diverged, message="")
            continue
        points: Curve = {"epoch": [1, 2], "train_loss": [2.0, 1.0], "val_loss": [2.0, 1.0], "val_accuracy": [0.1, end]}
        best: Metrics = {"val_accuracy": end, "val_loss": 1.0}
        success = Success(claim.job_id, claim.attempt, StopReason.max_epochs, 2, best, points=points)
        assert api.store.succeed(success)
    return count


def run(api: Service, score: Callable[[JobSpec], float | None] = accuracy) -> None:
    """Let the controller and a worker do all that there is to do."""
    while controller(api).round() or work(api, score):
        pass


def trained(api: Service, **fields: Any) -> str:
    job_id = api.submit(**JOB | fields)
    assert work(api) == 1
    return job_id


def test_a_job_is_improved_and_its_verdict_says_what_was_tried(both: Service) -> None:
    job_id = trained(both)
    before = shown(both, f"{JOBS}/{job_id}")["verdict"]
    answer = both.ask("POST", f"{JOBS}/{job_id}/improve")
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{JOBS}/{job_id}/improve")
    begun = answer.get_json()
    assert (begun["state"], begun["changes"], begun["suggestion"], begun["seeds"]) == ("running", [], None, 5)
    assert begun["sentence"].startswith("The counterfactuals are running: 0 of ")
    assert shown(both, f"{SWEEPS}/{begun['sweep']}")["improves"] == job_id
    assert shown(both, f"{JOBS}/{job_id}")["verdict"] == before
    run(both)
    found = shown(both, f"{JOBS}/{job_id}/improve")
    assert found["state"] == "finished"
    assert found["sentence"].startswith(
        "learning_rate 0.01 instead of 0.1 raises validation accuracy from 50.1 % to 90.1 % (5 seeds, p < 0.001)."
    )
    first, best = found["changes"][:2]
    assert (first["change"], first["configuration"], len(first["scores"])) == ("the job as it is", {}, 5)
    assert (best["helps"], best["configuration"]) == (True, {"learning_rate": 0.01})
    after = shown(both, f"{JOBS}/{job_id}")["verdict"]
    seen = before["sentence"].partition(". ")[0]
    assert (before["suggestion"] is None, after["sentence"]) == (False, f"{seen}. Tried: {found['sentence']}")
    assert (after["suggestion"]["learning_rate"], after["suggestion"]["seed"]) == (0.01, 7)
    assert both.ask("POST", JOBS, json=after["suggestion"]).status_code == 201


def test_it_is_done_once_unless_more_seeds_are_asked_for(api: Service) -> None:
    job_id = trained(api)
    first = api.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 3})
    again = api.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 2})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json()["sweep"] == first.get_json()["sweep"]
    api.ask("POST", f"{SWEEPS}/{first.get_json()['sweep']}/cancel")
    ended = shown(api, f"{JOBS}/{job_id}/improve")
    assert ended["sentence"] == "The sweep of the counterfactuals was cancelled: improve the job again."
    more = api.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 4})
    assert (more.status_code, more.get_json()["seeds"]) == (201, 4)


def test_an_improvement_that_was_cancelled_hides_no_other(both: Service) -> None:
    job_id = trained(both)
    first = both.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 2}).get_json()
    run(both)
    found = shown(both, f"{JOBS}/{job_id}/improve")
    more = both.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 3}).get_json()
    assert more["sweep"] != first["sweep"]
    both.ask("POST", f"{SWEEPS}/{more['sweep']}/cancel")
    assert shown(both, f"{JOBS}/{job_id}/improve") == found
    assert "Tried: " in shown(both, f"{JOBS}/{job_id}")["verdict"]["sentence"]


def test_of_requests_at_the_same_moment_one_makes_a_sweep_and_the_other_gets_it(
    both: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, look, looked = trained(both), SweepStore.improving, Barrier(2)

    def look_together(sweeps: SweepStore, job_id: str) -> SweepRecord | None:
        found = look(sweeps, job_id)
        looked.wait(timeout=30)
        return found

    monkeypatch.setattr(SweepStore, "improving", look_together)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: both.ask("POST", f"{JOBS}/{job_id}/improve"), range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert len({answer.get_json()["sweep"] for answer in answers}) == 1
    assert len(shown(both, SWEEPS)["sweeps"]) == 1


def test_a_job_that_few_rows_could_be_better_on_is_improved_with_a_warning(api: Service) -> None:
    good, bad = trained(api), api.submit(**JOB)
    work(api, lambda _: 0.98)
    warnings = [
        api.ask("POST", f"{JOBS}/{job}/improve", json={"seeds": 2}).get_json()["warning"] for job in (good, bad)
    ]
    assert warnings[0] is None
    assert warnings[1].startswith(
        "A change helps only if its validation accuracy is better by six validation rows, and"
    )


def test_nothing_helped_is_said(api: Service) -> None:
    job_id = trained(api)
    api.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 2})
    run(api, lambda spec: 0.9 + 0.01 * (spec.seed % 2))
    verdict = shown(api, f"{JOBS}/{job_id}")["verdict"]
    assert "Tried: Nothing helped: none of " in verdict["sentence"]
    assert verdict["suggestion"] is None


def test_a_job_that_diverged_is_improved(api: Service) -> None:
    job_id = api.submit(**JOB)
    work(api, lambda _: None)
    assert api.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 2}).status_code == 201
    run(api, lambda spec: 0.9 if spec.learning_rate < 0.02 else None)
    verdict = shown(api, f"{JOBS}/{job_id}")["verdict"]
    assert verdict["kind"] == "diverged"
    assert "The job diverges with 2 of 2 seeds; learning_rate 0.01 instead of 0.1 never does" in verdict["sentence"]
    assert verdict["suggestion"]["learning_rate"] == 0.01


def test_rows_in_the_spec_that_so_many_jobs_would_keep_are_refused_with_the_cures(api: Service) -> None:
    rows = {"x": [[float(row)] * 100 for row in range(1_000)], "y": [0, 1] * 500}
    job_id = trained(api, dataset=rows)
    (error,) = is_problem(api.ask("POST", f"{JOBS}/{job_id}/improve"), 422)["errors"]
    assert error["path"] == "seeds"
    assert error["message"].startswith("cannot be 5: dataset has 100,000 numbers, and each of ")
    assert error["message"].endswith("upload the rows as a file and give its id, {id: ds_...}; or use fewer seeds")
    assert api.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 2}).status_code == 201


def test_what_cannot_be_improved_is_refused(api: Service) -> None:
    waiting = api.submit(**JOB)
    problem = is_problem(api.ask("POST", f"{JOBS}/{waiting}/improve"), 409)
    assert problem["detail"] == "A job that is queued cannot be improved: wait until it has ended."
    problem = is_problem(api.ask("GET", f"{JOBS}/{waiting}/improve"), 404)
    assert problem["detail"] == "Nobody has tried to improve this job: POST to this address to do it."
    api.ask("POST", f"{JOBS}/{waiting}/cancel")
    problem = is_problem(api.ask("POST", f"{JOBS}/{waiting}/improve"), 409)
    assert (
        problem["detail"] == "A job that is cancelled cannot be improved: it was not trained; improve a job that was."
    )
    problem = is_problem(api.ask("POST", f"{JOBS}/{trained(api)}/improve", json={"seeds": 1}), 422)
    assert problem["errors"][0]["path"] == "seeds"
    eve = api.tokens.create(owner="eve")
    is_problem(api.ask("POST", f"{JOBS}/{waiting}/improve", token=eve), 404)


def test_a_body_in_chunks_is_read(api: Service) -> None:
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    ends = {"wsgi.input_terminated": True}
    body = BytesIO(b'{"seeds": 1}')
    path = f"{JOBS}/{trained(api)}/improve"
    problem = is_problem(api.ask("POST", path, input_stream=body, headers=headers, environ_overrides=ends), 422)
    assert problem["errors"][0]["path"] == "seeds"

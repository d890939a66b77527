"""Control requests: what users ask of a job that was submitted."""

from typing import Any

import pytest
from sqlalchemy import func, select

from spec.states import FailureReason, StopReason
from spec.views import Curve
from store import db
from store.records import ArtifactRecord, Success
from store.tables import Artifact, CurveChunk, JobEvent, Mirror

from .conftest import JOBS, Service, is_problem


def test_pause_and_resume_while_it_waits(both: Service) -> None:
    job_id = both.submit()
    for _ in range(2):
        answer = both.ask("POST", f"{JOBS}/{job_id}/pause")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "paused")
    links = answer.get_json()["links"]
    assert {"resume", "cancel"} <= set(links)
    assert "pause" not in links
    for _ in range(2):
        answer = both.ask("POST", links["resume"])
        assert (answer.status_code, answer.get_json()["status"]) == (200, "queued")


def test_pause_while_it_runs(both: Service) -> None:
    job_id = both.run()
    for _ in range(2):
        answer = both.ask("POST", f"{JOBS}/{job_id}/pause")
        job = answer.get_json()
        assert (answer.status_code, job["status"], job["pause_requested"]) == (202, "running", True)
    both.store.requeue(job_id, 1, reason="paused while it ran", charge=False)
    answer = both.ask("POST", f"{JOBS}/{job_id}/pause")
    assert (answer.status_code, answer.get_json()["pause_requested"]) == (200, False)


@pytest.mark.parametrize(("action", "done"), [("pause", "paused"), ("resume", "resumed")])
def test_what_has_ended_stays(both: Service, action: str, done: str) -> None:
    job_id = both.run()
    both.store.fail(job_id, 1, reason=FailureReason.error, message="It broke.")
    problem = is_problem(both.ask("POST", f"{JOBS}/{job_id}/{action}"), 409)
    assert problem["detail"] == f"A job that has failed cannot be {done}: it has ended; retry it."


def test_many_are_cancelled_together(both: Service) -> None:
    running = both.run(project="p")
    waiting = [both.submit(project="p", tags={"a": "b:c"}), both.submit(project="p")]
    other = both.submit()
    cancel = f"{JOBS}/cancel"
    first = both.ask("POST", cancel, json={"project": "p", "tag": ["a:b:c"]})
    assert (first.status_code, first.get_json()) == (200, {"cancelled": 1, "stopping": 0, "skipped": 0})
    named = both.ask("POST", cancel, json={"ids": [running, *waiting]})
    assert named.get_json() == {"cancelled": 1, "stopping": 1, "skipped": 1}
    foreign = both.ask("POST", cancel, json={"ids": [other]}, token=both.tokens.create(owner="bob"))
    assert foreign.get_json() == {"cancelled": 0, "stopping": 0, "skipped": 1}
    assert both.ask("POST", cancel, json={"all": True}).get_json()["cancelled"] == 1
    reader = both.tokens.create(owner="ann", scopes=("jobs:read",))
    is_problem(both.ask("POST", cancel, json={"all": True}, token=reader), 403)


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({}, "", "must say which jobs"),
        ({"all": False}, "", "must say which jobs"),
        ({"all": True, "project": "p"}, "", "must say which jobs"),
        ({"project": None}, "", "must say which jobs"),
        ({"ids": ["x"]}, "ids.0", "must be"),
        ({"tags": {"a": "b"}}, "tags", ""),
        ({"tag": ["a"]}, "tag", "must be key:value"),
    ],
)
def test_which_to_cancel_must_be_said(api: Service, body: dict[str, Any], path: str, message: str) -> None:
    job_id = api.submit()
    (error,) = is_problem(api.ask("POST", f"{JOBS}/cancel", json=body), 422)["errors"]
    assert error["path"] == path
    assert message in error["message"]
    assert api.ask("GET", f"{JOBS}/{job_id}").get_json()["status"] == "queued"


def test_change(both: Service) -> None:
    job_id = both.submit(name="a", tags={"week": "1"})
    answer = both.ask("PATCH", f"{JOBS}/{job_id}", json={"priority": 7, "tags": {"week": "2"}})
    job = answer.get_json()
    assert (answer.status_code, job["priority"], job["tags"], job["name"]) == (200, 7, {"week": "2"}, "a")
    assert job["spec"]["priority"] == 0
    assert both.ask("PATCH", f"{JOBS}/{job_id}", json={"name": None}).get_json()["name"] is None
    both.ask("POST", f"{JOBS}/{job_id}/cancel")
    problem = is_problem(both.ask("PATCH", f"{JOBS}/{job_id}", json={"priority": 1}), 409)
    assert problem["detail"] == "A job that is cancelled cannot be given another priority: it has ended."


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({}, "", "must name what is to change: priority, name or tags"),
        ({"priority": 101}, "priority", "must be at most 100; it is 101"),
        ({"priority": None}, "priority", "must be a whole number"),
        ({"name": ""}, "name", "must not be empty; it is ''"),
        (
            {"tags": {"a b": "c"}},
            "tags.a b",
            "has characters that are not allowed here: 1 to 100 letters of A to Z, digits and . _ - / are, "
            "a letter or a digit first, as a key",
        ),
        ({"epochs": 5}, "epochs", "is not a field here"),
        ([], "", "must be an object"),
    ],
)
def test_a_change_that_cannot_be(api: Service, body: Any, path: str, message: str) -> None:
    job_id = api.submit(name="a")
    problem = is_problem(api.ask("PATCH", f"{JOBS}/{job_id}", json=body), 422)
    assert problem["errors"] == [{"path": path, "message": message}]
    assert api.store.get(job_id, owner=None).priority == 0


@pytest.mark.parametrize(("method", "action"), [("POST", "/pause"), ("POST", "/resume"), ("PATCH", "")])
def test_a_foreign_job_is_not_there(api: Service, method: str, action: str) -> None:
    job_id = api.submit()
    stranger = api.tokens.create(owner="eve")
    is_problem(api.ask(method, f"{JOBS}/{job_id}{action}", json={"priority": 1}, token=stranger), 404)


def test_a_job_that_has_ended_is_deleted_with_all_it_left(both: Service) -> None:
    job_id = both.run()
    problem = is_problem(both.ask("DELETE", f"{JOBS}/{job_id}"), 409)
    assert problem["detail"] == "A job that is running cannot be deleted: cancel it first."
    folder = both.home / "files" / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{job_id}.bin"
    file.write_bytes(b"weights")
    left = ArtifactRecord(name="model.bin", uri=file.as_uri(), sha256="0" * 64, size=7)
    points: Curve = {"epoch": [1], "train_loss": [1.0]}
    assert both.store.succeed(
        Success(job_id, 1, StopReason.max_epochs, best_epoch=1, best_metrics={}, points=points, artifacts=[left])
    )
    is_problem(both.ask("DELETE", f"{JOBS}/{job_id}", token=both.tokens.create(owner="eve")), 404)
    assert both.ask("DELETE", f"{JOBS}/{job_id}").status_code == 204
    is_problem(both.ask("DELETE", f"{JOBS}/{job_id}"), 404)
    assert not file.exists()
    with db.reading(both.engine) as connection:
        for table in (JobEvent, CurveChunk, Artifact, Mirror):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_a_submission_that_is_repeated_after_its_job_was_deleted_is_refused(api: Service) -> None:
    headers = {"Idempotency-Key": "once"}
    job_id = str(api.ask("POST", JOBS, json={"dataset": "xor"}, headers=headers).get_json()["id"])
    api.ask("POST", f"{JOBS}/{job_id}/cancel")
    assert api.ask("DELETE", f"{JOBS}/{job_id}").status_code == 204
    problem = is_problem(api.ask("POST", JOBS, json={"dataset": "xor"}, headers=headers), 404)
    assert "was deleted: submit it with another key" in problem["detail"]


def test_jobs_are_found_by_the_beginning_or_the_end_of_their_ids(both: Service) -> None:
    ids = [both.submit() for _ in range(3)]

    def found(part: str) -> list[str]:
        return [job["id"] for job in both.ask("GET", f"{JOBS}?id={part}").get_json()["jobs"]]

    assert found(ids[1][-8:]) == found(ids[1][:23]) == found(ids[1]) == [ids[1]]
    same = [one for one in ids if one[:8] == ids[0][:8]]  # the beginning is the time, of a minute
    assert found(ids[0][:8]) == same[::-1]
    assert found("0000-0000") == []
    for bad in ("abc", "%25%25%25%25", "g123"):
        assert is_problem(both.ask("GET", f"{JOBS}?id={bad}"), 422)["errors"][0]["path"] == "id"


def test_a_check_warns_of_a_device_that_no_worker_has(api: Service) -> None:
    checked = api.ask("POST", f"{JOBS}/check", json={"dataset": "xor", "resources": {"device": "cuda"}}).get_json()
    submitted = api.ask("POST", JOBS, json={"dataset": "xor", "resources": {"device": "cuda"}}).get_json()
    assert checked["warnings"] == submitted["warnings"] != []

"""A classroom lets guests in without a token; a guest trains a few small jobs of its own, and does nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from api.auth import COOKIE
from api.guests import MOST_GUESTS, MOST_JOBS, MOST_TRAINING_S
from spec.states import JobStatus
from store import db
from store.errors import ClassroomFullError
from store.tables import Token
from store.users import UserStore

from .conftest import JOBS, XOR, Service, is_problem

OURS = {"X-Epochal-Page": "1", "Sec-Fetch-Site": "same-origin"}


def classroom(api: Service, **body: Any) -> dict[str, Any]:
    """A new classroom of an administrator."""
    admin = api.tokens.create(owner="teacher", scopes=["admin"])
    answer = api.ask("POST", "/api/v1/classrooms", json=body, token=admin)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def enter(api: Service, token: str) -> dict[str, str]:
    """The headers of a new guest."""
    answer = api.ask("POST", "/api/v1/guests", token=token)
    assert answer.status_code == 201, answer.text
    flags = answer.headers["Set-Cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=Strict" in flags
    return OURS | {"Cookie": f"{COOKIE}={parse_cookie(flags)[COOKIE]}"}


def test_guests_train_jobs_of_their_own_until_the_classroom_ends(both: Service) -> None:
    room = classroom(both, hours=2)
    first, second = enter(both, room["token"]), enter(both, room["token"])
    made = both.ask("POST", JOBS, json=XOR, token=None, headers=first)
    assert made.status_code == 201
    assert made.json["spec"]["timeout_s"] == MOST_TRAINING_S  # type: ignore[index]
    job = f"{JOBS}/{made.json['id']}"  # type: ignore[index]
    assert both.ask("GET", job, token=None, headers=first).status_code == 200
    assert both.ask("GET", job, token=None, headers=second).status_code == 404
    assert both.ask("POST", f"{job}/pause", token=None, headers=first).status_code == 200
    who = both.ask("GET", "/api/v1/session", token=None, headers=first).json
    assert who is not None
    done = both.ask("POST", f"{JOBS}/cancel", json={"ids": [made.json["id"]]}, token=None, headers=second)  # type: ignore[index]
    assert (done.json or {})["cancelled"] == 0
    left = datetime.fromisoformat(who["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2, seconds=1)

    assert both.tokens.revoke(room["id"])
    assert both.ask("GET", job, token=None, headers=first).status_code == 401
    is_problem(both.ask("POST", "/api/v1/guests", token=room["token"]), 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/sweeps"),
        ("POST", "/api/v1/datasets"),
        ("POST", "/api/v1/uploads"),
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/classrooms"),
        ("POST", "/api/v1/guests"),
    ],
)
def test_a_guest_may_do_nothing_else(api: Service, method: str, path: str) -> None:
    guest = enter(api, classroom(api)["token"])
    is_problem(api.ask(method, path, json={}, token=None, headers=guest), 403)


def test_a_guest_has_a_few_small_jobs(both: Service) -> None:
    guest = enter(both, classroom(both)["token"])
    for field, value in (("priority", 1), ("timeout_s", 601.0), ("resources", {"gpus": 2})):
        refused = is_problem(both.ask("POST", JOBS, json=XOR | {field: value}, token=None, headers=guest), 422)
        assert refused["errors"][0]["path"].startswith(field)
    ids = [both.ask("POST", JOBS, json=XOR, token=None, headers=guest).json["id"] for _ in range(MOST_JOBS)]  # type: ignore[index]
    assert both.ask("POST", f"{JOBS}/{ids[0]}/pause", token=None, headers=guest).status_code == 200
    refused = is_problem(both.ask("POST", JOBS, json=XOR, token=None, headers=guest), 429)
    assert f"you may have {MOST_JOBS}" in refused["detail"]
    assert both.ask("POST", f"{JOBS}/{ids[1]}/cancel", token=None, headers=guest).status_code == 200
    assert both.ask("POST", JOBS, json=XOR, token=None, headers=guest).status_code == 201
    assert both.store.counts()[JobStatus.paused] == 1


def test_many_jobs_of_a_guest_are_few_and_small_too_and_are_submitted_all_or_none(both: Service) -> None:
    guest = enter(both, classroom(both)["token"])

    def submit(*jobs: dict[str, Any]) -> TestResponse:
        return both.ask("POST", f"{JOBS}/bulk", json={"jobs": jobs}, token=None, headers=guest)

    refused = is_problem(submit(XOR, XOR | {"priority": 1}), 422)
    assert refused["errors"][0]["path"] == "jobs.1.priority"
    made = submit(*[XOR] * 8).get_json()
    shown = both.ask("GET", f"{JOBS}/{made['ids'][7]}", token=None, headers=guest).get_json()
    assert shown["spec"]["timeout_s"] == MOST_TRAINING_S
    is_problem(submit(*[XOR] * 5), 429)
    assert both.store.counts()[JobStatus.queued] == 8
    assert submit(*[XOR] * 4).status_code == 201


def test_the_token_of_a_classroom_lets_guests_in_and_does_nothing_else(api: Service) -> None:
    room = classroom(api)["token"]
    for method, path in (("GET", JOBS), ("POST", JOBS), ("POST", "/api/v1/session"), ("GET", "/api/v1/session")):
        assert "classroom" in is_problem(api.ask(method, path, json={}, token=room), 403)["detail"]


def test_only_an_administrator_makes_a_classroom_and_not_for_days(api: Service) -> None:
    is_problem(api.ask("POST", "/api/v1/classrooms", json={}), 403)
    is_problem(api.ask("POST", "/api/v1/guests"), 403)
    admin = api.tokens.create(owner="teacher", scopes=["admin"])
    refused = is_problem(api.ask("POST", "/api/v1/classrooms", json={"hours": 13}, token=admin), 422)
    assert refused["errors"][0]["path"] == "hours"


@pytest.mark.both_databases
def test_who_signs_out_and_enters_again_has_no_more_jobs_than_others(both: Service) -> None:
    token = classroom(both)["token"]
    room = both.tokens.find(token)
    assert room is not None
    guest = enter(both, token)
    job_id = both.ask("POST", JOBS, json=XOR, token=None, headers=guest).get_json()["id"]
    assert both.ask("DELETE", "/api/v1/session", token=None, headers=guest).status_code == 204
    with pytest.raises(ClassroomFullError, match="when its jobs end"):
        both.tokens.open_guest(room, most=1)
    both.store.request_cancel(job_id, owner=None, actor="test")
    both.tokens.open_guest(room, most=1)


def test_guests_are_locked_out_with_their_teacher(both: Service) -> None:
    both.tokens.create(owner="root", scopes=["admin"])  # or nobody would administer the service
    guest = enter(both, classroom(both)["token"])
    for active, status in ((False, 401), (True, 200)):
        UserStore(both.engine).change("teacher", active=active)
        assert both.ask("GET", JOBS, token=None, headers=guest).status_code == status


def test_a_classroom_has_so_many_places_and_those_who_left_make_room(both: Service) -> None:
    room = both.tokens.find(classroom(both)["token"])
    assert room is not None
    _, guest = both.tokens.open_guest(room, most=2)
    both.tokens.open_guest(room, most=2)
    with pytest.raises(ClassroomFullError, match="places for 2"):
        both.tokens.open_guest(room, most=2)
    both.tokens.revoke(guest.id)  # signed out
    both.tokens.open_guest(room, most=2)
    with pytest.raises(ClassroomFullError):
        both.tokens.open_guest(room, most=2)
    with db.writing(both.engine) as connection:
        gone = datetime.now(UTC) - timedelta(seconds=2)
        connection.execute(update(Token).where(Token.session_of == room.id).values(expires_at=gone))
    both.tokens.open_guest(room, most=1)
    assert MOST_GUESTS == 100

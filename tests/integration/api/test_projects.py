"""Users, their tokens, and the projects that they share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from store import db
from store.tables import Job

from .conftest import JOBS, XOR, Service, is_problem, service
from .test_datasets import noted

V1 = "/api/v1"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    made = Lab(service(tmp_path_factory.mktemp("lab")))
    yield made
    made.api.engine.dispose()


class Lab:
    """A service with an administrator, three members of a project, and a stranger."""

    def __init__(self, api: Service) -> None:
        self.api = api
        self.tokens = {"root": api.tokens.create(owner="root", scopes=["jobs:read", "jobs:write", "admin"])}
        for name, role in (("ada", "member"), ("bob", "member"), ("eve", "member"), ("vic", "viewer")):
            self.ask("root", "POST", "/users", 201, name=name, role=role)
            self.tokens[name] = self.ask("root", "POST", "/tokens", 201, user=name)["token"]
        self.before = self.ask("eve", "POST", "/jobs", 201, **XOR, project="eves")["id"]
        self.ask("ada", "POST", "/projects", 201, name="vision")
        self.ask("ada", "PUT", "/projects/vision/members/bob", role="member")
        self.ask("ada", "PUT", "/projects/vision/members/vic", role="viewer")
        self.job = self.ask("bob", "POST", "/jobs", 201, **XOR, project="vision")["id"]
        self.private = self.ask("bob", "POST", "/jobs", 201, **XOR)["id"]
        self.sweep = self.ask(
            "bob", "POST", "/sweeps", 201, base={**XOR, "project": "vision"}, space={"epochs": [3, 4]}, method="grid"
        )["id"]

    def ask(self, who: str, verb: str, path: str, status: int = 200, /, **body: Any) -> Any:
        """The answer to a user's request, which must have this status."""
        more = {"json": body} if verb != "GET" else {}
        answer = self.api.ask(verb, V1 + path, token=self.tokens[who], **more)
        assert answer.status_code == status, (who, verb, path, answer.text)
        return answer.get_json(silent=True)


def test_members_see_what_their_project_shares_and_change_their_own(lab: Lab) -> None:
    seen = {who: {job["id"] for job in lab.ask(who, "GET", "/jobs")["jobs"]} for who in lab.tokens}
    assert seen["bob"] == {lab.job, lab.private}
    assert seen["ada"] == seen["vic"] == {lab.job}
    assert seen["eve"] == {lab.before}
    assert lab.ask("ada", "GET", "/jobs?sort=-best_val_accuracy")["total"] == 1
    assert {lab.job, lab.private, lab.before} <= seen["root"]
    assert [one["id"] for one in lab.ask("vic", "GET", "/sweeps")["sweeps"]] == [lab.sweep]
    assert lab.ask("eve", "GET", "/sweeps")["sweeps"] == []
    assert lab.ask("ada", "GET", f"/jobs/{lab.job}")["owner"] == "bob"
    lab.ask("ada", "GET", f"/jobs/{lab.private}", 404)

    lab.ask("vic", "POST", f"/jobs/{lab.job}/pause", 403)
    lab.ask("eve", "POST", f"/jobs/{lab.job}/pause", 404)
    assert lab.ask("ada", "POST", f"/jobs/{lab.job}/pause")["status"] == "paused"  # she administers the project
    lab.ask("ada", "PUT", "/projects/vision/members/eve", role="member")
    assert "belongs to bob" in lab.ask("eve", "POST", f"/jobs/{lab.job}/resume", 403)["detail"]
    assert "belongs to bob" in lab.ask("eve", "POST", f"/sweeps/{lab.sweep}/cancel", 403)["detail"]
    lab.ask("eve", "DELETE", "/projects/vision/members/eve", 204)
    lab.ask("eve", "GET", f"/jobs/{lab.job}", 404)
    lab.ask("bob", "POST", f"/jobs/{lab.job}/resume")


def test_only_members_submit_to_a_shared_project_and_a_name_in_use_is_not_taken(lab: Lab) -> None:
    assert "no member of the project vision" in lab.ask("eve", "POST", "/jobs", 403, **XOR, project="vision")["detail"]
    lab.ask("ada", "POST", "/projects", 409, name="vision")
    lab.ask("ada", "POST", "/projects", 409, name="default")
    assert "jobs of their own" in lab.ask("ada", "POST", "/projects", 409, name="eves")["detail"]
    lab.ask("root", "POST", "/projects", 201, name="eves")  # what was there before stays private
    lab.ask("root", "PUT", "/projects/eves/members/ada", role="admin")
    lab.ask("ada", "GET", f"/jobs/{lab.before}", 404)
    lab.ask("eve", "GET", "/projects/vision", 404)
    lab.ask("bob", "PUT", "/projects/vision/members/eve", 403, role="member")
    lab.ask("ada", "PUT", "/projects/vision/members/nobody", 404, role="member")
    lab.ask("ada", "DELETE", "/projects/vision", 409)  # a sweep goes on
    lab.ask("ada", "DELETE", "/projects/eves", 204)


def test_users_are_made_and_locked_out_by_administrators(lab: Lab) -> None:
    lab.ask("ada", "POST", "/users", 403, name="x")
    lab.ask("root", "POST", "/users", 409, name="ada")
    lab.ask("root", "POST", "/users", 422, name="no spaces", role="king")
    lab.ask("ada", "GET", "/users/bob", 404)
    assert lab.ask("ada", "GET", "/users/ada")["projects"]["vision"] == "admin"
    assert [one["name"] for one in lab.ask("bob", "GET", "/users")["users"]] == ["bob"]
    lab.ask("root", "PATCH", "/users/eve", active=False)
    lab.ask("eve", "GET", "/jobs", 401)
    lab.ask("root", "PATCH", "/users/eve", active=True, quotas={"running": 2})
    assert lab.ask("eve", "GET", "/users/eve")["quotas"]["running"] == 2
    assert "last administrator" in lab.ask("root", "PATCH", "/users/root", 409, role="member")["detail"]
    lab.ask("root", "PATCH", "/users/nobody", 404, role="member")


def test_users_make_tokens_that_allow_no_more_than_theirs(lab: Lab) -> None:
    made = lab.ask("ada", "POST", "/tokens", 201, name="laptop", scopes=["jobs:read"], days=7)
    assert made["scopes"] == ["jobs:read"]
    assert made["expires_at"] is not None
    listed = lab.ask("ada", "GET", "/tokens")["tokens"]
    assert listed[0]["name"] == "laptop"
    assert {one["user"] for one in listed} == {"ada"}
    assert "token" not in listed[0]
    for body in ({"scopes": ["admin"]}, {"user": "bob"}):
        lab.ask("ada", "POST", "/tokens", 403, **body)
    bad: list[dict[str, Any]] = [{"scopes": []}, {"scopes": ["jobs:write"]}, {"days": 0}]
    for wrong in bad:
        lab.ask("ada", "POST", "/tokens", 422, **wrong)
    lab.ask("root", "POST", "/tokens", 404, user="nobody")
    lab.ask("vic", "POST", "/tokens", 403)
    assert "days" not in lab.ask("root", "POST", "/tokens", 201, user="vic")
    lab.tokens["laptop"] = made["token"]
    lab.ask("laptop", "GET", "/jobs")
    lab.ask("laptop", "POST", "/jobs", 403, **XOR)
    lab.ask("bob", "DELETE", f"/tokens/{made['id']}", 404)
    lab.ask("ada", "DELETE", f"/tokens/{made['id']}", 204)
    lab.ask("laptop", "GET", "/jobs", 401)


def test_a_session_ends_with_its_token(lab: Lab) -> None:
    made = lab.ask("ada", "POST", "/tokens", 201, name="browser")
    signed_in = lab.api.ask("POST", f"{V1}/session", token=made["token"])
    cookie = {"Cookie": signed_in.headers["Set-Cookie"].split(";")[0]}
    assert lab.api.ask("GET", JOBS, token=None, headers=cookie).status_code == 200
    lab.ask("ada", "DELETE", f"/tokens/{made['id']}", 204)
    is_problem(lab.api.ask("GET", JOBS, token=None, headers=cookie), 401)


def test_members_train_on_a_data_set_that_is_shared(lab: Lab, tmp_path: Path) -> None:
    rows = "\n".join(f"{n % 7},{n % 5},{n % 2}" for n in range(60))
    (tmp_path / "d.csv").write_text(f"a,b,y\n{rows}\n")
    with (tmp_path / "d.csv").open("rb") as file:
        form = {"file": (file, "d.csv"), "target": "y"}
        sent = lab.api.ask("POST", f"{V1}/datasets", token=lab.tokens["ada"], data=form)
    assert sent.status_code == 201, sent.text
    data = {"dataset": {"id": sent.get_json()["id"]}}
    path = f"/datasets/{data['dataset']['id']}"
    lab.ask("bob", "GET", path, 404)
    lab.ask("bob", "POST", "/jobs", 422, **data)
    lab.ask("ada", "PATCH", path, 404, project="nothing")
    assert lab.ask("ada", "PATCH", path, project="vision")["shared"]
    lab.ask("bob", "POST", "/jobs", 201, **data, project="vision")
    lab.ask("bob", "DELETE", path, 403)
    lab.ask("eve", "GET", path, 404)
    assert not lab.ask("ada", "PATCH", path, project=None)["shared"]
    lab.ask("bob", "GET", path, 404)


def test_who_left_a_project_sets_nothing_going_there(lab: Lab) -> None:
    lab.ask("ada", "POST", "/projects", 201, name="radar")
    lab.ask("ada", "PUT", "/projects/radar/members/bob", role="member")
    base = {**XOR, "project": "radar"}
    grid = {"base": base, "space": {"learning_rate": [0.1, 0.2, 0.3]}, "method": "grid", "trials": 2}
    going, paused = (lab.ask("bob", "POST", "/sweeps", 201, **grid)["id"] for _ in range(2))
    failed, waiting = (lab.ask("bob", "POST", "/jobs", 201, **base)["id"] for _ in range(2))
    lab.ask("bob", "POST", f"/sweeps/{paused}/pause")
    lab.ask("bob", "POST", f"/jobs/{waiting}/pause")
    with db.writing(lab.api.engine) as connection:
        connection.execute(update(Job).where(Job.id == failed).values(status="failed", finished_at=db.now()))
    posts = (f"/sweeps/{paused}/resume", f"/sweeps/{going}/retry", f"/jobs/{failed}/retry", f"/jobs/{waiting}/resume")
    extension: dict[str, Any] = {"trials": 3}
    asked = [("PATCH", f"/sweeps/{going}", extension), *(("POST", path, dict[str, Any]()) for path in posts)]
    lab.ask("ada", "PUT", "/projects/radar/members/bob", role="viewer")
    for verb, path, body in asked:
        assert "only read in the project radar" in lab.ask("bob", verb, path, 403, **body)["detail"]
    lab.ask("bob", "DELETE", "/projects/radar/members/bob", 204)
    for verb, path, body in asked:
        assert "no member of the project radar" in lab.ask("bob", verb, path, 403, **body)["detail"]
    assert lab.ask("ada", "PATCH", f"/sweeps/{going}", **extension)["most_trials"] == 3  # she administers the project
    lab.ask("root", "POST", f"/sweeps/{paused}/resume")
    lab.ask("bob", "POST", f"/sweeps/{going}/cancel")


def test_only_its_owner_shares_a_data_set_anew(lab: Lab) -> None:
    data = noted(lab.api)["id"]
    lab.tokens["ann"] = lab.api.token
    for project in ("own", "other"):
        lab.ask("ada", "POST", "/projects", 201, name=project)
        lab.ask("ada", "PUT", f"/projects/{project}/members/ann", role="member")
    path = f"/datasets/{data}"
    lab.ask("ann", "PATCH", path, project="own")
    assert "belongs to ann" in lab.ask("ada", "PATCH", path, 403, project="other")["detail"]
    assert not lab.ask("ada", "PATCH", path, project=None)["shared"]
    assert lab.ask("ann", "PATCH", path, project="other")["shared"]

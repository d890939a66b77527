"""The access table: every route, and who may call it. A route without a line in it fails."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from store.datasets import DatasetStore
from store.uploads import UploadStore
from store.webhooks import WebhookStore

from .conftest import XOR, Service, is_problem, service
from .test_datasets import noted

V1 = "/api/v1"
WHO = ("nobody", "expired", "viewer", "stranger", "owner", "admin")
"""The viewer reads in the project of the owner; the stranger is a member of another project."""

# What each of them gets: 401, 403, or 404 as if there were nothing; 200 stands for "is let in".
PUBLIC = (200, 200, 200, 200, 200, 200)
ANY = (401, 401, 200, 200, 200, 200)
"""Whoever has a token; lists have what the asker sees."""
WRITE = (401, 401, 403, 200, 200, 200)
SHARED = (401, 401, 200, 404, 200, 200)
CHANGE = (401, 401, 403, 404, 200, 200)
OWN = (401, 401, 404, 404, 200, 200)
ALONE = (401, 401, 404, 404, 200, 404)
"""An upload is its owner's until it is a data set: an administrator, too, has other ones."""
ALONE_WRITE = (401, 401, 403, 404, 200, 404)
ADMIN = (401, 401, 403, 403, 403, 200)
NO_TOKEN = (401, 401, 403, 403, 403, 403)
"""Only the token of a classroom."""

TABLE: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(["pages.page", "pages.docs", "pages.openapi", "pages.built"], PUBLIC),
    **dict.fromkeys(["health.healthz", "health.readyz"], PUBLIC),
    **dict.fromkeys(["sessions.show", "sessions.sign_in", "sessions.sign_out"], ANY),
    **dict.fromkeys(["lessons.list_lessons", "lessons.show_lesson", "workers.list_workers", "workers.show_queue"], ANY),
    **dict.fromkeys(["jobs.list_jobs", "jobs.check", "feed.follow", "sweeps.list_sweeps", "sweeps.check"], ANY),
    **dict.fromkeys(
        [
            "datasets.list_datasets",
            "users.list_users",
            "tokens.list_tokens",
            "projects.list_projects",
            "webhooks.list_webhooks",
        ],
        ANY,
    ),
    **dict.fromkeys(["jobs.submit", "jobs.submit_many", "jobs.cancel_many", "sweeps.submit", "datasets.upload"], WRITE),
    **dict.fromkeys(["uploads.begin", "tokens.make", "projects.create", "webhooks.make"], WRITE),
    **dict.fromkeys(["jobs.show", "jobs.curve", "jobs.events", "jobs.list_files", "jobs.fetch_file"], SHARED),
    **dict.fromkeys(["stream.follow", "models.fetch", "models.predict", "pictures.list_pictures"], SHARED),
    **dict.fromkeys(["pictures.picture_numbers", "pictures.picture", "replays.compared_job"], SHARED),
    **dict.fromkeys(["improvements.show", "sweeps.show", "sweeps.list_trials", "sweeps.show_trial"], SHARED),
    **dict.fromkeys(["sweeps.table", "sweep_stream.follow", "replays.compared_sweep", "ensembles.ensemble"], SHARED),
    **dict.fromkeys(["ensembles.fetch", "ensembles.predict", "datasets.show", "dataset_contents.list_rows"], SHARED),
    **dict.fromkeys(["dataset_contents.list_images", "dataset_contents.image"], SHARED),
    **dict.fromkeys(["projects.show", "projects.list_members"], SHARED),
    **dict.fromkeys(["control.change", "control.cancel", "control.pause", "control.resume", "control.retry"], CHANGE),
    **dict.fromkeys(["control.delete", "improvements.improve", "replays.replay_job", "replays.replay_sweep"], CHANGE),
    **dict.fromkeys(["sweeps.extend", "sweeps.cancel", "sweeps.pause", "sweeps.resume", "sweeps.retry"], CHANGE),
    **dict.fromkeys(
        [
            "datasets.share",
            "datasets.delete",
            "tokens.revoke",
            "projects.delete",
            "webhooks.test",
            "webhooks.remove",
        ],
        CHANGE,
    ),
    **dict.fromkeys(["projects.set_member", "projects.remove_member"], CHANGE),
    **dict.fromkeys(["usage.show", "quotas.show"], ANY),
    "users.show": OWN,
    "uploads.show": ALONE,
    **dict.fromkeys(["uploads.send", "uploads.finish", "uploads.delete"], ALONE_WRITE),
    **dict.fromkeys(["users.make", "users.change", "projects.change", "guests.make_classroom", "audit.show"], ADMIN),
    "guests.enter": NO_TOKEN,
    "metrics.show_metrics": ADMIN,
    "mlflow.enter": ANY,
    "mlflow.pass_on": WRITE,
    "mlflow.pass_on GET": ANY,
}

BODIES: Mapping[str, Any] = {
    "control.change": {"priority": 1},
    "sweeps.extend": {"trials": 9},
    "datasets.share": {"project": None},
    "models.predict": {"rows": []},
    "ensembles.predict": {"rows": []},
}
"""Valid bodies, where a body is read before the owner is known; {} for all others."""

LAST = ("tokens.revoke", "uploads.finish", "uploads.delete", "datasets.share", "projects.remove_member")
"""Routes after which there is less to call."""


class Lab:
    """A service with an administrator, a project of the owner where the viewer reads, and one of a stranger."""

    def __init__(self, api: Service) -> None:
        self.api = api
        self.tokens: dict[str, str | None] = {"nobody": None, "expired": api.tokens.create(owner="x", lasts_s=-1.0)}
        self.tokens["admin"] = api.tokens.create(owner="root", scopes=["jobs:read", "jobs:write", "admin"])
        self.tokens["owner"] = api.token
        for who, name, role in (("stranger", "eve", "member"), ("viewer", "vic", "viewer")):
            self.ask("admin", "POST", "/users", {"name": name, "role": role})
            self.tokens[who] = self.ask("admin", "POST", "/tokens", {"user": name})["token"]
        self.ask("stranger", "POST", "/projects", {"name": "audio"})
        self.ask("owner", "POST", "/projects", {"name": "vision"})
        self.ask("owner", "PUT", "/projects/vision/members/vic", {"role": "viewer"})
        base = {**XOR, "project": "vision"}
        space = {"space": {"epochs": [3, 4]}, "method": "grid"}
        data = noted(api)["id"]
        DatasetStore(api.engine).share(data, "vision", owner="ann")
        UploadStore(api.engine).begin("a" * 64, owner="ann", file="f.csv", size=9)
        self.ids = {
            "job_id": self.ask("owner", "POST", "/jobs", {**base, "dataset": {"id": data}})["id"],
            "sweep_id": self.ask("owner", "POST", "/sweeps", {"base": base, **space})["id"],
            **{
                "dataset_id": data,
                "sha256": "a" * 64,
                "project": "vision",
                "number": "0",
                "row": "0",
                "name": "x",
                "path": "x",
            },
        }

    def ask(self, who: str, verb: str, path: str, body: Any) -> Any:
        answer = self.api.ask(verb, V1 + path, token=self.tokens[who], json=body)
        assert answer.status_code < 300, answer.text
        return answer.get_json()

    def gets(self, who: str, verb: str, rule: str, endpoint: str) -> int:
        """What somebody gets of a route: a status of `TABLE`."""
        ids = {**self.ids, "user": "vic" if endpoint.startswith("projects") else "ann"}
        if endpoint == "tokens.revoke":
            made = self.api.tokens.find(self.api.tokens.create(owner="ann"))
            assert made is not None
            ids["token_id"] = made.id
        if endpoint in ("webhooks.remove", "webhooks.test"):
            ids["webhook_id"] = WebhookStore(self.api.engine).add(owner="ann", url="http://127.0.0.1:1").id
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: ids[part[1]], rule)
        more = {} if verb == "GET" else {"json": BODIES.get(endpoint, {})}
        answer = self.api.ask(verb, path, token=self.tokens[who], **more)
        if answer.status_code < 400:
            answer.close()
            return 200
        detail = is_problem(answer, answer.status_code)["detail"]
        if answer.status_code == 429:  # after many bad tokens; the token is as bad as before
            return 401
        hidden = answer.status_code == 404 and re.search(r"yours|you see", detail)
        return answer.status_code if hidden or answer.status_code in (401, 403) else 200


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(service(tmp_path_factory.mktemp("lab")))
    yield made
    made.api.engine.dispose()


def test_every_route_is_in_the_table_and_lets_in_whom_the_table_says(lab: Lab) -> None:
    routes = [
        (f"{rule.endpoint} {verb}" if f"{rule.endpoint} {verb}" in TABLE else rule.endpoint, verb, rule.rule)
        for rule in lab.api.app.url_map.iter_rules()
        for verb in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    assert {name for name, _, _ in routes} == set(TABLE)
    wrong = []
    for name, verb, rule in sorted(routes, key=lambda one: (LAST.index(one[0]) if one[0] in LAST else -1, one[2])):
        got = tuple(lab.gets(who, verb, rule, name) for who in WHO)
        if got != TABLE[name]:
            wrong.append(f"{name}: {got}, not {TABLE[name]}")
    assert wrong == []

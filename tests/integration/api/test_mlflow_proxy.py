"""MLflow behind the sign-in: a real MLflow, behind a real API."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from flask import Flask
from playwright.sync_api import expect

from api.auth import COOKIE, MLFLOW_READS
from api.mlflow_proxy import CLOSED
from store.tokens import CLASSROOM, METRICS_READ, TokenRecord
from tests.browser import page
from tests.integration.tracking.servers import MlflowServer
from tests.services import PATIENCE
from tests.slow_clients import answer_s

from .conftest import NOBODY, Service, is_problem, service
from .test_process import Running, running

MINE = """
import sys, mlflow
mlflow.set_experiment("mine")
with mlflow.start_run(run_name="by a client"):
    mlflow.log_metric("loss", 0.25)
    mlflow.log_artifact(sys.argv[1])
    print(mlflow.active_run().info.run_id)
"""


@dataclass(frozen=True)
class Site:
    """The API and the MLflow behind it."""

    api: Running
    mlflow: MlflowServer
    run_id: str
    big: bytes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    def ask(self, method: str, path: str, token: str | None = None, **more: object) -> httpx.Response:
        """The answer of MLflow, by way of the API."""
        headers = {"Authorization": f"Bearer {token or self.api.token}"}
        return httpx.request(method, f"{self.url}/mlflow/{path}", headers=headers, timeout=60.0, **more)  # type: ignore[arg-type]

    def session(self) -> dict[str, str]:
        """The cookie of a browser that has signed in."""
        headers = {"Authorization": f"Bearer {self.api.token}"}
        answer = httpx.post(f"{self.url}/api/v1/session", headers=headers, timeout=60.0)
        assert answer.is_success, answer.text
        return {COOKIE: answer.cookies[COOKIE]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Both, with a run that MLflow's own client made through the API, with a large artifact."""
    home, server = tmp_path_factory.mktemp("home"), MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    try:
        with running(home, NOBODY, EPOCHAL_MLFLOW_URL=server.url) as api:
            big = home / "big.bin"
            big.write_bytes(os.urandom(1 << 20) * 20)
            where = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{api.port}/mlflow", "MLFLOW_TRACKING_TOKEN": api.token}
            done = subprocess.run(
                [sys.executable, "-c", MINE, str(big)],
                env={**os.environ, **where}, capture_output=True, text=True, check=False, cwd=home,
                timeout=120 * PATIENCE,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            yield Site(api, server, done.stdout.split()[0], big.read_bytes())
    finally:
        server.close()


SEARCH = "api/2.0/mlflow/experiments/search"
CREATE = "api/2.0/mlflow/experiments/create"


def test_mlflows_own_client_logs_through_it_and_large_artifacts_pass(site: Site) -> None:
    run = site.mlflow.run(site.run_id)
    assert run["info"]["run_name"] == "by a client"
    query = {"run_id": site.run_id, "path": "big.bin"}
    answer = site.ask("GET", "get-artifact", params=query)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(site.big).digest()
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_nobody_comes_in_without_a_token_that_reads_jobs(site: Site) -> None:
    assert httpx.post(f"{site.url}/mlflow/{SEARCH}", json={"max_results": 1}, timeout=60.0).status_code == 401
    assert httpx.get(f"{site.url}/mlflow/", timeout=60.0).status_code == 401
    lost = httpx.get(f"{site.url}/mlflow/", headers={"Sec-Fetch-Mode": "navigate"}, timeout=60.0)
    assert (lost.status_code, lost.headers["Location"]) == (302, "/#/")
    prometheus = site.api.tokens.create(owner="p", scopes=[METRICS_READ])
    assert site.ask("POST", SEARCH, prometheus, json={"max_results": 1}).status_code == 403
    classroom, kept = site.api.tokens.create_classroom(owner="ann", lasts_s=600)
    assert kept.scopes == {CLASSROOM}
    assert site.ask("GET", "", classroom).status_code == 403
    guest, _ = site.api.tokens.open_guest(TokenRecord(kept.id, "ann", kept.scopes, kept.expires_at), most=1)
    assert "guest" in site.ask("GET", "", guest).json()["detail"]


def test_whoever_only_reads_changes_nothing(site: Site) -> None:
    viewer = site.api.tokens.create(owner="vic", scopes=["jobs:read"])
    assert site.ask("POST", SEARCH, viewer, json={"max_results": 1}).is_success
    assert site.ask("GET", f"api/2.0/mlflow/runs/get?run_id={site.run_id}", viewer).is_success
    for path in (CREATE, "api/2.0/mlflow/runs/delete", "ajax-api/2.0/mlflow-artifacts/mpu/create/x/search"):
        assert "jobs:write" in site.ask("POST", path, viewer, json={"name": "theirs"}).json()["detail"]
    put = site.ask("PUT", "api/2.0/mlflow-artifacts/artifacts/0/x/search", viewer, content=b"x")
    assert put.status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "OURS"}, 200),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_change_by_cookie_comes_from_this_site(site: Site, headers: dict[str, str], status: int) -> None:
    sent = {name: site.url if value == "OURS" else value for name, value in headers.items()}
    body = {"name": f"by cookie {sorted(headers.items())}"}
    answer = httpx.post(f"{site.url}/mlflow/{CREATE}", json=body, headers=sent, cookies=site.session(), timeout=60.0)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "path", ["ajax-api/3.0/mlflow/%61ssistant/config", "gateway/x/mlflow/invocations", "a/%2e%2e/b"]
)
def test_what_runs_code_is_closed(site: Site, path: str) -> None:
    assert "closed here" in site.ask("POST", path, json={}).json()["detail"]


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_every_post_of_mlflow_is_known_to_read_to_be_closed_or_to_change() -> None:
    """A release of MLflow with another POST that ends like a reading one is noticed here."""
    from mlflow.server import handlers

    app = Flask(__name__)
    for number, (path, _, methods) in enumerate(handlers.get_endpoints()):  # type: ignore[no-untyped-call]
        app.add_url_rule(path, str(number), lambda: "", methods=methods)
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    reads = {path for path in posts if path.endswith(MLFLOW_READS) and not CLOSED.intersection(path.split("/"))}
    words = ("create", "delete", "update", "set", "log", "restore", "rename", "upload", "transition", "register", "add")
    assert not [path for path in reads if any(word in path.rsplit("/", 1)[1].split("-") for word in words)]
    nouns = {path.rsplit("mlflow/", 1)[-1] for path in reads}
    assert nouns == {
        *(
            "experiments/search",
            "experiments/search-datasets",
            "runs/search",
            "logged-models/search",
            "datasets/search",
            "traces/search",
        ),
        *("issues/search", "traces/metrics", "traces/batchGetInfos", "traces/calculate-filter-correlation"),
        *("registered-models/get-latest-versions", "artifacts/presigned-download-url", "/graphql"),
    }


def test_slow_readers_of_a_large_artifact_stop_nobody(site: Site) -> None:
    """Their threads are freed as those of other large answers: beyond sixteen at once, an answer breaks off."""
    head = f"GET /mlflow/get-artifact?run_id={site.run_id}&path=big.bin HTTP/1.1\r\nHost: localhost\r\n"
    asked = f"{head}Authorization: Bearer {site.api.token}\r\n\r\n".encode()
    lines = [socket.create_connection(("127.0.0.1", site.api.port)) for _ in range(40)]
    try:
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.sendall(asked)
        assert answer_s(site.api.port, "/api/v1/jobs", site.api.token) < 5.0 * PATIENCE
    finally:
        for line in lines:
            line.close()


@pytest.mark.thorough
@pytest.mark.browser
def test_a_person_who_signed_in_sees_the_run_and_renames_it(site: Site) -> None:
    with page() as seen:
        seen.context.add_cookies([{"name": COOKIE, "value": site.session()[COOKIE], "url": site.url}])
        refused: list[str] = []
        seen.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
        experiment = site.mlflow.run(site.run_id)["info"]["experiment_id"]
        seen.goto(f"{site.url}/mlflow/#/experiments/{experiment}/runs/{site.run_id}?workflowType=machine_learning")
        expect(seen.get_by_text("by a client").first).to_be_visible()
        expect(seen.get_by_text("0.25").first).to_be_visible()
        changed = seen.evaluate(
            """async (run) => (await fetch("ajax-api/2.0/mlflow/runs/update", {method: "POST",
            headers: {"Content-Type": "application/json"}, body: JSON.stringify(run)})).status""",
            {"run_id": site.run_id, "run_name": "by a person"},
        )
        assert changed == 200
        assert site.mlflow.run(site.run_id)["info"]["run_name"] == "by a person"
        assert not [said for said in refused if "report-only" not in said.lower()]


def test_an_mlflow_that_is_away_or_not_there_is_said(api: Service, tmp_path: Path) -> None:
    assert "EPOCHAL_MLFLOW_URL" in is_problem(api.ask("GET", "/mlflow/"), 404)["detail"]
    away = service(tmp_path, EPOCHAL_MLFLOW_URL="http://127.0.0.1:1")
    try:
        answer = away.ask("GET", "/mlflow/")
        assert "does not answer" in is_problem(answer, 502)["detail"]
        assert int(answer.headers["Retry-After"]) >= 5
        assert away.ask("GET", "/mlflow").headers["Location"] == "/mlflow/"
    finally:
        away.engine.dispose()

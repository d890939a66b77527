"""The embedded MLflow server: small, closed to other sites, and gone after SIGTERM."""

import contextlib
import http.client
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

import worker.child
from tests.services import PATIENCE, eventually
from tracking.serve import NICE

from .servers import MlflowServer


def process_of(server: MlflowServer) -> psutil.Process:
    """The process that was started with the server's port; its workers are its children."""
    address = f"127.0.0.1:{server.port}"
    found = [one for one in psutil.process_iter(["cmdline"]) if address in (one.info["cmdline"] or [])]
    (first,) = [one for one in found if one.parent() not in found]
    return first


def test_it_is_two_workers_and_one_that_dies_is_replaced(mlflow_server: MlflowServer) -> None:
    process = process_of(mlflow_server)
    eventually(lambda: len(process.children()) == 2, within_s=30.0, what="two workers")
    struck = process.children()[0]
    struck.kill()
    eventually(
        lambda: len(process.children()) == 2 and struck not in process.children(), within_s=30.0, what="a new worker"
    )
    # Whichever is asked, it knows what either has made.
    for name in ("of one", "of the other"):
        assert httpx.post(
            f"{mlflow_server.url}/api/2.0/mlflow/experiments/create", json={"name": name}, timeout=60.0
        ).is_success
    for name in ("of one", "of the other") * 4:
        assert mlflow_server.ask("experiments/get-by-name", experiment_name=name)["experiment"]["name"] == name


def test_its_workers_come_after_what_trains(mlflow_server: MlflowServer) -> None:
    process = process_of(mlflow_server)
    eventually(lambda: len(process.children()) == 2, within_s=30.0, what="two workers")
    assert {one.nice() for one in process.children()} == {process.nice() + NICE}
    assert NICE > worker.child.NICE


def test_a_commit_waits_for_the_disk_once(mlflow_server: MlflowServer) -> None:
    with contextlib.closing(sqlite3.connect(mlflow_server.home / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_a_page_of_another_site_reaches_nothing(mlflow_server: MlflowServer, header: dict[str, str]) -> None:
    url = f"{mlflow_server.url}/api/2.0/mlflow/experiments/create"
    assert httpx.post(url, json={"name": "theirs"}, headers=header, timeout=60.0).status_code == httpx.codes.FORBIDDEN
    assert httpx.post(url, json={"name": f"ours, {header}"}, timeout=60.0).is_success


def test_nobody_finds_the_assistant_that_runs_commands(mlflow_server: MlflowServer) -> None:
    url = f"{mlflow_server.url}/ajax-api/3.0/mlflow/%61ssistant/config"
    assert httpx.get(url, timeout=60.0).status_code == httpx.codes.NOT_FOUND
    assert httpx.put(url, json={"providers": {}}, timeout=60.0).status_code == httpx.codes.NOT_FOUND


@pytest.mark.thorough
def test_it_ends_on_sigterm_though_a_client_stays_and_has_everything_when_it_is_back(
    mlflow_server: MlflowServer,
) -> None:
    body = {"name": "before the end"}
    made = httpx.post(f"{mlflow_server.url}/api/2.0/mlflow/experiments/create", json=body, timeout=60.0).json()
    client = http.client.HTTPConnection("127.0.0.1", mlflow_server.port)
    client.request("GET", "/health")
    client.getresponse().read()
    process = process_of(mlflow_server)
    mlflow_server.signal(signal.SIGTERM)
    process.wait(20 * PATIENCE)
    client.close()
    mlflow_server.kill()  # which finds nothing left
    mlflow_server.start()
    found = mlflow_server.ask("experiments/get-by-name", experiment_name="before the end")["experiment"]
    assert found["experiment_id"] == made["experiment_id"]


@pytest.mark.thorough
def test_a_port_that_is_taken_is_an_end_and_not_a_wait(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tracking",
        "serve",
        "--bind",
        f"127.0.0.1:{mlflow_server.port}",
        "--home",
        str(tmp_path),
    ]
    ended = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert ended.returncode != 0
    assert b"Address already in use" in ended.stderr

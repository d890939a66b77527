"""The embedded stack begins once, ends as a whole, and leaves nobody behind."""

import json
import os
import signal
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from epochal.client import Api
from spec.states import JobStatus
from store.files import MARK
from tests.slow_clients import FIRST_BYTES, attack, slowest_answer

from ..services import PATIENCE
from .embedded import Embedded, await_value


def test_a_taken_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        embedded = Embedded(tmp_path, environ={"EPOCHAL_PORT": str(port)})
        refused = embedded.epochal("up")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "EPOCHAL_PORT" in refused.stderr
    assert not embedded.processes()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_the_stack(tmp_path: Path, kind: signal.Signals) -> None:
    embedded = Embedded(tmp_path)
    try:
        embedded.start()
        embedded.pid("tracking")
        assert len(embedded.processes()) >= 6
        assert embedded.stack.pid is not None
        os.kill(embedded.stack.pid, kind)
        await_value(lambda: not embedded.processes(), 30.0)
    finally:
        embedded.stop()
    if kind is not signal.SIGKILL:
        assert embedded.stack.exit_status() == 0
        assert embedded.home.endpoints() is None


def test_no_file_of_the_home_is_readable_by_others(stack: Embedded, client: Api) -> None:
    job_id = client.submit({"dataset": "xor", "epochs": 5}).id
    await_value(lambda: client.job(job_id).status is JobStatus.succeeded, within_s=60.0)
    await_value((stack.home.path / "mlflow" / "mlflow.db").exists)
    modes = {path: path.lstat().st_mode for path in (stack.home.path, *stack.home.path.rglob("*"))}
    names = {path.name for path in modes}
    assert {"epochal.db", "mlflow.db", "api.log", "token", MARK} <= names
    assert any(path.parent.parent.name == job_id for path in modes)  # the file with its model
    open_to_others = [path for path, mode in modes.items() if not stat.S_ISSOCK(mode) and mode & 0o077]
    assert open_to_others == []


def test_a_detached_stack_is_up_until_it_is_told_to_go_down(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path, environ={"EPOCHAL_MLFLOW_URL": "http://127.0.0.1:9"})
    up = embedded.epochal("up", "--detach", "--workers", "0")
    assert up.returncode == 0, up.stderr
    try:
        assert embedded.epochal("status").returncode == 0
        endpoints = embedded.home.endpoints()
        assert endpoints is not None
        assert endpoints.api in up.stdout
        assert endpoints.token not in up.stdout  # a link that signs in is for a terminal only
        assert all(endpoints.token not in log.read_text() for log in embedded.home.logs.iterdir())
    finally:
        down = embedded.epochal("down")  # which sends SIGTERM
    assert (down.returncode, down.stdout.strip()) == (0, "Stopped.")
    await_value(lambda: not embedded.processes(), 5.0)
    assert embedded.epochal("status").returncode == 3
    assert embedded.epochal("submit", "--dataset", "xor").returncode == 3


def test_clients_that_never_send_their_bodies_stop_no_stack(stack: Embedded) -> None:
    port = urlsplit(stack.endpoints.api).port
    assert port is not None
    await_value(lambda: all(service.state == "running" for service in stack.home.services()), 120.0)
    with attack(port, FIRST_BYTES["half a body"]):
        assert slowest_answer(port, stack.endpoints.token, for_s=2.0) < 3.0 * PATIENCE  # 15 s and more without a limit


def test_the_doctor_finds_nothing_wrong_with_it(stack: Embedded) -> None:
    await_value(lambda: all(one.state == "running" for one in stack.home.services()), 120.0)
    ran = stack.epochal("doctor", "--json")
    found = json.loads(ran.stdout)
    assert [one for one in found if one["health"] == "wrong"] == []
    assert ran.returncode == 0
    parts = {"stack", "API", "token", "MLflow", "record", "schema", "files", "broker", "workers", "devices"}
    assert parts <= {one["part"] for one in found}

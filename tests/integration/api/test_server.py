"""What gunicorn leaves to us: the log, the streams, which hold threads, and the stop."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket

import pytest

from api.stream import FEW, KEPT, STREAMS
from tests.services import takes_at_most

from ...services import eventually
from .conftest import JOBS, NOBODY, XOR
from .test_process import Running, answer_on, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), NOBODY) as made:
        yield made


def get(server: Running, path: str, token: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token or server.token}\r\n\r\n".encode()


def submitted(server: Running) -> str:
    body = json.dumps(XOR).encode()
    answer = server.send(server.head(f"Content-Length: {len(body)}"), body)
    assert answer.status == 201
    return str(json.loads(answer.body)["id"])


@pytest.mark.thorough
def test_a_connection_that_waits_between_requests_is_not_hung_up_on(server: Running) -> None:
    with server.connect() as line:
        for _ in range(3):
            line.sendall(get(server, JOBS))
            assert answer_on(line).status == 200
            time.sleep(0.5)


def test_the_log_names_what_was_refused_and_no_token(server: Running) -> None:
    refused = json.loads(server.send(server.head("Content-Length: 2"), b"{}").body)
    wanted = f"request {refused['request_id']}: POST '/api/v1/jobs': 422"
    eventually(lambda: wanted in server.log.read_text(), within_s=5, what="the log has the request")
    server.send(get(server, f"{JOBS}/x?token={server.token}"))
    submitted(server)
    eventually(lambda: f"'{JOBS}': 201" in server.log.read_text(), within_s=5, what="the log has the submission")
    assert server.token not in server.log.read_text()


@contextmanager
def stream(server: Running, job_id: str, token: str = "") -> Iterator[int]:
    """An open stream; the status it began with."""
    with server.connect() as line:
        line.sendall(get(server, f"{JOBS}/{job_id}/stream", token))
        yield int(first_line(line).split()[1])


def first_line(line: socket) -> bytes:
    text = b""
    while b"\r\n" not in text:
        text += line.recv(4096)
    return text.split(b"\r\n")[0]


@pytest.mark.thorough
def test_streams_leave_threads_for_other_requests_and_free_their_own(server: Running) -> None:
    job_id = submitted(server)
    others = [server.tokens.create(owner=f"root-{number}", scopes=["admin"]) for number in range(KEPT // FEW)]
    shown = [server.token] * (STREAMS - KEPT) + others * FEW
    with ExitStack() as streams:
        assert {streams.enter_context(stream(server, job_id, token)) for token in shown} == {200}
        with stream(server, job_id) as status:
            assert status == 503
        with takes_at_most(2.0):
            assert server.send(get(server, f"{JOBS}/{job_id}")).status == 200
    server.store.request_cancel(job_id, owner=None, actor="test")  # the next event finds no client

    def has_room() -> bool:
        with stream(server, job_id) as status:
            return status == 200

    eventually(has_room, within_s=10, what="a thread is free again")


def test_a_stop_waits_for_no_stream(tmp_path: Path) -> None:
    with running(tmp_path, NOBODY, GUNICORN_CMD_ARGS="--graceful-timeout 60") as server:
        job_id = submitted(server)
        with server.connect() as of_all, server.connect() as of_one:
            for line, path in ((of_all, f"{JOBS}/stream"), (of_one, f"{JOBS}/{job_id}/stream")):
                line.sendall(get(server, path))
                assert line.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
            server.process.terminate()
            for line in (of_all, of_one):
                while line.recv(65_536):
                    pass
        assert server.process.wait(timeout=30) == 0


@pytest.mark.thorough
def test_the_api_loads_nothing_that_trains_and_no_client_of_a_server_that_is_not_there() -> None:
    heavy = ("torch", "mlflow", "sklearn", "numpy", "trainer", "worker", "tracking", "matplotlib", "httpx", "psycopg")
    program = f"import sys, api.app, api.server; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

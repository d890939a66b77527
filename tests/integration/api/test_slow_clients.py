"""Clients that are slow on purpose: beside two hundred of them, a reader with a token does not wait.

One second is promised, and tests/chaos/test_slow_clients.py holds it for a minute without a break. Here other tests
share the processor, and may take it for a second: it is one second more than the reader waits beside them alone, in one
of three looks. Whom slow clients stop waits in each.
"""

import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from api.gunicorn import worker_connections
from api.server import HEAD_S, WAITING
from tests.services import PATIENCE
from tests.slow_clients import FIRST_BYTES, answer_s, attack, slowest_answer

from .conftest import JOBS, NOBODY
from .test_process import Running, answer_on, running
from .test_server import get

AT_ONCE_S = 1.0 * PATIENCE
"""How much longer a reader may wait beside slow clients; without limits for them it waited for 15 s and more."""

LOOKS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The API, which survives what this module does to it."""
    with running(tmp_path_factory.mktemp("server"), NOBODY) as made:
        yield made
        assert made.process.poll() is None
        log = made.log.read_text()
        assert "Traceback" not in log
        assert log.count("Booting worker") == 1


@pytest.fixture(scope="module")
def at_once_s(server: Running) -> float:
    """How long a reader may wait: a second more than now, without slow clients."""
    return AT_ONCE_S + slowest_answer(server.port, server.token, for_s=0.5)


def waits(server: Running, at_once_s: float) -> Iterator[float]:
    """How long a reader waits at most, in up to three looks; none comes after one that was short enough."""
    for _ in range(LOOKS):
        slowest = slowest_answer(server.port, server.token, for_s=1.5)
        yield slowest
        if slowest < at_once_s:
            break


@pytest.mark.thorough
@pytest.mark.parametrize("first", FIRST_BYTES.values(), ids=FIRST_BYTES)
def test_two_hundred_slow_clients_without_a_token(server: Running, at_once_s: float, first: bytes) -> None:
    with attack(server.port, first):
        assert min(waits(server, at_once_s)) < at_once_s


def test_a_crowd_of_strangers_stops_nobody_who_was_let_in(server: Running, at_once_s: float) -> None:
    unknown = get(server, JOBS).replace(server.token.encode(), b"epo_unknown")
    assert unknown != get(server, JOBS)
    with attack(server.port, unknown * 8), attack(server.port, get(server, "/readyz") * 8, count=50):
        assert min(waits(server, at_once_s)) < at_once_s


@pytest.mark.thorough
@pytest.mark.parametrize("length", [100, 1_000_000])
def test_two_hundred_slow_bodies_with_a_token(server: Running, at_once_s: float, length: int) -> None:
    with attack(server.port, server.head(f"Content-Length: {length}") + b"{"):
        assert min(waits(server, at_once_s)) < at_once_s


def test_slow_bodies_beyond_a_number_are_refused_at_once(server: Running) -> None:
    with ExitStack() as lines:
        slow = [lines.enter_context(server.connect()) for _ in range(WAITING + 4)]
        for line in slow:
            line.sendall(server.head("Content-Length: 1000000") + b"{")
        refused: set[socket.socket] = set()
        while len(refused) < 4:
            readable, _, _ = select.select([line for line in slow if line not in refused], [], [], 5.0 * PATIENCE)
            assert readable
            refused.update(readable)
        assert {answer_on(line).status for line in refused} == {503}
        assert select.select([line for line in slow if line not in refused], [], [], 0.5) == ([], [], [])


def test_when_there_are_too_many_connections_the_oldest_are_closed(server: Running) -> None:
    with ExitStack() as lines:
        for _ in range(worker_connections + 100):
            lines.enter_context(server.connect())
        assert min(answer_s(server.port, "/readyz", server.token) for _ in range(LOOKS)) < HEAD_S / 2


def test_a_connection_that_waits_beside_many_new_ones_is_kept(server: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    bearer = {"Authorization": f"Bearer {server.token}"}
    with ExitStack() as lines:
        for _ in range(2):
            connection.request("GET", JOBS, headers=bearer)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            for _ in range(worker_connections + 10):
                lines.enter_context(server.connect())
        connection.close()


def test_requests_that_come_together_are_answered_one_after_the_other(server: Running) -> None:
    with server.connect() as line:
        line.sendall(get(server, "/healthz") + get(server, JOBS) + get(server, "/healthz"))
        received = b""
        while received.count(b'"status":"ok"') < 2:
            received += line.recv(65_536)
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.index(b"jobs") > received.index(b'"status":"ok"')


def test_a_large_answer_comes_whole_however_it_is_read(server: Running) -> None:
    with server.connect() as line:
        line.sendall(get(server, "/docs/swagger-ui-bundle.js"))
        head, _, body = line.recv(1000).partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split()[0])
        while len(body) < length:
            body += line.recv(10_000)
    assert len(body) == length > 1_000_000


def test_a_client_may_ask_before_it_sends_a_body(server: Running) -> None:
    with server.connect() as line:
        line.sendall(server.head("Content-Length: 2", "Expect: 100-continue"))
        assert line.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        line.sendall(b"{}")
        assert answer_on(line).status == 422

"""A client's socket as a thread sees it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from flask import Flask

from api.app import create_app
from api.connection import UNSENT, ClientSocket
from api.errors import BusyError
from spec.settings import Settings
from tests.services import takes_at_most

Pair = tuple[ClientSocket, socket.socket]


@pytest.fixture
def waiting() -> BoundedSemaphore:
    return BoundedSemaphore(1)


@pytest.fixture
def verdicts() -> list[tuple[int, bool]]:
    """What the server's socket said of tokens."""
    return []


@pytest.fixture
def pair(waiting: BoundedSemaphore, verdicts: list[tuple[int, bool]]) -> Iterator[Pair]:
    """The server's socket, and the client's."""
    ours, theirs = socket.socketpair()
    with ClientSocket(ours, waiting, lambda *verdict: verdicts.append(verdict)) as server, theirs as client:
        yield server, client


def test_it_says_what_is_news_of_a_token(pair: Pair, verdicts: list[tuple[int, bool]]) -> None:
    server, _ = pair
    server.judged(True)
    server.shown = 7
    server.judged(False)
    server.judged(True)
    server.known = True
    server.judged(True)
    server.judged(False)
    assert verdicts == [(7, True), (7, False)]


def test_it_reads_only_where_a_view_reads_a_body(pair: Pair) -> None:
    server, client = pair
    client.sendall(b"body")
    assert server.recv(10) == b""
    with server.reading(5.0):
        assert server.recv(10) == b"body"
    assert server.recv(10) == b""


def test_a_body_that_does_not_come_is_waited_for_so_long(pair: Pair, waiting: BoundedSemaphore) -> None:
    server, _ = pair
    with takes_at_most(1.0), server.reading(0.05), pytest.raises(TimeoutError):
        server.recv(10)
    assert waiting.acquire(blocking=False)


def test_bytes_that_trickle_do_not_make_it_longer(pair: Pair) -> None:
    server, client = pair
    client.sendall(b"x" * 100)
    with server.reading(0.0), pytest.raises(TimeoutError):
        server.recv(1)


def test_only_so_many_threads_wait_at_once(pair: Pair, waiting: BoundedSemaphore) -> None:
    server, client = pair
    waiting.acquire()
    with server.reading(5.0):
        with pytest.raises(BusyError):
            server.recv(10)
        client.sendall(b"here")
        assert server.recv(10) == b"here"  # what is there needs no waiting


def test_what_a_client_does_not_read_is_kept_and_sent_later(pair: Pair) -> None:
    server, client = pair
    answer = bytes(range(256)) * (UNSENT // 256)
    server.sendall(answer)
    assert 0 < server.unsent < len(answer)
    received = b""
    while server.unsent:
        received += client.recv(1 << 20)
        server.flush()
    while len(received) < len(answer):
        received += client.recv(1 << 20)
    assert received == answer


def test_a_long_answer_to_a_client_that_does_not_read_is_given_up(pair: Pair, waiting: BoundedSemaphore) -> None:
    server, client = pair
    waiting.acquire()
    with pytest.raises(ConnectionResetError):
        server.sendall(b"x" * 4 * UNSENT)
    assert server.unsent == 0
    while client.recv(1 << 20):
        pass  # what was sent before, then the end


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The API; its record is not asked."""
    return create_app(Settings(home=tmp_path))


def test_no_answer_without_a_token_makes_a_thread_wait(app: Flask) -> None:
    client, found = app.test_client(), 0
    paths = [f"/docs/{name}" for name in ("", "swagger-ui.css", "swagger-ui-bundle.js", "docs.js")]
    for path in ("/", "/openapi.json", *paths):
        answer = client.get(path, headers={"Host": "localhost"})
        assert answer.status_code == 200
        assert len(answer.data) < UNSENT - (1 << 16)
        found += 1
    assert found == 6

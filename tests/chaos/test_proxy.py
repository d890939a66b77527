"""The wire does what the faults say it does."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from .proxy import Proxy


class Echo:
    """A server that says what it hears."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(line,), daemon=True).start()

    def _echo(self, line: socket.socket) -> None:
        with line:
            try:
                while data := line.recv(1000):
                    self.heard += data
                    line.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def wire(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.port)
    yield made
    made.close()


def connect(wire: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=0.5)


def ask(line: socket.socket, word: bytes) -> bytes:
    line.sendall(word)
    return line.recv(1000)


def test_it_is_a_wire(wire: Proxy) -> None:
    with connect(wire) as line:
        assert ask(line, b"one") == b"one"


def test_what_is_delayed_arrives_later(wire: Proxy) -> None:
    wire.delay(0.1)
    with connect(wire) as line:
        began = time.monotonic()
        assert ask(line, b"one") == b"one"
        assert time.monotonic() - began >= 0.2


def test_what_is_stalled_arrives_when_it_is_healed(wire: Proxy) -> None:
    with connect(wire) as line:
        wire.stall()
        with pytest.raises(TimeoutError):
            ask(line, b"one")
        wire.heal()
        assert line.recv(1000) == b"one"


def test_what_is_cut_is_reset_and_refused_until_it_is_healed(wire: Proxy) -> None:
    with connect(wire) as line:
        assert ask(line, b"one") == b"one"
        wire.cut()
        with pytest.raises(ConnectionError):
            ask(line, b"two")
    with pytest.raises(ConnectionError), connect(wire) as line:
        ask(line, b"three")
    wire.heal()
    with connect(wire) as line:
        assert ask(line, b"four") == b"four"


def test_an_answer_that_is_swallowed_leaves_the_line_open(wire: Proxy, echo: Echo) -> None:
    wire.swallow(b"two")
    with connect(wire) as line:
        assert ask(line, b"one") == b"one"
        with pytest.raises(TimeoutError):
            ask(line, b"two")
        assert ask(line, b"two") == b"two"
    assert (wire.lost, echo.heard) == (1, b"onetwotwo")


def test_a_request_whose_answer_is_lost_has_arrived(wire: Proxy, echo: Echo) -> None:
    wire.lose_answer(b"two")
    with connect(wire) as line:
        assert ask(line, b"one") == b"one"
        with pytest.raises(ConnectionError):
            assert ask(line, b"two") != b"", "the line was closed"
    assert (wire.lost, echo.heard) == (1, b"onetwo")

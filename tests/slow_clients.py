"""Clients that are slow on purpose, as an attacker is who has no token, and how long a reader waits beside them."""

import http.client
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

HEAD = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
DOCS = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"

FIRST_BYTES: Mapping[str, bytes] = {
    "nothing": b"",
    "half a head": HEAD,
    "half a body": HEAD + b'Content-Length: 100\r\n\r\n{"dataset"',
    "half a large body": HEAD + b"Content-Length: 1000000\r\n\r\n{",
    "a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n{   \r\n",
    "answers unread": DOCS * 8,
}
"""What each kind of client sends at once. All then send a byte now and then, and read nothing."""


class SlowClients:
    """Connections that send `first`, and then a byte every second; one that is closed is opened again.

    After `lifetime_s` seconds a client hangs up by itself, and comes again.
    """

    def __init__(self, port: int, first: bytes, *, count: int = 200, lifetime_s: float = 3600.0) -> None:
        self._port, self._first, self._count, self._lifetime_s = port, first, count, lifetime_s
        self._lines: dict[socket.socket, float] = {}
        self._poll = select.poll()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.opened = 0

    def start(self) -> None:
        """Begin, and return when every connection was opened once, or after some seconds."""
        self._thread.start()
        patience_ends = time.monotonic() + 5.0
        while self.opened < self._count and time.monotonic() < patience_ends:
            time.sleep(0.01)

    def stop(self) -> None:
        """Hang up."""
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        dripped_at = time.monotonic()
        while not self._stop.is_set():
            now = time.monotonic()
            for line in [line for line, since in self._lines.items() if now - since > self._lifetime_s]:
                self._close(line)
            while len(self._lines) < self._count and self._open():
                pass
            if now - dripped_at > 1.0:
                dripped_at = now
                for line in list(self._lines):
                    self._drip(line)
            for descriptor, _ in self._poll.poll(50):
                for line in [line for line in self._lines if line.fileno() == descriptor]:
                    self._close(line)
        for line in list(self._lines):
            self._close(line)

    def _open(self) -> bool:
        line = socket.socket()
        line.settimeout(1.0)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel reads the answer in our place
        try:
            line.connect(("127.0.0.1", self._port))
            line.sendall(self._first)
        except OSError:
            line.close()
            return False
        self._lines[line] = time.monotonic()
        self._poll.register(line, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        self.opened += 1
        return True

    def _drip(self, line: socket.socket) -> None:
        try:
            line.sendall(b"x")
        except OSError:
            self._close(line)

    def _close(self, line: socket.socket) -> None:
        with suppress(KeyError):
            self._poll.unregister(line)
        self._lines.pop(line, None)
        line.close()


@contextmanager
def attack(port: int, first: bytes, *, count: int = 200, lifetime_s: float = 3600.0) -> Iterator[SlowClients]:
    """Slow clients as long as the context lasts."""
    clients = SlowClients(port, first, count=count, lifetime_s=lifetime_s)
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()


def slowest_answer(port: int, token: str, *, for_s: float, path: str = "/api/v1/jobs", every_s: float = 0.05) -> float:
    """The longest that one of two readers waits for an answer in `for_s` seconds: of /readyz, and of `path`.

    Each request has a connection of its own. Raises `AssertionError` when an answer is not 200.
    """
    slowest, ends = 0.0, time.monotonic() + for_s
    while time.monotonic() < ends:
        for asked in ("/readyz", path):
            slowest = max(slowest, answer_s(port, asked, token))
        time.sleep(every_s)
    return slowest


def answer_s(port: int, path: str, token: str) -> float:
    """Seconds until the answer was read; those until the connection broke, and at least 60, when there was none."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return max(60.0, time.monotonic() - began)
    finally:
        connection.close()
    assert answer.status == 200
    return time.monotonic() - began

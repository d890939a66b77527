"""A client's connection as a thread sees it that answers a request: the thread waits for the client within limits."""

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore

from .errors import BusyError

UNSENT = 2 << 20
"""Most bytes of an answer that are kept until the client reads them; for what is beyond, the thread waits.

Every answer to a client without a token is shorter, so that such a client never makes a thread wait.
"""
SLOWEST = 1 << 18
"""Slowest rate at which a client may send or read, in bytes per second."""
PATIENCE_S = 10.0
"""Seconds that a body or an answer may take, beside those that `SLOWEST` grants."""


class ClientSocket(socket.socket):
    """The socket that gunicorn reads requests from and writes answers to.

    `waiting` limits how many threads wait for their clients at once: for a body, or until an answer has been read.
    `judge` hears of a token or a session whether it was let in, when that is news.
    """

    def __init__(self, accepted: socket.socket, waiting: BoundedSemaphore, judge: Callable[[int, bool], None]) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.unsent = 0  # bytes
        self._pieces: deque[memoryview] = deque()
        self.shown: int | None = None
        """What stands for the token or the session of the request that is answered; None: it shows none."""
        self.known = False
        """Whether that was let in lately."""
        self._waiting, self._judge = waiting, judge
        self._until: float | None = None

    def judged(self, let_in: bool) -> None:
        """Say whether what the request showed was let in."""
        if self.shown is not None and let_in != self.known:
            self._judge(self.shown, let_in)

    def arrived(self) -> bytes:
        """What has arrived; empty when the client has hung up. Raises `BlockingIOError` when nothing has."""
        return super().recv(1 << 16, socket.MSG_DONTWAIT)

    @contextlib.contextmanager
    def reading(self, within_s: float) -> Iterator[None]:
        """Let `recv` wait for the client in this context, `within_s` seconds altogether."""
        self._until = time.monotonic() + within_s
        try:
            yield
        finally:
            self._until = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        """The next bytes of a body; empty outside of `reading`: a request's head has arrived before its thread begins.

        Raises `TimeoutError`, and `BusyError` when too many threads wait already.
        """
        if self._until is None:
            return b""
        while time.monotonic() < self._until:
            with contextlib.suppress(BlockingIOError):
                return super().recv(size, flags | socket.MSG_DONTWAIT)
            self._wait(select.POLLIN, self._until)
        raise TimeoutError

    def sendall(self, content: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """Send, or keep up to `UNSENT` bytes for the main thread to send. Raises `ConnectionResetError`."""
        self._pieces.append(memoryview(content))  # no copy: the page's files are the same bytes for all their readers
        self.unsent += len(content)
        self.flush()
        until = time.monotonic() + PATIENCE_S + self.unsent / SLOWEST
        while self.unsent > UNSENT:
            try:
                self._wait(select.POLLOUT, until)
            except (TimeoutError, BusyError) as error:
                self._pieces.clear()
                self.unsent = 0
                self.shutdown(socket.SHUT_RDWR)
                raise ConnectionResetError("The client reads too slowly.") from error
            self.flush()

    def flush(self) -> None:
        """Send as much of what is unsent as the kernel takes now."""
        with contextlib.suppress(BlockingIOError):
            while self._pieces:
                sent = self.send(self._pieces[0], socket.MSG_DONTWAIT)
                self.unsent -= sent
                rest = self._pieces.popleft()[sent:]
                if rest:
                    self._pieces.appendleft(rest)

    def _wait(self, event: int, until: float) -> None:
        if not self._waiting.acquire(blocking=False):
            raise BusyError("Too many requests are slow at once: try again.")
        try:
            poll = select.poll()
            poll.register(self, event)
            if not poll.poll(max(0.0, 1000.0 * (until - time.monotonic()))):
                raise TimeoutError
        finally:
            self._waiting.release()

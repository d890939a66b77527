"""gunicorn's threaded worker, in which no client holds a thread by being slow.

The main thread waits for all clients at once. It collects a request's head, and its body if that is small; then a
thread answers. The main thread sends what the client does not read at once of the answer. It also holds connections
that are kept open, and those that are to be closed: a client that is still sending must stop first, or the answer may
be lost.

It holds each connection for a limited time, and a limited number of them: beyond it, the oldest is closed.

Requests of strangers, who show no token or session that was let in lately, are answered by few threads: a crowd of them
takes little of the processor from those who are known.
"""

import contextlib
import errno
import re
import socket
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from logging import ERROR, WARNING
from selectors import EVENT_READ, EVENT_WRITE
from threading import BoundedSemaphore
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import TConn, ThreadWorker

from .connection import PATIENCE_S, SLOWEST, UNSENT, ClientSocket
from .unreadable import answer_to

HEAD_S = 5.0
"""Seconds that the head of a request may take to arrive, or the next request of a connection to begin."""
BODY_S = 1.0
"""Seconds that the main thread waits for a small body; after them, a thread does."""
CLOSING_S = 2.0
"""Seconds that a client has to stop sending after the last answer."""

HEAD_BYTES = 1 << 16
BODY_BYTES = 1 << 15
"""Most bytes of a head, and of a body that the main thread waits for."""
ALL_UNSENT = 256 * UNSENT
"""Most bytes of answers that the main thread holds; those of the page's files are one copy in memory."""

WAITING = 16
"""Most threads that wait for their clients."""
PARTIAL = WAITING + 4
"""Most threads that answer requests whose body has not arrived: those that wait, and four that refuse, or are quick."""
STRANGERS = 4
"""Most threads that answer strangers."""
STRANGE_S = 0.25
"""Seconds after which a thread is no longer counted among those: it waits for the record, and computes nothing."""
KNOWN = 4096
"""Most tokens and sessions that are remembered as let in."""
ACCEPTED = 64
"""Most connections that are accepted before others are attended to."""
SWEEP_S = 0.1
"""Seconds between two looks for connections whose time is up."""
SWITCH_S = 0.0005
"""How long a thread computes before the main thread has its turn, which it needs after every call of the system."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,6})[ \t]*\r\n", re.IGNORECASE)
_SHOWN = re.compile(rb"\r\n(?:authorization|cookie):([^\r\n]*)", re.IGNORECASE)
_STREAMED = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)


class Connection(TConn):  # type: ignore[misc]
    """A connection, what has arrived of its next request, and what the main thread waits for."""

    sock: ClientSocket

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.request = bytearray()
        self.whole = False
        self.kept = False
        self.lane: Lane | None = None
        self.until = 0.0
        self.then: Callable[[Connection], None]
        """What happens when its time is up."""

    @property
    def idle(self) -> bool:
        """Whether no request and no answer is under way."""
        return not (self.request or self.sock.unsent)

    def shown(self) -> int | None:
        """What stands for the token or the session that the request shows."""
        head = bytes(self.request[: self.request.find(b"\r\n\r\n")])
        found = _SHOWN.findall(head)
        return hash(tuple(found)) if found else None

    def missing(self) -> int | None:
        """Bytes of a small body that have not arrived; 0: a thread may begin. None: the head has not arrived."""
        end = self.request.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.request[: end + 2])
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        missing = max(0, end + 4 + length - len(self.request))
        self.whole = not missing and not _STREAMED.search(head)
        return 0 if length > BODY_BYTES or _STREAMED.search(head) else missing


class Lane:
    """Requests of a kind, of which only so many are answered at once; others wait, those first that came first."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._answered: dict[Connection, float] = {}
        self.waiting: deque[Connection] = deque()

    @property
    def is_full(self) -> bool:
        """Whether the next request waits."""
        return len(self._answered) >= self._places

    def enter(self, conn: Connection) -> None:
        """Count a request that is answered."""
        self._answered[conn] = time.monotonic()
        conn.lane = self

    def leave(self, conn: Connection) -> None:
        """Count it no longer."""
        del self._answered[conn]
        conn.lane = None

    def since(self, before: float) -> list[Connection]:
        """Those that have been answered since before this time."""
        return [conn for conn, since in self._answered.items() if since < before]


class Worker(ThreadWorker):  # type: ignore[misc]
    """Waits for clients in the main thread, and answers whole requests in the others."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._held: dict[Connection, None] = {}  # in the main thread's hands, those first that have been there longest
        self._partial, self._strangers = Lane(PARTIAL), Lane(STRANGERS)
        self._known: OrderedDict[int, None] = OrderedDict()  # those that were let in last at the end
        self._waiting = BoundedSemaphore(WAITING)
        self._next_sweep = 0.0

    def run(self) -> None:
        """Wait for clients until the worker is asked to stop."""
        sys.setswitchinterval(SWITCH_S)
        super().run()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop, and let the streams stop: they would hold their threads, and this process, for ever."""
        super().handle_exit(sig, frame)
        self.method_queue.defer(self._end_streams)

    def _end_streams(self) -> None:
        from .app import end_streams  # the process that starts the workers needs no application

        end_streams(self.wsgi)

    def accept(self, listener: Any) -> None:
        """Accept the connections that wait; when there are too many, those that have been held longest are closed."""
        for _ in range(ACCEPTED):
            if self.nr_conns >= self.worker_connections - 1:
                self._close_oldest()
            try:
                accepted, address = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._close_oldest()
                return
            self.nr_conns += 1
            sock = ClientSocket(accepted, self._waiting, partial(self.method_queue.defer, self._judge))
            conn = Connection(self.cfg, sock, address, listener.getsockname())
            self._hold(conn, HEAD_S, EVENT_READ, self._receive)
            self._step(self._receive, conn, sock)

    def murder_keepalived(self) -> None:
        """Attend to connections whose time is up; gunicorn calls this after all events of a moment."""
        now = time.monotonic()
        if now < self._next_sweep and self.alive:
            return
        self._next_sweep = now + SWEEP_S
        for conn in self._strangers.since(now - STRANGE_S):
            self._leave(self._strangers, conn)
        for conn in list(self._held):
            if conn.until <= now:
                conn.then(conn)
            elif not self.alive and conn.idle:
                self._close(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request, in a thread; the connection is not used again when a part of the body was still to come."""
        if not conn.whole:
            req.force_close()
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that cannot be read, or at which something failed outside of the application."""
        problem, answer = answer_to(exc)
        is_fault = problem.status == HTTPStatus.INTERNAL_SERVER_ERROR
        self.log.log(ERROR if is_fault else WARNING, "request %s: %s", problem.request_id, exc, exc_info=is_fault)
        with contextlib.suppress(OSError):  # the client hung up
            client.sendall(answer)

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Take back a connection from a thread."""
        if conn.lane is not None:
            self._leave(conn.lane, conn)
        if conn.sock.fileno() < 0:  # gunicorn has closed it, after an error in the middle of an answer
            self.nr_conns -= 1
            return
        conn.kept = self.alive and not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if not conn.sock.unsent:
            self._after_answer(conn)
            return
        within_s = PATIENCE_S + conn.sock.unsent / SLOWEST
        self._hold(conn, within_s, EVENT_WRITE, self._send)
        while sum(held.sock.unsent for held in self._held) > ALL_UNSENT:
            self._close(next(held for held in self._held if held.sock.unsent))

    # --- holding connections -------------------------------------------------------------------------------------

    def _hold(self, conn: Connection, within_s: float, event: int, step: Callable[[Connection], None]) -> None:
        """Call `step` when a connection is ready for `event`, and close it if that does not help within `within_s`."""
        conn.until, conn.then = time.monotonic() + within_s, self._close
        self._held[conn] = None
        self.poller.register(conn.sock, event, partial(self._step, step, conn))

    def _step(self, step: Callable[[Connection], None], conn: Connection, _sock: Any) -> None:
        if conn not in self._held:  # closed a moment ago, to make place
            return
        try:
            step(conn)
        except BlockingIOError:
            return
        except OSError:  # the client hung up
            if conn in self._held:
                self._close(conn)

    def _release(self, conn: Connection) -> None:
        del self._held[conn]
        self.poller.unregister(conn.sock)

    def _close(self, conn: Connection) -> None:
        self._release(conn)
        self.nr_conns -= 1
        conn.close()

    def _close_oldest(self) -> None:
        """Close the connection that was held longest, one that has sent no whole request first."""
        oldest = min(self._held, key=lambda conn: conn.parser is not None, default=None)
        if oldest is not None:
            self._close(oldest)
        elif waiting := self._strangers.waiting or self._partial.waiting:
            self.nr_conns -= 1
            waiting.popleft().close()

    # --- what is waited for --------------------------------------------------------------------------------------

    def _receive(self, conn: Connection) -> None:
        """Read what has arrived of a request."""
        arrived = conn.sock.arrived()
        if not conn.request:
            conn.until = time.monotonic() + HEAD_S
        conn.request += arrived
        missing = conn.missing()
        if missing == 0 or (not arrived and conn.request):  # the parser says what is wrong with half a request
            self._answer(conn)
        elif not arrived:
            self._close(conn)
        elif missing is not None and conn.then != self._answer:
            conn.until, conn.then = time.monotonic() + BODY_S, self._answer
        elif missing is None and len(conn.request) > HEAD_BYTES:
            self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders("too large a head"))
            self._release(conn)
            self._close_gently(conn)

    def _answer(self, conn: Connection) -> None:
        """Let a thread answer the request that has arrived."""
        self._release(conn)
        self._enqueue(conn)

    def _enqueue(self, conn: Connection) -> None:
        conn.parser = conn.parser or get_parser(self.cfg, conn.sock, conn.client)
        conn.sock.shown = conn.shown()
        conn.parser.unreader.unread(bytes(conn.request))
        conn.request.clear()
        conn.data_ready = True
        self._begin(conn)

    def _begin(self, conn: Connection) -> None:
        """Give the request to a thread, or let it wait for its turn."""
        conn.sock.known = conn.sock.shown in self._known
        lane = self._strangers if not conn.sock.known else self._partial if not conn.whole else None
        if lane is not None and lane.is_full:
            lane.waiting.append(conn)
            return
        if lane is not None:
            lane.enter(conn)
        self.enqueue_req(conn)

    def _leave(self, lane: Lane, conn: Connection) -> None:
        """Let the next of a lane begin instead of this request."""
        lane.leave(conn)
        while lane.waiting and not lane.is_full:
            self._begin(lane.waiting.popleft())

    def _judge(self, shown: int, let_in: bool) -> None:
        """Remember a token or a session that was let in, and forget one that was refused."""
        self._known.pop(shown, None)
        if let_in:
            self._known[shown] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def _send(self, conn: Connection) -> None:
        """Send more of an answer."""
        conn.sock.flush()
        if not conn.sock.unsent:
            self._release(conn)
            self._after_answer(conn)

    def _after_answer(self, conn: Connection) -> None:
        if not conn.kept:
            self._close_gently(conn)
            return
        conn.request += conn.parser.unreader.take_buffered()
        if conn.missing() == 0:  # the client did not wait for the answer
            self._enqueue(conn)
        else:
            self._hold(conn, self.cfg.keepalive, EVENT_READ, self._receive)

    def _close_gently(self, conn: Connection) -> None:
        """Close a connection once the client has stopped sending (RFC 9112, section 9.6)."""
        with contextlib.suppress(OSError):  # the client hung up
            conn.sock.shutdown(socket.SHUT_WR)
        conn.request.clear()
        self._hold(conn, CLOSING_S, EVENT_READ, self._discard)

    def _discard(self, conn: Connection) -> None:
        if not conn.sock.arrived():
            self._close(conn)

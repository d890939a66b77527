"""gunicorn's threaded worker, with a timeout for the heads of requests."""

import contextlib
import socket
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

HEAD_S = 5.0
"""Seconds that the head of a request may take to arrive."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """Closes connections whose request head does not arrive: without a timeout, each would hold a thread for ever."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._heads: dict[Any, float] = {}

    def handle(self, conn: Any) -> Any:
        """Read a request and answer it, in one of the threads."""
        self._heads[conn] = time.monotonic() + HEAD_S
        try:
            return super().handle(conn)
        finally:
            self._heads.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has arrived."""
        self._heads.pop(conn, None)
        return super().handle_request(req, conn)

    def murder_keepalived(self) -> None:
        """Close connections that have waited too long; gunicorn's main thread calls this every second."""
        super().murder_keepalived()
        now = time.monotonic()
        for conn, until in list(self._heads.items()):
            if until < now:
                with contextlib.suppress(OSError):  # the client hung up before
                    conn.sock.shutdown(socket.SHUT_RDWR)

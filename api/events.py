"""A job's news as it happens: server-sent events (the WHATWG's HTML standard, section 9.2)."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from spec.states import FINISHED
from store.errors import StoreUnavailableError
from store.jobs import JobStore

from .answers import PREFIX, event_view
from .auth import principal
from .errors import BusyError
from .openapi import documented

STREAMS = 40
"""Most streams a process serves: each holds one of its threads."""

POLL_S = 0.5
HEARTBEAT_S = 15.0


class News:
    """What happened to a job since the client's last event: its states, its epochs, its end.

    An event's id is `<events seen>.<epochs seen>`; a client that comes back with it goes on where it was.
    """

    def __init__(
        self, store: JobStore, job_id: str, last: str, sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._store, self._job_id = store, job_id
        self._sleep, self._clock = sleep, clock
        seq, _, epoch = last.partition(".")
        self._seq = int(seq) if seq.isdecimal() and len(seq) < 10 else 0
        self._epoch = int(epoch) if epoch.isdecimal() and len(epoch) < 10 else 0

    def __iter__(self) -> Iterator[str]:
        """Events as text, until the job has ended; a comment every 15 s, so that nobody hangs up."""
        yield "retry: 1000\n\n"
        spoke = self._clock()
        while True:
            try:
                job = self._store.get(self._job_id, owner=None)  # before its events and its curve: none is missed
                for text in self._fresh():
                    spoke = self._clock()
                    yield text
            except StoreUnavailableError:
                yield ": the record does not answer, this stream goes on when it does\n\n"
                self._sleep(5 * POLL_S)
                continue
            if job.status in FINISHED:
                reason = job.stop_reason or job.failure_reason
                yield self._event("end", {"status": job.status, "reason": reason})
                return
            if self._clock() - spoke >= HEARTBEAT_S:
                spoke = self._clock()
                yield ": still here\n\n"
            self._sleep(POLL_S)

    def _fresh(self) -> Iterator[str]:
        for event in self._store.events(self._job_id, after_seq=self._seq):
            self._seq = event.seq
            yield self._event("state", event_view(event).model_dump(mode="json"))
        curve = self._store.curve(self._job_id, after_epoch=self._epoch)
        for position, epoch in enumerate(curve["epoch"]):
            self._epoch = int(epoch or 0)
            yield self._event("epoch", {name: column[position] for name, column in curve.items()})

    def _event(self, name: str, data: dict[str, Any]) -> str:
        return f"id: {self._seq}.{self._epoch}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def blueprint(store: JobStore, streams: int = STREAMS) -> Blueprint:
    """The route of the streams."""
    events = Blueprint("events", __name__, url_prefix=f"{PREFIX}/jobs")
    seats = threading.BoundedSemaphore(streams)

    @events.get("/<uuid:job_id>/stream")
    @documented("Follow a job's states and epochs as server-sent events", answer=str)
    def stream(job_id: UUID) -> Response:
        job = store.get(str(job_id), owner=principal().sees)
        if not seats.acquire(blocking=False):
            raise BusyError("Too many streams are open: try again, or ask for the curve from time to time.")
        news = iter(News(store, job.id, request.headers.get("Last-Event-ID", ""), time.sleep, time.monotonic))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        answer = Response(news, headers=headers, content_type="text/event-stream")
        answer.call_on_close(seats.release)
        return answer

    return events

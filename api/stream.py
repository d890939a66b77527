"""A job's live stream: server-sent events (the WHATWG's HTML standard, section 9.2)."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from spec.states import FINISHED
from spec.views import Curve
from store.errors import StoreUnavailableError
from store.jobs import JobStore
from store.live import LivePictures, Watch
from store.records import EventRecord, JobRecord

from .answers import PREFIX, event_view
from .errors import BusyError
from .openapi import documented
from .parsing import visible_job
from .services import service

STREAMS = 240
"""Most streams that a process serves at once."""

POLL_S = 0.5
SHARED_S = 0.25
"""So long what was read of a job serves other streams that are at the same place."""
HEARTBEAT_S = 15.0


@dataclass(frozen=True)
class Tail:
    """What is new of a job after a place in its history and its curve."""

    job: JobRecord
    events: Sequence[EventRecord]
    curve: Curve


class SharedReads:
    """Reads the record for streams: two hundred readers of one job cost as much as one."""

    def __init__(self, store: JobStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._reads: dict[tuple[str, int, int], tuple[float, Future[Tail]]] = {}

    def after(self, job_id: str, seq: int, epoch: int) -> Tail:
        """What is new. Raises `StoreUnavailableError`, and `JobNotFoundError`."""
        place, now = (job_id, seq, epoch), self._clock()
        with self._lock:
            self._reads = {one: read for one, read in self._reads.items() if now - read[0] < SHARED_S}
            known = self._reads.get(place)
            _, read = self._reads[place] = known or (now, Future())
        if known is None:
            try:
                read.set_result(self._read(*place))
            except Exception as error:  # whatever it is, those that wait for this read learn of it
                read.set_exception(error)
        return read.result()

    def _read(self, job_id: str, seq: int, epoch: int) -> Tail:
        job = self._store.get(job_id, owner=None)  # before its events and its curve: none is missed
        events = self._store.events(job_id, after_seq=seq)
        return Tail(job, events, self._store.curve(job_id, after_epoch=epoch))


class JobStream:
    """The events of a job since the client's last one: its states, its epochs, its end.

    An event's id is `<events seen>.<epochs seen>`; a client that reconnects with it goes on where it was.
    """

    def __init__(
        self,
        reads: SharedReads,
        job_id: str,
        last: str,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        pictures: Watch | None = None,
    ) -> None:
        self._reads, self._job_id, self._pictures = reads, job_id, pictures
        self._sleep, self._clock = sleep, clock
        seq, _, epoch = last.partition(".")
        self._seq = int(seq) if seq.isdecimal() and len(seq) < 10 else 0
        self._epoch = int(epoch) if epoch.isdecimal() and len(epoch) < 10 else 0

    def __iter__(self) -> Iterator[str]:
        """Events as text, until the job has ended; a comment every 15 s keeps the connection open."""
        yield "retry: 1000\n\n"
        sent_at = self._clock()
        while True:
            try:
                tail = self._reads.after(self._job_id, self._seq, self._epoch)
                for text in self._new_events(tail):
                    sent_at = self._clock()
                    yield text
            except StoreUnavailableError:
                yield ": the database does not answer; this stream goes on when it does\n\n"
                self._sleep(5 * POLL_S)
                continue
            job = tail.job
            if job.status in FINISHED:
                for text in self._shown(0.0):
                    yield text
                reason = job.stop_reason or job.failure_reason
                yield self._event("end", {"status": job.status, "reason": reason})
                return
            if self._clock() - sent_at >= HEARTBEAT_S:
                sent_at = self._clock()
                yield ": heartbeat\n\n"
            for text in self._shown(POLL_S):
                sent_at = self._clock()
                yield text

    def _shown(self, within_s: float) -> Iterator[str]:
        """Pictures that are shown until the record is asked again."""
        until = self._clock() + within_s
        while self._pictures is not None and self._pictures.waits:
            text = self._pictures.next(max(0.0, until - self._clock()))
            if text is None:
                break
            yield f"id: {self._seq}.{self._epoch}\nevent: boundary\ndata: {text}\n\n"
            if within_s and self._clock() >= until:
                return
        if (left := until - self._clock()) > 0.0:
            self._sleep(left)

    def _new_events(self, tail: Tail) -> Iterator[str]:
        for event in tail.events:
            self._seq = event.seq
            yield self._event("state", event_view(event).model_dump(mode="json"))
        curve = tail.curve
        for position, epoch in enumerate(curve["epoch"]):
            self._epoch = int(epoch or 0)
            yield self._event("epoch", {name: column[position] for name, column in curve.items()})

    def _event(self, name: str, data: dict[str, Any]) -> str:
        return f"id: {self._seq}.{self._epoch}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


class OpenStreams:
    """The streams that this process serves now, up to a limit: each holds one of its threads."""

    def __init__(self, most: int = STREAMS) -> None:
        self._free = threading.BoundedSemaphore(most)

    def enter(self) -> None:
        """Take a place. Raises `BusyError` when all are taken."""
        if not self._free.acquire(blocking=False):
            raise BusyError("Too many streams are open: try again, or poll the curve.")

    def leave(self) -> None:
        """Give the place back."""
        self._free.release()


stream = Blueprint("stream", __name__, url_prefix=f"{PREFIX}/jobs")


@stream.get("/<uuid:job_id>/stream")
@documented("Follow a job's states and epochs as server-sent events", answer=str)
def follow(job_id: UUID) -> Response:
    """A job's events until its end; the client's Last-Event-ID says where to go on."""
    job, last, streams = visible_job(job_id), request.headers.get("Last-Event-ID", ""), service(OpenStreams)
    streams.enter()
    watch = service(LivePictures).watch(job.id) if job.spec.live_boundary is not None else None
    events = iter(JobStream(service(SharedReads), job.id, last, time.sleep, time.monotonic, watch))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    answer = Response(events, headers=headers, content_type="text/event-stream")
    answer.call_on_close(streams.leave)
    if watch is not None:
        answer.call_on_close(watch.close)
    return answer

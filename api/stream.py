"""A job's live stream: server-sent events (the WHATWG's HTML standard, section 9.2)."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, request

from spec.states import FINISHED
from spec.views import Curve
from store.errors import StoreUnavailableError
from store.jobs import JobStore
from store.live import LivePictures, Watch
from store.records import EventRecord, JobRecord

from .answers import PREFIX, event_view
from .auth import principal, still_let_in
from .errors import BusyError
from .openapi import documented
from .parsing import visible_job
from .services import service
from .shared import Shared

STREAMS = 240
"""Most streams that a process serves at once."""
KEPT = 40
"""The last places are for owners who have fewer than `FEW` streams: nobody takes all of them."""
FEW = 8

POLL_S = 0.5
CROWD = 100
"""With so many more streams open, each asks half as often: what costs is to wake a stream, not to read for it."""
SHARED_S = 0.25
"""So long what was read of a job serves other streams that are at the same place."""
HEARTBEAT_S = 15.0
READER_S = 5.0
"""So long a stream may go on after its reader was signed out, or has other rights."""

BEGIN = "retry: 1000\n\n"
"""What every stream sends first: a browser comes back a second after it was cut off."""
HEARTBEAT = ": heartbeat\n\n"
AWAY = ": the database does not answer; this stream goes on when it does\n\n"


@dataclass(frozen=True)
class Tail:
    """What is new of a job after a place in its history and its curve, as it is sent to all that are there."""

    job: JobRecord
    seq: int
    epoch: int
    """The place after it."""
    text: str
    """Its events; empty when nothing is new."""

    @classmethod
    def of(cls, job: JobRecord, place: tuple[int, int], events: Sequence[EventRecord], curve: Curve) -> "Tail":
        """What has come after a place."""
        (seq, epoch), texts = place, list[str]()
        for one in events:
            seq = one.seq
            texts.append(event_text((seq, epoch), "state", event_view(one).model_dump_json()))
        for position, number in enumerate(curve["epoch"]):
            epoch = int(number or 0)
            row = {name: column[position] for name, column in curve.items()}
            texts.append(event_text((seq, epoch), "epoch", json.dumps(row)))
        return cls(job, seq, epoch, "".join(texts))


def event_text(place: tuple[int, int], name: str, data: str) -> str:
    """An event whose id is the place after it."""
    return f"id: {place[0]}.{place[1]}\nevent: {name}\ndata: {data}\n\n"


class SharedReads:
    """What is new of jobs, for all streams that are at the same place."""

    def __init__(self, store: JobStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._tails = store, Shared(self._read, SHARED_S, clock)

    def after(self, job_id: str, seq: int, epoch: int) -> Tail:
        """What is new. Raises `StoreUnavailableError`, and `JobNotFoundError`."""
        return self._tails((job_id, seq, epoch))

    def _read(self, place: tuple[str, int, int]) -> Tail:
        job_id, seq, epoch = place
        job = self._store.get(job_id, owner=None)  # before its events and its curve: none is missed
        events = self._store.events(job_id, after_seq=seq)
        return Tail.of(job, (seq, epoch), events, self._store.curve(job_id, after_epoch=epoch))


class StreamsEndError(Exception):
    """This stream ends; its reader may ask for it again: of the next process, or with what it may read now."""


class ReaderCheck:
    """Ends a stream soon after its reader would not be let in any more, or with other rights."""

    def __init__(self, let_in: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._let_in, self._clock = let_in, clock
        self._asked_at = clock()

    def __call__(self) -> None:
        """Raises `StreamsEndError`."""
        if self._clock() - self._asked_at >= READER_S:
            self._asked_at = self._clock()
            if not self._let_in():
                raise StreamsEndError


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
        watch: Callable[[], Watch | None] = lambda: None,
        pause: Callable[[], float] = lambda: POLL_S,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._reads, self._job_id, self._watch, self._pause = reads, job_id, watch, pause
        self._sleep, self._clock, self._check = sleep, clock, check
        seq, _, epoch = last.partition(".")
        self._seq = int(seq) if seq.isdecimal() and len(seq) < 10 else 0
        self._epoch = int(epoch) if epoch.isdecimal() and len(epoch) < 10 else 0
        self._pictures: Watch | None = None

    def __iter__(self) -> Iterator[str]:
        """Events as text, until the job has ended; a comment every 15 s keeps the connection open."""
        self._pictures = self._watch()
        try:
            yield from self._events()
        finally:
            if self._pictures is not None:
                self._pictures.close()

    def _events(self) -> Iterator[str]:
        yield BEGIN
        sent_at = self._clock()
        while True:
            self._check()
            try:
                tail = self._reads.after(self._job_id, self._seq, self._epoch)
                if tail.text:
                    self._seq, self._epoch, sent_at = tail.seq, tail.epoch, self._clock()
                    yield tail.text
            except StoreUnavailableError:
                yield AWAY
                self._sleep(5 * POLL_S)
                continue
            job = tail.job
            if job.status in FINISHED:
                for text in self._shown(0.0):
                    yield text
                reason = job.stop_reason or job.failure_reason
                yield self._event("end", json.dumps({"status": job.status, "reason": reason}))
                return
            if self._clock() - sent_at >= HEARTBEAT_S:
                sent_at = self._clock()
                yield HEARTBEAT
            for text in self._shown(self._pause()):
                sent_at = self._clock()
                yield text

    def _shown(self, within_s: float) -> Iterator[str]:
        """Pictures that are shown until the record is asked again."""
        until = self._clock() + within_s
        while self._pictures is not None and self._pictures.waits:
            text = self._pictures.next(max(0.0, until - self._clock()))
            if text is None:
                break
            yield self._event("boundary", text)
            if within_s and self._clock() >= until:
                return
        if (left := until - self._clock()) > 0.0:
            self._sleep(left)

    def _event(self, name: str, data: str) -> str:
        return event_text((self._seq, self._epoch), name, data)


class OpenStreams:
    """The streams that this process serves now, by owner, up to a limit: each holds one of its threads."""

    def __init__(self, most: int = STREAMS) -> None:
        self._most, self._open, self._lock = most, Counter[str](), threading.Lock()
        self._ending = threading.Event()

    def enter(self, owner: str) -> None:
        """Take a place. Raises `BusyError` when none is left for this owner."""
        with self._lock:
            left, own = self._most - self._open.total(), self._open[owner]
            if left <= 0:
                raise BusyError("Too many streams are open: try again, or poll the curve.")
            if left <= KEPT and own >= FEW:
                raise BusyError(
                    f"Too many streams are open, and {own} of them are yours: close some, or poll the curve."
                )
            self._open[owner] += 1

    def leave(self, owner: str) -> None:
        """Give the place back."""
        with self._lock:
            self._open[owner] -= 1
            self._open += Counter()  # without those who have none

    def answer(self, owner: str, events: Iterable[str]) -> Response:
        """An answer with these events, which has a place until it is closed. Raises `BusyError` as `enter` does."""
        self.enter(owner)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        answer = Response(self._until_end(events), headers=headers, content_type="text/event-stream")
        answer.call_on_close(partial(self.leave, owner))
        return answer

    def _until_end(self, events: Iterable[str]) -> Iterator[str]:
        with suppress(StreamsEndError):
            yield from events

    def sleep(self, seconds: float) -> None:
        """Wait between two questions. Raises `StreamsEndError`."""
        if self._ending.wait(seconds):
            raise StreamsEndError

    def end(self) -> None:
        """End the streams: whoever stops this process would wait for them."""
        self._ending.set()

    def pause(self) -> float:
        """The seconds between two questions of a stream."""
        with self._lock:
            return POLL_S * (1 + self._open.total() / CROWD)


stream = Blueprint("stream", __name__, url_prefix=f"{PREFIX}/jobs")


@stream.get("/<uuid:job_id>/stream")
@documented("Follow a job's states and epochs as server-sent events", answer=str)
def follow(job_id: UUID) -> Response:
    """A job's events until its end; the client's Last-Event-ID says where to go on."""
    job, last, streams = visible_job(job_id), request.headers.get("Last-Event-ID", ""), service(OpenStreams)
    watch = partial(service(LivePictures).watch, job.id) if job.spec.live_boundary is not None else lambda: None
    check = ReaderCheck(still_let_in())
    events = JobStream(service(SharedReads), job.id, last, streams.sleep, time.monotonic, watch, streams.pause, check)
    return streams.answer(principal().owner, events)

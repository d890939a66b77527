"""The news of all jobs and sweeps: one thread asks the record, once a second, for all readers of this process."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request

from store.access import Asker, sees
from store.changes import Changes, ChangeStore, Seen, moment, stamp
from store.errors import StoreUnavailableError

from .answers import PREFIX, job_news
from .auth import principal, still_let_in
from .openapi import documented
from .parsing import parse_query
from .queries import FeedQuery
from .services import service
from .stream import AWAY, BEGIN, HEARTBEAT, HEARTBEAT_S, OpenStreams, ReaderCheck
from .sweep_services import SweepServices

log = logging.getLogger(__name__)

POLL_S = 1.0
KEPT = 60
"""Batches that are kept for readers that are slow; one that is slower loads its list again."""


@dataclass(frozen=True)
class Item:
    """A job or a sweep that has changed, as an event."""

    kind: str
    id: str
    owner: str
    project_id: str | None
    text: str


@dataclass(frozen=True)
class Batch:
    """What a poll has found."""

    number: int
    id: str
    """What a reader comes back with, to hear what came after it."""
    items: Sequence[Item] = ()
    reload: bool = False
    """Too much has changed to say it."""


@dataclass(frozen=True)
class Reader:
    """Who reads, and what."""

    asker: Asker
    """For whom it reads."""
    ids: frozenset[str] | None = None
    """Only these jobs, and no sweeps; None: all."""

    def texts(self, batch: Batch) -> Iterator[str]:
        """The events of a batch that are for this reader."""
        if batch.reload:
            yield f"id: {batch.id}\nevent: reload\ndata: {{}}\n\n"
        for item in batch.items:
            if sees(self.asker, item.owner, item.project_id) and (self.ids is None or item.id in self.ids):
                yield f"id: {batch.id}\nevent: {item.kind}\ndata: {item.text}\n\n"


class Feed:
    """Asks the record while there are readers, and keeps what it found for each of them."""

    def __init__(self, changes: ChangeStore, sweeps: SweepServices, *, poll_s: float = POLL_S) -> None:
        self._changes, self._sweeps, self._poll_s = changes, sweeps, poll_s
        self._news = threading.Condition()
        self._batches: deque[Batch] = deque(maxlen=KEPT)
        self._number = 0
        self._readers = 0
        self._polls = False
        self._ends = False
        self._last_sweeps: dict[str, str] = {}

    def end(self) -> None:
        """End what readers follow: this process stops."""
        with self._news:
            self._ends = True
            self._news.notify_all()

    def follow(
        self,
        reader: Reader,
        last: str,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Generator[str]:
        """The events for a reader as text, until this process stops, or `check` raises; `last` is its Last-Event-ID."""
        with self._news:
            self._readers += 1
            number = self._number
            if not self._polls:
                self._polls = True
                threading.Thread(target=self._run, name="feed", daemon=True).start()
        try:
            yield BEGIN
            yield from self._missed(reader, last)
            sent_at = clock()
            while not self._ends:
                check()
                batches = self._after(number)
                if batches and batches[0].number > number + 1:
                    yield f"id: {batches[-1].id}\nevent: reload\ndata: {{}}\n\n"
                    batches = []
                    number = self._number
                for batch in batches:
                    number = batch.number
                    for text in reader.texts(batch):
                        sent_at = clock()
                        yield text
                if clock() - sent_at >= HEARTBEAT_S:
                    sent_at = clock()
                    yield f"id: {batches[-1].id}\n{HEARTBEAT}" if batches else HEARTBEAT
        finally:
            with self._news:
                self._readers -= 1

    def _missed(self, reader: Reader, last: str) -> Iterator[str]:
        """What a reader has missed since it was here; first of all a place to come back to."""
        since = moment(last)
        try:
            found = self._changes.poll(Seen(since), reader.ids)
        except StoreUnavailableError:
            yield AWAY  # it comes back to where it was
            return
        batch = self._batch(found, 0, {})
        if since is None:
            yield f"id: {batch.id}\nevent: ready\ndata: {{}}\n\n"
        yield from reader.texts(batch)

    def _after(self, number: int) -> list[Batch]:
        """The batches after this one, as soon as there is one; none within a while when the record is away."""
        with self._news:
            self._news.wait_for(lambda: self._ends or self._number > number, timeout=HEARTBEAT_S / 5)
            return [batch for batch in self._batches if batch.number > number]

    def _run(self) -> None:
        """Poll while somebody reads."""
        seen = Seen()
        while True:
            began = time.monotonic()
            try:
                found = self._changes.poll(seen)
                batch = self._batch(found, self._number + 1, self._last_sweeps)
                seen = found.seen
            except StoreUnavailableError:
                batch = None
            except Exception:  # without this thread, every reader of this process would wait for ever
                log.exception("the feed failed, and goes on")
                batch = None
            with self._news:
                if batch is not None:
                    self._number = batch.number
                    self._batches.append(batch)
                    self._news.notify_all()
                if not self._readers:
                    self._polls = False
                    return
            time.sleep(max(self._poll_s, 4.0 * (time.monotonic() - began)))

    def _batch(self, found: Changes, number: int, last_sweeps: dict[str, str]) -> Batch:
        items = [Item("job", row.id, row.owner, row.project_id, job_news(row).model_dump_json()) for row in found.jobs]
        # A job may be deleted between the two questions: its deletion is the last of it.
        items += [Item("deleted", row.id, row.owner, row.project_id, f'{{"id":"{row.id}"}}') for row in found.deleted]
        for sweep, summary in zip(found.sweeps, self._sweeps.summaries(found.sweeps), strict=True):
            text = summary.model_dump_json()
            if last_sweeps.get(sweep.id) != text:
                items.append(Item("sweep", sweep.id, sweep.owner, sweep.project_id, text))
                last_sweeps[sweep.id] = text
        for gone in last_sweeps.keys() - {sweep.id for sweep in found.sweeps}:
            del last_sweeps[gone]
        at = found.seen.since
        return Batch(number, "" if at is None else stamp(at), items, found.too_many)


feed = Blueprint("feed", __name__, url_prefix=f"{PREFIX}/jobs")


@feed.get("/stream")
@documented("Follow all jobs and sweeps as server-sent events", query=FeedQuery, answer=str)
def follow() -> Response:
    """The news of all that the asker sees; the client's Last-Event-ID says where to go on."""
    asked, who, streams = parse_query(FeedQuery), principal(), service(OpenStreams)
    reader, last = Reader(who.sees, asked.jobs), request.headers.get("Last-Event-ID", "")
    check = ReaderCheck(still_let_in())
    return streams.answer(who.owner, service(Feed).follow(reader, last, check))

"""A sweep's live stream: server-sent events."""

import time
from collections.abc import Callable, Iterator
from uuid import UUID

from flask import Blueprint, Response

from spec.sweep_views import SweepProgress
from store.errors import StoreUnavailableError

from .answers import PREFIX
from .auth import principal, still_let_in
from .openapi import documented
from .services import service
from .shared import Shared
from .stream import AWAY, BEGIN, HEARTBEAT, HEARTBEAT_S, OpenStreams, ReaderCheck
from .sweep_services import SweepServices
from .sweeps import visible_sweep

POLL_S = 1.0
SHARE = 10.0
"""A pause is so many times as long as the question: counting a hundred thousand jobs takes a while."""


class SharedProgress:
    """How far sweeps are, for all that follow them."""

    def __init__(self, services: SweepServices, clock: Callable[[], float] = time.monotonic) -> None:
        self._services, self._known = services, Shared(self._read, POLL_S, clock)

    def of(self, sweep_id: str) -> SweepProgress:
        """How far one is. Raises `StoreUnavailableError`, and `SweepNotFoundError`."""
        return self._known(sweep_id)

    def _read(self, sweep_id: str) -> SweepProgress:
        return self._services.progress(self._services.store.get(sweep_id, owner=None))


class SweepStream:
    """How far a sweep is, whenever that changes, until its end. A client that reconnects hears the newest."""

    def __init__(
        self,
        shared: SharedProgress,
        sweep_id: str,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        pause: Callable[[], float] = lambda: POLL_S,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._shared, self._sweep_id, self._pause, self._check = shared, sweep_id, pause, check
        self._sleep, self._clock = sleep, clock

    def __iter__(self) -> Iterator[str]:
        """Events as text, until the sweep has ended; a comment every 15 s keeps the connection open."""
        yield BEGIN
        sent_at, sent = self._clock(), ""
        while True:
            self._check()
            asked_at = self._clock()
            try:
                progress = self._shared.of(self._sweep_id)
            except StoreUnavailableError:
                yield AWAY
                self._sleep(5 * POLL_S)
                continue
            if (data := progress.model_dump_json()) != sent:
                sent_at, sent = self._clock(), data
                yield f"event: progress\ndata: {data}\n\n"
            if progress.state.is_final:
                yield f"event: end\ndata: {data}\n\n"
                return
            if self._clock() - sent_at >= HEARTBEAT_S:
                sent_at = self._clock()
                yield HEARTBEAT
            self._sleep(max(POLL_S, self._pause(), SHARE * (self._clock() - asked_at)))


sweep_stream = Blueprint("sweep_stream", __name__, url_prefix=f"{PREFIX}/sweeps")


@sweep_stream.get("/<uuid:sweep_id>/stream")
@documented("Follow a sweep as server-sent events", answer=str)
def follow(sweep_id: UUID) -> Response:
    """A sweep's progress until its end."""
    sweep, streams = visible_sweep(sweep_id), service(OpenStreams)
    check = ReaderCheck(still_let_in())
    events = SweepStream(service(SharedProgress), sweep.id, streams.sleep, time.monotonic, streams.pause, check)
    return streams.answer(principal().owner, events)

"""A job's news as it happens."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug import Response

from api import auth, errors
from api.errors import BusyError
from api.services import provide
from api.stream import (
    FEW,
    HEARTBEAT_S,
    KEPT,
    POLL_S,
    READER_S,
    SHARED_S,
    STREAMS,
    JobStream,
    OpenStreams,
    ReaderCheck,
    SharedReads,
    StreamsEndError,
    stream,
)
from spec.states import FailureReason, StopReason
from store.access import Asker
from store.control import JobControl
from store.errors import StoreUnavailableError
from store.jobs import JobStore
from store.records import JobRecord, Progress, Success
from tests.record import listening

from .conftest import JOBS, Service, is_problem
from .sweeping import submitted


@dataclass(frozen=True)
class Event:
    """An event as a browser parses it."""

    id: str
    name: str
    data: dict[str, Any]


def parsed(texts: Iterator[str]) -> Iterator[Event]:
    """The events of a stream; its comments and orders left out."""
    for text in (one for several in texts for one in several.split("\n\n")):
        lines = dict(line.split(": ", 1) for line in text.strip().splitlines())
        if "event" in lines:
            yield Event(lines["id"], lines["event"], json.loads(lines["data"]))


def texts(answer: Response) -> Iterator[str]:
    """What a stream says, as it comes."""
    return (text.decode() if isinstance(text, bytes) else text for text in answer.response)


class Time:
    """A clock that goes on when somebody sleeps, and what happens meanwhile."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.now = 0.0
        self._happenings = list(happenings)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._happenings:
            self._happenings.pop(0)()

    def clock(self) -> float:
        return self.now


def job_stream(store: JobStore, job_id: str, time: Time, last: str = "") -> Iterator[str]:
    return iter(JobStream(SharedReads(store, time.clock), job_id, last, time.sleep, time.clock))


def points(first: int, last: int) -> dict[str, list[float | None]]:
    epochs = range(first, last + 1)
    return {"epoch": list(epochs), "train_loss": [None if epoch == 2 else 1 / epoch for epoch in epochs]}


def test_states_epochs_and_the_end(both: Service) -> None:
    job_id = both.submit()
    store = both.store
    time = Time(
        lambda: store.claim(worker="w", device="cpu", limit=1, lease_s=60),
        lambda: store.renew(worker="w", progress=[Progress(job_id, 1, points(1, 2))], lease_s=60),
        lambda: store.succeed(
            Success(job_id, 1, StopReason.converged, best_epoch=3, best_metrics={}, points=points(3, 3))
        ),
    )
    heard = list(job_stream(store, job_id, time))
    assert heard[0] == "retry: 1000\n\n"
    assert all(text.endswith("\n\n") for text in heard)
    received = list(parsed(iter(heard)))
    assert [(event.id, event.name) for event in received] == [
        ("1.0", "state"),
        ("2.0", "state"),
        ("2.1", "epoch"),
        ("2.2", "epoch"),
        ("3.2", "state"),
        ("3.3", "epoch"),
        ("3.3", "end"),
    ]
    assert received[1].data["to_status"] == "running"
    assert received[3].data == {"epoch": 2, "train_loss": None}
    assert received[-1].data == {"status": "succeeded", "reason": "converged"}
    assert time.now == 3 * POLL_S


def failed(api: Service) -> str:
    job_id = api.run()
    api.store.renew(worker="w", progress=[Progress(job_id, 1, points(1, 4))], lease_s=60)
    api.store.fail(job_id, 1, reason=FailureReason.diverged, message="The loss became NaN.")
    return job_id


@pytest.mark.parametrize("last", ["2.0", "2.3", "3.4"])
def test_a_client_that_comes_back_goes_on_where_it_was(both: Service, last: str) -> None:
    job_id = failed(both)
    every = list(parsed(job_stream(both.store, job_id, Time())))
    with both.ask("GET", f"{JOBS}/{job_id}/stream", headers={"Last-Event-ID": last}) as answer:
        rest = list(parsed(texts(answer)))
    seq, _, epoch = last.partition(".")
    missed = [
        event
        for event in every
        if (event.name == "state" and event.data["seq"] > int(seq))
        or (event.name == "epoch" and event.data["epoch"] > int(epoch))
        or event.name == "end"
    ]
    assert [(event.name, event.data) for event in rest] == [(event.name, event.data) for event in missed]


@pytest.mark.parametrize(
    "last", ["", "x", "1", "-1.-1", "1.2.3", "9" * 4000, "\u0663.\u0663", "NaN.inf", "99999999999.1"]
)
def test_an_odd_last_event_id_breaks_nothing(api: Service, last: str) -> None:
    received = list(parsed(job_stream(api.store, failed(api), Time(), last)))
    assert received[-1].name == "end"


def test_a_heartbeat_keeps_the_line_open(api: Service) -> None:
    time = Time()
    texts = job_stream(api.store, api.submit(), time)
    assert [event.name for event in parsed(islice(texts, 2))] == ["state"]
    for beat in (1, 2):
        assert next(texts).startswith(": ")
        assert time.now == beat * HEARTBEAT_S


def test_news_is_as_good_as_a_heartbeat(api: Service) -> None:
    job_id = api.run()
    polls = int(HEARTBEAT_S / POLL_S)

    def train() -> None:
        api.store.renew(worker="w", progress=[Progress(job_id, 1, points(1, 1))], lease_s=60)

    time = Time(*[lambda: None] * (polls - 2), train)
    received = list(islice(job_stream(api.store, job_id, time), 4))
    assert "event: epoch" in received[2]
    assert received[3].startswith(": ")
    assert time.now == HEARTBEAT_S - POLL_S + HEARTBEAT_S


class Absent(JobStore):
    """A record that does not answer twice."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.silent = 2

    def get(self, job_id: str, *, owner: Asker) -> JobRecord:
        if self.silent:
            self.silent -= 1
            raise StoreUnavailableError("The database does not answer.")
        return super().get(job_id, owner=owner)


def test_a_stream_outlives_a_record_that_is_away(api: Service) -> None:
    texts = list(job_stream(Absent(api.engine), failed(api), Time()))
    assert [text.startswith(": ") for text in texts[:4]] == [False, True, True, False]
    assert "event: end" in texts[-1]


def test_the_route(both: Service) -> None:
    with both.ask("GET", f"{JOBS}/{failed(both)}/stream") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert [event.name for event in parsed(texts(answer))][-1] == "end"


def test_a_process_serves_a_limited_number_of_streams(api: Service) -> None:
    app = Flask("streams")
    errors.install(app, chance=lambda: 0.4)
    auth.install(app, api.tokens, auth.FailedLogins())
    provide(app, JobControl(api.engine), SharedReads(JobStore(api.engine)), OpenStreams(2), api.tokens)
    app.register_blueprint(stream)
    path, headers = f"{JOBS}/{api.submit()}/stream", {"Authorization": f"Bearer {api.token}"}

    def ask() -> Any:
        return app.test_client().get(path, headers=headers)

    open_streams = [ask(), ask()]
    for _ in range(3):
        refused = ask()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "7")
        assert "curve" in refused.get_json(force=True)["detail"]
    open_streams[0].close()  # before its first word was read
    with ask() as answer:
        assert answer.status_code == 200
        next(answer.response)
        assert ask().status_code == 503
    with ask() as answer:
        assert answer.status_code == 200
    open_streams[1].close()


@pytest.mark.parametrize("path", [f"{JOBS}/stream", f"{JOBS}/JOB/stream", "/api/v1/sweeps/SWEEP/stream"])
@pytest.mark.parametrize("by", ["token", "session"])
def test_a_stream_ends_when_its_reader_is_signed_out(
    both: Service, monkeypatch: pytest.MonkeyPatch, path: str, by: str
) -> None:
    monkeypatch.setattr("api.stream.READER_S", 0.0)  # or each of these tests would take seconds
    path = path.replace("JOB", both.run()).replace("SWEEP", submitted(both))
    shown = both.tokens.create(owner="ann")
    token = both.tokens.find(shown)
    assert token is not None
    if by == "session":
        shown = both.tokens.open_session(token)
    headers = {"Cookie": f"{auth.COOKIE}={shown}"} if by == "session" else {}
    with both.ask("GET", path, token=None if by == "session" else shown, headers=headers) as answer:
        heard = texts(answer)
        assert next(heard).startswith("retry")
        assert next(heard)
        both.tokens.revoke(token.id)  # and its sessions with it
        assert len(list(heard)) < 5
    is_problem(both.ask("GET", path, token=None if by == "session" else shown, headers=headers), 401)


def test_a_reader_is_asked_about_now_and_then() -> None:
    time, asked = Time(), list[float]()

    def let_in() -> bool:
        asked.append(time.now)
        return time.now < 3 * READER_S

    check = ReaderCheck(let_in, time.clock)

    def stream_on() -> None:
        while True:
            check()
            time.sleep(POLL_S)

    with pytest.raises(StreamsEndError):
        stream_on()
    assert asked == [READER_S, 2 * READER_S, 3 * READER_S]


def test_refused_streams_take_no_place(api: Service) -> None:
    for _ in range(STREAMS + 1):
        is_problem(api.ask("GET", f"{JOBS}/01990000-0000-7000-8000-000000000000/stream"), 404)
    with api.ask("GET", f"{JOBS}/{failed(api)}/stream") as answer:
        assert answer.status_code == 200


def test_of_many_streams_each_asks_less_often() -> None:
    streams = OpenStreams()
    assert streams.pause() == POLL_S
    for _ in range(200):
        streams.enter("ann")
    assert streams.pause() == 3 * POLL_S
    for _ in range(200):
        streams.leave("ann")
    assert streams.pause() == POLL_S


def test_the_last_places_are_for_owners_who_have_few_streams() -> None:
    streams = OpenStreams()
    for _ in range(STREAMS - KEPT):
        streams.enter("ann")
    with pytest.raises(BusyError, match=f"{STREAMS - KEPT} of them are yours: close some, or poll the curve"):
        streams.enter("ann")
    for _ in range(FEW):
        streams.enter("bob")
    with pytest.raises(BusyError, match=f"{FEW} of them are yours"):
        streams.enter("bob")
    for number in range(KEPT - FEW):
        streams.enter(f"guest-{number}")
    with pytest.raises(BusyError, match="try again"):
        streams.enter("late")
    streams.leave("bob")
    streams.enter("late")


def test_readers_at_one_place_share_what_was_read(api: Service) -> None:
    job_id, time = api.submit(), Time()
    news = SharedReads(api.store, time.clock)
    with listening(api.engine) as statements:
        first = news.after(job_id, 0, 0)
        read = len(statements)
        assert all(news.after(job_id, 0, 0) is first for _ in range(200))
        assert len(statements) == read > 0
    time.sleep(SHARED_S)
    assert news.after(job_id, 0, 0) is not first

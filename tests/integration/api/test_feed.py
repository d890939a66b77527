"""The news of all jobs, from one thread that asks the record for all readers."""

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice, takewhile
from typing import Any

import pytest

from api.feed import Feed, Reader
from api.sweep_services import SweepServices
from spec.states import FailureReason, StopReason
from store.changes import Changes, ChangeStore, Seen
from store.errors import StoreUnavailableError
from store.records import Progress, Success
from tests.record import listening
from tests.services import eventually

from .conftest import JOBS, Service
from .sweeping import submitted
from .test_stream import texts

ANN = Reader("ann")


class Counted(ChangeStore):
    """Counts how often the record is asked; it may be away, or this code be wrong."""

    asked = troubled = 0
    trouble: Exception | None = None

    def poll(self, seen: Seen, ids: Any = None) -> Changes:
        self.asked += 1
        if self.trouble is not None:
            self.troubled += 1
            raise self.trouble
        return super().poll(seen, ids)


@pytest.fixture
def changes(both: Service) -> Counted:
    return Counted(both.engine)


@pytest.fixture
def feed(both: Service, changes: Counted) -> Feed:
    return Feed(changes, both.app.extensions["epochal.services"][SweepServices], poll_s=0.05)


def events(texts: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Id, name and data of each event."""
    for text in texts:
        lines = dict(line.split(": ", 1) for line in text.strip().splitlines())
        if "data" in lines:
            yield lines["id"], lines["event"], json.loads(lines["data"])


def until(stream: Iterator[tuple[str, str, dict[str, Any]]], status: str, epoch: int = 0) -> tuple[str, dict[str, Any]]:
    """The id and the data of the first news that a job is in this state, and has come so far."""
    for event_id, kind, data in islice(stream, 100):
        if kind == "job" and data["status"] == status and data["progress"]["epoch"] >= epoch:
            return event_id, data
    raise AssertionError(f"no job became {status}")


def train(api: Service, job_id: str, epoch: int) -> None:
    points: dict[str, list[float | None]] = {"epoch": [epoch], "val_loss": [0.5]}
    api.store.renew(worker="w", progress=[Progress(job_id, 1, points)], lease_s=60)


def test_a_reader_hears_of_every_change_of_its_jobs(both: Service, feed: Feed) -> None:
    with closing(feed.follow(ANN, "")) as texts:
        stream = events(texts)
        assert next(stream)[1] == "ready"
        job_id = both.run(name="mine")
        foreign = both.ask("POST", JOBS, json={"dataset": "xor"}, token=both.tokens.create(owner="bob"))
        assert foreign.status_code == 201
        assert until(stream, "running")[1]["id"] == job_id
        train(both, job_id, 3)
        heard = until(stream, "running", epoch=3)[1]  # that it runs may be heard twice: of its claim, of its start
        assert (heard["progress"]["epoch"], heard["metrics"]) == (3, {"val_loss": 0.5})
        both.store.succeed(Success(job_id, 1, StopReason.max_epochs, 2, {"val_loss": 0.25}))
        ended = until(stream, "succeeded")[1]
    shown = both.ask("GET", f"{JOBS}?status=succeeded").get_json()["jobs"][0]
    assert {name: shown[name] for name in ended} == ended  # the same fields as in a list


def test_a_reader_that_comes_back_has_missed_nothing(both: Service, feed: Feed) -> None:
    job_id = both.run()
    with closing(feed.follow(ANN, "")) as texts:
        last, _ = until(events(texts), "running")
    both.store.fail(job_id, 1, reason=FailureReason.diverged, message="The loss became NaN.")
    with closing(feed.follow(ANN, last)) as texts:
        assert until(events(texts), "failed")[1]["failure"]["reason"] == "diverged"
    with closing(feed.follow(ANN, "1000000000000")) as texts, listening(both.engine) as statements:  # of 2001
        assert next(events(texts))[1] == "reload"
    assert not any("job_event" in text and "2001-" in str(values) for text, values in statements)


def test_a_reader_hears_once_of_a_job_that_is_deleted_and_a_stranger_does_not(both: Service, feed: Feed) -> None:
    job_id, kept = both.run(), both.submit()
    both.store.fail(job_id, 1, reason=FailureReason.diverged, message="The loss became NaN.")
    with closing(feed.follow(ANN, "")) as texts:
        stream = events(texts)
        last, kind, _ = next(stream)
        assert kind == "ready"
        both.store.delete(job_id, owner="ann")
        assert next(data for _, kind, data in stream if kind == "deleted") == {"id": job_id}
        both.store.request_cancel(kept, owner="ann", actor="ann")
        later = takewhile(lambda one: one[2].get("status") != "cancelled", stream)
        assert "deleted" not in {kind for _, kind, _ in later}
    for owner, hears in ("ann", True), ("bob", False):
        token, heard = both.tokens.create(owner=owner), list[str]()
        with closing(feed.follow(Reader(owner), last)) as texts:
            stream = events(texts)
            for _ in range(2):  # what comes with the first is heard before the second
                both.ask("POST", JOBS, json={"dataset": "xor"}, token=token)
                heard += [kind for _, kind, _ in takewhile(lambda one: one[2].get("status") != "queued", stream)]
        assert ("deleted" in heard) == hears


def test_some_jobs_only_and_no_sweeps(both: Service, feed: Feed) -> None:
    submitted(both)
    one, other = both.run(), both.submit()
    with closing(feed.follow(Reader(None, frozenset({other})), "")) as texts:
        assert [(kind, data.get("id")) for _, kind, data in islice(events(texts), 2)] == [
            ("ready", None),
            ("job", other),
        ]
    with closing(feed.follow(Reader(None), "")) as texts:
        heard = [(kind, data.get("id")) for _, kind, data in islice(events(texts), 4)]
    assert {("job", one), ("job", other)} < set(heard)
    assert "sweep" in {kind for kind, _ in heard}


def test_many_readers_are_one_question_and_none_are_none(both: Service, feed: Feed, changes: Counted) -> None:
    readers = [feed.follow(ANN, "") for _ in range(100)]
    for reader in readers:
        list(islice(reader, 2))
    job_id = both.submit()
    before = changes.asked
    for reader in readers:
        assert until(events(reader), "queued")[1]["id"] == job_id
    assert changes.asked - before < 100
    for reader in readers:
        reader.close()


@pytest.mark.parametrize(
    "trouble", [StoreUnavailableError(), RuntimeError("a bug")], ids=["the record is away", "a bug"]
)
def test_a_reader_outlives_trouble(both: Service, feed: Feed, changes: Counted, trouble: Exception) -> None:
    with closing(feed.follow(ANN, "")) as texts:
        stream = events(texts)
        assert next(stream)[1] == "ready"
        changes.trouble = trouble
        job_id = both.submit()
        eventually(lambda: changes.troubled > 0, within_s=5, what="the feed asks the record")
        changes.trouble = None
        assert until(stream, "queued")[1]["id"] == job_id


@pytest.mark.parametrize("last", ["", "x", "-1", "9" * 40, "\u0663", "1e9"])
def test_the_route_and_odd_ids_of_a_last_event(api: Service, last: str) -> None:
    with api.ask("GET", f"{JOBS}/stream", headers={"Last-Event-ID": last}) as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
        first = list(islice(texts(answer), 2))
    assert "event: re" in first[1]  # ready, or reload
    assert api.ask("GET", f"{JOBS}/stream?ids=x").status_code == 422

"""Users and sweeps notice an answer that breaks its promise, and no thread of the storm ends unnoticed."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from tests.record import new_record
from tests.services import eventually

from . import load
from .__main__ import lacking
from .background import Background
from .sweeps import Sweeps
from .watch import Watch

Answer = Callable[[list[str]], Any]
"""The body of an answer to a bulk of jobs, whose new ids these are."""


class Api:
    """An API that accepts every job, and answers a bulk as it is told to."""

    def __init__(self, bulk: Answer) -> None:
        self._bulk = bulk
        self._made = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"status": "running"})
        if request.url.path.endswith("/cancel"):
            return httpx.Response(200, json={"status": "cancelled"})
        if request.url.path == "/jobs":
            return httpx.Response(201, json={"id": self._new()})
        return httpx.Response(201, json=self._bulk([self._new() for _ in json.loads(request.content)["jobs"]]))

    def _new(self) -> str:
        self._made += 1
        return f"job-{self._made}"


@pytest.fixture(autouse=True)
def no_key_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "REPEATED", 0.0)


def storm(bulk: Answer) -> load.Load:
    """The load of 40 jobs after a storm of three tenths of a second."""
    http = httpx.Client(transport=httpx.MockTransport(Api(bulk)), base_url="http://api")
    made = load.Load(http, Random(3), jobs=40, over_s=0.2)
    made.start()
    time.sleep(0.3)
    made.stop()
    return made


def test_whatever_the_api_accepts_all_jobs_are_submitted() -> None:
    made = storm(lambda ids: {"ids": ids})
    assert (made.submitted, made.violations) == (40, [])
    assert len(made.accepted) == 40 + 2  # and a long one of each kind


@pytest.mark.parametrize(
    "bulk",
    [lambda ids: {"ids": ids[1:]}, lambda ids: {"ids": [*ids, "extra"]}, lambda ids: {"ids": [ids[0]] * len(ids)}],
    ids=["too few", "too many", "one for all"],
)
def test_an_answer_with_another_number_of_jobs_is_a_violation(bulk: Answer) -> None:
    made = storm(bulk)
    assert "jobs to /jobs/bulk got" in made.violations[0]
    assert made.submitted == 40


def test_users_who_cease_to_submit_are_a_violation() -> None:
    made = storm(lambda _: {"nothing": "that we know"})
    assert made.violations == ["the load ended by itself: KeyError('id')"]
    assert lacking(made.submitted, 40, sweeps=1, recoveries=1) == [f"only {made.submitted} of 40 jobs were submitted"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with new_record(tmp_path) as engine:
        yield engine


def test_sweeps_that_are_submitted_no_more_are_a_violation(engine: Engine) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(201, json={})), base_url="http://api")
    sweeps = Sweeps(engine, http, every_s=9.0)
    sweeps.start()
    eventually(lambda: bool(sweeps.violations(1.0)), within_s=5.0, what="its first answer has ended the thread")
    sweeps.stop()
    assert sweeps.violations(1.0) == ["the sweeps ended by itself: KeyError('id')"]
    assert lacking(1, 1, len(sweeps.submitted), recoveries=1) == ["no sweep was submitted"]


def test_a_watch_that_ceases_to_look_is_a_violation(engine: Engine) -> None:
    watch = Watch(engine)
    watch.claimed("message lost", {"a job that nobody knows"})
    watch.start()
    eventually(lambda: bool(watch.violations), within_s=5.0, what="its first look has ended the thread")
    watch.stop()
    assert watch.violations[0].startswith("the watch ended by itself: ")
    assert lacking(1, 1, 1, recoveries=0) == ["no recovery was measured"]


def test_a_thread_that_is_stopped_is_none_and_one_that_returns_is() -> None:
    stopped: Background = Background("one", lambda: stopped.is_stopped_within(60.0))
    returned = Background("other", lambda: None)
    for thread in (stopped, returned):
        thread.start()
    eventually(lambda: bool(returned.violations), within_s=5.0, what="the other returned")
    for thread in (stopped, returned):
        thread.stop(within_s=5.0)
    assert (stopped.violations, returned.violations) == ([], ["the other ended by itself"])

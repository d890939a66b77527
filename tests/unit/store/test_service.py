"""How a service works: in rounds that rest while nothing is written, and in threads of which none ends unseen."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store.errors import StoreUnavailableError
from store.service import REST_S, in_rounds, kept_up
from store.tokens import TokenStore
from store.writes import Writes
from tests.record import new_record

log = logging.getLogger("a service")


class Pauses(threading.Event):
    """Stops a service after some pauses, of which each ends at once; `now` is the time by then."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left, self._now = most, 0.0

    def wait(self, timeout: float | None = None) -> bool:
        """Pause; whether that was the last time."""
        self._left -= 1
        self._now += timeout or 0.0
        return self._left < 0

    def now(self) -> float:
        """Seconds."""
        return self._now


def rounds(one_round: Callable[[], bool], engine: Engine) -> int:
    """How many rounds of a hundred pauses, of a tenth of a second each, are done."""
    done = count()

    def counted() -> bool:
        next(done)
        return one_round()

    stop = Pauses(100)
    in_rounds(counted, Writes(engine), stop, pause_s=0.1, more_s=0.1, log=log, clock=stop.now)
    return next(done)


def test_a_service_rests_while_nobody_writes(tmp_path: Path) -> None:
    with new_record(tmp_path) as engine:
        tokens = TokenStore(engine)
        assert rounds(lambda: False, engine) == pytest.approx(10.0 / REST_S, abs=2)
        assert rounds(lambda: not tokens.create(owner="ann"), engine) == 100
        assert rounds(lambda: True, engine) == 100


def test_a_service_that_waits_for_its_database_says_so_once_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([True, None, None, True, None, True])

    def round_or_error() -> bool:
        if (answer := next(answers, True)) is None:
            raise StoreUnavailableError("The database does not answer.")
        return answer

    with new_record(tmp_path) as engine:
        assert rounds(round_or_error, engine) > 90
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "this must wait for the database: The database does not answer."
    ] * 2


def test_what_fails_is_said_and_goes_on_until_it_returns(caplog: pytest.LogCaptureFixture) -> None:
    tries = count(1)

    def body() -> None:
        if next(tries) < 3:
            raise RuntimeError("a bug")

    kept_up(body, threading.Event(), name="the thread bells", log=log, again_s=0.0)
    assert next(tries) == 4
    assert [record.getMessage() for record in caplog.records] == ["the thread bells failed, and goes on"] * 2
    assert "RuntimeError: a bug" in caplog.text


def test_what_fails_when_the_service_stops_does_not_go_on() -> None:
    stop, tries = threading.Event(), count(1)

    def body() -> None:
        next(tries)
        stop.set()
        raise RuntimeError("a bug")

    kept_up(body, stop, name="the thread bells", log=log)
    assert next(tries) == 2


def test_a_service_told_to_stop_while_it_loads_ends_at_once() -> None:
    slow = "import time; from store.service import serve; serve(lambda: (print('loads', flush=True), time.sleep(60)))"
    with subprocess.Popen([sys.executable, "-c", slow], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"loads\n"
        service.send_signal(signal.SIGTERM)
        assert service.wait(20.0) == 0

"""Threads of a service: none ends unseen."""

import logging
import signal
import subprocess
import sys
import threading
from itertools import count

import pytest

from store.service import kept_up

log = logging.getLogger("a service")


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

"""How a process works over the record until it is told to stop: in rounds, and in threads that do not end unseen."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from spec.importing import importing
from spec.settings import BadSettingsError, Settings

from .errors import StoreError
from .signals import heard
from .trouble import Trouble
from .writes import Writes

REST_S = 0.5
"""A round comes at least so often though nobody writes to the record: leases end, and what failed is due again."""
AGAIN_S = 1.0
"""Pause before a thread that failed goes on."""


def serve(load: Callable[[], Callable[[Settings, threading.Event], None]]) -> int:
    """Let what `load` imports and returns work until SIGTERM or SIGINT.

    A signal while it loads, which takes seconds on a busy machine, ends this process at once: nothing has begun. The
    exit code: 2 when the settings are refused.
    """
    loaded, stop = threading.Event(), threading.Event()

    def told_to_stop(_number: int) -> None:
        stop.set()
        if not loaded.is_set():
            os._exit(0)

    with heard((signal.SIGTERM, signal.SIGINT), told_to_stop):
        with importing():
            run = load()
        loaded.set()
        try:
            settings = Settings.read()
            logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
            logging.getLogger("httpx").setLevel(logging.WARNING)
            run(settings, stop)
        except BadSettingsError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return 0


def in_rounds(
    one_round: Callable[[], bool],
    writes: Writes,
    stop: threading.Event,
    *,
    pause_s: float,
    more_s: float,
    log: logging.Logger,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Do rounds until `stop`: the next one `more_s` after one that says that there is more to do, else `pause_s`.

    While nobody writes to the record, it rests for `REST_S`. While the record does not answer, the log says so once.
    """
    trouble, more = Trouble(log, "this must wait for the database"), True
    began = float("-inf")
    while not stop.wait(more_s if more else pause_s):
        if not (more or writes.since_last_look() or clock() - began >= REST_S):
            continue
        began = clock()
        try:
            more = one_round()
            trouble.is_over()
        except StoreError as error:
            trouble.is_there(error)
            more = False


def kept_up(
    body: Callable[[], object], stop: threading.Event, *, name: str, log: logging.Logger, again_s: float = AGAIN_S
) -> None:
    """Run `body` until it returns, and again when it fails, until `stop`: what a thread of a service does.

    A thread that ended by an exception would leave a process that seems to be well, and lacks a part of its work.
    """
    while True:
        try:
            body()
        except Exception:
            log.exception("%s failed, and goes on", name)
        else:
            return
        if stop.wait(again_s):
            return

"""A process that works over the record in rounds, until it is told to stop: the mirror, the controller of sweeps."""

import logging
import signal
import sys
import threading
from collections.abc import Callable

from spec.settings import BadSettingsError, Settings

from .errors import StoreError
from .signals import heard


def serve(run: Callable[[Settings, threading.Event], None]) -> int:
    """Let `run` work until SIGTERM or SIGINT; the exit code: 2 when it, or the reading of settings, refuses these."""
    stop = threading.Event()
    with heard((signal.SIGTERM, signal.SIGINT), lambda _number: stop.set()):
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
    one_round: Callable[[], bool], stop: threading.Event, *, pause_s: float, more_s: float, log: logging.Logger
) -> None:
    """Do rounds until `stop`: the next one `more_s` after one that says that there is more to do, else `pause_s`.

    While the record does not answer, the log says so once.
    """
    available = more = True
    while not stop.wait(more_s if more else pause_s):
        try:
            more = one_round()
            available = True
        except StoreError as error:
            if available:
                log.warning("the database does not answer: %s", error)
            available = more = False

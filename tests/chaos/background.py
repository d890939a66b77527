"""Threads of the storm: one that ends by itself is a violation, for nothing is submitted or measured any more."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Background:
    """A thread that runs until it is stopped."""

    def __init__(self, name: str, run: Callable[[], object]) -> None:
        self._name, self._run = name, run
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)
        self.violations: list[str] = []
        """That it ended by itself, and why."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """Tell it to end, and wait until it has."""
        self._stopping.set()
        self._thread.join(within_s)
        assert not self._thread.is_alive(), f"the {self._name} does not end within {within_s:g} s"

    def is_stopped_within(self, seconds: float) -> bool:
        """Whether it is told to end within so long; false after that time."""
        return self._stopping.wait(seconds)

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:  # whatever it is, the storm must hear of it
            log.exception("the %s ended by itself", self._name)
            self.violations.append(f"the {self._name} ended by itself: {error!r}")
        else:
            if not self._stopping.is_set():
                self.violations.append(f"the {self._name} ended by itself")

"""What keeps a thread of a service from its work for a while: the log says it once, and once that it is over."""

import logging
import threading

from .errors import in_full


class Trouble:
    """One kind of it, such as leases that cannot be renewed. Several threads may meet it at once."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log, self._what = log, what
        self._lock = threading.Lock()
        self._said: str | None = None

    def is_there(self, error: Exception) -> None:
        """Say it, unless the same was said last."""
        says = str(error)
        with self._lock:
            if self._said != says:
                self._said = says
                self._log.warning("%s: %s", self._what, in_full(error))

    def is_over(self) -> None:
        """Say so, if there was any."""
        with self._lock:
            if self._said is not None:
                self._said = None
                self._log.info("this is over: %s", self._what)

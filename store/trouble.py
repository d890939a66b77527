"""What keeps a thread of a service from its work for a while: the log says it once, and once that it is over."""

import logging

from .errors import in_full


class Trouble:
    """One kind of it, such as leases that cannot be renewed. One thread at a time may use it."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log, self._what = log, what
        self._said: str | None = None

    def is_there(self, error: Exception) -> None:
        """Say it, unless the same was said last."""
        if self._said != str(error):
            self._said = str(error)
            self._log.warning("%s: %s", self._what, in_full(error))

    def is_over(self) -> None:
        """Say so, if there was any."""
        if self._said is not None:
            self._said = None
            self._log.info("this is over: %s", self._what)

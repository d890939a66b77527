"""Reads of the record that readers share: two hundred at one place cost as much as one."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shared(Generic[Key, Value]):
    """Asks once for all that want the same at about the same time."""

    def __init__(self, ask: Callable[[Key], Value], for_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._for_s, self._clock = ask, for_s, clock
        self._lock = threading.Lock()
        self._known: dict[Key, tuple[float, Future[Value]]] = {}

    def __call__(self, key: Key) -> Value:
        """The answer, at most `for_s` seconds old. Raises what `ask` raises."""
        now = self._clock()
        with self._lock:
            self._known = {one: asked for one, asked in self._known.items() if now - asked[0] < self._for_s}
            known = self._known.get(key)
            _, answer = self._known[key] = known or (now, Future())
        if known is None:
            try:
                answer.set_result(self._ask(key))
            except Exception as error:  # whatever it is, those that wait for this answer learn of it
                answer.set_exception(error)
        return answer.result()

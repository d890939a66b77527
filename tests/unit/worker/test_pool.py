from threading import Event
from typing import Any

from kombu.asynchronous import Hub

from worker.pool import Threads


class Loop(Hub):
    """A consumer's loop that only notes that it was woken."""

    def __init__(self, done: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.done, self.woken = done, Event()

    def call_soon(self, callback: Any, *args: Any) -> Any:
        self.done.append("woken")
        self.woken.set()
        return callback


def test_the_consumer_is_woken_once_a_bell_is_answered_and_noted() -> None:
    done: list[str] = []
    loop, threads = Loop(done), Threads(limit=1)
    threads.register_with_event_loop(loop)
    threads.on_apply(lambda: done.append("answered"), args=(), kwargs={}, callback=lambda _: done.append("noted"))
    assert loop.woken.wait(10.0)
    assert done == ["answered", "noted", "woken"]
    threads.on_stop()

"""The threads that answer bells, and a consumer that hears the next bell as soon as one of them is free."""

from concurrent.futures import Future
from typing import Any

from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.asynchronous import Hub


class Threads(TaskPool):  # type: ignore[misc]
    """Celery's pool of threads, which wakes the consumer when a thread has answered.

    While all slots train, the consumer takes no bells (`worker_disable_prefetch`), and it looks whether it may take one
    when its poll ends: without this, up to a second after a slot is free.
    """

    _hub: Hub | None = None

    def register_with_event_loop(self, hub: Hub) -> None:
        """Remember the consumer's loop, which begins."""
        self._hub = hub

    def on_apply(self, *args: Any, **options: Any) -> ApplyResult:
        """Answer a bell in a thread."""
        result = super().on_apply(*args, **options)
        result.f.add_done_callback(self._wake)
        return result

    def _wake(self, _: "Future[Any]") -> None:
        if self._hub is not None:
            self._hub.call_soon(lambda: None)  # type: ignore[no-untyped-call]

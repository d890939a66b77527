"""What a bell does."""

import logging
from typing import Protocol

from celery import Celery

from store.doorbell import TASK


class Slots(Protocol):
    """What answers a bell."""

    def answer(self) -> None:
        """Train what the record has queued."""


log = logging.getLogger(__name__)


def register(app: Celery, slots: Slots) -> None:
    """Let the bells of `app` be answered by `slots`."""

    @app.task(name=TASK, shared=False)  # type: ignore[untyped-decorator]
    def train(job_id: str) -> None:
        """A doorbell: the record says which jobs to train; this one may be done, cancelled, or behind others."""
        log.debug("the bell rang for %s", job_id)
        slots.answer()

"""What a bell does."""

import logging
from collections.abc import Callable

from celery import Celery

from store.doorbell import TASK

log = logging.getLogger(__name__)


def register(app: Celery, answer: Callable[[], object]) -> None:
    """Let the bells of `app` be answered by `answer`, which trains what the record has queued."""

    @app.task(name=TASK, shared=False)  # type: ignore[untyped-decorator]
    def train(job_id: str) -> None:
        """A doorbell: the record says which jobs to train; this one may be done, cancelled, or behind others."""
        log.debug("the bell rang for %s", job_id)
        answer()

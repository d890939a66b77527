"""The doorbell: tells workers that something may be queued. The record is the truth; a lost bell costs seconds."""

import logging
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError

TASK = "epochal.train"
QUEUE = "epochal"
KEY_PREFIX = "epochal:"
BELLS = 8
"""Most bells for one request: a worker that hears one goes on claiming until nothing waits."""

log = logging.getLogger(__name__)


class Doorbell:
    """Rings for queued jobs. Never raises and never waits longer than about a second."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("epochal", broker=broker_url, set_as_current=False)  # a worker has an app of its own
        self._app.conf.update(
            task_ignore_result=True,  # nobody reads results: the record has them
            task_serializer="json",
            accept_content=["json"],
            task_default_queue=QUEUE,
            task_publish_retry=False,  # the reaper rings again, a request must not wait
            broker_connection_timeout=0.5,
            broker_pool_acquire_timeout=0.5,  # the default waits for ever on a dead broker
            broker_transport_options=transport_options(broker_url, timeout_s=0.5),
        )
        # Loaded now: the first request would wait a second for it.
        self._app.amqp.send_task_message  # noqa: B018
        self._app.connection_for_write().transport  # noqa: B018

    def ring(self, *job_ids: str) -> bool:
        """Ring for these jobs, with a few bells at most; False when the broker is down."""
        try:
            for job_id in job_ids[:BELLS]:
                self._app.send_task(TASK, kwargs={"job_id": job_id}, ignore_result=True, retry=False)
        except (KombuError, OSError) as error:
            log.warning("the bell was not heard (the reaper rings again): %s", error)
            return False
        return True


def transport_options(broker_url: str, *, timeout_s: float) -> dict[str, Any]:
    """Options of the broker's transport: no second try, and for the Redis kind no wait on a broker that is frozen."""
    if not broker_url.startswith("redis"):
        return {"max_retries": 0}
    return {
        "global_keyprefix": KEY_PREFIX,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": not broker_url.startswith("redis+socket"),
        "retry_on_timeout": False,
        "max_retries": 0,
    }

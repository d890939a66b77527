"""The doorbell: a message that tells workers that a job may be queued.

The jobs are in the record, so a lost message costs only seconds.
"""

import logging
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError

TASK = "epochal.train"
QUEUE = "epochal"
KEY_PREFIX = "epochal:"
MESSAGES = 8
"""The most messages for one request: a worker that receives one claims until no job waits."""

log = logging.getLogger(__name__)

WAIT_S = 0.5
"""How long a request waits for the broker, for a connection and for its answer each."""


class Doorbell:
    """Sends a message for queued jobs. It never raises, and never waits longer than about a second.

    `connections` is the most that this process opens: kombu has one limit for all brokers.
    """

    def __init__(self, broker_url: str, *, connections: int = 10) -> None:
        self._app = Celery("epochal", broker=broker_url, set_as_current=False)  # a worker has an app of its own
        self._app.conf.update(
            task_ignore_result=True,  # no process reads results: the record has them
            task_serializer="json",
            accept_content=["json"],
            task_default_queue=QUEUE,
            task_publish_retry=False,  # the reaper sends it again; a request must not wait
            broker_pool_limit=connections,
            broker_connection_timeout=WAIT_S,
            broker_pool_acquire_timeout=WAIT_S,  # the default waits for ever on a dead broker
            broker_transport_options=transport_options(broker_url, timeout_s=WAIT_S),
        )
        # Loaded now: the first request would wait a second for it.
        self._app.amqp.send_task_message  # noqa: B018
        broker = self._app.connection_for_write()
        broker.transport  # noqa: B018
        # Each transport has errors of its own: RabbitMQ refuses a user or a queue with some that are no error of kombu.
        self._errors: tuple[type[Exception], ...] = (
            KombuError,
            OSError,
            *broker.connection_errors,
            *broker.channel_errors,
        )

    def ring(self, *job_ids: str) -> bool:
        """Send a message for these jobs, a few at most; False when the broker is down or refuses it."""
        try:
            for job_id in job_ids[:MESSAGES]:
                self._app.send_task(TASK, kwargs={"job_id": job_id}, ignore_result=True, retry=False)
        except self._errors as error:
            log.warning("the broker did not take a message (the reaper sends it again): %s", error)
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

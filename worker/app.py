"""The Celery app of a worker: it receives bells and does nothing else. Each setting says which accident it prevents."""

import logging
import time
from collections.abc import Callable
from typing import Any

from celery import Celery

from store.doorbell import KEY_PREFIX, QUEUE

SETTINGS: dict[str, Any] = {
    # A message is acknowledged before it is answered. With late acks a dropped connection, or a visibility timeout
    # shorter than a training, starts the same job twice; the jobs of a dead worker come back by their leases instead.
    "task_acks_late": False,
    # A bell that kills its worker must not be rung again at once, for ever: the record counts attempts, Redis does not.
    "task_reject_on_worker_lost": False,
    # Celery's results are not read: a result backend leaks memory, can deadlock, and calls successes failures.
    "task_ignore_result": True,
    "result_backend": None,
    # Pickle would let anybody who can write to the broker run code here.
    "task_serializer": "json",
    "accept_content": ["json"],
    # A bell taken while every slot is busy would wait behind a day of training, though another worker is idle.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # After a lost connection Celery would take fewer bells for a while, and a slot would stay idle.
    "worker_enable_prefetch_count_reduction": False,
    # Threads only wait for trainer processes. A fork of a process with threads or CUDA in it hangs or crashes.
    "worker_pool": "worker.pool:Threads",
    # Workers stay as long as the broker may be away: after Celery's hundred tries they would be gone, one by one.
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A Redis that was demoted to a replica closes channels with an error; the worker must come back from that too.
    "broker_channel_error_retry": True,
    # A hung broker must not hang a thread for ever.
    "broker_pool_acquire_timeout": 2,
    # A bell is done when it is answered: training must not end because a connection was lost meanwhile.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Remote control lets any writer to the broker stop workers; state is read from the record, not by asking.
    "worker_enable_remote_control": False,
    # Events leak memory across reconnects and cost a third of the throughput; nothing here reads them.
    "worker_send_task_events": False,
    "task_send_sent_event": False,
    # The log is ours: Celery would take the root logger, and lines of other packages would be lost.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    # One queue, made by us: an unknown queue name is an error, not a new list that no worker reads.
    "task_create_missing_queues": False,
    "task_default_queue": QUEUE,
    "timezone": "UTC",
}

REDIS: dict[str, Any] = {
    # Must match the producer's, or no worker receives its bells.
    "global_keyprefix": KEY_PREFIX,
    # Never redeliver by time: a bell waiting behind a long training would be doubled. (Seven days, in seconds.)
    "visibility_timeout": 7 * 86_400,
    # A half-open connection loses bells in silence: notice it within a minute.
    "socket_timeout": 30,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": True,
}


class OnceAMinute(logging.Filter):
    """Lets a message pass once a minute: of a broker that refuses, Celery tells several times a second, for hours."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it was not said in the last minute."""
        said, now = record.getMessage(), self._clock()
        self._last = {text: at for text, at in self._last.items() if now - at < 60.0}
        return self._last.setdefault(said, now) == now


def create_app(broker_url: str) -> Celery:
    """The app that receives the bells of the broker at `broker_url`."""
    app = Celery("epochal", broker=broker_url, set_as_current=False)
    app.conf.update(SETTINGS, broker_transport_options=REDIS if broker_url.startswith("redis") else {})
    return app

import logging
from itertools import count
from typing import Any

import pytest

from store.doorbell import KEY_PREFIX, QUEUE, TASK
from worker import tasks
from worker.app import OnceAMinute, create_app

APP = create_app("redis://127.0.0.1:1/0")

SHIPPED: dict[str, Any] = {
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "task_ignore_result": True,
    "result_backend": None,
    "task_serializer": "json",
    "accept_content": ["json"],
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_enable_prefetch_count_reduction": False,
    "worker_pool": "worker.pool:Threads",
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
    "broker_pool_acquire_timeout": 2,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "task_send_sent_event": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "task_create_missing_queues": False,
    "task_default_queue": QUEUE,
    "timezone": "UTC",
}

TRANSPORT: dict[str, Any] = {
    "global_keyprefix": KEY_PREFIX,
    "visibility_timeout": 604_800,
    "socket_timeout": 30,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": True,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_setting_is_as_shipped(name: str) -> None:
    assert APP.conf[name] == SHIPPED[name]


@pytest.mark.parametrize("name", TRANSPORT)
def test_a_transport_option_is_as_shipped(name: str) -> None:
    assert APP.conf.broker_transport_options[name] == TRANSPORT[name]


def test_a_broker_that_is_not_redis_gets_none_of_its_options() -> None:
    assert create_app("amqp://127.0.0.1:1//").conf.broker_transport_options == {}


def test_a_broker_that_refuses_fills_no_log() -> None:
    moments = [0.0, 1.0, 59.0, 61.0, 62.0]
    log = OnceAMinute(iter(moments).__next__)
    record = logging.LogRecord("celery", logging.ERROR, "", 0, "%s again", ("refused",), None)
    assert [log.filter(record) for _ in moments] == [True, False, False, True, False]


def test_no_result_backend_is_used() -> None:
    assert APP.backend.as_uri().startswith("disabled")


def test_a_bell_makes_a_slot_look_at_the_record() -> None:
    app, answered = create_app("redis://127.0.0.1:1/0"), count()
    tasks.register(app, lambda: next(answered))
    app.tasks[TASK](job_id="0190b7e6-0000-7000-8000-000000000000")
    assert next(answered) == 1

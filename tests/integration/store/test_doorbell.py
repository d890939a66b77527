import base64
import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from kombu import exceptions, pools

from store.doorbell import KEY_PREFIX, MESSAGES, QUEUE, TASK, Doorbell
from tests.services import eventually, takes_at_most

from ...services import free_port, own_broker


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the broker takes a message is tested, not how fast."""
    monkeypatch.setattr("store.doorbell.WAIT_S", 20.0)


def messages(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.llen(f"{KEY_PREFIX}{QUEUE}"))


@pytest.mark.usefixtures("patient")
def test_a_message_waits_at_the_broker() -> None:
    with own_broker() as broker:
        assert Doorbell(broker.url).ring("a")
        assert messages(broker.url) == 1


@pytest.mark.usefixtures("patient")
def test_many_jobs_send_a_few_messages() -> None:
    with own_broker() as broker:
        assert Doorbell(broker.url).ring(*(str(number) for number in range(100)))
        assert messages(broker.url) == MESSAGES


def test_a_dead_broker_is_an_error_at_once_and_is_used_again_when_it_is_back() -> None:
    with own_broker() as broker:
        doorbell = Doorbell(broker.url)
        eventually(lambda: doorbell.ring("a"), 10.0, "it takes a message")
        broker.kill()
        with takes_at_most(2.0):
            assert not doorbell.ring("b")
        broker.start()
        eventually(lambda: doorbell.ring("c"), 10.0, "it takes a message again")


@pytest.mark.parametrize("kind", ["redis", "amqp"])
def test_a_broker_that_accepts_and_never_answers_delays_no_request(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        doorbell = Doorbell(f"{kind}://127.0.0.1:{mute.getsockname()[1]}/")
        with takes_at_most(1.5):
            assert not doorbell.ring("a")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{}/0", "amqp://127.0.0.1:{}//", "redis+socket:///nowhere/{}.sock"])
def test_an_absent_broker_is_an_error_at_once(url: str) -> None:
    with takes_at_most(1.0):
        assert not Doorbell(url.format(free_port())).ring("a")


@pytest.mark.parametrize(
    "refusal", [exceptions.ChannelError("ACCESS_REFUSED"), exceptions.ConnectionError("NOT_ALLOWED")], ids=str
)
def test_a_broker_that_refuses_a_message_is_no_error_of_a_request(
    refusal: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr("store.doorbell.Celery.send_task", refused)
    assert not Doorbell("amqp://127.0.0.1:1//").ring("a")


def test_requests_that_outnumber_the_connections_of_a_frozen_broker_wait_no_longer() -> None:
    # Pools of earlier tests are larger, and may be in use: a process has one limit for all brokers.
    pools.reset()  # type: ignore[no-untyped-call]
    with own_broker() as broker:
        doorbell = Doorbell(broker.url, connections=1)
        assert broker.process is not None
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            # One after the other, each half a second, they would take 16 s.
            with takes_at_most(2.0), ThreadPoolExecutor(32) as pool:
                assert not any(pool.map(doorbell.ring, [str(number) for number in range(32)]))
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
            pools.reset()  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("patient")
def test_a_message_is_json_with_the_jobs_id_and_nothing_else() -> None:
    with own_broker() as broker:
        assert Doorbell(broker.url).ring("a")
        with redis.Redis.from_url(broker.url) as client:
            message = json.loads(client.lindex(f"{KEY_PREFIX}{QUEUE}", 0))
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == TASK
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([], {"job_id": "a"})


def test_a_frozen_broker_delays_no_request() -> None:
    with own_broker() as broker:
        doorbell = Doorbell(broker.url)
        eventually(lambda: doorbell.ring("a"), 10.0, "it takes a message")
        assert broker.process is not None
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            with takes_at_most(2.0):
                assert not doorbell.ring("b")
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)

"""Pictures of jobs that train: they go from worker to API through the broker, and nobody keeps them.

They are many, and worth nothing a moment later: the record has no place for them. Without a broker of the Redis kind,
or while it is away, there are none; training goes on.
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis

from .doorbell import KEY_PREFIX

TIMEOUT_S = 0.2
"""Longest that a worker waits for the broker with a picture."""
AWAY_S = 5.0
"""So long nothing is sent after a failure."""
KEPT_S = 60
"""So long the last picture is kept for a reader who comes after it."""

log = logging.getLogger(__name__)


class LivePictures:
    """Sends pictures, and hands them to readers."""

    def __init__(self, broker_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = _client(broker_url)
        self._clock = clock
        self._away_until = float("-inf")

    def show(self, job_id: str, text: str) -> None:
        """Send a picture to all who watch this job. It never raises."""
        if self._redis is None or self._clock() < self._away_until:
            return
        try:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.set(_key(job_id), text, ex=KEPT_S)
            pipeline.publish(_key(job_id), text)
            pipeline.execute()
        except redis.RedisError as error:
            self._away_until = self._clock() + AWAY_S
            log.warning("the broker takes no pictures for now: %s", error)

    def watch(self, job_id: str) -> "Watch":
        """What is shown of this job from now on, the last picture first."""
        return Watch(self._redis, job_id)


class Watch:
    """The pictures of one job, for one reader."""

    def __init__(self, client: "redis.Redis | None", job_id: str) -> None:
        self._first: str | None = None
        self._channel: Any = None
        if client is None:
            return
        try:
            self._channel = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            self._channel.subscribe(_key(job_id))
            found: Any = client.get(_key(job_id))
            self._first = None if found is None else found.decode()
        except redis.RedisError:
            self.close()

    def next(self, within_s: float) -> str | None:
        """The next picture; None when none comes in time, or the broker is away."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        deadline = time.monotonic() + within_s
        while self._channel is not None:
            try:
                message = self._channel.get_message(timeout=max(0.0, deadline - time.monotonic()))
            except redis.RedisError:
                self.close()
                break
            if message is not None:
                text: str = message["data"].decode()
                return text
            if time.monotonic() >= deadline:
                return None
        return None

    @property
    def waits(self) -> bool:
        """Whether `next` waits for pictures: without a broker there are none, and it answers at once."""
        return self._channel is not None

    def close(self) -> None:
        """Watch no more."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _key(job_id: str) -> str:
    return f"{KEY_PREFIX}boundary:{job_id}"


def _client(broker_url: str) -> "redis.Redis | None":
    """A client of the broker, whose URL is written as Celery reads it; None for another kind of broker."""
    # No second try: at a socket, redis-py would make three, and a worker would wait for seconds.
    options: Any = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": None}
    if broker_url.startswith("redis+socket://"):
        parts = urlsplit(broker_url)
        database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
        return redis.Redis(unix_socket_path=unquote(parts.path), db=int(database.strip("/") or 0), **options)
    return redis.Redis.from_url(broker_url, **options) if broker_url.startswith(("redis://", "rediss://")) else None

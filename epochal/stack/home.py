"""The folder of an embedded stack: its lock, its token, where it can be reached, its logs."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import AlreadyUpError

SOCKET_PATH_LIMIT = 100
"""Bytes a unix socket's path may have: 108 on Linux and 104 on macOS, with its closing zero."""

LOCK_PATIENCE_S = 0.5
"""A `status` that looks at the lock holds it for an instant; `up` waits that long before it gives up."""


@dataclass(frozen=True)
class Endpoints:
    """Where a stack that is up can be reached."""

    api: str
    mlflow: str
    token: str


@dataclass(frozen=True)
class ServiceState:
    """How one service of the stack is, as `epochal status` shows it."""

    name: str
    state: str
    pid: int | None
    restarts: int
    log: str


class Home:
    """The folder of one stack. All it writes is in here, except a socket whose path would be too long."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.endpoints_file = self.path / "endpoints.json"
        self._lock_file = self.path / "stack.lock"
        self._token_file = self.path / "token"
        self._state_file = self.path / "services.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this home: nobody else can start a stack on it. Raises `AlreadyUpError`."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(exist_ok=True)
        with self._lock_file.open("a+") as file:
            patience_ends = time.monotonic() + LOCK_PATIENCE_S
            while not _try_lock(file.fileno(), fcntl.LOCK_EX):
                if time.monotonic() > patience_ends:
                    self.refuse_if_up()
                time.sleep(0.05)
            self.withdraw()  # what a stack killed with -9 left, before this process is seen as the owner
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def owner(self) -> int | None:
        """The process that has a stack up here; None when none is."""
        try:
            with self._lock_file.open() as file:
                if _try_lock(file.fileno(), fcntl.LOCK_SH):
                    return None
                return int(file.read() or 0)
        except FileNotFoundError:
            return None

    def refuse_if_up(self) -> None:
        """Raise `AlreadyUpError` when a stack is up here."""
        owner = self.owner()
        if owner is not None:
            raise AlreadyUpError(
                f"A stack is already up on {self.path} (process {owner}). "
                f"Stop it with `epochal down`, or choose another folder with EPOCHAL_HOME."
            )

    def token(self, given: str = "") -> str:
        """The API's token: `given`, or the one kept here, or a new one that is kept."""
        if given:
            return given
        if not self._token_file.exists():
            _write_private(self._token_file, f"epo_{secrets.token_urlsafe(32)}")
        return self._token_file.read_text().strip()

    def endpoints(self) -> Endpoints | None:
        """Where the stack that is up can be reached; None when none has said so."""
        try:
            return Endpoints(**json.loads(self.endpoints_file.read_text()))
        except FileNotFoundError:
            return None

    def publish(self, endpoints: Endpoints) -> None:
        """Tell clients where the stack is."""
        _write_private(self.endpoints_file, json.dumps(asdict(endpoints)))

    def withdraw(self) -> None:
        """Take back what `publish` and `note` told."""
        self.endpoints_file.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)

    def note(self, services: list[ServiceState]) -> None:
        """Write down how the services are."""
        _write_private(self._state_file, json.dumps([asdict(service) for service in services]))

    def services(self) -> list[ServiceState]:
        """How the services are; empty when no stack is up."""
        try:
            noted: list[dict[str, Any]] = json.loads(self._state_file.read_text())
        except FileNotFoundError:
            return []
        return [ServiceState(**service) for service in noted]

    @contextmanager
    def socket(self, name: str) -> Iterator[Path]:
        """A path for a unix socket: here, or in a private temporary folder where this path would be too long."""
        path = self.path / name
        if len(os.fsencode(path)) < SOCKET_PATH_LIMIT:
            yield path
            path.unlink(missing_ok=True)
            return
        folder = Path(tempfile.mkdtemp(prefix="epochal-", dir=os.environ.get("XDG_RUNTIME_DIR")))
        try:
            yield folder / name
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_private(path: Path, text: str) -> None:
    """Write beside and rename, so that no reader sees half of it; readable by its owner only."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    beside.replace(path)

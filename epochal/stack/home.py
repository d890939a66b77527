"""The folder of an embedded stack: its lock, token, addresses and logs."""

import errno
import fcntl
import json
import os
import platform
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import IO, Any

from ..errors import AlreadyUpError, StackError

SOCKET_PATH_LIMIT = 100
"""Longest path of a unix socket, in bytes: 108 on Linux and 104 on macOS, with the closing zero."""

LOCK_PATIENCE_S = 0.5
"""How long `up` waits for the lock: `status` holds it for an instant when it looks at it."""


@dataclass(frozen=True)
class Endpoints:
    """The addresses and the token of a stack that is up."""

    api: str
    mlflow: str
    token: str


@dataclass(frozen=True)
class ServiceState:
    """The state of one service, as `epochal status` shows it."""

    name: str
    state: str
    pid: int | None
    restarts: int
    log: str


class Home:
    """The folder of one stack. All its files are in it, except a socket whose path would be too long."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.endpoints_file = self.path / "endpoints.json"
        self._lock_file = self.path / "stack.lock"
        self._token_file = self.path / "token"
        self._state_file = self.path / "services.json"
        self._redirect_file = self.path / "open.html"

    def create(self) -> None:
        """Make the folder. Others get no rights to it, unless it holds something already: then they keep theirs."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not any(self.path.iterdir()):
            self.path.chmod(0o700)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of this home, so that no other stack starts on it. Raises `AlreadyUpError`."""
        self.create()
        self.logs.mkdir(exist_ok=True)
        with self._lock_file.open("a+") as file:
            patience_ends = time.monotonic() + LOCK_PATIENCE_S
            while not _try_lock(file, fcntl.LOCK_EX):
                if time.monotonic() > patience_ends:
                    self.refuse_if_up()
                time.sleep(0.05)
            file.truncate(0)
            self.withdraw()  # files of a stack that was killed, before this process appears as the owner
            file.write(f"{os.getpid()} {platform.node()}")
            file.flush()
            yield

    def owner(self) -> int | None:
        """The process id of the stack that is up here; None when there is none, or when it has just begun to start."""
        try:
            with self._lock_file.open() as file:
                if _try_lock(file, fcntl.LOCK_SH):
                    return None
                return int(file.read().partition(" ")[0] or 0) or None
        except FileNotFoundError:
            return None

    def other_machine(self) -> str | None:
        """The machine on which the last stack of this home was started; None when it is this one."""
        try:
            machine = self._lock_file.read_text().partition(" ")[2]
        except FileNotFoundError:
            return None
        return machine if machine not in ("", platform.node()) else None

    def refuse_if_up(self) -> None:
        """Raise `AlreadyUpError` when a stack is up here."""
        owner = self.owner()
        if owner is not None:
            raise AlreadyUpError(
                f"A stack is already up on {self.path} (process {owner}). "
                f"Stop it with `epochal down`, or choose another folder with EPOCHAL_HOME."
            )

    def token(self, given: str = "", *, anew: bool = False) -> str:
        """The API's token: `given`, else the one in this folder, which is made when there is none, or anew."""
        if given:
            return given
        token = self._token_file.read_text().strip() if self._token_file.exists() else ""
        if anew or not token:  # a power cut may leave an empty file
            token = f"epo_{secrets.token_urlsafe(32)}"
            _write_private(self._token_file, token)
        return token

    def endpoints(self) -> Endpoints | None:
        """The addresses that a stack has published, also one that was killed since; None when there are none."""
        try:
            return Endpoints(**json.loads(self.endpoints_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # a power cut may leave an empty file
            return None

    def up(self) -> Endpoints | None:
        """The addresses of the stack that is up; None when there is none: its port may be another program's by now.

        Where the home is shared, another machine may not see the lock, so that what was published there is believed.
        """
        return self.endpoints() if self.owner() is not None or self.other_machine() is not None else None

    def publish(self, endpoints: Endpoints) -> None:
        """Write down the addresses, for clients."""
        _write_private(self.endpoints_file, json.dumps(asdict(endpoints)))

    def withdraw(self) -> None:
        """Delete what `publish` and `note` wrote."""
        self.endpoints_file.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)
        self._redirect_file.unlink(missing_ok=True)

    def redirect(self, url: str) -> Path:
        """A file that leads a browser to `url`: other users of this machine see the arguments of a browser."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(self._redirect_file, f'<meta http-equiv="refresh" content="0; url={escape(url)}">')
        return self._redirect_file

    def note(self, services: list[ServiceState]) -> None:
        """Write down the states of the services."""
        _write_private(self._state_file, json.dumps([asdict(service) for service in services]))

    def services(self) -> list[ServiceState]:
        """The states of the services; empty when no stack is up."""
        try:
            noted: list[dict[str, Any]] = json.loads(self._state_file.read_text())
            return [ServiceState(**service) for service in noted]
        except (FileNotFoundError, ValueError, TypeError):  # a power cut may leave an empty file
            return []

    @contextmanager
    def socket(self, name: str) -> Iterator[Path]:
        """A path for a unix socket: here, or in a private temporary folder where this path would be too long."""
        path = self.path / name
        if _fits_a_socket(path):
            yield path
            path.unlink(missing_ok=True)
            return
        folder = self._short_folder(name)
        try:
            yield folder / name
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _short_folder(self, name: str) -> Path:
        """A new private folder in which a socket of that name has a short enough path. Raises `StackError`."""
        for place in (os.environ.get("XDG_RUNTIME_DIR") or None, None, "/tmp"):  # noqa: S108 - None: what TMPDIR names
            with suppress(OSError):
                folder = Path(tempfile.mkdtemp(prefix="epochal-", dir=place))
                if _fits_a_socket(folder / name):
                    return folder
                folder.rmdir()
        raise StackError(
            f"A socket in {self.path} would have too long a path, and no folder for temporary files can take it: "
            f"set EPOCHAL_HOME to a folder with a shorter path, or TMPDIR to one in which you may write."
        )


def _fits_a_socket(path: Path) -> bool:
    return len(os.fsencode(path)) < SOCKET_PATH_LIMIT


def _try_lock(file: IO[str], kind: int) -> bool:
    """Whether the lock is ours now. Raises `StackError` where the file system has no locks."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        raise StackError(
            f"The file system of {file.name} has no locks ({error.strerror}), and a stack needs one: "
            "set EPOCHAL_HOME to a folder on a disk of this machine."
        ) from error
    return True


def _write_private(path: Path, text: str) -> None:
    """Write a temporary file and rename it: nobody reads half of it, not after a power cut; others may not read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

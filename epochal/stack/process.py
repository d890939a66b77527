"""One child process: it has a process group of its own, ends with its parent, and is restarted after a crash."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOG_LIMIT_BYTES = 10_000_000
"""A longer log is renamed when its service starts."""

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: between fork and exec, only calls without locks are safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def always() -> bool:
    """Ready as soon as the process runs."""
    return True


@dataclass(frozen=True)
class Service:
    """A command, its readiness check, and how long it may take to start and to end."""

    name: str
    command: tuple[str, ...]
    log: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables added to those of this process."""
    folder: Path | None = None
    ready: Callable[[], bool] = always
    start_s: float = 60.0
    grace_s: float = 5.0
    descriptors: tuple[int, ...] = ()
    """File descriptors that the process inherits."""
    serves: bool = False
    """Whether other services need it, so that it ends after them."""
    outlives: bool = False
    """Whether it keeps running when its parent ends."""


@dataclass
class Backoff:
    """The wait before a crashed service is restarted: doubled with each crash, reset by a healthy run."""

    first_s: float = 0.5
    most_s: float = 30.0
    healthy_s: float = 60.0
    _next_s: float = 0.0

    def after(self, ran_s: float) -> float:
        """Seconds to wait after a run of `ran_s` seconds."""
        wait_s = self.first_s if ran_s >= self.healthy_s or self._next_s == 0.0 else self._next_s
        self._next_s = min(wait_s * 2, self.most_s)
        return wait_s


class Child:
    """A service as a child process. Start it from a thread that lives longer than the child shall.

    On Linux the kernel sends the child SIGTERM when that thread ends for whatever reason. So no child outlives a parent
    that was killed, unless its service says so.
    """

    def __init__(self, service: Service, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.service = service
        self.restarts = 0
        self.ready = False
        self._clock = clock
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def state(self) -> str:
        """One word: running, starting, or stopped."""
        if self.pid is None:
            return "stopped"
        return "running" if self.ready else "starting"

    def start(self) -> None:
        """Start the process; its output goes to the log."""
        self._restart_at = None
        self._started_at = self._clock()
        _rotate(self.service.log)
        with open(os.open(self.service.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:  # noqa: PTH123
            self._process = subprocess.Popen(
                self.service.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.service.environ},
                cwd=self.service.folder,
                pass_fds=self.service.descriptors,
                # Ctrl-C in a terminal is for the parent, which ends the children in order. They share its session: the
                # kernel shares the cores among sessions first, and only within one it heeds niceness (sched(7)).
                process_group=None if self.service.outlives else 0,
                start_new_session=self.service.outlives,
                preexec_fn=None if self.service.outlives else _tie_to(os.getpid()),  # noqa: PLW1509 - see _libc
            )

    def exit_status(self) -> int | None:
        """Its exit status; None while it runs."""
        return None if self._process is None else self._process.poll()

    def probe(self) -> bool:
        """Whether the service is ready; once it is, the answer stays until a crash."""
        self.ready = self.ready or (self.pid is not None and self.service.ready())
        return self.ready

    def start_timed_out(self) -> bool:
        """Whether the service has taken too long to become ready."""
        return not self.ready and self._clock() - self._started_at > self.service.start_s

    def restart_after_crash(self) -> float | None:
        """Restart the process after a crash and a wait that grows. Returns the wait in seconds, once for each crash."""
        if self.exit_status() is None:
            return None
        now = self._clock()
        if self._restart_at is None:
            wait_s = self._backoff.after(now - self._started_at)
            self._restart_at = now + wait_s
            self.ready = False
            return wait_s
        if now >= self._restart_at:
            self.restarts += 1
            self.start()
        return None

    def end(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """Send SIGTERM, wait, then kill the process and all others of its group; at once when `hurry` says so."""
        end_together([self], hurry)

    def terminate(self) -> None:
        """Send SIGTERM. Once only: a later one tells a worker to leave without giving its jobs back."""
        if self._process is not None:
            self._process.terminate()

    def await_end(self, patience_ends: float, hurry: Callable[[], bool]) -> None:
        """Wait until then for its end, on the monotonic clock, and kill what is left of its group."""
        process = self._process
        if process is None:
            return
        while process.poll() is None and time.monotonic() < patience_ends and not hurry():
            _wait(process, 0.05)
        self._kill_group(process.pid)
        process.wait()
        self.ready = False

    @staticmethod
    def _kill_group(leader: int) -> None:
        try:
            os.killpg(leader, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # none is left; macOS raises the second for a zombie
            return


def end_together(children: Sequence[Child], hurry: Callable[[], bool] = lambda: False) -> None:
    """Send SIGTERM to all of them, then wait for each as long as it may take: the slowest says how long that is."""
    for child in children:
        child.terminate()
    began = time.monotonic()
    for child in children:
        child.await_end(began + child.service.grace_s, hurry)


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return


def _rotate(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def _tie_to(parent: int) -> Callable[[], None] | None:
    """The function by which a child asks for SIGTERM when `parent` ends; None where the system has no such call."""
    libc = _libc
    if libc is None:
        return None

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(1)

    return tie

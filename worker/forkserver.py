"""Trainers are forked from one process that has imported PyTorch: the standard library's fork server.

Importing PyTorch takes seconds of a core; a fork takes milliseconds, so that a killed trainer is
replaced at once. Forked processes share the memory of what is imported (`worker/preload.py`).

Two things are added to `multiprocessing`. A trainer is watched and killed by its pidfd: the standard library takes a
process for ended as soon as its fork server ends, and then kills nothing. And one thread at a time asks for exit
statuses: two that read the same pipe would take a crash for an unknown end.
"""

import atexit
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from .errors import TrainerDied

AVAILABLE = sys.platform == "linux"
"""Elsewhere a process that has loaded the system's own numerics cannot fork, and there are no pidfds."""

_REPORTED_WITHIN_S = 1.0
"""The fork server reports an exit status at about the moment at which the process ends."""

_LOCK_S = 5.0
"""How long a process that has ended waits for its turn to be told."""

_UNKNOWN = 255
"""The standard library's exit status of a process whose fork server ended first."""

_GO = b"\n"
"""What a trainer waits for before it begins, in the pipe of its orders."""

_processes = threading.Lock()
"""Held while a process starts, which reads the exit statuses of all others, and while one is read."""


@atexit.register
def _kill_trainers() -> None:
    """End those that are left, before the standard library tells them to by SIGTERM, which they ignore, and waits."""
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


class ForkedProcess:
    """A trainer that was forked: what `subprocess.Popen` is of a spawned one."""

    def __init__(self, process: BaseProcess, stdin: Connection, stdout: Connection) -> None:
        self._process = process
        self._code: int | None = None
        # A later process with the same pid is not meant; and it works when the fork server has ended.
        self._pidfd = os.pidfd_open(process.pid or 0)
        weakref.finalize(self, os.close, self._pidfd)  # not before: another thread may be about to kill
        self.stdin, self.stdout = os.fdopen(os.dup(stdin.fileno()), "wb"), os.fdopen(os.dup(stdout.fileno()), "rb")

    def poll(self) -> int | None:
        """Its exit status, if it has ended; never waits for a process that starts."""
        return self._status(lock_s=0.0) if self._ended(0.0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended: the negative number of a signal, -9 too when it is not known."""
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired("trainer", timeout or 0.0)
        return self._status(lock_s=_LOCK_S)

    def kill(self) -> None:
        """End it now; harmless when it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _ended(self, timeout: float | None) -> bool:
        return bool(select.select([self._pidfd], [], [], timeout)[0])

    def _status(self, lock_s: float) -> int:
        if self._code is None and _processes.acquire(timeout=lock_s):
            try:
                self._process.join(_REPORTED_WITHIN_S)
                code = self._process.exitcode
                self._code = -signal.SIGKILL if code in (None, _UNKNOWN) else code
            finally:
                _processes.release()
        return -signal.SIGKILL if self._code is None else self._code


def fork(arguments: Sequence[str], environment: Mapping[str, str]) -> ForkedProcess:
    """Fork `worker.child` with these arguments, and with these variables set before it touches a device.

    Starts the fork server first if it does not run. Raises `TrainerDied` when it ends meanwhile.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["worker.preload"])
    orders, stdin = context.Pipe(duplex=False)
    stdout, reports = context.Pipe(duplex=False)
    work = (tuple(arguments), dict(environment), orders, reports)
    process = context.Process(target=_become_trainer, args=work, daemon=True)
    with orders, stdin, stdout, reports:
        try:
            with _processes:
                process.start()
            forked = ForkedProcess(process, stdin, stdout)
            os.write(stdin.fileno(), _GO)
            return forked
        except (OSError, EOFError) as error:
            raise TrainerDied(None) from error


def _become_trainer(
    arguments: Sequence[str], environment: Mapping[str, str], orders: Connection, reports: Connection
) -> None:
    from . import child

    os.setpgrp()
    os.read(orders.fileno(), len(_GO))  # one that ends before its pidfd is open would end with an unknown status
    for end, standard in ((orders, 0), (reports, 1)):
        os.dup2(end.fileno(), standard)
        end.close()
    os.environ.update(environment)
    child.main(arguments)

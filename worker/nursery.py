"""The nursery: one process of a worker that has imported all that a trainer needs, and forks trainers from itself.

Importing PyTorch and scikit-learn takes seconds of a core, and many on a busy machine; a fork takes milliseconds, so
that a trainer that was killed is replaced at once. The forks share the memory of what is imported.

`python -m worker.nursery` hears one request a message on the socket that is its standard input, and ends when the
worker does; trainers see their own input end. It has one thread and never touches CUDA, for neither survives a fork.
"""

import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from .devices import ONE_THREAD
from .errors import TrainerDied

log = logging.getLogger(__name__)

POSSIBLE = sys.platform == "linux"
"""Elsewhere a process that has loaded the system's own numerics cannot fork, and there are no pidfds."""

BORN_WITHIN_S = 120.0
"""The first trainer waits until all is imported."""

LIKE_ALL_TRAINERS = {
    **ONE_THREAD,
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # scikit-learn imports pyarrow, which brings an allocator
}

LOADED = (
    *("trainer.checkpoint", "trainer.export", "trainer.distributed", "trainer.runtime", "worker.child"),
    *("sklearn.datasets", "torch.fx.experimental.symbolic_shapes"),  # what training imports at first use
)

_LONGEST = 1 << 20


class Born:
    """A trainer that a nursery has forked: what `subprocess.Popen` would be of a child of ours."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes], told: IO[bytes]) -> None:
        self.stdin, self.stdout = stdin, stdout
        self._told = told
        self._code: int | None = None
        self._reading = threading.Lock()
        # Whoever has this number later is not meant by it; and it outlives the nursery.
        self._process = os.pidfd_open(pid)
        weakref.finalize(self, os.close, self._process)  # not before: another thread may be about to kill

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended: the negative number of a signal, -9 too when nobody could say."""
        ready, _, _ = select.select([self._process], [], [], timeout)
        if not ready:
            raise subprocess.TimeoutExpired("trainer", timeout or 0.0)
        with self._reading:
            if self._code is None:
                with self._told:
                    self._code = int(self._told.readline() or -signal.SIGKILL)
            return self._code

    def kill(self) -> None:
        """End it now; harmless when it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)


class Nursery:
    """The worker's end of a nursery, which is started for the first trainer, and again if it should die."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**environment, **LIKE_ALL_TRAINERS}
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def bear(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Born:
        """Fork `worker.child` with these arguments, and these variables set beside the nursery's own.

        Raises `TrainerDied` when the nursery dies of it, or does not come to be.
        """
        orders, stdin = os.pipe()
        stdout, reports = os.pipe()
        told, telling = os.pipe()
        request = json.dumps({"arguments": [*arguments], "environment": dict(environment)}).encode()
        try:
            with suppress(OSError):  # it died just now: nobody will tell a number
                socket.send_fds(self._open(), [request], [orders, reports, telling])
        finally:
            for end in (orders, reports, telling):
                os.close(end)
        files = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), os.fdopen(told, "rb")
        ready, _, _ = select.select([told], [], [], BORN_WITHIN_S)
        try:
            return Born(int(files[2].readline() if ready else b""), *files)
        except (ValueError, OSError) as error:
            for file in files:
                file.close()
            raise TrainerDied(None) from error

    def close(self) -> None:
        """End it; its trainers go on until their input ends."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.kill()
            self._process.wait()

    def _open(self) -> socket.socket:
        with self._starting:
            if self._line is None or self._process is None or self._process.poll() is not None:
                if self._line is not None:
                    log.warning("the nursery of trainers has died, and is started again")
                    self._line.close()
                ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with its:
                    self._process = subprocess.Popen(
                        [sys.executable, "-m", "worker.nursery"],
                        stdin=its.fileno(),
                        env=self._environment,
                        start_new_session=True,
                    )
                self._line = ours
            return self._line


# --- the process itself -----------------------------------------------------------------------------------------------


def load() -> None:
    """Import what trainers import, also what they import at first use."""
    for module in LOADED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the collector of a fork would else write to, and so copy, all that is shared


def serve(line: socket.socket) -> None:
    """Fork a trainer a request, and tell how each ended, until the worker is gone."""
    telling: dict[int, tuple[int, int]] = {}  # by pidfd: the trainer, and where its end is told
    while True:
        ready, _, _ = select.select([line.fileno(), *telling], [], [])
        for pidfd in telling.keys() & set(ready):
            pid, told = telling.pop(pidfd)
            _, status = os.waitpid(pid, 0)
            _tell(told, os.waitstatus_to_exitcode(status))
            os.close(pidfd)
            os.close(told)
        if line.fileno() in ready:
            request, ends, _, _ = socket.recv_fds(line, _LONGEST, 3)
            if not request:
                return
            orders, reports, told = ends
            pid = os.fork()
            if pid == 0:
                line.close()
                for other, (_, elsewhere) in telling.items():
                    os.close(other)
                    os.close(elsewhere)
                os.close(told)
                _become_trainer(json.loads(request), orders, reports)
            os.close(orders)
            os.close(reports)
            _tell(told, pid)
            telling[os.pidfd_open(pid)] = pid, told


def _tell(told: int, number: int) -> None:
    with suppress(BrokenPipeError):  # the worker is gone, or does not want to know
        os.write(told, b"%d\n" % number)


def _become_trainer(request: dict[str, Any], orders: int, reports: int) -> None:
    from . import child

    code = 1
    try:
        os.setsid()
        for end, standard in ((orders, 0), (reports, 1)):
            os.dup2(end, standard)
            os.close(end)
        os.environ.update(request["environment"])
        child.main(request["arguments"])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Load, then serve."""
    with socket.socket(fileno=os.dup(0)) as line:
        load()
        serve(line)


if __name__ == "__main__":
    main()

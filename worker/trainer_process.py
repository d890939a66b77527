"""The supervisor's end of a trainer process: start it, send to it, receive from it, end it."""

import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Protocol, cast

from . import forkserver, messages
from .devices import Device
from .errors import TrainerDied
from .forkserver import ForkedProcess
from .messages import Order, Ready, Report

log = logging.getLogger(__name__)

START_S = 120.0
"""Importing PyTorch and initialising a GPU may take so long; a slot whose trainer is not ready then takes no jobs."""

END_S = 10.0
"""So long a trainer that was killed may take to end; one that hangs in the driver of its device never does."""


class Trainer(Protocol):
    """A trainer that a slot can give packs to. `send` and `receive` raise `TrainerDied` once it is gone."""

    folder: Path
    """Where it writes models, one folder a job."""

    def send(self, order: Order) -> None:
        """Send it an order."""

    def receive(self, timeout_s: float) -> Report | None:
        """Its next report; None when none came for so long."""

    def kill(self) -> None:
        """End it now, from any thread; harmless when it is gone."""

    def close(self) -> None:
        """End it and delete its folder."""

    def alive(self) -> bool:
        """Whether it can be given a pack."""


def _launcher(processes: int) -> tuple[str, ...]:
    """Arguments before a module that start it as several processes; rank 0 reads and writes our pipes."""
    if processes == 1:
        return ()
    return ("-m", "torch.distributed.run", "--standalone", "--max-restarts=0", f"--nproc-per-node={processes}")


def _fork_or_spawn(
    arguments: Sequence[str], environment: dict[str, str], device: Device
) -> subprocess.Popen[bytes] | ForkedProcess:
    """A forked process where that is possible; else one that has all to import, which takes seconds."""
    if forkserver.AVAILABLE and device.count == 1:
        try:
            return forkserver.fork(arguments, device.environment)
        except TrainerDied:
            log.warning("the trainer of %s cannot be forked and is spawned", device.name, exc_info=True)
    return subprocess.Popen(
        [sys.executable, *_launcher(device.count), "-m", "worker.child", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment | dict(device.environment),
        process_group=0,  # Ctrl-C in a terminal is for the worker, which then ends its children in order
    )


class TrainerProcess:
    """A child process that trains on one device, or several that train together; see `worker.child`."""

    def __init__(
        self, process: subprocess.Popen[bytes] | ForkedProcess, scratch: TemporaryDirectory[str], name: str
    ) -> None:
        self._process, self._scratch, self._name = process, scratch, name
        self.folder = Path(scratch.name)
        self._orders = cast("IO[bytes]", process.stdin)
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name=f"receive-{name}", daemon=True).start()

    @classmethod
    def start(
        cls,
        device: Device,
        environment: dict[str, str],
        log_level: str,
        checkpoint_s: float,
        memory_bytes: int | None = None,
    ) -> "TrainerProcess":
        """Start one, forked if it is a single process and this system can fork it, and wait until it is warm.

        What it allocates beyond `memory_bytes` fails a job with `out_of_memory`, and the trainer goes on.
        """
        scratch = TemporaryDirectory(prefix="epochal-trainer-", ignore_cleanup_errors=True)
        arguments = (
            *("--device", device.kind, "--folder", scratch.name),
            *("--checkpoint-s", str(checkpoint_s), "--log-level", log_level),
            *(() if memory_bytes is None else ("--memory-bytes", str(memory_bytes))),
        )
        trainer = cls(_fork_or_spawn(arguments, environment, device), scratch, device.name)
        try:
            if not isinstance(trainer.receive(START_S), Ready):
                raise TrainerDied(None)
        except TrainerDied:
            trainer.close()
            raise
        return trainer

    def send(self, order: Order) -> None:
        """Send it an order."""
        try:
            self._orders.write(messages.line(order))
            self._orders.flush()
        except (OSError, ValueError) as error:
            raise TrainerDied(self._code()) from error

    def receive(self, timeout_s: float) -> Report | None:
        """Its next report; None when none came for so long."""
        try:
            report = self._reports.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if report is None:
            self._reports.put(None)  # the next call gets the same answer
            raise TrainerDied(self._code())
        return report

    def kill(self) -> None:
        """End it now, from any thread; harmless when it is gone."""
        self._process.kill()

    def close(self) -> None:
        """End it and delete its folder."""
        self._process.kill()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            log.error("the trainer of %s was killed and does not end: its device may be broken", self._name)
        with suppress(OSError):  # an order that it did not read
            self._orders.close()
        self._scratch.cleanup()

    def alive(self) -> bool:
        """Whether it can be given a pack."""
        return self._process.poll() is None

    def _listen(self) -> None:
        with cast("IO[bytes]", self._process.stdout) as stream:
            for text in stream:
                try:
                    self._reports.put(messages.report(text))
                except ValueError:
                    log.exception("the trainer sent a report that cannot be read and is killed")
                    self._process.kill()
        self._reports.put(None)

    def _code(self) -> int | None:
        """Its exit code, once it has one."""
        try:
            return self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return None

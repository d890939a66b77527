"""The trainer process of one slot: `python -m worker.child --device cpu --folder DIR`.

A slot of several devices has a team of such processes, which torch's elastic launcher starts and ends together: the
first of them talks with the supervisor, the others do as it does.

Those of one device are forked by the worker's nursery (`worker/nursery.py`), and have nothing left to import. A
trainer stays warm between packs. Orders come as lines on standard input, reports leave as lines on what was standard
output. End of input means that the worker is gone: it ends at once, so that a worker killed with -9 leaves no orphan
that trains on.
"""

import argparse
import ctypes
import logging
import math
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spec.estimate import estimate
from spec.job import JobSpec
from spec.states import FailureReason
from spec.views import Curve, Metrics

from . import messages
from .messages import (
    CHECKPOINTS,
    Cancel,
    Ended,
    Job,
    Leave,
    Measured,
    Points,
    Ready,
    Report,
    Resumed,
    Room,
    Saved,
    Train,
    Unsaved,
    Working,
)

if TYPE_CHECKING:
    import torch

    from trainer.checkpoint import Checkpoint
    from trainer.distributed import ProcessGroup
    from trainer.fit import Entry, Outcome, Point

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15

TELL_EVERY_S = 0.25
"""Points are told four times a second: more would cost the training loop, less would make curves jerk."""

WORKING_EVERY_S = 1.0
"""How often the trainer says that it has not stalled."""

CHECKPOINTS_SHARE = 0.02
"""Most of the training time that may go into checkpoints; where they take long, they are further apart."""


class Wire:
    """What the trainer says to its supervisor."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def tell(self, message: Report) -> None:
        """Say it now."""
        self._stream.write(messages.line(message))
        self._stream.flush()


class Inbox:
    """What the supervisor said and the training loop has not taken yet."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        # These two are replaced, never changed: the training loop reads them unlocked.
        self._cancelled: frozenset[str] = frozenset()
        self._leaving: frozenset[str] = frozenset()
        self.limit = 1

    def put(self, order: messages.Order) -> None:
        """Take an order in."""
        with self._changed:
            match order:
                case Train():
                    self._waiting.extend(order.jobs)
                    again = {job.id for job in order.jobs}  # a new attempt begins without old wishes
                    self._cancelled, self._leaving = self._cancelled - again, self._leaving - again
                    self.limit = order.limit
                case Leave():
                    self._leaving |= set(order.ids)
                case Cancel():
                    self._cancelled |= set(order.ids)
            self._changed.notify_all()

    def wait(self) -> None:
        """Sleep until there is a job to train."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)

    def take(self, most: int) -> list[Job]:
        """Take up to `most` of the jobs that wait, oldest first."""
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def cancelled(self) -> Collection[str]:
        """Jobs to drop."""
        return self._cancelled

    def leaving(self) -> frozenset[str]:
        """Jobs to drop as soon as their checkpoints are saved."""
        return self._leaving

    def drop(self, ids: Collection[str]) -> None:
        """Drop these now, as if that had been said."""
        with self._changed:
            self._cancelled |= set(ids)

    def forget(self) -> None:
        """Drop the cancels of a pack that is over."""
        with self._changed:
            waiting = {job.id for job in self._waiting}
            self._cancelled, self._leaving = self._cancelled & waiting, self._leaving & waiting


class SupervisorCallbacks:
    """The callbacks of one pack: report to the supervisor, and pass its requests on to `fit`."""

    def __init__(
        self,
        inbox: Inbox,
        wire: Wire,
        folder: Path,
        checkpoint_s: float,
        clock: Callable[[], float] = time.monotonic,
        memory_used: Callable[[], int] = lambda: 0,
    ) -> None:
        self._inbox = inbox
        self._wire = wire
        self._folder = folder
        self._clock = clock
        self._memory_used = memory_used
        self._measured = False
        self._told_at = -math.inf
        self._room_told_at = self._working_told_at = clock()
        self._checkpoint_s = self._next_checkpoint_s = checkpoint_s
        self._checkpoint_asked_at = self._checkpointed_at = clock()
        self._untold: dict[str, Curve] = {}
        self._jobs: dict[str, Job] = {}

    def new_entries(self, free: int) -> Sequence["Entry"]:
        """Jobs that join now; says once a second how much room is left, so that the supervisor may claim more."""
        joining = self._inbox.take(free)
        left = free - len(joining)
        if left > 0 and self._clock() - self._room_told_at >= 1.0:
            self._room_told_at = self._clock()
            self._wire.tell(Room(room=left))
        return self.enter(joining)

    def enter(self, jobs: Sequence[Job]) -> list["Entry"]:
        """The trainer's entries for `jobs`, whose ends are owed from now on."""
        from trainer.fit import Entry

        self._jobs.update({job.id: job for job in jobs})
        return [Entry(id=job.id, spec=job.spec, checkpoint=self._checkpoint(job), table=job.table) for job in jobs]

    def should_cancel(self) -> Collection[str]:
        """Jobs to drop; polled between chunks of steps."""
        self._tell_points()
        if self._clock() - self._working_told_at >= WORKING_EVERY_S:
            self._working_told_at = self._clock()
            self._wire.tell(Working())
        return self._inbox.cancelled()

    def on_epoch_end(self, points: Sequence["Point"]) -> None:
        """Keep the points until it is time to tell them; after the first epoch tell what a member needs."""
        if not self._measured:
            self._measured = True
            if needed := self._memory_used():
                self._wire.tell(Measured(member_bytes=-(-needed // len(points))))
        for point in points:
            curve = self._untold.setdefault(point.id, {"epoch": []})
            curve["epoch"].append(float(point.epoch))
            for name, value in _finite(point.metrics).items():
                curve.setdefault(name, []).append(value)
        self._tell_points()

    def checkpoints_due(self) -> Collection[str]:
        """Everybody now and then, and whoever leaves."""
        self._checkpoint_asked_at = self._clock()
        if self._checkpoint_asked_at - self._checkpointed_at >= self._next_checkpoint_s:
            return self._jobs.keys()
        return self._inbox.leaving()

    def on_checkpoint(self, checkpoints: Mapping[str, "Checkpoint"]) -> None:
        """Write the checkpoints and tell of them, after the points before them: no curve may have a gap."""
        self._tell_points(now=True)
        for job_id, checkpoint in checkpoints.items():
            self._wire.tell(self._saved(job_id, checkpoint))
        self._inbox.drop(self._inbox.leaving() & checkpoints.keys())
        if checkpoints.keys() == self._jobs.keys():
            self._checkpointed_at = self._clock()
            taken = self._checkpointed_at - self._checkpoint_asked_at
            self._next_checkpoint_s = max(self._checkpoint_s, taken / CHECKPOINTS_SHARE)

    def on_member_end(self, outcome: "Outcome") -> None:
        """Write the model, then say that the member is done."""
        self._tell_points(now=True)
        job = self._jobs.pop(outcome.id)
        files = self._save(outcome, job) if outcome.end == "succeeded" else ()
        self._wire.tell(
            Ended(
                id=outcome.id,
                end=outcome.end,
                stop_reason=outcome.stop_reason,
                failure_reason=outcome.failure_reason,
                message=outcome.message or "",
                best_epoch=outcome.best_epoch,
                best_metrics=None if outcome.best_metrics is None else _finite(outcome.best_metrics),
                files=files,
            )
        )

    def fail_rest(self, error: BaseException) -> None:
        """Say of every member that has not ended that the pack ended under it."""
        self._tell_points(now=True)
        reason = FailureReason.out_of_memory if _is_memory(error) else FailureReason.error
        message = f"{type(error).__name__}: {error}"[:2000]
        shared = len(self._jobs) > 1
        for job_id, job in list(self._jobs.items()):
            del self._jobs[job_id]
            if reason is FailureReason.out_of_memory and not shared:
                message = f"{_need(job.spec)} {message}"
            self._wire.tell(Ended(id=job_id, end="failed", failure_reason=reason, message=message, whole_pack=shared))

    def _save(self, outcome: "Outcome", job: Job) -> tuple[str, ...]:
        from trainer import export

        folder = self._folder / outcome.id
        folder.mkdir(parents=True, exist_ok=True)
        export.save(outcome, job.spec, folder)
        return tuple(sorted(path.name for path in folder.iterdir()))

    def _saved(self, job_id: str, checkpoint: "Checkpoint") -> Saved | Unsaved:
        from trainer.checkpoint import dump

        epoch = checkpoint.state.epoch
        file = f"{CHECKPOINTS}/{job_id}-{epoch}"
        try:
            (self._folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            (self._folder / file).write_bytes(dump(checkpoint))
        except OSError as error:
            with suppress(OSError):
                (self._folder / file).unlink()
            return Unsaved(id=job_id, epoch=epoch, message=str(error.strerror or error))
        return Saved(id=job_id, epoch=epoch, file=file)

    def _checkpoint(self, job: Job) -> "Checkpoint | None":
        """What the job goes on from: the newest checkpoint that can be read."""
        from trainer.checkpoint import load
        from trainer.errors import BadCheckpointError

        refused: dict[str, str] = {}
        found = None
        for file in job.checkpoints:
            try:
                found = found or load((self._folder / file).read_bytes(), job.spec)
            except (BadCheckpointError, OSError) as error:
                refused[file] = str(error)
            (self._folder / file).unlink(missing_ok=True)
        if job.checkpoints:
            self._wire.tell(Resumed(id=job.id, epoch=0 if found is None else found.state.epoch, refused=refused))
        return found

    def _tell_points(self, *, now: bool = False) -> None:
        if self._untold and (now or self._clock() - self._told_at >= TELL_EVERY_S):
            self._told_at = self._clock()
            curves, self._untold = self._untold, {}
            self._wire.tell(Points(curves=curves))


def _finite(metrics: Mapping[str, float | None]) -> Metrics:
    """JSON has no NaN and no infinity: null stands for them."""
    return {name: value if value is not None and math.isfinite(value) else None for name, value in metrics.items()}


def _is_memory(error: BaseException) -> bool:
    import torch

    # PyTorch's CPU allocator has no class of its own for it.
    said = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return said or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _need(spec: JobSpec) -> str:
    """What memory the job was to take, and what this process held at most."""
    import torch

    priced = (
        "" if spec.info is None else f"It needs about {estimate(spec, spec.info).memory_bytes / 2**20:,.0f} MiB, and "
    )
    if torch.cuda.is_available():
        held = f"{torch.cuda.max_memory_allocated() / 2**20:,.0f} MiB of the GPU were"
    else:
        unit = 2**20 if sys.platform == "darwin" else 2**10  # what getrusage counts in
        held = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:,.0f} MiB were"
    return f"{priced}{held} held when no more was to be had: make the network or batch_size smaller."


def train(
    inbox: Inbox,
    wire: Wire,
    folder: Path,
    device: "torch.device",
    checkpoint_s: float,
    group: "ProcessGroup | None" = None,
) -> None:
    """Train what waits in the inbox as one pack."""
    import torch

    from trainer.distributed import run_rank0
    from trainer.fit import fit

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    used = partial(torch.cuda.max_memory_allocated, device) if on_gpu else lambda: 0
    callbacks = SupervisorCallbacks(inbox, wire, folder, checkpoint_s, memory_used=used)
    try:
        run, limit = fit if group is None else partial(run_rank0, group), inbox.limit
        run(callbacks.enter(inbox.take(limit)), callbacks, device=device, limit=limit)
        callbacks.fail_rest(RuntimeError("the trainer ended without a word about this job"))
    except Exception as error:  # whatever it is, the supervisor hears of it and the slot stays warm
        log.exception("the pack failed")
        if group is not None and not _is_memory(error):
            os._exit(1)  # most likely another rank is gone, which is no fault of the job
        callbacks.fail_rest(error)
        if group is not None:
            os._exit(1)  # the others wait for a sum that never comes: the launcher ends them
    if on_gpu:
        torch.cuda.empty_cache()  # not while the error is handled: it holds on to the pack
    inbox.forget()


def listen(stream: BinaryIO, inbox: Inbox, folder: Path, end: Callable[[int], object] = os._exit) -> None:
    """Read orders until the worker is gone, then end this process at once, whatever it is doing."""
    try:
        for text in stream:
            inbox.put(messages.order(text))
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # nobody is left to fetch the models, nor to sweep up
        end(0)


def protect_stdout() -> Wire:
    """Keep the pipe for reports, and send whatever else is printed to standard error."""
    sys.stdout.flush()
    wire = Wire(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    return wire


def _take_name() -> None:
    """Be found among processes: a fork has the command line of what it was forked from."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"trainer")


def _end_with_launcher() -> None:
    """Let the kernel end this process when torch's launcher is killed, which then ends nobody itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train packs until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m worker.child", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", required=True, help="as PyTorch names it: cpu, cuda")
    parser.add_argument("--folder", required=True, type=Path, help="where models are written, one folder a job")
    parser.add_argument("--checkpoint-s", required=True, type=float, help="seconds between two checkpoints")
    parser.add_argument("--log-level", default="INFO")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s trainer %(process)d: %(message)s")

    _take_name()
    wire, inbox = protect_stdout(), Inbox()
    launched = "RANK" in os.environ
    if launched:
        _end_with_launcher()
    if not launched or os.environ["RANK"] == "0":
        threading.Thread(target=listen, args=(sys.stdin.buffer, inbox, options.folder), daemon=True).start()

    from trainer.distributed import join_process_group, run_other_rank
    from trainer.fit import warm_up
    from trainer.runtime import configure_process

    configure_process()
    device, group = join_process_group(options.device)
    warm_up(device)  # the first pack must not pay; and a dead device is told now, not by a job
    while group is not None and group.rank > 0:
        run_other_rank(group, device=device)
    wire.tell(Ready(pid=os.getpid()))
    while True:
        inbox.wait()
        train(inbox, wire, options.folder, device, options.checkpoint_s, group)


if __name__ == "__main__":
    main()

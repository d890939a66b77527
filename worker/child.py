"""The trainer process of one slot: `python -m worker.child --device cpu --folder DIR`.

It imports torch once and stays warm between packs. Orders come as lines on standard input, reports leave as lines on
what was standard output. End of input means that the worker is gone: it ends at once, so that a worker killed with -9
leaves no orphan that trains on.
"""

import argparse
import logging
import math
import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spec.states import FailureReason
from spec.views import Curve, Metrics

from . import messages
from .messages import Cancel, Ended, Job, Points, Ready, Report, Room, Train

if TYPE_CHECKING:
    from trainer.fit import Entry, Outcome, Point

log = logging.getLogger(__name__)

TELL_EVERY_S = 0.25
"""Points are told four times a second: more would cost the training loop, less would make curves jerk."""


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
        self._cancelled: frozenset[str] = frozenset()  # replaced, never changed: the training loop reads it unlocked
        self.limit = 1

    def put(self, order: messages.Order) -> None:
        """Take an order in."""
        with self._changed:
            match order:
                case Train():
                    self._waiting.extend(order.jobs)
                    self._cancelled -= {job.id for job in order.jobs}  # a new attempt begins without old wishes
                    self.limit = order.limit
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

    def forget(self) -> None:
        """Drop the cancels of a pack that is over."""
        with self._changed:
            self._cancelled &= {job.id for job in self._waiting}


class Telling:
    """The conductor of one pack: tells the supervisor what `fit` tells it, and hands in what the supervisor said."""

    def __init__(self, inbox: Inbox, wire: Wire, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._inbox = inbox
        self._wire = wire
        self._folder = folder
        self._clock = clock
        self._told_at = -math.inf
        self._room_told_at = clock()
        self._untold: dict[str, Curve] = {}
        self._jobs: dict[str, Job] = {}

    def admit(self, room: int) -> Sequence["Entry"]:
        """Jobs that join now; says once a second how much room is left, so that the supervisor may claim more."""
        joining = self._inbox.take(room)
        left = room - len(joining)
        if left > 0 and self._clock() - self._room_told_at >= 1.0:
            self._room_told_at = self._clock()
            self._wire.tell(Room(room=left))
        return self.enter(joining)

    def enter(self, jobs: Sequence[Job]) -> list["Entry"]:
        """The trainer's entries for `jobs`, whose ends are owed from now on."""
        from trainer.fit import Entry

        self._jobs.update({job.id: job for job in jobs})
        return [Entry(id=job.id, spec=job.spec, table=job.table) for job in jobs]

    def cancelled(self) -> Collection[str]:
        """Jobs to drop; polled between chunks of steps."""
        self._tell_points()
        return self._inbox.cancelled()

    def epoch_ended(self, points: Sequence["Point"]) -> None:
        """Keep the points until it is time to tell them."""
        for point in points:
            curve = self._untold.setdefault(point.id, {"epoch": []})
            curve["epoch"].append(float(point.epoch))
            for name, value in _finite(point.metrics).items():
                curve.setdefault(name, []).append(value)
        self._tell_points()

    def member_ended(self, outcome: "Outcome") -> None:
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
        for job_id in list(self._jobs):
            del self._jobs[job_id]
            self._wire.tell(Ended(id=job_id, end="failed", failure_reason=reason, message=message, whole_pack=shared))

    def _save(self, outcome: "Outcome", job: Job) -> tuple[str, ...]:
        from trainer import export

        folder = self._folder / outcome.id
        folder.mkdir(parents=True, exist_ok=True)
        export.save(outcome, job.spec, folder)
        return tuple(sorted(path.name for path in folder.iterdir()))

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


def train(inbox: Inbox, wire: Wire, folder: Path, device: str) -> None:
    """Train what waits in the inbox as one pack."""
    import torch

    from trainer.fit import fit

    conductor = Telling(inbox, wire, folder)
    try:
        fit(conductor.enter(inbox.take(inbox.limit)), conductor, device=torch.device(device), limit=inbox.limit)
        conductor.fail_rest(RuntimeError("the trainer ended without a word about this job"))
    except Exception as error:  # whatever it is, the supervisor hears of it and the slot stays warm
        log.exception("the pack failed")
        conductor.fail_rest(error)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Train packs until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m worker.child", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", required=True, help="as PyTorch names it: cpu, cuda")
    parser.add_argument("--folder", required=True, type=Path, help="where models are written, one folder a job")
    parser.add_argument("--log-level", default="INFO")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s trainer %(process)d: %(message)s")

    wire, inbox = protect_stdout(), Inbox()
    threading.Thread(target=listen, args=(sys.stdin.buffer, inbox, options.folder), daemon=True).start()

    import torch

    from trainer.fit import warm_up

    torch.set_num_threads(1)  # packs.md: two processes of one thread beat one of two, by far under load
    torch.set_flush_denormal(True)  # packs.md: the square root of denormals is five times slower
    warm_up(torch.device(options.device))  # the first pack must not pay; and a dead device is told now, not by a job
    wire.tell(Ready(pid=os.getpid()))
    while True:
        inbox.wait()
        train(inbox, wire, options.folder, options.device)


if __name__ == "__main__":
    main()

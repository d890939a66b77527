"""What a trainer process reports to its supervisor while it trains a pack."""

import math
import resource
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spec.disk import may_recover, reason
from spec.estimate import estimate
from spec.job import JobSpec
from spec.live_boundary import LiveBoundary
from spec.states import FailureReason
from spec.views import Curve, Metrics

from . import messages
from .inbox import Inbox
from .messages import (
    CHECKPOINTS,
    Drawn,
    Ended,
    FreeMembers,
    Job,
    Measured,
    Points,
    Report,
    Resumed,
    Saved,
    Unsaved,
    Working,
)

if TYPE_CHECKING:
    from trainer.checkpoint import Checkpoint
    from trainer.member import Entry, Outcome, Point

POINTS_EVERY_S = 0.25
"""Points are sent four times a second: more would cost the training loop, less would make curves jerk."""

DRAWN_EVERY_S = 0.05
"""Decision boundaries are drawn so often, of all members together: a pack with many that are watched is not slower."""

WORKING_EVERY_S = 1.0
"""How often the trainer reports that it has not stalled."""

CHECKPOINTS_SHARE = 0.02
"""Most of the training time that may go into checkpoints; where they take long, they are further apart."""


class ReportStream:
    """Sends reports to the supervisor."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, message: Report) -> None:
        """Send it now."""
        self._stream.write(messages.line(message))
        self._stream.flush()


class SupervisorCallbacks:
    """The callbacks of one pack: report to the supervisor, and pass its requests on to `fit`."""

    def __init__(
        self,
        inbox: Inbox,
        reports: ReportStream,
        folder: Path,
        checkpoint_s: float,
        clock: Callable[[], float] = time.monotonic,
        memory_used: Callable[[], int] = lambda: 0,
    ) -> None:
        self._inbox = inbox
        self._reports = reports
        self._folder = folder
        self._clock = clock
        self._memory_used = memory_used
        self._measured = False
        self._points_sent_at = self._drawn_at = -math.inf
        self._watched: dict[str, LiveBoundary] = {}
        self._free_sent_at = self._working_sent_at = clock()
        self._checkpoint_s = self._next_checkpoint_s = checkpoint_s
        self._checkpoint_asked_at = self._checkpointed_at = clock()
        self._unsent: dict[str, Curve] = {}
        self._jobs: dict[str, Job] = {}
        self._numbers = count()

    def new_entries(self, free: int) -> Sequence["Entry"]:
        """Jobs that join now; reports once a second how many more may, so that the supervisor can claim them."""
        joining = self._inbox.take(free)
        left = free - len(joining)
        if left > 0 and self._clock() - self._free_sent_at >= 1.0:
            self._free_sent_at = self._clock()
            self._reports.send(FreeMembers(count=left))
        return self.enter(joining)

    def enter(self, jobs: Sequence[Job]) -> list["Entry"]:
        """The trainer's entries for `jobs`, whose ends must be reported from now on."""
        from trainer.errors import TrainerError
        from trainer.member import Outcome

        self._jobs.update({job.id: job for job in jobs})
        self._watched |= {job.id: job.spec.live_boundary for job in jobs if job.spec.live_boundary is not None}
        entries: list[Entry] = []
        for job in jobs:
            try:
                entries.append(self._entry(job))
            except TrainerError as error:
                self.on_member_end(Outcome(job.id, "failed", failure_reason=FailureReason.bad_data, message=str(error)))
        return entries

    def _entry(self, job: Job) -> "Entry":
        from trainer.member import Entry
        from trainer.warm_start import read

        start = None if job.start is None else read(**dict(job.start))
        kept = self._checkpoints(job)
        return Entry(
            job.id,
            job.spec,
            checkpoint=kept[0] if kept else None,
            older=kept[1:],
            table=job.table,
            trial=job.trial,
            start=start,
        )

    def should_cancel(self) -> Collection[str]:
        """Jobs to drop; polled between chunks of steps."""
        self._send_points()
        if self._clock() - self._working_sent_at >= WORKING_EVERY_S:
            self._working_sent_at = self._clock()
            self._reports.send(Working())
        return self._inbox.cancelled()

    def on_epoch_end(self, points: Sequence["Point"]) -> None:
        """Keep the points until it is time to send them; after the first epoch send what a member needs."""
        if not self._measured:
            self._measured = True
            if needed := self._memory_used():
                self._reports.send(Measured(member_bytes=-(-needed // len(points))))
        for point in points:
            curve = self._unsent.setdefault(point.id, {"epoch": []})
            curve["epoch"].append(float(point.epoch))
            for name, value in _finite(point.metrics).items():
                curve.setdefault(name, []).append(value)
        self._send_points()
        if self._watched:
            self._draw(points)

    def _draw(self, points: Sequence["Point"]) -> None:
        """Send the boundary of the member whose turn it is, if it is time for one."""
        now = self._clock()
        if now - self._drawn_at < DRAWN_EVERY_S:
            return
        epochs = {point.id: point for point in points}
        for job_id, wanted in list(self._watched.items()):
            point = epochs.get(job_id)
            if point is None or (point.epoch % wanted.every and point.epoch > 1):
                continue
            self._drawn_at = now
            self._watched[job_id] = self._watched.pop(job_id)  # the others come first next time
            drawn = point.boundary(wanted.size)
            if drawn is not None:
                from model.boundary import frame

                self._reports.send(Drawn(id=job_id, frame=frame(drawn, point.epoch, _finite(point.metrics))))
            return

    def checkpoints_due(self) -> Collection[str]:
        """All members at intervals, and those that leave."""
        self._checkpoint_asked_at = self._clock()
        if self._checkpoint_asked_at - self._checkpointed_at >= self._next_checkpoint_s:
            return self._jobs.keys()
        return self._inbox.leaving()

    def on_checkpoint(self, checkpoints: Mapping[str, "Checkpoint"]) -> None:
        """Write and report the checkpoints, after the points before them: no curve may have a gap."""
        self._send_points(now=True)
        written = {job_id: self._write(job_id, checkpoint) for job_id, checkpoint in checkpoints.items()}
        if files := {job_id: file for job_id, file in written.items() if file}:
            self._reports.send(Saved(epochs={one: checkpoints[one].state.epoch for one in files}, files=files))
        self._inbox.drop(self._inbox.leaving() & checkpoints.keys())
        if checkpoints.keys() == self._jobs.keys():
            self._checkpointed_at = self._clock()
            taken = self._checkpointed_at - self._checkpoint_asked_at
            self._next_checkpoint_s = max(self._checkpoint_s, taken / CHECKPOINTS_SHARE)

    def on_member_end(self, outcome: "Outcome") -> None:
        """Write the model, then report that the member has ended."""
        self._send_points(now=True)
        saves = outcome.end == "succeeded" and bool(outcome.model)  # a pruned member leaves none
        unwritten, files = "", dict[str, int]()
        if saves:
            try:
                files = self._save(outcome)
            except OSError as error:
                if not may_recover(error):  # too large for the disk, say: it would train again and again
                    raise
                unwritten = reason(error)
        del self._jobs[outcome.id]
        self._watched.pop(outcome.id, None)
        self._reports.send(
            Ended(
                id=outcome.id,
                end="unsaved" if unwritten else outcome.end,
                stop_reason=outcome.stop_reason,
                failure_reason=outcome.failure_reason,
                message=unwritten or outcome.message or "",
                best_epoch=outcome.best_epoch,
                best_metrics=None if outcome.best_metrics is None else _finite(outcome.best_metrics),
                files=files,
            )
        )

    def fail_rest(self, error: BaseException) -> None:
        """Report of every member that has not ended that its pack failed."""
        self._send_points(now=True)
        why = FailureReason.out_of_memory if is_out_of_memory(error) else FailureReason.error
        message = f"{type(error).__name__}: {error}"[:2000]
        shared = len(self._jobs) > 1
        for job_id, job in list(self._jobs.items()):
            del self._jobs[job_id]
            if why is FailureReason.out_of_memory and not shared:
                message = f"{_need(job.spec)} {message}"
            self._reports.send(Ended(id=job_id, end="failed", failure_reason=why, message=message, whole_pack=shared))

    def _save(self, outcome: "Outcome") -> dict[str, int]:
        """Write the files of a finished job, as one; their sizes by name. Nothing is left when that fails."""
        from trainer.export import files_of

        files = files_of(outcome, self._jobs[outcome.id].spec)
        written = self._folder / outcome.id
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            written.write_bytes(b"".join(files.values()))
        except OSError:
            with suppress(OSError):
                written.unlink(missing_ok=True)
            raise
        return {name: len(content) for name, content in files.items()}

    def _write(self, job_id: str, checkpoint: "Checkpoint") -> str | None:
        """Write a checkpoint; its file in the folder, or None when it could not be written, which is reported."""
        from trainer.checkpoint import dump

        epoch = checkpoint.state.epoch
        file = f"{CHECKPOINTS}/{job_id}-{epoch}-{next(self._numbers)}"  # of one epoch there may be two, at a rung
        try:
            (self._folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            (self._folder / file).write_bytes(dump(checkpoint))
        except OSError as error:
            with suppress(OSError):
                (self._folder / file).unlink()
            self._reports.send(Unsaved(id=job_id, epoch=epoch, message=reason(error)))
            return None
        return file

    def _checkpoints(self, job: Job) -> list["Checkpoint"]:
        """What the job goes on from: the newest checkpoint that can be read; of a population all, newest first."""
        from trainer.checkpoint import load
        from trainer.errors import BadCheckpointError

        refused: dict[str, str] = {}
        found: list[Checkpoint] = []
        copies = any(bracket.population is not None for bracket in self._inbox.brackets)
        most = len(job.checkpoints) if copies else 1
        for file in job.checkpoints:
            try:
                if len(found) < most:
                    found.append(load((self._folder / file).read_bytes(), job.spec))
            except (BadCheckpointError, OSError) as error:
                refused[file] = str(error)
            (self._folder / file).unlink(missing_ok=True)
        if job.checkpoints:
            self._reports.send(Resumed(id=job.id, epoch=found[0].state.epoch if found else 0, refused=refused))
        return found

    def _send_points(self, *, now: bool = False) -> None:
        if self._unsent and (now or self._clock() - self._points_sent_at >= POINTS_EVERY_S):
            self._points_sent_at = self._clock()
            curves, self._unsent = self._unsent, {}
            self._reports.send(Points(curves=curves))


def _finite(metrics: Mapping[str, float | None]) -> Metrics:
    """JSON has no NaN and no infinity: null stands for them."""
    return {name: value if value is not None and math.isfinite(value) else None for name, value in metrics.items()}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or this machine had no memory left."""
    import torch

    # PyTorch's CPU allocator has no class of its own for it.
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return on_cpu or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _need(spec: JobSpec) -> str:
    """A sentence with the memory that the job needs, as estimated, and the most that this process held."""
    import torch

    estimated = (
        "" if spec.info is None else f"It needs about {estimate(spec, spec.info).memory_bytes / 2**20:,.0f} MiB, and "
    )
    if torch.cuda.is_available():
        held = f"{torch.cuda.max_memory_allocated() / 2**20:,.0f} MiB of the GPU were"
    else:
        unit = 2**20 if sys.platform == "darwin" else 2**10  # what getrusage counts in
        held = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:,.0f} MiB were"
    return f"{estimated}{held} held when no more was to be had: make the network or batch_size smaller."

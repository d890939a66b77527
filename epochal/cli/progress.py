"""Live progress of jobs on a terminal: one bar each, with train and validation loss."""

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from spec.states import FINISHED, JobStatus
from spec.views import JobView

from ..client import Api as Client
from .render import dataset_name, number

BARS = 16
"""Most jobs with a bar each; more share one bar."""

POLL_EVERY_S = 0.3
POLLED_AT_ONCE = 50
"""Most jobs polled in one round: thousands of jobs must not cause a flood of requests."""


def follow(
    client: Client, ids: Sequence[str], console: Console, *, sleep: Callable[[float], None] = time.sleep
) -> list[JobView]:
    """The jobs, when all have ended; until then their progress is shown."""
    ended: dict[str, JobView] = {}
    waiting = list(ids)
    with _progress(console) as progress:
        bars = _Bars(progress, ids)
        while waiting:
            polled, later = waiting[:POLLED_AT_ONCE], waiting[POLLED_AT_ONCE:]
            views = [client.job(job_id) for job_id in polled]
            for view in views:
                bars.show(view)
            ended |= {view.id: view for view in views if view.status in FINISHED}
            # The oldest jobs run first: those that have ended leave the list, the others go to its end.
            waiting = [*later, *(view.id for view in views if view.status not in FINISHED)]
            if waiting:
                sleep(POLL_EVERY_S)
    return [ended[job_id] for job_id in ids]


class _Bars:
    """The bars of the jobs that are followed."""

    def __init__(self, progress: Progress, ids: Sequence[str]) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._together: TaskID | None = None
        self._ended: set[str] = set()
        if len(ids) > BARS:
            self._together = progress.add_task(f"{len(ids)} jobs", total=len(ids), losses="")
        else:
            self._tasks = {job_id: progress.add_task(job_id[-8:], total=None, losses="") for job_id in ids}

    def show(self, job: JobView) -> None:
        """Draw the job's state."""
        if self._together is not None:
            if job.status in FINISHED:
                self._ended.add(job.id)
            self._progress.update(self._together, completed=len(self._ended), losses=f"last: {_losses(job)}")
            return
        label = f"{job.name or dataset_name(job)} {job.id[-8:]}"
        stopped_early = job.status is JobStatus.succeeded and job.progress.epoch < job.progress.epochs
        self._progress.update(
            self._tasks[job.id],
            description=label,
            total=job.progress.epoch if stopped_early else job.progress.epochs,
            completed=job.progress.epoch,
            losses=_losses(job),
        )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _losses(job: JobView) -> str:
    metrics = job.metrics or {}
    if not metrics:
        return job.status.value if job.queue is None else f"queued: {job.queue.why}"
    losses = "  ".join(
        f"{label} {number(metrics.get(name))}" for label, name in (("train", "train_loss"), ("val", "val_loss"))
    )
    if job.stop_reason is not None:
        return f"{losses}  {job.stop_reason.value}"
    return losses if job.status is JobStatus.running else f"{losses}  {job.status.value}"

"""Bars of jobs that are waited for: on a terminal, in a notebook, or nowhere."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from spec.short_ids import short
from spec.states import FINISHED, JobStatus, StopReason
from spec.views import JobView

from .words import label, number

MOST = 16
"""Most jobs with a bar each; more share one bar."""

WIDE = 104
"""Columns of a terminal from which on there is space for long names, long bars and the time."""

Show = Callable[[JobView], None]


def console(*, quiet: bool) -> Console:
    """Standard error: a terminal where it is one, whatever FORCE_COLOR says of a log."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return Console(stderr=True, quiet=quiet, force_terminal=None if is_terminal else False)


@contextmanager
def shown(ids: Sequence[str], console: Console) -> Iterator[Show]:
    """A function that draws the state of a job, where there is a terminal or a notebook to draw on."""
    if console.is_jupyter:
        yield _NotebookBars(ids).show
        return
    wide = console.width >= WIDE
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16 if wide else 8),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}", markup=False),
        *([TimeElapsedColumn()] if wide else []),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield _TerminalBars(progress, ids, longest_name=24 if wide else 10).show


class _TerminalBars:
    """The bars of rich."""

    def __init__(self, progress: Progress, ids: Sequence[str], *, longest_name: int) -> None:
        self._progress, self._longest_name = progress, longest_name
        self._tasks: dict[str, TaskID] = {}
        self._together: TaskID | None = None
        self._ended: set[str] = set()
        if len(ids) > MOST:
            self._together = progress.add_task(f"{len(ids)} jobs", total=len(ids), losses="")
        else:
            self._tasks = {job_id: progress.add_task(short(job_id), total=None, losses="") for job_id in ids}

    def show(self, job: JobView) -> None:
        """Draw the job's state. The bar of a job that stops early stays where it stopped."""
        if self._together is not None:
            if job.status in FINISHED:
                self._ended.add(job.id)
            self._progress.update(self._together, completed=len(self._ended), losses=f"last: {losses(job)}")
            return
        task, done = self._tasks[job.id], job.progress
        description = f"{short(job.id)} {label(job)[: self._longest_name]}"
        self._progress.update(
            task, description=description, total=done.epochs, completed=done.epoch, losses=losses(job)
        )
        if job.status in FINISHED:
            self._progress.stop_task(task)


class _NotebookBars:
    """Bars in one output of a notebook, which is replaced; it needs IPython and no widgets."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._lines: dict[str, str] = {}
        self._ended: set[str] = set()
        self._count = len(ids)
        self._output: Any = None

    def show(self, job: JobView) -> None:
        """Draw the job's state."""
        from IPython.display import HTML, display

        if job.status in FINISHED:
            self._ended.add(job.id)
        if self._count > MOST:
            line = _line(f"{self._count} jobs", len(self._ended), self._count, f"last: {losses(job)}")
            self._lines = {"": line}
        else:
            name = f"{short(job.id)} {label(job)[:24]}"
            self._lines[job.id] = _line(name, job.progress.epoch, job.progress.epochs, losses(job))
        table = HTML(f"<table>{''.join(self._lines.values())}</table>")
        if self._output is None:
            self._output = display(table, display_id=True)
        else:
            self._output.update(table)


def losses(job: JobView) -> str:
    """The job's losses and how it ended, or why it waits."""
    metrics = job.metrics or {}
    if not metrics:
        return job.status.value if job.queue is None else f"queued: {job.queue.why}"
    found = "  ".join(
        f"{name} {number(metrics.get(key), digits=3)}" for name, key in (("train", "train_loss"), ("val", "val_loss"))
    )
    if job.stop_reason is not None and job.stop_reason is not StopReason.max_epochs:
        return f"{found}  {job.stop_reason.value.replace('_', ' ')}"
    return found if job.status is JobStatus.running else f"{found}  {job.status.value}"


def _line(name: str, done: int, total: int, text: str) -> str:
    cells = (escape(name), f'<progress value="{done}" max="{total}"></progress>', f"{done}/{total}", escape(text))
    return "<tr>" + "".join(f"<td style='text-align: left'>{cell}</td>" for cell in cells) + "</tr>"

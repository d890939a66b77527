"""Tables and sentences about jobs, for people: they fit 80 columns, short ids and names first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spec.short_ids import short, short_ids
from spec.states import FINISHED, JobStatus, StopReason
from spec.views import EventView, JobView, Metrics

from ..client.words import DASH, label, metrics_text, number
from .figures import duration, of_rows, one_line, score

COLOURS: Mapping[str, str] = {
    JobStatus.queued: "cyan",
    JobStatus.running: "yellow",
    JobStatus.paused: "magenta",
    JobStatus.succeeded: "green",
    JobStatus.failed: "red",
    JobStatus.cancelled: "dim",
}


def jobs_table(jobs: Sequence[JobView], *, now: datetime, whole_ids: bool = False) -> Table:
    """One line per job, with its metrics at the best epoch; of a job that runs, those of the last epoch."""
    ids = [job.id for job in jobs]
    table = _with_names("status")
    for heading in ("epoch", "best loss", "accuracy", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    for job, shown in zip(jobs, ids if whole_ids else short_ids(ids), strict=True):
        metrics = _best(job)
        table.add_row(
            shown,
            one_line(label(job)),
            _status_in_list(job),
            f"{job.progress.epoch}/{job.progress.epochs}",
            number(of_rows(metrics, "loss")),
            score(metrics),
            duration((now - job.created_at).total_seconds()),
        )
    return table


def results_table(jobs: Sequence[JobView]) -> Table:
    """Results of finished jobs at their best epoch, one line each."""
    table = _with_names("end")
    for heading in ("best", "loss", "accuracy", "gap", "pack"):
        table.add_column(heading, justify="right", no_wrap=True)
    for job, end in zip(jobs, short_ids([job.id for job in jobs]), strict=True):
        metrics = _best(job)
        gap = metrics.get("generalization_gap")
        table.add_row(
            end,
            one_line(label(job)),
            Text(_ending(job), style=COLOURS[job.status]),
            DASH if job.best is None else f"{job.best.epoch}/{job.progress.epoch}",
            number(of_rows(metrics, "loss")),
            score(metrics),
            DASH if gap is None else f"{gap:.3f}",
            DASH if job.pack_size is None else str(job.pack_size),
        )
    return table


def job_card(job: JobView, *, now: datetime) -> RenderableType:
    """Everything about one job."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for name, value in _facts(job, now):
        link = f"link {value}" if value.startswith("http") else ""  # it is clicked also where it is broken in two
        facts.add_row(name, Text(value, link, overflow="fold"))  # an address that is cut leads nowhere
    return Group(Text(f"{short(job.id)}  {label(job)}  ", style="bold") + status_text(job), facts)


def events_table(events: Iterable[EventView]) -> Table:
    """A job's history, oldest change first."""
    headings = ("time (UTC)", "from", "to", "attempt", "actor", "reason")
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for event in events:
        table.add_row(
            event.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            event.from_status or DASH,
            Text(event.to_status, style=COLOURS[event.to_status]),
            str(event.attempt),
            event.actor,
            event.reason,
        )
    return table


def outcome(job: JobView) -> str:
    """How the job ended, in a sentence."""
    epochs = "1 epoch" if job.progress.epoch == 1 else f"{job.progress.epoch} epochs"
    if job.failure is not None:  # the verdict on a job that diverged says the same, with figures
        why = job.failure.message if job.verdict is None else job.verdict.sentence
        return f"Failed after {epochs}: {why}"
    if job.status is JobStatus.cancelled:
        return f"Cancelled after {epochs}."
    match job.stop_reason:
        case StopReason.early_stopping:
            waited = "1 epoch" if job.spec.patience == 1 else f"{job.spec.patience} epochs"
            return f"Early stopping at epoch {job.progress.epoch}: {job.spec.monitored} did not improve for {waited}."
        case StopReason.max_epochs:
            return f"Trained all {epochs}."
        case None:
            return f"Ended after {epochs}."
    return f"After {epochs}: {job.stop_reason.sentence}"


def summary(job: JobView) -> list[str]:
    """How the job ended, its best epoch, the verdict and what to do, a line each."""
    lines = [outcome(job)]
    if job.best is not None:
        lines.append(f"Best epoch {job.best.epoch}: {metrics_text(job.best.metrics)}.")
    if job.failure is not None:
        return [*lines, _next(job)] if job.failure.retryable else lines
    return lines if job.verdict is None else [*lines, job.verdict.sentence]


def _next(job: JobView) -> str:
    """What may be done about a job that failed, where the same may succeed."""
    if job.sweep is None:
        return f"`epochal retry {short(job.id)}` tries again."
    return f"Jobs of a sweep are not retried: `epochal clone {short(job.id)}` trains it again by itself."


def status_text(job: JobView) -> Text:
    """The job's status in its colour, with a control request that its worker has not carried out yet."""
    request = next((f" (to be {request})" for request in control_requests(job)), "")
    return Text(f"{job.status.value}{request}", style=COLOURS[job.status])


def control_requests(job: JobView) -> list[str]:
    """Control requests that the job's worker has not carried out yet, the stronger first."""
    requested = {"cancelled": job.cancel_requested, "paused": job.pause_requested}
    return [request for request, is_set in requested.items() if is_set and job.status is JobStatus.running]


def _with_names(third: str) -> Table:
    """A table of jobs: short ids, names as long as there is space, and a third column."""
    table = Table("id", box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = True
    table.add_column("name", min_width=12)
    table.add_column(third, no_wrap=True)
    return table


def _status_in_list(job: JobView) -> Text:
    doing = {"cancelled": "cancelling", "paused": "pausing"}
    request = next((doing[request] for request in control_requests(job)), job.status.value)
    return Text(request, style=COLOURS[job.status])


def _best(job: JobView) -> Metrics:
    """The metrics of the best epoch; while that is not known, of the last one."""
    return job.best.metrics if job.best is not None else job.metrics or {}


def _ending(job: JobView) -> str:
    if job.stop_reason is StopReason.max_epochs:
        return "all epochs"
    reason = job.stop_reason or (job.failure.reason if job.failure is not None else job.status)
    return reason.value.replace("_", " ").replace("early stopping", "early stop")


def _facts(job: JobView, now: datetime) -> Iterable[tuple[str, str]]:
    yield "id", job.id
    yield "project", job.project
    if job.priority:
        yield "priority", str(job.priority)
    if job.tags:
        yield "tags", ", ".join(f"{key}={value}" for key, value in job.tags.items())
    yield "data set", label(job.model_copy(update={"name": None}))
    if job.replays is not None:
        yield "replays", job.replays
    if job.queue is not None:
        place = "far back" if job.queue.position is None else f"position {job.queue.position}"
        start = job.queue.estimated_start_at
        soon = "" if start is None else f" It starts in about {duration((start - now).total_seconds())}."
        yield "queue", f"{place}: {job.queue.why}{soon}"
    speed = f", {job.progress.epochs_per_s:.3g} per second" if job.progress.epochs_per_s else ""
    left = f", {duration(job.progress.eta_s)} left" if job.progress.eta_s is not None else ""
    yield "epoch", f"{job.progress.epoch} of {job.progress.epochs}{speed}{left}"
    if job.metrics:
        yield "last", metrics_text(job.metrics)
    if job.best is not None:
        yield "best", f"epoch {job.best.epoch}: {metrics_text(job.best.metrics)}"
    if job.worker is not None:
        yield "worker", f"{job.worker} on {job.device}, in a pack of {job.pack_size}, attempt {job.attempt}"
    ago = duration((now - job.created_at).total_seconds())
    yield "submitted", f"{job.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({ago} ago)"
    if job.started_at is not None:
        ended = job.finished_at or now
        yield "training time", duration((ended - job.started_at).total_seconds())
    if job.status in FINISHED:
        yield "outcome", outcome(job)
        if job.verdict is not None and job.failure is None:
            yield "verdict", job.verdict.sentence
        if job.failure is not None and job.failure.retryable:
            yield "next", _next(job)
    if job.mlflow is not None:
        yield "MLflow", job.mlflow.url

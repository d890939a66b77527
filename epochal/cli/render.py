"""Tables and sentences about jobs, workers and the queue, for people."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spec.dataset import Shipped
from spec.states import JobStatus
from spec.views import EventView, JobView, Metrics, QueueView, WorkerView

from ..stack.home import ServiceState

COLOURS: Mapping[str, str] = {
    JobStatus.queued: "cyan",
    JobStatus.running: "yellow",
    JobStatus.paused: "magenta",
    JobStatus.succeeded: "green",
    JobStatus.failed: "red",
    JobStatus.cancelled: "dim",
}
DASH = "-"
SPLITS: Mapping[str, str] = {"train": "training", "val": "validation"}
"""Splits of the rows in words."""


def jobs_table(jobs: Iterable[JobView], *, now: datetime) -> Table:
    """One line per job."""
    table = Table("id", "status", "name", box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for heading in ("epoch", "train loss", "val loss", "val acc.", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    for job in jobs:
        metrics = job.metrics or {}
        table.add_row(
            job.id,
            status_text(job),
            job.name or dataset_name(job),
            f"{job.progress.epoch}/{job.progress.epochs}",
            *(number(metrics.get(name)) for name in ("train_loss", "val_loss")),
            percent(metrics.get("val_accuracy")),
            duration((now - job.created_at).total_seconds()),
        )
    return table


def results_table(jobs: Iterable[JobView]) -> Table:
    """Results of finished jobs at their best epoch, one line each."""
    table = Table("name", box=None, header_style="bold", pad_edge=False)
    for heading in ("epochs", "best", "val loss", "val acc.", "gap", "pack"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("end", no_wrap=True)
    for job in jobs:
        best = job.best.metrics if job.best is not None else {}
        table.add_row(
            job.name or f"{dataset_name(job)} {job.id[-8:]}",
            f"{job.progress.epoch}/{job.progress.epochs}",
            DASH if job.best is None else str(job.best.epoch),
            number(best.get("val_loss")),
            percent(best.get("val_accuracy")),
            number(best.get("generalization_gap")),
            DASH if job.pack_size is None else str(job.pack_size),
            Text(_ending(job), style=COLOURS[job.status]),
        )
    return table


def job_card(job: JobView, *, now: datetime) -> RenderableType:
    """Everything about one job."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for label, value in _facts(job, now):
        facts.add_row(label, value)
    return Group(Text(f"{job.name or dataset_name(job)}  ", style="bold") + status_text(job), facts)


def events_table(events: Iterable[EventView]) -> Table:
    """A job's history, oldest change first."""
    headings = ("time (UTC)", "from", "to", "attempt", "actor", "reason")
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for event in events:
        table.add_row(
            event.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
            event.from_status or DASH,
            Text(event.to_status, style=COLOURS[event.to_status]),
            str(event.attempt),
            event.actor,
            event.reason,
        )
    return table


def services_table(services: Iterable[ServiceState]) -> Table:
    """The services of an embedded stack."""
    table = Table("service", "state", "process", "restarts", "log", box=None, header_style="bold", pad_edge=False)
    for service in services:
        pid = DASH if service.pid is None else str(service.pid)
        table.add_row(service.name, service.state, pid, str(service.restarts), service.log)
    return table


def workers_table(workers: Iterable[WorkerView], *, now: datetime) -> Table:
    """The workers that are up, one line each."""
    headings = ("worker", "host", "slots", "free", "training", "last seen")
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for worker in workers:
        training = ", ".join(f"{held.jobs} on {held.device}" for held in worker.training) or DASH
        seen = f"{_age(now, worker.seen_at)} ago"
        table.add_row(worker.id, worker.host, _kinds(worker.devices), _kinds(worker.free_devices), training, seen)
    return table


def queue_table(queue: QueueView) -> Table:
    """The queue in figures."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_row("queued", f"{sum(queue.queued.values())}{_split(queue.queued)}")
    table.add_row("running", str(queue.running))
    for kind, slots in queue.slots.items():
        if slots:
            table.add_row(f"{kind} slots", f"{queue.free_slots[kind]} of {slots} free")
    table.add_row("oldest wait", DASH if queue.oldest_wait_s is None else duration(queue.oldest_wait_s))
    table.add_row("jobs ended", f"{queue.finished_per_min:.3g} per minute")
    return table


def outcome(job: JobView) -> str:
    """How the job ended, in a sentence or two."""
    verdict = job.verdict.sentence if job.verdict is not None else ""
    if job.failure is not None:
        advice = f"`epochal retry {job.id}` tries again." if job.failure.retryable else ""
        return " ".join(part for part in ("Failed:", job.failure.message, advice, verdict) if part)
    if job.status is JobStatus.cancelled:
        return f"Cancelled after {job.progress.epoch} epochs."
    sentences = [job.stop_reason.sentence if job.stop_reason is not None else "Ended.", verdict]
    if job.best is not None:
        sentences.append(f"Best epoch {job.best.epoch}: {metrics_text(job.best.metrics)}.")
    return " ".join(sentence for sentence in sentences if sentence)


def status_text(job: JobView) -> Text:
    """The job's status in its colour, with a control request that its worker has not carried out yet."""
    request = next((f" (to be {request})" for request in control_requests(job)), "")
    return Text(f"{job.status.value}{request}", style=COLOURS[job.status])


def control_requests(job: JobView) -> list[str]:
    """Control requests that the job's worker has not carried out yet, the stronger first."""
    requested = {"cancelled": job.cancel_requested, "paused": job.pause_requested}
    return [request for request, is_set in requested.items() if is_set and job.status is JobStatus.running]


def dataset_name(job: JobView) -> str:
    """The name of the job's data set."""
    dataset = job.spec.dataset
    if isinstance(dataset, Shipped):
        return dataset.name
    return str(getattr(dataset, "name", None) or getattr(dataset, "id", None) or "inline data")


def metrics_text(metrics: Metrics) -> str:
    """Metrics in words, such as `validation accuracy 96.9 %`; those without a value are left out."""
    return ", ".join(_metric_text(name, value) for name, value in metrics.items() if value is not None)


def number(value: float | None) -> str:
    """A loss, in four digits."""
    return DASH if value is None else f"{value:.4g}"


def percent(value: float | None) -> str:
    """An accuracy, in percent."""
    return DASH if value is None else f"{100 * value:.1f} %"


def duration(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _metric_text(name: str, value: float) -> str:
    split, _, rest = name.partition("_")
    label = f"{SPLITS.get(split, split)} {rest}".replace("_", " ")
    return f"{label} {percent(value) if name.endswith('accuracy') else number(value)}"


def _kinds(devices: Iterable[str]) -> str:
    """The number of devices of each kind."""
    counts = Counter(device.split(":", maxsplit=1)[0] for device in devices)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or DASH


def _split(queued: Mapping[str, int]) -> str:
    """The numbers of jobs that need a kind of device, in brackets."""
    asked = [f"{count} for {device}" for device, count in queued.items() if count and device != "auto"]
    return f" ({', '.join(asked)})" if asked else ""


def _ending(job: JobView) -> str:
    reason = job.stop_reason or (job.failure.reason if job.failure is not None else job.status)
    return reason.value.replace("_", " ")


def _facts(job: JobView, now: datetime) -> Iterable[tuple[str, str]]:
    yield "id", job.id
    yield "project", job.project
    if job.priority:
        yield "priority", str(job.priority)
    if job.tags:
        yield "tags", ", ".join(f"{key}={value}" for key, value in job.tags.items())
    yield "data set", dataset_name(job)
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
    for label, metrics in (("last", job.metrics), ("best", job.best.metrics if job.best is not None else None)):
        if metrics:
            at = f"  (epoch {job.best.epoch})" if label == "best" and job.best is not None else ""
            yield label, metrics_text(metrics) + at
    if job.worker is not None:
        yield "worker", f"{job.worker} on {job.device}, in a pack of {job.pack_size}, attempt {job.attempt}"
    yield "submitted", f"{job.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({_age(now, job.created_at)} ago)"
    if job.started_at is not None:
        ended = job.finished_at or now
        yield "training time", duration((ended - job.started_at).total_seconds())
    if job.status in (JobStatus.succeeded, JobStatus.failed, JobStatus.cancelled):
        yield "outcome", outcome(job)
    if job.mlflow is not None:
        yield "MLflow", job.mlflow.url


def _age(now: datetime, then: datetime) -> str:
    return duration((now - then).total_seconds())

"""Jobs and numbers in a few words."""

from collections.abc import Iterator
from html import escape

from spec import monitors
from spec.population import PREFIX
from spec.views import JobView, Metrics

DASH = "-"


def label(job: JobView) -> str:
    """The job's name, or else that of its data set."""
    dataset = job.spec.dataset
    return job.name or str(getattr(dataset, "name", None) or getattr(dataset, "id", None) or "inline data")


def number(value: float | None, digits: int = 4) -> str:
    """A number in a few digits."""
    return DASH if value is None else f"{value:.{digits}g}"


def percent(value: float | None) -> str:
    """A share, in percent."""
    return DASH if value is None else monitors.percent(value)


def metric(name: str, value: float | None) -> str:
    """The value of a metric: accuracies and F1 in percent."""
    return percent(value) if monitors.is_share(name) else number(value)


def interval(name: str, low: float | None, high: float | None) -> str:
    """A confidence interval of a metric, in its unit."""
    return f"{metric(name, low)} to {metric(name, high)}"


def metric_label(name: str) -> str:
    """A metric in words: `val_roc_auc` is the validation ROC AUC."""
    split, _, rest = name.partition("_")
    measure = monitors.MEASURES.get(rest)
    return f"{monitors.SPLITS.get(split, split)} {measure.words if measure else rest.replace('_', ' ')}"


def metrics_text(metrics: Metrics) -> str:
    """Metrics in words, such as `validation accuracy 96.9 %`.

    Without nulls, without what a job trained with, and without those of each of several targets.
    """
    return ", ".join(
        f"{metric_label(name)} {metric(name, value)}"
        for name, value in metrics.items()
        if value is not None
        and name != "learning_rate"
        and not name.startswith(PREFIX)
        and not monitors.is_of_one_target(name)
    )


def job_facts(job: JobView) -> Iterator[tuple[str, str]]:
    """What is said of a job, with its name."""
    yield "id", job.id
    yield "name", label(job)
    yield "status", job.status.value
    yield "epoch", f"{job.progress.epoch} of {job.progress.epochs}"
    if job.queue is not None:
        yield "queue", job.queue.why
    if job.best is not None:
        yield "best", f"epoch {job.best.epoch}: {metrics_text(job.best.metrics)}"
    if job.failure is not None:
        yield "failure", job.failure.message
    if job.verdict is not None:
        yield "verdict", job.verdict.sentence


def html_table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in HTML; texts may come from a stranger's file, and are escaped."""
    head = "".join(f"<th style='text-align: left'>{escape(one)}</th>" for one in headings)
    lines = [
        "<tr>" + "".join(f"<td style='text-align: left'>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    ]
    return f"<table>{f'<tr>{head}</tr>' if headings else ''}{''.join(lines)}</table>"

"""Jobs beside each other: the fields that differ, the metrics of the best epochs, the curves."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from spec.short_ids import short_ids
from spec.views import Curve, JobView

from ..client.comparing import best_epochs, best_metrics, differing
from ..client.words import DASH, label, metric
from .figures import sparkline
from .render import status_text

COLUMN = 16
"""Characters of a job's column, and of its curve."""

FIRST = 24
"""Characters of the column of names."""


def comparison(jobs: Sequence[JobView]) -> dict[str, Any]:
    """The ids, the fields that differ and the best metrics, as lists in the order of the jobs."""
    return {
        "ids": [job.id for job in jobs],
        "fields": differing(jobs),
        "best_epoch": best_epochs(jobs),
        "metrics": best_metrics(jobs),
    }


def compare_table(jobs: Sequence[JobView], curves: Sequence[Curve], *, width: int) -> Iterator[Table]:
    """Tables of as many jobs as fit `width` characters; all have the same rows, and one scale of the curves."""
    ids, rows = short_ids([job.id for job in jobs]), [*_rows(jobs), _curve_row(jobs, curves)]
    at_once = max((width - FIRST) // (COLUMN + 2), 1)
    for start in range(0, len(jobs), at_once):
        some = slice(start, start + at_once)
        table = Table("job", *ids[some], box=None, header_style="bold", pad_edge=False)
        for column in table.columns[1:]:
            column.max_width = COLUMN
            column.overflow = "fold"
        for name, cells in rows:
            table.add_row(Text(name), *cells[some])
        yield table


def _rows(jobs: Sequence[JobView]) -> Iterator[tuple[str, list[Text]]]:
    yield "name", [Text(label(job)) for job in jobs]
    yield "status", [status_text(job) for job in jobs]
    for field, values in differing(jobs).items():
        yield field, [Text(_text(value)) for value in values]
    yield "best epoch", [Text(DASH if job.best is None else f"{job.best.epoch}") for job in jobs]
    for name, figures in best_metrics(jobs).items():
        yield name, [Text(metric(name, figure)) for figure in figures]


def _curve_row(jobs: Sequence[JobView], curves: Sequence[Curve]) -> tuple[str, list[Text]]:
    """A curve of each job's validation loss, or training loss if a job has no validation, to one scale."""
    name = "val_loss" if all("val_loss" in curve for curve in curves if curve.get("epoch")) else "train_loss"
    columns = [curve.get(name, []) for curve in curves]
    known = [value for column in columns for value in column if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    epochs = max([COLUMN, *map(len, columns)])
    widths = [max(round(COLUMN * len(column) / epochs), 2) for column in columns]
    drawn = [
        Text(sparkline(column, low=low, high=high, width=width) or DASH)
        for column, width in zip(columns, widths, strict=True)
    ]
    return f"{name} by epoch", drawn[: len(jobs)]


def _text(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return f"{len(value)} rows, the first {_text(value[0][:3])} ..."
    if isinstance(value, list):
        return ", ".join(map(str, value[:8])) + (" ..." if len(value) > 8 else "")
    return DASH if value is None else str(value)

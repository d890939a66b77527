"""Tables of data sets, for people."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spec.profile import ColumnProfile
from spec.schema import Role
from spec.views import DatasetSummary, DatasetView

from ..client.words import DASH, number
from .figures import duration, one_line, size

BARS = " ▁▂▃▄▅▆▇█"
SHOWN_COLUMNS = 200
SHOWN_VALUES = 4
SHORT = 11
"""Characters of a short id: `ds_` and eight digits."""


def datasets_table(datasets: Iterable[DatasetSummary], *, now: datetime, whole_ids: bool = False) -> Table:
    """One line per data set, with short ids unless whole ones are wanted."""
    table = Table("id", box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = True
    table.add_column("name", min_width=12)
    for heading in ("v", "rows", "features", "size", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("predicts", no_wrap=True)
    for one in datasets:
        numbers = (str(one.version), f"{one.rows:,}", f"{one.features:,}", size(one.size_bytes))
        age = duration((now - one.created_at).total_seconds())
        table.add_row(one.id if whole_ids else one.id[:SHORT], one_line(one.name), *numbers, age, _predicted(one))
    return table


def dataset_card(dataset: DatasetView) -> RenderableType:
    """Everything about one data set."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    facts.add_row("name", Text(f"{dataset.name}, version {dataset.version}"))
    facts.add_row("id", dataset.id)
    facts.add_row("task", Text(f"{_task(dataset)}: {dataset.target.name}"))
    facts.add_row("rows", f"{dataset.rows:,}")
    facts.add_row("features", f"{dataset.features:,}")
    facts.add_row("size", size(dataset.size_bytes))
    if dataset.classes:
        counts = ", ".join(f"{one.value} {one.count:,}" for one in dataset.classes[:20])
        facts.add_row("classes", Text(counts + (" ..." if len(dataset.classes) > 20 else "")))
    if (how := _how_read(dataset)) is not None:
        facts.add_row("file", how)
    for note in dataset.notes:
        facts.add_row("note", Text(note))
    return Group(facts, Text(), _columns([*dataset.columns[:SHOWN_COLUMNS], dataset.target]))


def _how_read(dataset: DatasetView) -> str | None:
    """What was understood of the file as a whole."""
    header = {True: ", with a header", False: ", without a header", None: ""}[dataset.header]
    if dataset.delimiter is None:
        return f"{dataset.format}{header}" if header else None
    delimiter = {"\t": "tab", " ": "blanks"}.get(dataset.delimiter, dataset.delimiter)
    return f"{dataset.format} in {dataset.encoding}, cells divided by {delimiter}{header}"


def _task(dataset: DatasetSummary) -> str:
    return f"{dataset.task.value}, {_predicted(dataset)}"


def _predicted(dataset: DatasetSummary) -> str:
    if dataset.task == "classification":
        return f"{dataset.outputs} classes"
    return "1 number" if dataset.outputs == 1 else f"{dataset.outputs} numbers"


def _columns(columns: Iterable[ColumnProfile]) -> Table:
    table = Table("column", "type", box=None, header_style="bold", pad_edge=False)
    for heading in ("missing", "min", "mean", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("values")
    for one in columns:
        kind = one.type.value if one.size == 1 else f"{one.size:,} x {one.type.value}"
        kind += "" if one.role is Role.feature else f" ({one.role.value})"
        measured = (number(value) if value is not None else DASH for value in (one.min, one.mean, one.max))
        table.add_row(Text(one.name), kind, f"{one.missing:,}" if one.missing else DASH, *measured, Text(_values(one)))
    return table


def _values(column: ColumnProfile) -> str:
    """The distribution of its values: a histogram, or the most frequent ones."""
    if column.histogram is not None:
        most = max(column.histogram.counts) or 1
        return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in column.histogram.counts)
    listed = ", ".join(f"{one.value} {one.count:,}" for one in column.values[:SHOWN_VALUES])
    return listed + (" ..." if len(column.values) > SHOWN_VALUES else "")

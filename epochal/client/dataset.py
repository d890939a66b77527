"""A data set as a handle: what is in it, to look at before training."""

from html import escape
from typing import TYPE_CHECKING

from spec.schema import ColumnKind, Role, Task
from spec.views import DatasetImage, DatasetSummary, DatasetView

from .curve import frame_of
from .words import html_table, number

if TYPE_CHECKING:
    import pandas as pd

    from .api import Api

SHOWN = 3
"""Values of a category that are shown, the most frequent."""

MOST_IMAGES = 500
"""Most images that the service lists."""


class Dataset:
    """A data set of the service. `client.upload` and `client.dataset` make it; `dataset=` of a job takes it."""

    def __init__(self, api: "Api", summary: DatasetSummary) -> None:
        self._api = api
        self._summary = summary

    @property
    def view(self) -> DatasetView:
        """All that the service knows of it; fetched once."""
        if not isinstance(self._summary, DatasetView):
            self._summary = self._api.dataset(self._summary.id)
        return self._summary

    @property
    def id(self) -> str:
        """Its id, `ds_...`."""
        return self._summary.id

    @property
    def name(self) -> str:
        """Its name, which versions share."""
        return self._summary.name

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._summary.rows

    @property
    def task(self) -> Task:
        """Classification or regression."""
        return self._summary.task

    @property
    def target(self) -> str:
        """The name of the column to predict."""
        return self.view.target.name

    @property
    def types(self) -> dict[str, ColumnKind]:
        """The type of each column."""
        return {column.name: column.type for column in self.view.columns}

    @property
    def gaps(self) -> dict[str, int]:
        """How many rows have no value, for each column with gaps."""
        return {column.name: column.missing for column in self.view.columns if column.missing}

    @property
    def classes(self) -> dict[str, int]:
        """How many rows each class has; empty for a regression."""
        return {one.value: one.count for one in self.view.classes}

    @property
    def notes(self) -> list[str]:
        """What to know before training: unused columns, guesses that might be others, rare classes."""
        return list(self.view.notes)

    def head(self, rows: int = 10) -> "pd.DataFrame":
        """The first rows as they were read, at most 100: features, then targets. Raises `WrongUseError` without pandas.

        A gap is None or NaN. A date is a text, YYYY-MM-DD.
        """
        first = self._api.dataset_rows(self.id, limit=rows)
        names = (*first.columns, *first.targets)
        return frame_of({name: [row[place] for row in first.rows] for place, name in enumerate(names)})

    def images(self, per_class: int = 4) -> list[DatasetImage]:
        """The first images of each class, 500 in all at most, each with its `row` and `label`.

        Raises `NotFoundError` where rows are no images.
        """
        return self._api.dataset_images(self.id, per_class=per_class, limit=MOST_IMAGES).images

    def image(self, row: int) -> bytes:
        """One image as PNG; rows count from 0. Raises `NotFoundError` where there is none."""
        return self._api.dataset_image(self.id, row)

    def delete(self) -> None:
        """Delete it. Raises `ConflictError` while a job that has not ended needs it."""
        self._api.delete_dataset(self.id)

    def __repr__(self) -> str:
        rows = self._columns()
        widths = [max(len(row[place]) for row in rows) for place in range(2)] if rows else [0, 0]
        lines = [f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {said}".rstrip() for name, kind, said in rows]
        return "\n".join([self._title(), *lines, *(f"  {line}" for line in self._remarks())])

    def _repr_html_(self) -> str:
        table = html_table(("column", "type", "values"), self._columns())
        return f"<b>{escape(self._title())}</b>{table}" + "".join(f"<p>{escape(line)}</p>" for line in self._remarks())

    def _title(self) -> str:
        return (
            f"Dataset {self.name}, version {self._summary.version} ({self.id}): {self.rows:,} rows, {self.task.value}"
        )

    def _columns(self) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for column in self.view.columns:
            parts = [f"{column.missing} gaps"] if column.missing else []
            if column.values:
                more = [f"{len(column.values) - SHOWN} more"] if len(column.values) > SHOWN else []
                parts.append(", ".join([*(f"{one.value} {one.count}" for one in column.values[:SHOWN]), *more]))
            elif column.min is not None and column.type is not ColumnKind.date:
                parts.append(f"{number(column.min)} to {number(column.max)}")
            if column.role is not Role.feature:
                parts.append(f"no feature: {column.role.value}")
            size = f" x {column.size}" if column.size > 1 else ""
            found.append((column.name, f"{column.type.value}{size}", "; ".join(parts)))
        return found

    def _remarks(self) -> list[str]:
        classes = ", ".join(f"{name} {count}" for name, count in self.classes.items())
        target = f"target: {self.target}" + (f", classes {classes}" if classes else "")
        return [target, *(f"note: {note}" for note in self.notes)]

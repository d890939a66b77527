"""The spec of a job in a list: the rows of an inline data set are left out, which of a hundred jobs take megabytes."""

from collections.abc import Mapping
from typing import Any

from .base import Count, Frozen
from .dataset import DatasetSpec
from .job import JobSpec


class RowsLeftOut(Frozen):
    """An inline data set whose rows a list leaves out; the job's own address has them."""

    rows: Count
    columns: Count
    """Features of a row."""


class ListedSpec(JobSpec):
    """The spec of a job in a list."""

    dataset: DatasetSpec | RowsLeftOut  # type: ignore[assignment]  # wider than a job's: nobody trains from a list

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the job's spec."""
        return not isinstance(self.dataset, RowsLeftOut)

    @property
    def validates(self) -> bool:
        """Whether there are validation rows; true where the split of rows that are left out may say so."""
        return super().validates or not self.is_whole


def without_rows(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a stored spec, without the rows of an inline data set."""
    dataset = body.get("dataset")
    rows = dataset.get("x") if isinstance(dataset, Mapping) else None
    return body if rows is None else {**body, "dataset": {"rows": len(rows), "columns": len(rows[0])}}

"""Which jobs and sweeps a filter means, as conditions of SQL."""

from typing import Any

from sqlalchemy import ColumnElement, literal_column, or_

from .best_metrics import within
from .records import JobFilter, SweepFilter
from .tables import DATASET, Job


def conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """What a job must be to pass a filter."""
    return [
        *([Job.status.in_([status.value for status in wanted.status])] if wanted.status else []),
        *([] if wanted.project is None else [Job.project == wanted.project]),
        *([] if wanted.sweep_id is None else [Job.sweep_id == wanted.sweep_id]),
        *([Job.sweep_id.is_(None)] if wanted.outside_sweeps else []),
        *([] if wanted.dataset is None else [literal_column(DATASET) == wanted.dataset]),
        *within(wanted, Job.id),
        *named(wanted, Job),
        *(Job.tags[key].as_string() == value for key, value in wanted.tags.items()),
    ]


def named(wanted: JobFilter | SweepFilter, table: Any) -> list[ColumnElement[bool]]:
    """What the name and the id must be."""
    part = wanted.id_part
    return [
        *([] if wanted.name is None else [table.name == wanted.name]),
        *([] if wanted.name_part is None else [table.name.icontains(wanted.name_part, autoescape=True)]),
        *([] if part is None else [or_(table.id.startswith(part), table.id.endswith(part))]),
    ]

"""Which jobs a filter means, as conditions of SQL."""

from sqlalchemy import ColumnElement, literal_column, or_

from .best_metrics import within
from .records import JobFilter
from .tables import DATASET, Job


def conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """What a job must be to pass a filter."""
    part = wanted.id_part
    return [
        *([Job.status.in_([status.value for status in wanted.status])] if wanted.status else []),
        *([] if wanted.project is None else [Job.project == wanted.project]),
        *([] if wanted.sweep_id is None else [Job.sweep_id == wanted.sweep_id]),
        *([Job.sweep_id.is_(None)] if wanted.outside_sweeps else []),
        *([] if wanted.name is None else [Job.name == wanted.name]),
        *([] if wanted.name_part is None else [Job.name.icontains(wanted.name_part, autoescape=True)]),
        *([] if wanted.dataset is None else [literal_column(DATASET) == wanted.dataset]),
        *within(wanted, Job.id),
        *([] if part is None else [or_(Job.id.startswith(part), Job.id.endswith(part))]),
        *(Job.tags[key].as_string() == value for key, value in wanted.tags.items()),
    ]

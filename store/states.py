"""Jobs in a state, as conditions of SQL."""

from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, or_

from spec.states import FINISHED

from .db import now
from .tables import Job


def queued(job: Any = Job) -> ColumnElement[bool]:
    """Jobs that wait. The SQL contains the state: a partial index serves no query with the state as a parameter."""
    found: ColumnElement[bool] = job.status == literal_column("'queued'")
    return found


def ready(job: Any = Job) -> ColumnElement[bool]:
    """Queued jobs that may start: a job that crashed its trainer repeatedly waits first."""
    return and_(queued(job), or_(job.not_before.is_(None), job.not_before <= now()))


def has_ended() -> ColumnElement[bool]:
    """Jobs that have ended."""
    return Job.status.in_([status.value for status in FINISHED])

"""What this release can read of the record: the rest is left to services of a newer one, which work beside this."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, exists, func, or_

from spec.job import SPEC_VERSION
from spec.newer import NewerReleaseError, NewerView
from spec.sweep import RULES_VERSION

from .tables import Job, Sweep

Record = TypeVar("Record")


def supported_version(job: Any = Job) -> ColumnElement[bool]:
    """Jobs whose spec version this release supports: the others wait for a worker of a newer release."""
    found: ColumnElement[bool] = job.spec["version"].as_integer() <= SPEC_VERSION
    return found


def supported_rules() -> ColumnElement[bool]:
    """Sweeps whose rules, and whose jobs, this release supports. One without a version is older than versions."""
    rules, base = Sweep.spec["version"].as_integer(), Sweep.spec["base"]["version"].as_integer()
    return and_(func.coalesce(rules, 1) <= RULES_VERSION, func.coalesce(base, 1) <= SPEC_VERSION)


def readable() -> ColumnElement[bool]:
    """Jobs that this release supports, and whose sweeps it supports, if they are of any."""
    return and_(
        supported_version(), or_(Job.sweep_id.is_(None), exists().where(Sweep.id == Job.sweep_id, supported_rules()))
    )


def read_rows(rows: Iterable[Any], read: Callable[[Any], Record]) -> tuple[list[Record], list[NewerView]]:
    """The records in these rows, and those that a newer release wrote: one of them hides no others."""
    records: list[Record] = []
    newer: list[NewerView] = []
    for row in rows:
        try:
            records.append(read_row(row, read))
        except NewerReleaseError as error:
            newer += [error.view] if error.view is not None else []
    return records, newer


def read_row(row: Any, read: Callable[[Any], Record]) -> Record:
    """The record in this row. Raises `NewerReleaseError`, with what is known of it, if a newer release wrote it."""
    try:
        return read(row)
    except NewerReleaseError as error:
        error.view = _newer(row._mapping, str(error))
        raise


def _newer(row: Mapping[str, Any], why: str) -> NewerView:
    same = {name: row[name] for name in ("id", "owner", "name", "created_at", "finished_at")}
    status = row["status"] if "status" in row else row["state"]
    return NewerView(**same, status=status, started_at=row.get("started_at"), why=why)

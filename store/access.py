"""Who sees and changes what: the one clause by which every query of jobs, sweeps and data sets is limited.

A row belongs to its owner. A row with a `project_id` is shared in that project, and its members see it too.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, true

from .errors import NotYoursError


@dataclass(frozen=True)
class Access:
    """What a user may see and change: its own, and what projects share with it."""

    user: str
    reads: frozenset[str] = frozenset()
    """Ids of the projects whose rows it sees."""
    manages: frozenset[str] = frozenset()
    """Ids of the projects whose rows it changes."""


Asker = Access | str | None
"""For whom a query is: a user with its projects; a name alone, a user who has no projects; None: who may all."""


def visible_to(asker: Asker, table: Any) -> ColumnElement[bool]:
    """Rows of this table that the asker sees."""
    return _rows(asker, table, asker.reads if isinstance(asker, Access) else frozenset())


def changeable_by(asker: Asker, table: Any) -> ColumnElement[bool]:
    """Rows of this table that the asker may change."""
    return _rows(asker, table, asker.manages if isinstance(asker, Access) else frozenset())


def sees(asker: Asker, owner: str, project_id: str | None) -> bool:
    """Whether the asker sees a row of this owner that is shared in this project."""
    return asker is None or asker == owner or (isinstance(asker, Access) and _has(asker, owner, project_id))


def demand_change(asker: Asker, row: Any) -> None:
    """Raise `NotYoursError` unless the asker may change a record that it sees."""
    if isinstance(asker, Access) and row.owner != asker.user and row.project_id not in asker.manages:
        raise NotYoursError(
            f"You see this because it is shared in a project, but it belongs to {row.owner}: only its owner, "
            "an administrator of the project, or an administrator may change it."
        )


def _has(asker: Access, owner: str, project_id: str | None) -> bool:
    return asker.user == owner or (project_id is not None and project_id in asker.reads)


def _rows(asker: Asker, table: Any, projects: frozenset[str]) -> ColumnElement[bool]:
    if asker is None:
        return true()
    own: ColumnElement[bool] = table.owner == (asker.user if isinstance(asker, Access) else asker)
    return or_(own, table.project_id.in_(sorted(projects))) if projects else own

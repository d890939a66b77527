"""Parts of migrations that run while services write.

A step that makes an index beside writers commits what it did before. If it is stopped there, it is run again from its
start. So it makes only new columns and tables before, and asks for each whether it is there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

from store.schema import STEP_LOCK_TIMEOUT


def is_postgresql() -> bool:
    """Whether the record is in PostgreSQL; in SQLite, all steps are one transaction and nobody else writes."""
    return op.get_bind().dialect.name == "postgresql"


@contextmanager
def beside_writers() -> Iterator[None]:
    """Statements on PostgreSQL that are transactions of their own: they wait as long as they must, nobody for them."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        yield
        op.execute(f"SET lock_timeout = '{STEP_LOCK_TIMEOUT}'")


def index_beside(name: str, table: str, columns: Sequence[str | sa.TextClause], **options: Any) -> None:
    """Make an index while others write to its table; what is left of a step that was stopped is dropped first."""
    if not is_postgresql():
        op.create_index(name, table, columns, **options)
        return
    with beside_writers():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def new_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless a step that was stopped has done so."""
    op.add_column(table, column, if_not_exists=is_postgresql())  # SQLite does not know the words, nor such steps

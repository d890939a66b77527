"""The index by which the next job is found: the head of each queue of an owner in a project, or in none.

It takes the place of the one of the owners' queues. Workers of the release before go on during an upgrade; where an
owner has very many jobs, their claims read more.
"""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside, is_postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    _index_queued(index_beside, "ix_job_share", sa.text("coalesce(project_id, owner)"), include=["project_id"])
    op.drop_index("ix_job_device_request", "job")
    if is_postgresql():
        op.execute("ANALYZE job")  # the planner knows an expression only by what was counted of it


def downgrade() -> None:
    """Undo this step."""
    _index_queued(op.create_index, "ix_job_device_request")
    op.drop_index("ix_job_share", "job")


def _index_queued(make: Callable[..., None], name: str, *account: sa.TextClause, include: Sequence[str] = ()) -> None:
    """Index the jobs that wait by owner and device request."""
    make(
        name,
        "job",
        ["owner", *account, sa.text("coalesce(device_request, device_wish)"), sa.literal_column("priority DESC"), "id"],
        postgresql_include=[*include, "device_request", "device_wish"],
        postgresql_where=sa.text("status = 'queued'"),
        sqlite_where=sa.text("status = 'queued'"),
    )

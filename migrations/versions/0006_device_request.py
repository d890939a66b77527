"""Two columns get the names that the code uses: a job's device request, and when a message was last sent for it.

The old columns stay, with the index of one: workers of the release before claim by them during a rolling upgrade, and
an API of that release writes them alone. This release writes both and reads the new one, or else the old one. The next
release copies what is left, reads the new column only and lets the old one be null; the release after it drops that.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside, is_postgresql, new_column
from store.db import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten: the columns may be null."""
    new_column("job", sa.Column("device_request", sa.Text(), nullable=True))
    new_column("job", sa.Column("notified_at", UtcTime(), nullable=True))
    _index_queued(
        "ix_job_device_request",
        "owner",
        sa.text("coalesce(device_request, device_wish)"),
        postgresql_include=["device_request", "device_wish"],
    )
    _rename_index("ix_job_companions", "ix_job_same_pack")
    if is_postgresql():
        op.execute("ANALYZE job")  # the planner knows an expression only by what was counted of it


def downgrade() -> None:
    """Undo this step."""
    _rename_index("ix_job_same_pack", "ix_job_companions")
    op.drop_index("ix_job_device_request", "job")
    op.drop_column("job", "notified_at")
    op.drop_column("job", "device_request")


def _rename_index(old: str, new: str) -> None:
    """Give the index of jobs of one pack another name."""
    if is_postgresql():
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    else:
        op.drop_index(old, "job")
        _index_queued(new, "owner", "pack_key")


def _index_queued(name: str, *columns: str | sa.TextClause, **options: Any) -> None:
    """Index the jobs that wait by these columns, and then in the order of the queue."""
    index_beside(
        name,
        "job",
        [*columns, sa.text("priority DESC"), "id"],
        postgresql_where=sa.text("status = 'queued'"),
        sqlite_where=sa.text("status = 'queued'"),
        **options,
    )

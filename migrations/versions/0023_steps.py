"""How many optimizer steps a job takes: so the queue is known in seconds of work, and not in jobs only.

Jobs of the release before have none, and its services write none: each counts as one of the others in the mean. The
index has the steps too, so that they are added up without a look at the rows.
"""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside, is_postgresql, new_column

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. Claims use the old index until the new one is there."""
    new_column("job", sa.Column("steps", sa.BigInteger(), nullable=True))
    if not is_postgresql():
        op.drop_index("ix_job_share", "job")
        _index(op.create_index, "ix_job_share", "steps")
        return
    _index(index_beside, "ix_job_share_steps", "steps")
    op.drop_index("ix_job_share", "job")
    op.execute("ALTER INDEX ix_job_share_steps RENAME TO ix_job_share")


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_job_share", "job")
    _index(op.create_index, "ix_job_share")
    op.drop_column("job", "steps")


def _index(make: Callable[..., None], name: str, *more: str) -> None:
    """Make the index of shares, which includes these columns too."""
    columns: Sequence[str | sa.TextClause] = [
        "owner",
        sa.text("coalesce(project_id, owner)"),
        sa.text("coalesce(device_request, device_wish)"),
        sa.text("priority DESC"),
        "id",
    ]
    make(
        name,
        "job",
        columns,
        postgresql_include=["project_id", "device_request", "device_wish", *more],
        postgresql_where=sa.text("status = 'queued'"),
        sqlite_where=sa.text("status = 'queued'"),
    )

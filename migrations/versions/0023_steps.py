"""How many optimizer steps a job takes: so the queue is known in seconds of work, and not in jobs only.

Jobs of the release before have none, and its services write none: each counts as one of the others in the mean. The
index has the steps too, so that they are added up without a look at the rows.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("job", sa.Column("steps", sa.BigInteger(), nullable=True))
    _index("steps")


def downgrade() -> None:
    """Undo this step."""
    _index()
    op.drop_column("job", "steps")


def _index(*more: str) -> None:
    """Make the index of shares anew, which includes these columns too."""
    op.drop_index("ix_job_share", "job")
    columns: Sequence[str | sa.TextClause] = [
        "owner",
        sa.text("coalesce(project_id, owner)"),
        sa.text("coalesce(device_request, device_wish)"),
        sa.text("priority DESC"),
        "id",
    ]
    op.create_index(
        "ix_job_share",
        "job",
        columns,
        postgresql_include=["project_id", "device_request", "device_wish", *more],
        postgresql_where=sa.text("status = 'queued'"),
        sqlite_where=sa.text("status = 'queued'"),
    )

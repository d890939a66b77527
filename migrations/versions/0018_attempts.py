"""Reports of device time: an attempt has a row, which outlives its job.

What was trained before this step is in no report. Workers of the release before write no row.
"""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "attempt",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "attempt"),
    )
    op.create_index("ix_attempt_ended_at", "attempt", ["ended_at"])
    op.create_index("ix_attempt_owner_ended_at", "attempt", ["owner", "ended_at"])


def downgrade() -> None:
    """Undo this step."""
    op.drop_table("attempt")

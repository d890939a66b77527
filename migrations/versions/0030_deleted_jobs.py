"""Whoever looks at a list of jobs hears of those that are deleted.

Services of the release before go on beside this one: what they delete, lists show until they are loaded again.
"""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "deleted_job",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
    )
    op.create_index("ix_deleted_job_at", "deleted_job", ["at"])


def downgrade() -> None:
    """Undo this step."""
    op.drop_table("deleted_job")

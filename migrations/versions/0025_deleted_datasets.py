"""The names of deleted data sets stay known to those who saw them: jobs name these by their ids.

Services of the release before go on beside this one: what they delete is not remembered.
"""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "deleted_dataset",
        sa.Column("id", sa.String(35), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=False),
    )


def downgrade() -> None:
    """Undo this step."""
    op.drop_table("deleted_dataset")

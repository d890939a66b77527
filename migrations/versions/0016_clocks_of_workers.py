"""Workers say by how much their clocks differ from the record's. Those of the release before say nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("worker", sa.Column("clock_ahead_s", sa.Double(), nullable=True))


def downgrade() -> None:
    """Undo this step."""
    op.drop_column("worker", "clock_ahead_s")

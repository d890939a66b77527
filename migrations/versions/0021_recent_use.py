"""How much device time each project and owner has used recently: fair share between projects is by it."""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "recent_use",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
    )


def downgrade() -> None:
    """Undo this step."""
    op.drop_table("recent_use")

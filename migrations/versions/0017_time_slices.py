"""A lease says when its pack was claimed. Workers of the release before say nothing, and their packs never give way."""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("lease", sa.Column("since", UtcTime(), nullable=True))


def downgrade() -> None:
    """Undo this step."""
    op.drop_column("lease", "since")

"""Replays and improvements: jobs and sweeps know what they train again, and sweeps which job they improve.

The new columns may be null, so the release before goes on beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    op.add_column("job", sa.Column("replays", sa.String(36), nullable=True))
    op.add_column("sweep", sa.Column("replays", sa.String(36), nullable=True))
    op.add_column("sweep", sa.Column("improves", sa.String(36), nullable=True))
    improving = sa.text("improves IS NOT NULL")
    op.create_index(
        "ix_sweep_improves", "sweep", ["improves", "id"], postgresql_where=improving, sqlite_where=improving
    )


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_sweep_improves", "sweep")
    op.drop_column("sweep", "improves")
    op.drop_column("sweep", "replays")
    op.drop_column("job", "replays")

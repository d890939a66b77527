"""Sweeps that were cancelled or failed keep their controller until it has written how their configurations ended.

Those of the release before have one, too: theirs are written once this release runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    early = sa.text("state IN ('cancelled', 'failed') AND controller IS NOT NULL")
    op.create_index("ix_sweep_ended_early", "sweep", ["id"], postgresql_where=early, sqlite_where=early)


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_sweep_ended_early", "sweep")

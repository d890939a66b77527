"""Sweeps have a parent run in MLflow, and a job's curve is told apart from its files.

`mirror.whole` is false in rows that the release before writes: this one sends such a job's end again, which changes
nothing in MLflow.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("mirror", sa.Column("whole", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute("UPDATE mirror SET whole = true WHERE done")
    unsent = sa.text("NOT whole")
    op.create_index("ix_mirror_curve", "mirror", ["job_id"], postgresql_where=unsent, sqlite_where=unsent)
    op.add_column("sweep", sa.Column("best", sa.Integer(), nullable=True))
    op.add_column("sweep", sa.Column("mirrored", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    unsent = sa.text("NOT mirrored")
    op.create_index("ix_sweep_unmirrored", "sweep", ["id"], postgresql_where=unsent, sqlite_where=unsent)


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_sweep_unmirrored", "sweep")
    op.drop_column("sweep", "mirrored")
    op.drop_column("sweep", "best")
    op.drop_index("ix_mirror_curve", "mirror")
    op.drop_column("mirror", "whole")

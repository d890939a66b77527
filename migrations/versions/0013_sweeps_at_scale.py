"""The jobs of a sweep are listed by an index, and a bracket that is larger than its device trains is told of.

Services of the release before go on beside this one: they need neither.
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    of_a_sweep = sa.text("sweep_id IS NOT NULL")
    index_beside("ix_job_sweep_id", "job", ["sweep_id", "id"], postgresql_where=of_a_sweep, sqlite_where=of_a_sweep)
    op.add_column("sweep_generation", sa.Column("split", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_job_sweep_id", "job")
    op.drop_column("sweep_generation", "split")

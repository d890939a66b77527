"""A list without the jobs of sweeps does not look through them: one sweep may have ten thousand."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    alone = sa.text("sweep_id IS NULL")
    index_beside("ix_job_alone_id", "job", ["id"], postgresql_where=alone, sqlite_where=alone)
    index_beside("ix_job_alone_owner_id", "job", ["owner", "id"], postgresql_where=alone, sqlite_where=alone)


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_job_alone_owner_id", "job")
    op.drop_index("ix_job_alone_id", "job")

"""Which artifacts lie in a stored file is known by an index: of files that may be deleted, it is asked of each."""

from alembic import op

from migrations.steps import index_beside

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    index_beside("ix_artifact_path", "artifact", ["path"])


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_artifact_path", "artifact")

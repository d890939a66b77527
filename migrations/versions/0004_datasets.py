"""Uploaded data sets, and which job needs which."""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NEEDING = sa.text("dataset_id IS NOT NULL")


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "dataset",
        sa.Column("id", sa.String(length=35), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("table_sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("owner", "name", "version", name=op.f("uq_dataset_owner_name_version")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dataset_id", sa.String(length=35), nullable=True))
        batch_op.create_index(
            "ix_job_dataset_id", ["dataset_id"], unique=False, postgresql_where=_NEEDING, sqlite_where=_NEEDING
        )


def downgrade() -> None:
    """Undo this step."""
    # Not in a batch, which makes the table anew on SQLite: what belongs to its jobs would be deleted with the old one.
    op.drop_index("ix_job_dataset_id", "job")
    op.drop_column("job", "dataset_id")
    op.drop_table("dataset")

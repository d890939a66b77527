"""Checkpoints of running jobs, crashes in a row, and how long a job that crashed waits."""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "checkpoint",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("void", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_checkpoint_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "attempt", "epoch", name=op.f("pk_checkpoint")),
    )
    op.create_index(
        "ix_checkpoint_void",
        "checkpoint",
        ["job_id"],
        unique=False,
        postgresql_where=sa.text("void"),
        sqlite_where=sa.text("void"),
    )
    op.add_column("job", sa.Column("crash_count", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("job", sa.Column("not_before", UtcTime(), nullable=True))


def downgrade() -> None:
    """Undo this step."""
    op.drop_column("job", "not_before")
    op.drop_column("job", "crash_count")
    op.drop_index("ix_checkpoint_void", "checkpoint", postgresql_where=sa.text("void"), sqlite_where=sa.text("void"))
    op.drop_table("checkpoint")

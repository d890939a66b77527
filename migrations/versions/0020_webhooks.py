"""Webhooks, and the messages that wait for them."""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("project_id", sa.String(36), sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("looked_at", UtcTime(), nullable=False),
        sa.Column("failing_since", UtcTime(), nullable=True),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("webhook_id", sa.String(36), sa.ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
        sa.Column("subject_id", sa.String(36), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("webhook_id", "subject_id", "ended_at"),
    )
    op.create_index("ix_delivery_state_due_at", "delivery", ["state", "due_at"])


def downgrade() -> None:
    """Undo this step."""
    op.drop_table("delivery")
    op.drop_table("webhook")

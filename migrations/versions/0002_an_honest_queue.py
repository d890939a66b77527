"""The queue: a pause request, what each worker has free, and the order between owners."""

import sqlalchemy as sa
from alembic import op

from store.db import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. The index by pack key alone goes: a pack is of one owner now."""
    op.add_column("job", sa.Column("pause_requested_at", UtcTime(), nullable=True))
    op.add_column("worker", sa.Column("free_devices", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("lease", sa.Column("owner", sa.Text(), nullable=True))
    op.execute("UPDATE lease SET owner = (SELECT owner FROM job WHERE job.id = lease.job_id)")
    _index_queued("ix_job_turn", "owner", "device_wish")
    _index_queued("ix_job_companions", "owner", "pack_key")
    op.create_index(
        "ix_job_finished",
        "job",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
        sqlite_where=sa.text("finished_at IS NOT NULL"),
    )
    op.drop_index("ix_job_claim_key", "job")


def downgrade() -> None:
    """Undo this step."""
    _index_queued("ix_job_claim_key", "pack_key")
    for name in ("ix_job_finished", "ix_job_companions", "ix_job_turn"):
        op.drop_index(name, "job")
    op.drop_column("lease", "owner")
    op.drop_column("worker", "free_devices")
    op.drop_column("job", "pause_requested_at")


def _index_queued(name: str, *columns: str) -> None:
    """Index the jobs that wait by these columns, and then in the order of the queue."""
    op.create_index(
        name,
        "job",
        [*columns, sa.literal_column("priority DESC"), "id"],
        postgresql_where=sa.text("status = 'queued'"),
        sqlite_where=sa.text("status = 'queued'"),
    )

"""Sweeps: their specs, generations and configurations; jobs know the sweep that they belong to.

The new columns of jobs may be null, so the release before goes on beside this one.
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside, new_column
from store.db import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    new_column("job", sa.Column("sweep_id", sa.String(36), nullable=True))
    new_column("job", sa.Column("trial", sa.Integer(), nullable=True))
    new_column("job", sa.Column("replicate", sa.Integer(), nullable=True))
    of_a_sweep = sa.text("sweep_id IS NOT NULL")
    index_beside("ix_job_sweep", "job", ["sweep_id", "trial"], postgresql_where=of_a_sweep, sqlite_where=of_a_sweep)
    op.create_table(
        "sweep",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("trials", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("generations", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("exhausted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("controller", sa.Text(), nullable=True),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sweep"),
    )
    op.create_index("ix_sweep_owner_id", "sweep", ["owner", "id"])
    running = sa.text("state = 'running'")
    op.create_index("ix_sweep_running", "sweep", ["id"], postgresql_where=running, sqlite_where=running)
    op.create_table(
        "sweep_generation",
        sa.Column("sweep_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bracket", sa.JSON(), nullable=False),
        sa.Column("open_trials", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sweep_id"], ["sweep.id"], name="fk_sweep_generation_sweep_id_sweep", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sweep_id", "number", name="pk_sweep_generation"),
    )
    op.create_table(
        "sweep_trial",
        sa.Column("sweep_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("deviation", sa.Double(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=True),
        sa.Column("epochs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweep.id"], name="fk_sweep_trial_sweep_id_sweep", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep_id", "number", name="pk_sweep_trial"),
        sa.UniqueConstraint("sweep_id", "digest", name="uq_sweep_trial_sweep_id_digest"),
    )
    op.create_index("ix_sweep_trial_score", "sweep_trial", ["sweep_id", "score", "number"])
    open_ = sa.text("state = 'open'")
    op.create_index(
        "ix_sweep_trial_open", "sweep_trial", ["sweep_id", "number"], postgresql_where=open_, sqlite_where=open_
    )


def downgrade() -> None:
    """Undo this step."""
    for table in ("sweep_trial", "sweep_generation", "sweep"):
        op.drop_table(table)
    op.drop_index("ix_job_sweep", "job")
    for column in ("replicate", "trial", "sweep_id"):
        op.drop_column("job", column)

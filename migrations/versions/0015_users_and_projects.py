"""Tokens belong to users, and users share projects.

Each owner of a token becomes a user; who has a token with the scope admin is an administrator. Services of the release
before go on beside this one: what they submit is shared in no project, and an owner without a row is a member.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.steps import index_beside, new_column
from store.db import UtcTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_QUOTAS: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("running_quota", sa.Integer()),
    ("queued_quota", sa.Integer()),
    ("gpu_hours_quota", sa.Double()),
    ("bytes_quota", sa.BigInteger()),
)
_SHARED = ("job", "lease", "dataset", "sweep")
_OWNERS = """
    INSERT INTO "user" (name, role, created_at)
    SELECT owner, CASE WHEN max(CASE WHEN CAST(scopes AS TEXT) LIKE '%"admin"%' THEN 1 ELSE 0 END) = 1
                       THEN 'admin' ELSE 'member' END, min(created_at)
    FROM token WHERE CAST(scopes AS TEXT) NOT LIKE '%"guest"%' GROUP BY owner
"""


def upgrade() -> None:
    """Apply this step."""
    for table in _SHARED:
        new_column(table, sa.Column("project_id", sa.String(36), nullable=True))
    shared = sa.text("project_id IS NOT NULL")
    index_beside(
        "ix_job_project_id_status_id",
        "job",
        ["project_id", "status", "id"],
        postgresql_where=shared,
        sqlite_where=shared,
    )
    index_beside("ix_sweep_project_id_id", "sweep", ["project_id", "id"], postgresql_where=shared, sqlite_where=shared)
    op.create_table(
        "user",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        *(sa.Column(name, kind, nullable=True) for name, kind in _QUOTAS),
        sa.Column("created_at", UtcTime(), nullable=False),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        *(sa.Column(name, kind, nullable=True) for name, kind in _QUOTAS),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("name", name="uq_project_name"),
    )
    op.create_table(
        "membership",
        sa.Column("project_id", sa.String(36), sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
        sa.Column("user", sa.Text(), sa.ForeignKey("user.name", ondelete="CASCADE"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "user"),
    )
    op.create_index("ix_membership_user", "membership", ["user"])
    op.add_column("token", sa.Column("name", sa.Text(), nullable=True))
    op.execute(_OWNERS)


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_sweep_project_id_id", "sweep")
    op.drop_index("ix_job_project_id_status_id", "job")
    for table in _SHARED:
        op.drop_column(table, "project_id")
    op.drop_column("token", "name")
    for table in ("membership", "project", "user"):
        op.drop_table(table)

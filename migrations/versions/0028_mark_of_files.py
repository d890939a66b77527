"""The record knows its file store by a mark, which lies among the files, too.

Services of the release before go on beside this one: they look at no mark.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. An API of this release fills it."""
    op.create_table(
        "file_store",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("mark", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Undo this step."""
    op.drop_table("file_store")

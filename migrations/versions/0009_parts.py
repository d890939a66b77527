"""The files of jobs that end together are stored as one file: an artifact knows where in it it begins.

The column may be null: an artifact that was stored before is a whole file. A service of the release before reads whole
files only, so downloads of new models need the new API.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    op.add_column("artifact", sa.Column("offset", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Undo this step."""
    op.drop_column("artifact", "offset")

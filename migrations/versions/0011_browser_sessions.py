"""Sessions of browsers: tokens that end by themselves, and with the token that was shown for them.

The column may be null: every token of the release before is no session.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step. No row is rewritten."""
    op.add_column("token", sa.Column("session_of", sa.String(36), nullable=True))
    sessions = sa.text("session_of IS NOT NULL")
    op.create_index("ix_token_session_of", "token", ["session_of"], postgresql_where=sessions, sqlite_where=sessions)


def downgrade() -> None:
    """Undo this step: the sessions end, because the release before would show them as tokens."""
    op.execute("DELETE FROM token WHERE session_of IS NOT NULL")
    op.drop_index("ix_token_session_of", "token")
    op.drop_column("token", "session_of")

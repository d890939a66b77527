"""The configurations of a sweep are counted by an index, which has their epochs too.

Services of the release before go on beside this one: they need no other than they have.
"""

from alembic import op

from migrations.steps import index_beside

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    index_beside("ix_sweep_trial_state", "sweep_trial", ["sweep_id", "state", "epochs"])


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_sweep_trial_state", "sweep_trial")

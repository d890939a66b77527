"""Lists of jobs are sorted and filtered by best metrics, by data sets, and by when a job last changed.

Services of the release before go on beside this one. What their workers end meanwhile is in no list by best metric.
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import beside_writers, index_beside, is_postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OF_SQLITE = """
    INSERT INTO best_metric (job_id, name, owner, value)
    SELECT job.id, metric.key, job.owner, metric.value FROM job, json_each(job.best_metrics) AS metric
    WHERE job.best_epoch IS NOT NULL AND metric.type IN ('real', 'integer')
"""
_OF_POSTGRESQL = """
    WITH those AS MATERIALIZED (
        SELECT id, owner, best_metrics FROM job
        WHERE id > :after AND best_epoch IS NOT NULL ORDER BY id LIMIT 5000 FOR KEY SHARE
    ), copied AS (
        INSERT INTO best_metric (job_id, name, owner, value)
        SELECT those.id, metric.key, those.owner, metric.value::float8
        FROM those, json_each_text(CASE json_typeof(best_metrics) WHEN 'object' THEN best_metrics ELSE '{}' END) metric
        WHERE metric.value IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    SELECT max(id) FROM those
"""
"""Of the next jobs, which meanwhile may change but not be deleted; it answers the last of them."""


def upgrade() -> None:
    """Apply this step; the best metrics of jobs that have ended are copied."""
    op.create_table(
        "best_metric",
        sa.Column("job_id", sa.String(36), sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name"),
        if_not_exists=True,
    )
    if is_postgresql():
        with beside_writers():
            after = ""
            while after is not None:
                after = op.get_bind().execute(sa.text(_OF_POSTGRESQL), {"after": after}).scalar_one()
    else:
        op.execute(_OF_SQLITE)
    index_beside("ix_best_metric_of_owner", "best_metric", ["owner", "name", "value", "job_id"])
    index_beside("ix_best_metric_of_all", "best_metric", ["name", "value", "job_id"])
    index_beside("ix_job_event_at", "job_event", ["at"])
    index_beside("ix_job_dataset", "job", [sa.text("(coalesce(dataset_id, spec->'dataset'->>'name'))"), "id"])


def downgrade() -> None:
    """Undo this step."""
    op.drop_index("ix_job_dataset", "job")
    op.drop_index("ix_job_event_at", "job_event")
    op.drop_table("best_metric")

"""A transaction may commit long after the moment that it wrote: what it did is in the news all the same, once."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text, update

from spec.job import JobSpec
from spec.states import JobStatus
from store import db
from store.changes import ChangeStore, Seen
from store.tables import Job, JobEvent, Webhook
from store.webhooks import Outbox, WebhookStore
from tests.record import Record

LATE_S = 15.0


def test_news_are_looked_for_as_far_back_as_a_transaction_may_begin(postgres_url: str) -> None:
    engine = db.connect(postgres_url)
    with db.reading(engine) as connection:
        limits = [
            connection.execute(text(f"SELECT current_setting('{name}')::interval")).scalar_one()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout")
        ]
    engine.dispose()
    assert sum(limits, timedelta()) <= db.OVERLAP


@pytest.mark.both_databases
def test_an_end_that_is_committed_late_is_told_once(store: Record, engine: Engine) -> None:
    late, other = (job.id for job in store.submit([JobSpec.model_validate({"dataset": "xor"})] * 2, owner="ada").jobs)
    hook = WebhookStore(engine).add(owner="ada", url="http://example.org")
    with db.writing(engine) as connection:
        connection.execute(update(Webhook).where(Webhook.id == hook.id).values(created_at=db.now(-60.0)))
        connection.execute(update(JobEvent).values(at=db.now(-60.0)))
    outbox, changes, seen = Outbox(engine), ChangeStore(engine), Seen()

    def news() -> tuple[int, list[tuple[str, str]]]:
        """The messages that were written, and what a poll found."""
        nonlocal seen
        found = changes.poll(seen)
        seen = found.seen
        return outbox.fill(), [(row.id, row.status) for row in found.jobs]

    assert news() == (0, [])
    store.request_cancel(other, owner="ada", actor="ada")
    assert news() == (1, [(other, JobStatus.cancelled)])
    store.request_cancel(late, owner="ada", actor="ada")
    with db.writing(engine) as connection:  # as if the process had stood still before it committed
        began = db.now(-LATE_S)
        connection.execute(update(Job).where(Job.id == late).values(finished_at=began))
        connection.execute(update(JobEvent).where(JobEvent.job_id == late, JobEvent.seq > 1).values(at=began))
    assert news() == (1, [(late, JobStatus.cancelled)])
    assert news() == (0, [])

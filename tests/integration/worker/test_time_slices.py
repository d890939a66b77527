"""A real worker of one slot, on which the owners of jobs take turns."""

import pytest
from sqlalchemy import select

from spec.job import JobSpec
from spec.states import JobStatus
from store import db
from store.records import JobFilter
from store.tables import Job
from tests.services import PATIENCE

from .site import LONG, QUICK, STRUCK, Site

pytestmark = pytest.mark.thorough

MANY = 200
"""Jobs of hours that one owner has queued, each a pack of its own and of a higher priority than those of others."""
SLICE_S = 1.5
LITTLE_S = 4.0 * PATIENCE
"""An epoch in slow motion, a checkpoint, a look at the record, and a busy machine."""


def test_a_long_job_gives_its_place_to_other_owners_and_ends_as_if_nothing_had_happened(shared_site: Site) -> None:
    site = shared_site
    site.start_worker(time_slice_s=SLICE_S, checkpoint_s=0.2, pack_limit=1)
    once = STRUCK | {"dropout": 0.2, "max_attempts": 1}
    (whole,) = site.submit(once)
    site.wait(whole, JobStatus.succeeded, within_s=60.0)

    site.slow_motion.begin()
    (long,) = site.submit(once)
    site.wait_for_an_epoch(long)
    others = site.submit(*[LONG | {"priority": 5}] * MANY, ring=False)
    assert site.store.counts()[JobStatus.queued] == MANY
    quick = JobSpec.model_validate(QUICK)
    (bobs,) = (job.id for job in site.store.submit([quick], owner="bob").jobs)
    (cyds,) = (job.id for job in site.store.submit([quick], owner="cyd").jobs)
    short = [site.wait(job_id, JobStatus.succeeded) for job_id in (bobs, cyds)]
    site.store.cancel_many(JobFilter(), owner="ada", actor="ada", ids=others)
    site.slow_motion.end()
    job = site.wait(long, JobStatus.succeeded, within_s=60.0)

    for one in short:
        assert one.started_at is not None
        assert (one.started_at - one.created_at).total_seconds() < SLICE_S + LITTLE_S
    with db.reading(site.engine) as connection:
        spent = connection.execute(select(Job.spent_attempts).where(Job.id == long)).scalar_one()
    returns = [event.reason for event in site.store.events(long) if event.to_status is JobStatus.queued][1:]
    (said,) = (reason for reason in returns if "record" not in reason)  # a busy machine may miss the record for a lease
    assert said.startswith("it gave its place to others, who waited: its time slice of 1.5 s was over; it goes on from")
    assert (job.attempt, spent) == (1 + len(returns), 1)
    assert site.store.curve(long) == site.store.curve(whole)
    assert (job.best_epoch, job.best_metrics) == (site.job(whole).best_epoch, site.job(whole).best_metrics)

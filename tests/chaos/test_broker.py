"""A broker that forgets, dies, hangs or repeats itself: a bell costs seconds at most, and no job."""

from collections.abc import Sequence

import redis

from spec.states import JobStatus
from store.doorbell import TASK
from tests.services import promised

from .site import Site, Worker

QUICK = {"dataset": "xor", "epochs": 5}
LONG = {"dataset": "digits", "epochs": 100_000, "architecture": {"type": "mlp", "hidden": [32]}}
BELL_LOST_S = 15.0
"""Ten seconds until a job counts as unheard, and a round of the reaper."""


def ready(worker: Worker) -> None:
    """Its trainer is warm."""
    promised(lambda: len(worker.trainers()) == 1, within_s=30.0, what="the worker is there")


def succeed(here: Site, ids: Sequence[str], within_s: float) -> None:
    """All succeed in time, each in its first attempt."""
    promised(
        lambda: all(here.job(job_id).status is JobStatus.succeeded for job_id in ids),
        within_s=within_s,
        what=f"{len(ids)} jobs succeed",
    )
    assert {here.job(job_id).attempt for job_id in ids} == {1}
    assert {len(here.store.events(job_id)) for job_id in ids} == {3}


def running(here: Site, count: int) -> list[str]:
    """Jobs that train and go on for long."""
    ids = here.submit(*(LONG | {"seed": seed} for seed in range(count)))
    for job_id in ids:
        here.trains(job_id)
    return ids


def untouched(here: Site, ids: Sequence[str]) -> None:
    """These still train, in their first attempt; they are cancelled now."""
    before = {job_id: here.job(job_id).epoch for job_id in ids}
    for job_id in ids:
        promised(lambda j=job_id: here.job(j).epoch > before[j], within_s=10.0, what="it trains on")  # type: ignore[misc]
        assert here.job(job_id).attempt == 1
        here.store.request_cancel(job_id, owner=None, actor="test")
        here.reaches(job_id, JobStatus.cancelled, 10.0)


def test_f7_a_broker_that_is_flushed_loses_no_job(here: Site) -> None:
    ids = here.submit(*(QUICK | {"seed": seed} for seed in range(1000)))
    here.doorbell.ring(*ids)
    here.broker.flush()
    here.worker()
    succeed(here, ids, within_s=120.0)


def test_f8_a_broker_that_dies_and_forgets_loses_no_job_and_stops_none(here: Site, worker: Worker) -> None:
    trained = running(here, 2)
    other = here.worker()
    ready(other)
    here.broker.kill()
    ids = here.submit(*(QUICK | {"seed": seed} for seed in range(50)))
    here.broker.start()
    succeed(here, ids, within_s=60.0)
    untouched(here, trained)


def test_f10_workers_without_a_broker_train_on_and_find_jobs_by_themselves(here: Site, worker: Worker) -> None:
    trained = running(here, 1)
    other = here.worker()
    ready(other)
    for one in here.workers:
        one.broker.cut()
    ids = here.submit(*(QUICK | {"seed": seed} for seed in range(8)))
    succeed(here, ids, within_s=30.0)
    for one in here.workers:
        one.broker.heal()
    untouched(here, trained)


def test_f11_a_bell_that_vanishes_on_the_wire_costs_seconds(here: Site, worker: Worker) -> None:
    ready(worker)
    worker.broker.swallow(TASK.encode())
    (job_id,) = here.submit(QUICK)
    promised(lambda: worker.broker.lost > 0, within_s=10.0, what="the bell is swallowed")
    assert here.reaches(job_id, JobStatus.succeeded, BELL_LOST_S + 5.0) < BELL_LOST_S + 2.0


def test_f12_connections_that_are_killed_start_nothing_twice(here: Site, worker: Worker) -> None:
    trained = running(here, 4)
    with redis.Redis.from_url(here.broker.url) as client:
        for client_type in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", client_type, "SKIPME", "yes")
    ids = here.submit(*(LONG | {"seed": 99, "epochs": 3} for _ in range(4)))
    succeed(here, ids, within_s=40.0)
    untouched(here, trained)


def test_f13_f14_bells_that_come_five_times_or_when_all_is_over_do_nothing(here: Site) -> None:
    here.worker()
    here.worker()
    ids = here.submit(*(QUICK | {"seed": seed} for seed in range(40)))
    gone = here.submit(QUICK | {"seed": 99}, ring=False)
    here.store.request_cancel(gone[0], owner=None, actor="test")
    for _ in range(5):
        for job_id in (*ids, *gone):
            here.doorbell.ring(job_id)
    succeed(here, ids, within_s=60.0)
    for job_id in (*ids, *gone):
        here.doorbell.ring(job_id)
    (last,) = here.submit(QUICK | {"seed": 100})
    succeed(here, [last], within_s=60.0)  # whatever was rung before has been heard by now
    succeed(here, ids, within_s=0.1)
    assert here.job(gone[0]).attempt == 0

"""A record that is restarted, killed or away, and an API that dies at the worst moment."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from spec.states import JobStatus
from tests.services import OwnPostgres, promised

from .conftest import LEASE_S
from .site import Api, Site, Worker, gone
from .test_workers import STRUCK

QUICK = {"dataset": "xor", "epochs": 5}


def post(api: Api, key: str, timeout_s: float = 10.0) -> httpx.Response:
    """Submit a job once."""
    with api.client(timeout_s) as client:
        return client.post("/jobs", json=QUICK, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("down", [OwnPostgres.stop, OwnPostgres.kill], ids=["F15-restart", "F16-kill"])
def test_a_record_that_goes_and_comes_back_costs_no_attempt(
    here: Site, api: Api, down: Callable[[OwnPostgres], None]
) -> None:
    here.worker(EPOCHAL_LEASE_S="30")
    here.slow_motion.begin()
    (job_id,) = here.submit(STRUCK)
    here.trains(job_id)
    committed = here.submit(*(QUICK | {"seed": seed, "priority": -1} for seed in range(20)))
    down(here.postgres)
    here.slow_motion.end()
    answer = post(api, uuid.uuid4().hex)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    here.postgres.start()
    promised(lambda: post(api, uuid.uuid4().hex).is_success, within_s=30.0, what="jobs are taken again")
    here.reaches(job_id, JobStatus.succeeded, 40.0)
    assert here.job(job_id).attempt == 1
    assert here.store.curve(job_id)["epoch"] == list(range(1, 201))
    for one in committed:
        here.reaches(one, JobStatus.succeeded, 40.0)


def test_f17_a_record_away_for_longer_than_a_lease_costs_no_attempt_either(here: Site, worker: Worker) -> None:
    here.slow_motion.begin()
    (job_id,) = here.submit(STRUCK | {"max_attempts": 1})
    here.trains(job_id)
    trainers = worker.trainers()
    here.postgres.stop()
    promised(
        lambda: all(gone(trainer) for trainer in trainers),
        within_s=LEASE_S + 1.0,
        what="nobody trains without a lease",
    )
    time.sleep(LEASE_S)  # the lease ends while the record is away
    here.slow_motion.end()
    here.postgres.start()
    here.reaches(job_id, JobStatus.succeeded, 60.0)
    assert here.store.curve(job_id)["epoch"] == list(range(1, 201))


def test_a_worker_that_is_told_to_stop_ends_in_time_though_the_record_hangs(here: Site) -> None:
    worker = here.worker(EPOCHAL_STOP_S="5")
    here.slow_motion.begin()
    (job_id,) = here.submit(STRUCK)
    here.trains(job_id)
    here.postgres.freeze()
    worker.stop()
    assert worker.wait(within_s=5.0) == 1
    here.postgres.thaw()
    here.slow_motion.end()
    here.worker()
    here.reaches(job_id, JobStatus.succeeded, 60.0)
    assert here.store.curve(job_id)["epoch"] == list(range(1, 201))


def test_f44_a_record_without_a_connection_left_is_busy_and_recovers(here: Site, api: Api) -> None:
    server = make_url(here.postgres.url).set(drivername="postgresql").render_as_string(hide_password=False)
    api.record.reset()
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            for _ in range(200):
                stack.enter_context(psycopg.connect(server, autocommit=True))
        assert post(api, "busy").status_code == 503
    promised(lambda: post(api, "free").is_success, within_s=30.0, what="it recovers by itself")


@pytest.mark.parametrize("place", ["submitted", "rung"], ids=["F4-before-the-bell", "F5-before-the-answer"])
def test_an_api_that_dies_after_it_stored_a_job_keeps_it_and_makes_no_second(here: Site, place: str) -> None:
    dying = here.api(EPOCHAL_FAILPOINTS=place)
    worker = here.worker()
    promised(lambda: len(worker.trainers()) == 1, within_s=30.0, what="the worker is there")
    before = sum(here.store.counts().values())
    with pytest.raises(httpx.HTTPError):
        post(dying, place)
    assert sum(here.store.counts().values()) == before + 1
    again = _patiently(dying, place)
    assert again.status_code == 200
    assert sum(here.store.counts().values()) == before + 1
    assert here.reaches(again.json()["id"], JobStatus.succeeded, 25.0) < 20.0
    dying.end()


def _patiently(api: Api, key: str) -> httpx.Response:
    """Ask again until there is an answer, as a client does whose connection broke."""
    for _ in range(50):
        try:
            return post(api, key)
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the API does not come back")


def test_f9_jobs_are_taken_while_the_broker_hangs(here: Site, api: Api) -> None:
    here.broker.freeze()
    try:
        with ThreadPoolExecutor(8) as pool:
            began = time.monotonic()
            answers = list(pool.map(lambda number: post(api, f"hangs-{number}"), range(40)))
            took = time.monotonic() - began
    finally:
        here.broker.thaw()
    assert {answer.status_code for answer in answers} == {201}
    assert took / 5 < 2.0  # eight at a time, five times

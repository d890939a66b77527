"""What may go wrong while jobs run, and that nothing is lost by it."""

import os
import signal
from typing import Any

import pytest

from epochal.client import Api
from spec.views import JobView
from tests.services import takes_at_most

from .embedded import Embedded, await_value

LONG = {
    "dataset": {"name": "moons", "n": 400},
    "architecture": {"type": "mlp", "hidden": [16]},
    "epochs": 1_000_000,
}

SLOW = {**LONG, "dataset": "digits", "architecture": {"type": "mlp", "hidden": [512, 512]}}
"""Some ten epochs a second: the mirror keeps up with it, as with any job that is worth watching."""


def at_work(client: Api, job_id: str) -> JobView:
    """The job, once it trains."""
    await_value(lambda: client.job(job_id).progress.epoch > 0)
    return client.job(job_id)


def mlflow_is_up(stack: Embedded) -> None:
    await_value(lambda: {state.name: state.state for state in stack.home.services()}.get("mlflow") == "running", 60.0)


def ended(client: Api, job_id: str, within_s: float = 60.0) -> JobView:
    """The job, once it has ended."""
    await_value(lambda: client.job(job_id).status in ("succeeded", "failed", "cancelled"), within_s)
    return client.job(job_id)


def run_status(stack: Embedded, run_id: str) -> str:
    info: dict[str, Any] = stack.mlflow("runs/get", run_id=run_id)["run"]["info"]
    return str(info["status"])


def epochs_in_mlflow(stack: Embedded, run_id: str) -> list[int]:
    answer = stack.mlflow("metrics/get-history", run_id=run_id, metric_key="train_loss", max_results="5000")
    return sorted(int(metric["step"]) for metric in answer.get("metrics", []))


@pytest.mark.thorough
def test_a_running_job_that_is_cancelled_ends_within_five_seconds_also_in_mlflow(client: Api, stack: Embedded) -> None:
    mlflow_is_up(stack)
    job_id = client.submit(SLOW).id
    at_work(client, job_id)
    run = await_value(lambda: client.job(job_id).mlflow, 60.0)
    assert run is not None
    await_value(lambda: epochs_in_mlflow(stack, run.run_id))
    assert run_status(stack, run.run_id) == "RUNNING"

    with takes_at_most(5.0):
        client.cancel(job_id)
        await_value(lambda: client.job(job_id).status == "cancelled")
        await_value(lambda: run_status(stack, run.run_id) == "KILLED")


def test_a_job_whose_worker_is_killed_finishes(client: Api, stack: Embedded) -> None:
    stack.slow_motion.begin()
    job_id = client.submit({**LONG, "epochs": 200}).id
    at_work(client, job_id)
    os.kill(stack.pid("worker-1"), signal.SIGKILL)
    stack.slow_motion.end()
    job = ended(client, job_id)
    assert job.status == "succeeded", job.failure
    assert job.attempt >= 2  # a busy machine may miss the record for a lease, too
    assert client.curve(job_id)["epoch"] == list(range(1, 201))


def test_jobs_are_taken_while_the_broker_hangs_and_run_when_it_is_back(client: Api, stack: Embedded) -> None:
    stack.signal_session("broker", signal.SIGSTOP)
    try:
        with stack.http() as http, takes_at_most(2.0):
            answer = http.post("/jobs", json={**LONG, "epochs": 5})
        assert answer.status_code == 201
    finally:
        stack.signal_session("broker", signal.SIGCONT)
    assert ended(client, answer.json()["id"]).status == "succeeded"


def test_jobs_are_taken_while_the_broker_is_gone_and_run_when_it_is_back(client: Api, stack: Embedded) -> None:
    broker = stack.pid("broker")
    os.kill(broker, signal.SIGKILL)
    with stack.http() as http, takes_at_most(2.0):
        answer = http.post("/jobs", json={**LONG, "epochs": 5})
    assert answer.status_code == 201
    assert ended(client, answer.json()["id"]).status == "succeeded"
    assert stack.pid("broker") != broker


@pytest.mark.thorough
def test_training_goes_on_while_mlflow_hangs_and_the_curve_arrives_whole(client: Api, stack: Embedded) -> None:
    mlflow_is_up(stack)
    stack.slow_motion.begin()
    job_id = client.submit({**LONG, "epochs": 300}).id
    at_work(client, job_id)
    stack.signal_session("mlflow", signal.SIGSTOP)
    stack.slow_motion.end()
    try:
        job = ended(client, job_id)
        assert job.status == "succeeded", job.failure
        assert client.curve(job_id)["epoch"] == list(range(1, 301))
    finally:
        stack.signal_session("mlflow", signal.SIGCONT)
    run = await_value(lambda: client.job(job_id).mlflow, 60.0)
    assert run is not None
    await_value(lambda: run_status(stack, run.run_id) == "FINISHED", 60.0)
    assert epochs_in_mlflow(stack, run.run_id) == list(range(1, 301))

"""The deployment itself: a job goes through docker-compose.yml from POST to MLflow. `make compose-test` runs this."""

import json
import os
import signal
import subprocess
from collections.abc import Container
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from epochal.client import Api

from ..acceptance.embedded import await_value
from ..slow_clients import FIRST_BYTES, attack, slowest_answer
from .stack import PUBLIC_HOST, ROOT, SECRETS, Compose

pytestmark = pytest.mark.timeout(2400)  # the first build downloads PyTorch

LONG = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [64]},
    "epochs": 1_000_000,
    "max_attempts": 3,
}


def mlflow_run(compose: Compose, run_id: str) -> dict[str, Any]:
    url = f"{compose.mlflow}/api/2.0/mlflow/runs/get"
    bearer = {"Authorization": f"Bearer {compose.token}"}
    answer = httpx.get(url, params={"run_id": run_id}, headers=bearer, timeout=30.0, trust_env=False).raise_for_status()
    run: dict[str, Any] = answer.json()["run"]
    return run


def test_a_job_sent_with_curl_is_trained_and_shown_in_mlflow(compose: Compose, client: Api, tmp_path: Path) -> None:
    spec = tmp_path / "digits.json"
    spec.write_text(json.dumps(yaml.safe_load((ROOT / "examples" / "digits.yaml").read_text())))
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--noproxy", "*", "--json", f"@{spec}"]
    bearer = ["--header", f"Authorization: Bearer {compose.token}"]
    posted = subprocess.run(
        [*command, *bearer, f"{compose.api}/api/v1/jobs"], capture_output=True, text=True, timeout=30, check=False
    )
    assert posted.returncode == 0, posted.stdout + posted.stderr
    job_id = json.loads(posted.stdout)["id"]

    await_value(lambda: client.job(job_id).status in ("succeeded", "failed", "cancelled"), 180.0)
    job = client.job(job_id)
    assert job.status == "succeeded", job.failure
    assert job.best is not None
    accuracy = job.best.metrics["val_accuracy"]
    assert accuracy is not None
    assert accuracy > 0.95

    run = await_value(lambda: client.job(job_id).mlflow, 60.0)
    assert run is not None
    assert run.url.startswith(compose.mlflow)
    await_value(lambda: mlflow_run(compose, run.run_id)["info"]["status"] == "FINISHED", 60.0)
    metrics = {metric["key"]: metric for metric in mlflow_run(compose, run.run_id)["data"]["metrics"]}
    assert metrics["val_loss"]["step"] == job.progress.epoch
    assert client.file(job_id, "model.safetensors")


def test_no_request_without_a_token_is_answered(compose: Compose) -> None:
    assert httpx.get(f"{compose.api}/api/v1/jobs", trust_env=False).status_code == 401


def test_slow_clients_stop_nobody(compose: Compose) -> None:
    port = urlsplit(compose.api).port
    assert port is not None
    for first in FIRST_BYTES.values():
        with attack(port, first, lifetime_s=2.0):
            assert slowest_answer(port, compose.token, for_s=10.0) < 1.0


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_starts_without_a_secret_of_its_own(secret: str) -> None:
    assert f"{secret} is missing a value: run make secrets" in Compose().without(secret)


def test_no_secret_stands_on_a_command_line(compose: Compose) -> None:
    running = compose("top")
    assert "redis-server" in running
    assert not [secret for secret in compose.secrets.values() if secret in running]


def test_mlflow_is_behind_the_sign_in(compose: Compose) -> None:
    search = f"{compose.mlflow}/api/2.0/mlflow/experiments/search"
    assert httpx.post(search, json={"max_results": 1}, trust_env=False).status_code == 401
    assert ":5000->" not in compose("ps")


def test_the_api_answers_by_its_public_name_and_no_other(compose: Compose) -> None:
    def status(host: str) -> int:
        return httpx.get(f"{compose.api}/healthz", headers={"Host": host}, trust_env=False).status_code

    assert status(f"{PUBLIC_HOST}:{urlsplit(compose.api).port}") == status(PUBLIC_HOST) == 200
    assert status("elsewhere.example") == 400


def at_work(client: Api, job_id: str, *, on_other_than: Container[str] = ()) -> str:
    """The worker that trains the job, once there is one."""

    def worker() -> str | None:
        job = client.job(job_id)
        return job.worker if job.progress.epoch > 0 and job.worker not in on_other_than else None

    return await_value(worker, 120.0) or ""


def test_a_job_moves_on_when_its_worker_is_stopped_or_killed(compose: Compose, client: Api) -> None:
    job_id = client.submit(LONG).id
    first = at_work(client, job_id)
    compose("restart", "worker")  # SIGTERM: the job is given back
    second = at_work(client, job_id, on_other_than=(first,))
    os.kill(compose.pid(compose.container_of(second)), signal.SIGKILL)  # as a crash would end it
    at_work(client, job_id, on_other_than=(first, second))
    client.cancel(job_id)
    await_value(lambda: client.job(job_id).status == "cancelled", 60.0)
    assert client.job(job_id).attempt == 3

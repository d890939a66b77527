"""The whole service: `epochal up` with two CPU slots in a temporary folder, and a plain HTTP client."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from . import ours
from .clock import Stopwatch, family_cpu_seconds
from .pool import PROCESSES
from .work import Swept
from .workloads import Trial, Workload

POLL_S = 0.25
PATIENCE_S = 300.0


def sweep(workload: Workload, trials: Sequence[Trial]) -> Swept:
    """The time from the POST of all jobs until all have succeeded and all curves are complete in MLflow; warm."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as (api, mlflow):
        until("MLflow answers", lambda: answers(mlflow))
        warm = Project("warm", api, mlflow)
        warm.post(workload.shortened(epochs=1), trials[: 2 * PROCESSES])
        until("the first jobs have succeeded and are in MLflow", lambda: warm.finished() and warm.mirrored())
        until("their pictures are there too", warm.pictured)  # else they would be drawn within the measured time

        timed = Project("timed", api, mlflow)
        watch = Stopwatch(family_cpu_seconds)
        timed.post(workload, trials)
        until("all jobs have succeeded", timed.finished)
        succeeded_s = watch.read().wall_s
        until("every curve is in MLflow", timed.mirrored)
        spent = watch.read()
        return Swept(spent, timed.checked_accuracies(workload.epochs), spent.wall_s - succeeded_s)


class Project:
    """The jobs of one project, as the API and MLflow show them."""

    def __init__(self, name: str, api: httpx.Client, mlflow: httpx.Client) -> None:
        self._name, self._api, self._mlflow = name, api, mlflow
        self._count = 0

    def post(self, workload: Workload, trials: Sequence[Trial]) -> None:
        """Submit the trials as jobs, in one request."""
        specs = [ours.spec(workload, trial).model_dump(mode="json", exclude_unset=True) for trial in trials]
        self._count = len(specs)
        answer = self._api.post("/api/v1/jobs/bulk", json={"jobs": [spec | {"project": self._name} for spec in specs]})
        answer.raise_for_status()

    def finished(self) -> bool:
        """Whether no job is queued or running. Raises `ServiceFailedError` if one did not succeed."""
        if self._jobs("queued", limit=1) or self._jobs("running", limit=1):
            return False
        succeeded = self._jobs("succeeded", limit=self._count)
        if len(succeeded) != self._count:
            raise ServiceFailedError(f"{len(succeeded)} of {self._count} jobs of {self._name} succeeded")
        return True

    def mirrored(self) -> bool:
        """Whether MLflow has a finished run for each job.

        All runs are listed only once none is unfinished, so that MLflow is not timed while it lists runs.
        """
        if self._runs("attributes.status != 'FINISHED'", limit=1):
            return False
        return len(self._runs("attributes.status = 'FINISHED'")) == self._count

    def pictured(self) -> bool:
        """Whether every run has its pictures, which are logged last."""
        for run in self._runs():
            answer = self._mlflow.get("/api/2.0/mlflow/artifacts/list", params={"run_id": run["info"]["run_id"]})
            if "curves.png" not in {file["path"] for file in _json(answer).get("files", [])}:
                return False
        return True

    def checked_accuracies(self, epochs: int) -> list[float]:
        """The last validation accuracy of each run. Raises `ServiceFailedError` if a curve in MLflow has a gap."""
        accuracies = []
        for run in self._runs():
            query = {"run_id": run["info"]["run_id"], "metric_key": "val_accuracy"}
            points = _json(self._mlflow.get("/api/2.0/mlflow/metrics/get-history", params=query))["metrics"]
            if sorted(int(point["step"]) for point in points) != list(range(1, epochs + 1)):
                raise ServiceFailedError(f"MLflow has {len(points)} of {epochs} epochs of run {query['run_id']}")
            accuracies.append(next(point["value"] for point in points if int(point["step"]) == epochs))
        return accuracies

    def _jobs(self, status: str, *, limit: int) -> list[dict[str, Any]]:
        query = {"project": self._name, "status": status, "limit": str(min(limit, 100))}
        jobs: list[dict[str, Any]] = _json(self._api.get("/api/v1/jobs", params=query))["jobs"]
        return jobs

    def _runs(self, which: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
        query = {"experiment_name": self._name}
        answer = self._mlflow.get("/api/2.0/mlflow/experiments/get-by-name", params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        experiment_id = _json(answer)["experiment"]["experiment_id"]
        body = {"experiment_ids": [experiment_id], "filter": which, "max_results": limit}
        runs: list[dict[str, Any]] = _json(self._mlflow.post("/api/2.0/mlflow/runs/search", json=body)).get("runs", [])
        return runs


@contextmanager
def running_stack(home: Path, **settings: str) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """An embedded stack on free ports; clients of its API and of its MLflow."""
    mine = {"HOME": str(home), "PORT": "0", "DEVICES": f"cpu:{PROCESSES}", **settings}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {f"EPOCHAL_{name}": value for name, value in mine.items()}
    command = [sys.executable, "-m", "epochal"]
    subprocess.run([*command, "up", "--detach"], env=environ, check=True, stdout=sys.stderr)
    try:
        endpoints = json.loads((home / "endpoints.json").read_text())
        bearer = {"Authorization": f"Bearer {endpoints['token']}"}
        with (
            httpx.Client(base_url=endpoints["api"], headers=bearer, timeout=60.0) as api,
            httpx.Client(base_url=endpoints["mlflow"], headers=bearer, timeout=60.0) as mlflow,
        ):
            yield api, mlflow
    finally:
        subprocess.run([*command, "down"], env=environ, check=True, stdout=sys.stderr)


def until(what: str, true: Callable[[], bool], every_s: float = POLL_S, patience_s: float = PATIENCE_S) -> None:
    """Wait until it is true; raises `ServiceFailedError` when that takes too long."""
    patience_ends = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > patience_ends:
            raise ServiceFailedError(f"waited {patience_s:g} s in vain until {what}")
        time.sleep(every_s)


def answers(mlflow: httpx.Client) -> bool:
    """Whether MLflow answers: it starts in the background."""
    try:
        return mlflow.get("/health").is_success
    except httpx.TransportError:
        return False


def _json(answer: httpx.Response) -> dict[str, Any]:
    fields: dict[str, Any] = answer.raise_for_status().json()
    return fields


class ServiceFailedError(Exception):
    """The service did not do what the benchmark measures."""

"""`make demo`: the embedded stack, one job, a bulk of eight, their progress and results; then everything stops."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import httpx

from spec import specfile
from spec.settings import PREFIX
from spec.specfile import BadSpecFileError
from spec.states import JobStatus
from spec.views import JobView

from .cli.console import screen
from .cli.progress import follow
from .cli.render import outcome, results_table, summary
from .client import Api
from .client.words import percent
from .errors import EpochalError
from .stack.embedded import as_service, await_ready
from .stack.home import Endpoints, Home
from .stack.process import Child

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "digits.yaml"
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01)
DROPOUTS = (0.0, 0.5)
ENOUGH_ACCURACY = 0.95
MIRROR_WITHIN_S = 120.0
"""Longest wait for MLflow to show the jobs."""


class DemoFailedError(EpochalError):
    """The demo's result is not the promised one."""


def main() -> None:
    """Run the demo; exit 0 only when every job succeeded and the first is accurate enough."""
    home = Home(Path.cwd() / ".epochal" / "demo")
    pictures = Path.cwd() / "out" / "demo"
    try:
        with _stack(home) as endpoints, Api(endpoints.api, endpoints.token) as client:
            _show(client, endpoints, pictures)
    except (EpochalError, BadSpecFileError) as error:
        screen.print(f"\nThe demo failed: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        screen.print("\nStopped.")
        sys.exit(130)
    screen.print("Everything is stopped. To see it again, with the MLflow UI:")
    screen.print(f"  EPOCHAL_HOME={shlex.quote(str(home.path))} make up", markup=False, soft_wrap=True)


@contextmanager
def _stack(home: Home) -> Iterator[Endpoints]:
    """An embedded stack on free ports, without the settings of the environment."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    home.refuse_if_up()
    shutil.rmtree(home.path, ignore_errors=True)  # the demo shows a first start
    environ = {"EPOCHAL_PORT": "0"}
    stack = Child(as_service(home, workers=1, environ=environ, outlives=False))
    began = time.monotonic()
    stack.start()
    try:
        with screen.status("Starting the embedded stack ..."):
            endpoints = await_ready(home, stack)
        screen.print(f"The stack is up after {time.monotonic() - began:.1f} s: API {endpoints.api}")
        yield endpoints
    finally:
        with screen.status("Stopping everything ..."):
            stack.end()


def _show(client: Api, endpoints: Endpoints, pictures: Path) -> None:
    [base], _ = specfile.read(str(EXAMPLE))
    screen.print(f"\n[bold]One job[/]: {EXAMPLE.relative_to(ROOT)}")
    first = follow(client, [client.submit(base).id], screen)[0]
    screen.print("\n".join(summary(first)), markup=False, soft_wrap=True)

    screen.print(f"\n[bold]A bulk of {len(LEARNING_RATES) * len(DROPOUTS)}[/]: learning rates x dropouts, one request")
    bulk = follow(client, client.submit_many(_variations(base)), screen)
    screen.print()
    screen.print(results_table([first, *bulk]))

    jobs = [first, *bulk]
    _judge(first, jobs)
    with screen.status("Waiting until MLflow shows all jobs ..."):
        runs = _mirrored(client, endpoints, jobs)
        picture = _picture(endpoints, runs[0], pictures)
    screen.print(f"\nThe curve of the first job: {picture}")
    screen.print(f"In MLflow, while the stack is up: {endpoints.mlflow}\n", soft_wrap=True)


def _variations(base: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**base, "name": f"lr {rate:g}, dropout {dropout:g}", "learning_rate": rate, "dropout": dropout}
        for rate, dropout in product(LEARNING_RATES, DROPOUTS)
    ]


def _judge(first: JobView, jobs: Sequence[JobView]) -> None:
    """Raise `DemoFailedError` unless all succeeded and the first is accurate enough."""
    for job in jobs:
        if job.status is not JobStatus.succeeded:
            raise DemoFailedError(f"job {job.name or job.id} ended {job.status.value}. {outcome(job)}")
    accuracy = None if first.best is None else first.best.metrics.get("val_accuracy")
    if accuracy is None or accuracy < ENOUGH_ACCURACY:
        reached = f"the first job's validation accuracy is {percent(accuracy)}"
        raise DemoFailedError(f"{reached}, below {percent(ENOUGH_ACCURACY)}.")


def _mirrored(client: Api, endpoints: Endpoints, jobs: Sequence[JobView]) -> list[str]:
    """The jobs' runs in MLflow, when all are finished there."""
    patience_ends = time.monotonic() + MIRROR_WITHIN_S
    while time.monotonic() < patience_ends:
        runs = [view.mlflow.run_id for view in map(client.job, [job.id for job in jobs]) if view.mlflow is not None]
        if len(runs) == len(jobs) and all(_run_status(endpoints, run_id) == "FINISHED" for run_id in runs):
            return runs
        time.sleep(0.5)
    raise DemoFailedError(f"MLflow did not show every job within {MIRROR_WITHIN_S:g} s: see logs/tracking.log.")


def _run_status(endpoints: Endpoints, run_id: str) -> str | None:
    try:
        answer = _mlflow(endpoints, "/api/2.0/mlflow/runs/get", {"run_id": run_id})
    except httpx.HTTPError:
        return None
    return str(answer.json()["run"]["info"]["status"]) if answer.is_success else None


def _mlflow(endpoints: Endpoints, path: str, query: Mapping[str, str]) -> httpx.Response:
    """MLflow's answer, by way of the API, which asks for the token."""
    headers = {"Authorization": f"Bearer {endpoints.token}"}
    return httpx.get(f"{endpoints.mlflow}{path}", params=query, headers=headers, timeout=30.0, trust_env=False)


def _picture(endpoints: Endpoints, run_id: str, folder: Path) -> Path:
    """The picture of a run's curve from MLflow, where it arrives after the metrics."""
    query = {"path": "curves.png", "run_uuid": run_id}
    patience_ends = time.monotonic() + MIRROR_WITHIN_S
    while time.monotonic() < patience_ends:
        answer = _mlflow(endpoints, "/get-artifact", query)
        if answer.is_success:
            folder.mkdir(parents=True, exist_ok=True)
            picture = folder / "curves.png"
            picture.write_bytes(answer.content)
            return picture
        time.sleep(0.5)
    raise DemoFailedError(f"MLflow has no curves.png of run {run_id} (it answered {answer.status_code}).")


if __name__ == "__main__":
    main()

"""Many tiny jobs through the whole service: `python -m benchmarks.many [--jobs 250 1000] [--mlflow] [--write]`.

Each job trains for about two milliseconds (digits, hidden [32], 3 epochs, two CPU slots): what is measured is all that
stands around training. The stack is warm. A row is the time from the POST of all jobs to the last `succeeded`; with
`--mlflow`, on to the moment when MLflow has the whole curve of each.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from .machine import about
from .service import running_stack, until
from .tables import PAGE, replace_section, table

COUNTS = (250, 1_000, 4_000, 16_000)
BULK = 10_000
JOB: dict[str, Any] = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}, "epochs": 3}
POLL_S = 0.1


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table; with --write put it into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=COUNTS, help="how many jobs, a row each")
    parser.add_argument("--mlflow", action="store_true", help="wait until MLflow has every curve, too")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    rows = []
    for jobs in options.jobs:
        rows.append(measured(jobs, mirrored=options.mlflow))
        print(" | ".join(rows[-1]), flush=True)
    text = table(["jobs", "accepted", "succeeded", "jobs/s", "in MLflow"], rows) + f"\n\n{about('torch', 'mlflow')}"
    print(text)
    if options.write:
        replace_section(PAGE, "many", text)


def measured(jobs: int, *, mirrored: bool) -> list[str]:
    """The row of so many jobs."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as (api, mlflow):
        post(api, 64, "warm")
        until("the first jobs have succeeded", lambda: succeeded(api, "warm", 64))
        began = time.perf_counter()
        post(api, jobs, "many")
        accepted = time.perf_counter()
        until("all jobs have succeeded", lambda: succeeded(api, "many", jobs), every_s=POLL_S)
        ended = time.perf_counter()
        told = "-"
        if mirrored:
            until("every curve is in MLflow", lambda: in_mlflow(mlflow, "many", jobs))
            told = f"{time.perf_counter() - began:.1f} s"
        return [
            f"{jobs:,}",
            f"{accepted - began:.1f} s",
            f"{ended - began:.1f} s",
            f"{jobs / (ended - began):.0f}",
            told,
        ]


def post(api: httpx.Client, jobs: int, project: str) -> None:
    """Submit so many jobs that differ in their seeds and learning rates."""
    for first in range(0, jobs, BULK):
        some = range(first, min(first + BULK, jobs))
        specs = [{**JOB, "project": project, "seed": seed, "learning_rate": 1e-3 * (1 + seed % 7)} for seed in some]
        api.post("/api/v1/jobs/bulk", json={"jobs": specs}).raise_for_status()


def succeeded(api: httpx.Client, project: str, jobs: int) -> bool:
    """Whether no job of the project is left that has not succeeded."""
    for status in ("queued", "running", "failed"):
        query = {"project": project, "status": status, "limit": "1"}
        if api.get("/api/v1/jobs", params=query).raise_for_status().json()["jobs"]:
            return False
    return jobs > 0


def in_mlflow(mlflow: httpx.Client, project: str, jobs: int) -> bool:
    """Whether MLflow has so many finished runs: a run is finished when its curve is whole."""
    found = mlflow.get("/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": project})
    if not found.is_success:
        return False
    experiment = found.json()["experiment"]["experiment_id"]
    count, page = 0, None
    while True:
        body = {"experiment_ids": [experiment], "filter": "attributes.status = 'FINISHED'", "max_results": 5000}
        answer = mlflow.post("/api/2.0/mlflow/runs/search", json=body | ({"page_token": page} if page else {})).json()
        count += len(answer.get("runs", []))
        page = answer.get("next_page_token")
        if not page:
            return count == jobs


if __name__ == "__main__":
    main()

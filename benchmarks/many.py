"""Many tiny jobs through the whole service: `python -m benchmarks.many [--quick] [--jobs 250 1000] [--write]`.

Each job trains for about two milliseconds (digits, hidden [32], 3 epochs, two CPU slots): what is measured is all that
stands around training. The stack is warm. A row is the time from the POST of all jobs to the last `succeeded`; with
`--mlflow`, on to the moment when MLflow has the whole curve of each, and how many runs a second that is. Beside it
stands the limit: another MLflow, which has nothing else to do, is sent as many copies of one of these runs.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tracking.datasets import Dataset
from tracking.mlflow import Metric, Mlflow

from .machine import about, command
from .service import PATIENCE_S, running_stack, until
from .tables import PAGE, replace_section, table

COUNTS = (250, 1_000, 4_000, 16_000)
BULK = 10_000
JOB: dict[str, Any] = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}, "epochs": 3}
POLL_S = 0.1
THREADS = 2
"""Threads that send runs, as many as the mirror has."""
LEAST_RUNS_PER_S = 10.0
"""A mirror that is slower has failed."""
FINISHED = """
SELECT count(*) FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = 'many' AND status = 'FINISHED'
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table; with --write put it into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of few jobs, no measurement")
    parser.add_argument("--jobs", type=int, nargs="+", default=COUNTS, help="how many jobs, a row each")
    parser.add_argument("--mlflow", action="store_true", help="wait until MLflow has every curve, too")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    rows = []
    for jobs in (25,) if options.quick else options.jobs:
        rows.append(measured(jobs, mirrored=options.mlflow))
        print(" | ".join(rows[-1]), flush=True)
    columns = ["jobs", "accepted", "succeeded", "jobs/s", "in MLflow", "runs/s", "MLflow alone, runs/s"]
    text = table(columns, rows) + f"\n\n{command('many', arguments)}: {about('torch', 'mlflow')}"
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
        row = [f"{jobs:,}", f"{accepted - began:.1f} s", f"{ended - began:.1f} s", f"{jobs / (ended - began):.0f}"]
        if not mirrored:
            return [*row, "-", "-", "-"]
        patience_s = max(PATIENCE_S, jobs / LEAST_RUNS_PER_S)
        until("every curve is in MLflow", lambda: in_mlflow(Path(folder), jobs), every_s=POLL_S, patience_s=patience_s)
        took_s = time.perf_counter() - began
        like = one_run(mlflow)
    return [*row, f"{took_s:.1f} s", f"{jobs / took_s:.0f}", f"{jobs / alone(like, jobs):.0f}"]


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


def in_mlflow(home: Path, jobs: int) -> bool:
    """Whether MLflow has so many finished runs, as its database says: a run is finished when its curve is whole."""
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as database:
        (count,) = database.execute(FINISHED).fetchone()
    return bool(count == jobs)


@dataclass(frozen=True)
class Told:
    """What the mirror sent of a run."""

    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: Sequence[Metric]
    dataset: Dataset


def one_run(mlflow: httpx.Client) -> Told:
    """All that MLflow has of one of the runs, so that it can be sent again."""

    def ask(verb: str, **query: str) -> Any:
        return mlflow.get(f"/api/2.0/mlflow/{verb}", params=query).raise_for_status().json()

    experiment = ask("experiments/get-by-name", experiment_name="many")["experiment"]["experiment_id"]
    body = {"experiment_ids": [experiment], "max_results": 1}
    (run,) = mlflow.post("/api/2.0/mlflow/runs/search", json=body).raise_for_status().json()["runs"]
    points = [
        Metric(point["key"], point["value"], int(point["timestamp"]), int(point["step"]))
        for latest in run["data"]["metrics"]
        for point in ask("metrics/get-history", run_id=run["info"]["run_id"], metric_key=latest["key"])["metrics"]
    ]
    params, tags = ({pair["key"]: pair["value"] for pair in run["data"][kind]} for kind in ("params", "tags"))
    del tags["mlflow.runName"]  # each has its own
    dataset = run["inputs"]["dataset_inputs"][0]["dataset"]
    return Told(params, tags, points, Dataset(**dataset))


def alone(like: Told, runs: int) -> float:
    """The seconds in which an MLflow that has nothing else to do takes so many runs."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as url, Mlflow(url) as mlflow:
        experiment = mlflow.experiment("many").id

        def send(number: int) -> None:
            run = mlflow.create_run(experiment, f"run {number}", like.points[0].timestamp_ms, like.tags)
            mlflow.log(run.id, metrics=like.points, params=like.params)
            mlflow.log_input(run.id, like.dataset)
            mlflow.update(run.id, f"run {number}", "FINISHED", like.points[-1].timestamp_ms)

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(send, range(16)))
            began = time.perf_counter()
            list(threads.map(send, range(runs)))
            return time.perf_counter() - began


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The MLflow of a stack, without the stack; its address."""
    socket = folder / "socket"
    address = f"unix://{socket}"
    where = ["--bind", f"unix:{socket}", "--home", str(folder / "mlflow")]
    command = [sys.executable, "-m", "tracking", "serve", *where]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with Mlflow(address) as mlflow:
            until("MLflow answers", mlflow.alive)
        yield address
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()

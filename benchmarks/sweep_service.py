"""Our own sweeps: through a live embedded stack, from the POST until the sweep has ended."""

import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import torch
from sqlalchemy import select

from spec.job import JobSpec
from spec.settings import Settings
from store.db import connect, reading
from store.tables import CurveChunk, Job
from trainer.data import split

from .service import ServiceFailedError, answers, running_stack, until
from .sweep_tasks import DECAYS, DROPOUTS, RATES, TASKS, Moment, Parts, Task

POLL_S = 0.1
PATIENCE_S = 3600.0
PAGE = 1000

HYPERBAND = {"type": "hyperband"}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "hyperband": {"method": "random", "halving": HYPERBAND},
    "tpe hyperband": {"method": "tpe", "halving": HYPERBAND},
    "first epoch": {"method": "random", "halving": {"type": "first_epoch"}},
    "random": {"method": "random"},
}
"""Our contestants, by the fields of a sweep in which they differ."""


def export(task: Task, file: Path) -> int:
    """Write the rows as our trainer splits and standardises them; the steps of an epoch."""
    job = JobSpec.model_validate(base(task))
    assert job.info is not None
    rows = split(job, job.info, torch.device("cpu"), torch.float32)
    outputs = job.info.classes or 1
    made = Parts(
        rows.x["train"], rows.y["train"], rows.x["val"], rows.y["val"], rows.x["test"], rows.y["test"], outputs
    )
    torch.save(asdict(made), file)
    return -(-len(rows.x["train"]) // task.batch)


def base(task: Task) -> dict[str, Any]:
    """The job that the sweep varies."""
    return {
        "dataset": dict(task.dataset),
        "architecture": {"type": "mlp", "hidden": task.hiddens[0]},
        "initial_weights": "torch_default",  # as the networks of the peers begin
        "loss": "mse" if task.regression else "cross_entropy",
        "batch_size": task.batch,
        "epochs": task.epochs,
        "test_fraction": 0.2,
        "train_metrics": "running",
    }


def body(task: Task, name: str, seed: int) -> dict[str, Any]:
    """The sweep as it is sent."""
    space: dict[str, Any] = {
        "learning_rate": {"log_uniform": RATES},
        "dropout": {"uniform": DROPOUTS},
        "weight_decay": {"log_uniform": DECAYS},
    }
    if len(task.hiddens) > 1:
        space["architecture.hidden"] = {"choice": task.hiddens}
    return {
        "base": base(task) | {"seed": 1000 * seed},
        "space": space,
        "objective": "val_loss",
        "trials": task.trials,
        "seed": seed,
        **METHODS[name],
    }


def contest(task: Task, name: str, seed: int) -> tuple[float, float, list[Moment]]:
    """When the sweep began and ended, and when the record knew of its epochs; the stack is warm, MLflow included."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as (api, mlflow):
        until("MLflow answers", lambda: answers(mlflow))
        finished(api, body(task.smaller(epochs=3, trials=8), name, seed + 1))
        began = time.time()
        sweep_id = finished(api, body(task, name, seed))
        ended = time.time()
        moments = [*_epochs(Path(folder), sweep_id), *_ends(api, sweep_id, task)]
        return began, ended, sorted(moments, key=lambda moment: moment.at)


def finished(api: httpx.Client, sweep: Mapping[str, Any]) -> str:
    """Post a sweep and wait until it has ended; its id."""
    sweep_id = str(api.post("/api/v1/sweeps", json=sweep).raise_for_status().json()["id"])
    until("the sweep has ended", lambda: state(api, sweep_id) != "running", every_s=POLL_S, patience_s=PATIENCE_S)
    if (ended := state(api, sweep_id)) != "finished":
        raise ServiceFailedError(f"the sweep is {ended}")
    return sweep_id


def state(api: httpx.Client, sweep_id: str) -> str:
    """The state of a sweep, from the list: a look that costs little."""
    listed = api.get("/api/v1/sweeps", params={"limit": "5"}).raise_for_status().json()["sweeps"]
    return str(next(one["state"] for one in listed if one["id"] == sweep_id))


def jobs_of(api: httpx.Client, sweep_id: str) -> Iterator[dict[str, Any]]:
    """All jobs of a sweep."""
    query = {"sweep": sweep_id, "limit": str(PAGE)}
    while True:
        page = api.get("/api/v1/jobs", params=query).raise_for_status().json()
        yield from page["jobs"]
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


def _epochs(home: Path, sweep_id: str) -> Iterator[Moment]:
    """When the record of the stack in this folder knew of epochs, some at once, and the least loss of those."""
    chunks = select(CurveChunk.at, CurveChunk.columns["val_loss"].label("losses"))
    with reading(connect(Settings.read({"EPOCHAL_HOME": str(home)}).database_url)) as record:
        for chunk in record.execute(chunks.join(Job, Job.id == CurveChunk.job_id).where(Job.sweep_id == sweep_id)):
            finite = (loss for loss in chunk.losses if loss is not None and math.isfinite(loss))
            yield Moment(chunk.at.timestamp(), len(chunk.losses), min(finite, default=math.inf), None)


def _ends(api: httpx.Client, sweep_id: str, task: Task) -> Iterator[Moment]:
    """When jobs ended: of those that were not pruned, the test score is known then."""
    for job in jobs_of(api, sweep_id):
        if job["status"] != "succeeded":
            continue  # a rate that is too high can diverge, which fails a job
        metrics = job["best"]["metrics"]
        at = datetime.fromisoformat(job["finished_at"]).timestamp()
        score = metrics.get("test_r2" if task.regression else "test_accuracy")
        yield Moment(at, 0, metrics["val_loss"], score)


if __name__ == "__main__":
    print(contest(TASKS["digits"].smaller(epochs=9, trials=20), "hyperband", 0))

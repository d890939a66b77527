import hashlib
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from model.report import Report
from spec.job import JobSpec
from spec.states import StopReason
from spec.views import Curve, Metrics
from store.files import files_at
from store.mirror import MirrorStore
from store.parents import ParentStore
from store.records import ArtifactRecord, Claim, JobRecord, Progress, Success
from store.sweep_results import SweepResults
from tests.record import Record, new_record
from tracking.links import Links
from tracking.mirror import LIVE_S, Mirror
from tracking.mlflow import Mlflow
from tracking.parents import Parents

from .servers import MlflowServer

PAGE = "http://epochal.example"
"""Where our page is, as MLflow's notes say."""


def curve(first: int, last: int) -> Curve:
    """Points of a classifier's training, different in each epoch."""
    epochs = list(range(first, last + 1))
    return {
        "epoch": [*epochs],
        "train_loss": [1.0 / epoch for epoch in epochs],
        "val_loss": [1.0 / epoch + 0.1 for epoch in epochs],
        "train_accuracy": [1.0 - 0.5 / epoch for epoch in epochs],
        "val_accuracy": [0.9 - 0.5 / epoch for epoch in epochs],
        "generalization_gap": [0.1 for _ in epochs],
        "learning_rate": [0.01 for _ in epochs],
    }


class Service:
    """A record, its files and a mirror of it; what a worker would write is written here."""

    def __init__(self, engine: Engine, folder: Path, server: MlflowServer) -> None:
        self.engine, self.server = engine, server
        self.jobs = Record(engine)
        self.folder = folder
        self.files = files_at((folder / "files").as_uri())
        self.project = f"p{uuid.uuid4().hex[:8]}"
        self._open: list[tuple[Mirror, Mlflow]] = []
        self._now, self._ahead_s = time.monotonic, 0.0

    def mirror(self, url: str | None = None, *, timeout_s: float = 20.0) -> Mirror:
        """A mirror to the server, or to what lies before it."""
        mlflow = Mlflow(url or self.server.url, timeout_s=timeout_s)
        links = Links(PAGE, self.server.url)
        parents = Parents(ParentStore(self.engine), SweepResults(self.engine), mlflow, links)
        mirror = Mirror(self.jobs, MirrorStore(self.engine), parents, mlflow, self.files, links, clock=self._clock)
        self._open.append((mirror, mlflow))
        return mirror

    def _clock(self) -> float:
        return self._now() + self._ahead_s

    def stop_clock(self) -> None:
        """From now on time goes on by `later` only."""
        stopped = time.monotonic()
        self._now = lambda: stopped

    def later(self) -> None:
        """Make it time to send points of running jobs again."""
        self._ahead_s += LIVE_S

    def close(self) -> None:
        for mirror, mlflow in self._open:
            mirror.close()
            mlflow.__exit__()

    def submit(self, count: int = 1, **fields: Any) -> list[str]:
        """New jobs."""
        spec = JobSpec.model_validate({"dataset": "digits", "project": self.project, "epochs": 30, **fields})
        return [job.id for job in self.jobs.submit([spec] * count, owner="ada").jobs]

    def claim(self, count: int = 1) -> list[Claim]:
        """The next jobs of the queue, which run now."""
        return self.jobs.claim(worker="w1", device="cpu", limit=count, lease_s=600)

    def run(self, **fields: Any) -> Claim:
        """A job that runs."""
        self.submit(**fields)
        (claim,) = self.claim()
        return claim

    def beat(self, claim: Claim, first: int, last: int, *, columns: Collection[str] | None = None) -> None:
        """Epochs of a running job; all columns of their points, or some."""
        points = curve(first, last)
        points_sent = {name: points[name] for name in points if columns is None or name in {"epoch", *columns}}
        progress = [Progress(claim.job_id, claim.attempt, points_sent)]
        assert not self.jobs.renew(worker="w1", progress=progress, lease_s=600).lost

    def succeed(
        self,
        claim: Claim,
        *,
        points: Curve | None = None,
        best_epoch: int = 30,
        best_metrics: Metrics | None = None,
        store_model: bool = True,
        report: Report | None = None,
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        """The job's end, with its model and perhaps a report, or files beside it."""
        artifacts = [self.left(claim, "model.safetensors", b"model of " + claim.job_id.encode(), store=store_model)]
        artifacts += [self.left(claim, name, content) for name, content in (beside or {}).items()]
        if report is not None:
            artifacts.append(self.left(claim, "report.json", report.model_dump_json().encode()))
        end = Success(
            claim.job_id,
            claim.attempt,
            StopReason.max_epochs,
            best_epoch=best_epoch,
            best_metrics={"val_loss": 0.1} if best_metrics is None else best_metrics,
            metrics={"val_loss": 0.1},
            points=points or {},
            artifacts=artifacts,
        )
        assert self.jobs.succeed(end)

    def left(self, claim: Claim, name: str, content: bytes, *, store: bool = True) -> ArtifactRecord:
        """A file that the job left."""
        path = f"jobs/{claim.job_id}/a1/{name}"
        if store:
            self.files.put(path, content)
        return ArtifactRecord(name, self.files.uri(path), hashlib.sha256(content).hexdigest(), len(content))

    def job(self, job_id: str) -> JobRecord:
        """The job as the record has it."""
        return self.jobs.get(job_id, owner=None)

    def run_of(self, claim: Claim) -> str:
        """The id of the job's run."""
        run_id = self.job(claim.job_id).mlflow_run_id
        assert run_id is not None
        return run_id

    def status_of(self, claim: Claim) -> str:
        """The status of the job's run in MLflow."""
        return str(self.server.run(self.run_of(claim))["info"]["status"])

    def epochs_of(self, claim: Claim, metric: str = "train_loss") -> list[int]:
        """The epochs that MLflow has of the job, each as often as it has it."""
        return [step for step, _ in self.server.history(self.run_of(claim), metric)]


def copied(mirror: Mirror) -> None:
    """Go round until there is no more to copy."""
    for _ in range(200):
        if not mirror.round():
            return
    raise AssertionError("the mirror does not come to an end")


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server for all tests: each has an experiment of its own."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def service(tmp_path: Path, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("tracking.mirror.MANY", 10_000)  # pictures are drawn here: a process for them takes seconds
    with new_record(tmp_path) as engine:
        service = Service(engine, tmp_path, mlflow_server)
        yield service
        service.close()

"""Records as the API shows them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from spec.schema import Task
from spec.states import FINISHED, FailureReason, JobStatus, StopReason
from spec.verdict import Verdict
from spec.views import (
    Best,
    DatasetSummary,
    DatasetView,
    DeletedDatasetView,
    EventView,
    Failure,
    JobNews,
    JobView,
    ListedJob,
    MlflowRun,
    PlaceInSweep,
    Progress,
    Queue,
)
from store.datasets import DatasetRecord, DeletedDatasetRecord
from store.queue import Place
from store.records import EventRecord, JobRecord

PREFIX = "/api/v1"


def job_view(
    job: JobRecord,
    mlflow_url: str,
    *,
    place: Place | None = None,
    verdict: Verdict | None = None,
    warnings: Sequence[str] = (),
) -> JobView:
    """The job as users see it; its place in the queue and its verdict where the caller looked them up."""
    return JobView(
        **_facts(job, mlflow_url),
        spec=job.spec,
        verdict=verdict,
        queue=None if place is None else Queue(**asdict(place)),
        warnings=list(warnings),
    )


def listed_job(job: JobRecord, mlflow_url: str) -> ListedJob:
    """The job as a list shows it; its spec is a `ListedSpec`."""
    return ListedJob(**_facts(job, mlflow_url), spec=job.spec, verdict=None, queue=None)


def job_news(row: Any) -> JobNews:
    """What changes of a job, from a row of `JOB_NEWS`."""
    return JobNews(**_news(row))


def _facts(job: JobRecord, mlflow_url: str) -> dict[str, Any]:
    """What a list and a single job show both, but the spec."""
    at = f"{PREFIX}/jobs/{job.id}"
    links = {"self": at, "curve": f"{at}/curve", "events": f"{at}/events", "stream": f"{at}/stream"}
    if job.status is JobStatus.succeeded:
        links["files"] = f"{at}/files"
    if job.status in FINISHED:
        links["pictures"] = f"{at}/pictures"
    else:
        links["cancel"] = f"{at}/cancel"
    if job.sweep_id is not None:  # it is paused and resumed with its sweep only, and not retried
        links["sweep"] = f"{PREFIX}/sweeps/{job.sweep_id}"
    elif job.status in (JobStatus.queued, JobStatus.running):
        links["pause"] = f"{at}/pause"
    elif job.status is JobStatus.paused:
        links["resume"] = f"{at}/resume"
    elif job.status is JobStatus.failed:
        links["retry"] = f"{at}/retry"
    if job.replays is not None:
        links["replay"] = f"{at}/replay"
    run = mlflow_run(mlflow_url, job.mlflow_run_id, job.mlflow_experiment_id)
    return {**_news(job), "replays": job.replays, "mlflow": run, "links": links}


def dataset_summary(dataset: DatasetRecord) -> DatasetSummary:
    """A data set as a list shows it."""
    return DatasetSummary(**_summary(dataset))


def deleted_dataset_view(dataset: DeletedDatasetRecord) -> DeletedDatasetView:
    """What users see of a data set that was deleted."""
    return DeletedDatasetView(**asdict(dataset))


def dataset_view(dataset: DatasetRecord) -> DatasetView:
    """A data set as users see it."""
    return DatasetView(**_summary(dataset), **dict(dataset.profile))


def _summary(dataset: DatasetRecord) -> dict[str, Any]:
    info, at = dataset.table.info(dataset.rows), f"{PREFIX}/datasets/{dataset.id}"
    return {
        "id": dataset.id,
        "owner": dataset.owner,
        "shared": dataset.project_id is not None,
        "name": dataset.name,
        "version": dataset.version,
        "task": Task.of(info.targets),
        "rows": info.rows,
        "features": info.features,
        "outputs": info.classes or info.outputs,
        "image": info.image,
        "sha256": dataset.sha256,
        "size_bytes": dataset.size,
        "created_at": dataset.created_at,
        "links": {"self": at} if info.image is None else {"self": at, "images": f"{at}/images"},
    }


def event_view(event: EventRecord) -> EventView:
    """One change as users see it."""
    return EventView(**asdict(event))


def _news(job: Any) -> dict[str, Any]:
    """The fields of `JobNews`, of a record or a row."""
    same = (
        *("id", "owner", "name", "project", "priority", "status", "attempt", "metrics"),
        *("worker", "device", "pack_size", "created_at", "started_at", "finished_at", "updated_at"),
    )
    return {
        **{name: getattr(job, name) for name in same},
        "tags": dict(job.tags),
        "stop_reason": StopReason.known(job.stop_reason),
        "failure": _failure(job),
        "cancel_requested": job.cancel_requested_at is not None,
        "pause_requested": job.pause_requested_at is not None,
        "progress": _progress(job),
        "best": None if job.best_epoch is None else Best(epoch=job.best_epoch, metrics=job.best_metrics or {}),
        "sweep": _place(job),
    }


def _failure(job: Any) -> Failure | None:
    if job.failure_reason is None:
        return None
    reason = FailureReason(job.failure_reason)
    retryable = reason.retry == "advised"
    return Failure(reason=reason, message=job.failure_message or reason.sentence, retryable=retryable)


def _place(job: Any) -> PlaceInSweep | None:
    if job.sweep_id is None:
        return None
    return PlaceInSweep(id=job.sweep_id, trial=job.trial or 0, replicate=job.replicate or 0)


def _progress(job: Any) -> Progress:
    speed = job.epochs_per_s if job.status == JobStatus.running else None
    left = job.epochs - job.epoch
    return Progress(epoch=job.epoch, epochs=job.epochs, epochs_per_s=speed, eta_s=left / speed if speed else None)


def mlflow_run(mlflow_url: str, run_id: str | None, experiment_id: str | None) -> MlflowRun | None:
    """A run and its address; None before there is one. MLflow's page finds it in an experiment that is not known."""
    if run_id is None:
        return None
    run = f"experiments/{experiment_id or '0'}/runs/{run_id}"
    # Without it, MLflow opens on its side for language models, which has no runs.
    return MlflowRun(run_id=run_id, url=f"{mlflow_url}/#/{run}?workflowType=machine_learning")

"""A job as an MLflow run: its name, status, parameters, tags, note and metrics."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from model.report import ClassReport, Report
from spec.job import JobSpec
from spec.short_ids import short
from spec.states import JobStatus, SweepState
from spec.sweep import SweepSpec
from spec.views import Curve
from store.mirror import Pending
from store.records import JobRecord

from .links import Links
from .mlflow import PROJECT_TAG, Metric

JOB_TAG = "epochal.job_id"
NAMES_TAG = "epochal.tags"
"""The names of the owner's tags: other tags of a run are of people who use MLflow, and stay."""
BEST_TAG = "epochal.best"
"""Jobs of the best configuration of their sweep have it."""
PARENT_TAG = "mlflow.parentRunId"
"""By which MLflow's page nests a run below another."""
STATE = "epochal."
"""Prefix of the tags that say what the record knows of a job."""
OUR_TAGS = (STATE, "mlflow.")
"""Prefixes of the tags that are not the user's: runs are found by ours, and MLflow acts by its own."""

STATUS: Mapping[JobStatus, str] = {
    JobStatus.running: "RUNNING",
    JobStatus.queued: "SCHEDULED",
    JobStatus.paused: "SCHEDULED",  # MLflow has no paused status; the tag epochal.status says it
    JobStatus.succeeded: "FINISHED",
    JobStatus.failed: "FAILED",
    JobStatus.cancelled: "KILLED",
}


def metrics(curve: Curve, at: datetime) -> list[Metric]:
    """A curve's columns as MLflow's metrics, epoch by epoch; values that are not finite are left out."""
    timestamp = milliseconds(at)
    return [
        Metric(name, value, timestamp, int(epoch or 0))
        for position, epoch in enumerate(curve["epoch"])
        for name, column in curve.items()
        if name != "epoch" and (value := column[position]) is not None
    ]


def best_metrics(job: JobRecord) -> list[Metric]:
    """The finished model's metrics at its best epoch, by which runs are sorted.

    Those of the validation rows as `best_val_loss` and so on, and those of the test rows.
    """
    found = {
        name if name.startswith("test_") else f"best_{name}": value
        for name, value in (job.best_metrics or {}).items()
        if name.startswith(("val_", "test_"))
    }
    return _at_best(job, found)


def report_metrics(job: JobRecord, report: Report) -> list[Metric]:
    """The log loss of the validation and test rows, if there is one."""
    parts = ("best_val", report.validation), ("test", report.test)
    return _at_best(job, {f"{name}_log_loss": part.log_loss for name, part in parts if isinstance(part, ClassReport)})


def _at_best(job: JobRecord, found: Mapping[str, float | None]) -> list[Metric]:
    at, epoch = milliseconds(job.finished_at or job.updated_at), job.best_epoch or job.epoch
    return [Metric(name, value, at, epoch) for name, value in found.items() if value is not None]


def params(spec: JobSpec) -> dict[str, str]:
    """The spec's fields as MLflow's parameters, with dotted names; long values are shortened."""
    return flat(spec.model_dump(mode="json", exclude={"tags", "version"}))


def flat(body: Mapping[str, Any]) -> dict[str, str]:
    """The values of a body by dotted names, as text of 500 characters at most; those that are null are left out."""
    found: dict[str, str] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, part in value.items():
                add(f"{name}.{key}" if name else key, part)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            name = name_of(name)
            while name in found:  # of labels such as <=50K and >50K
                name += "_"
            found[name] = text if len(text) <= 500 else f"{text[:497]}..."

    add("", body)
    return found


def name_of(text: str) -> str:
    """A name that MLflow takes: other characters than its own are `_`, no part of a path is empty or dots only."""
    parts = [part for part in re.sub(r"[^\w/.\- :]", "_", text).split("/") if part]
    return "/".join(part if part.strip(".") else "_" for part in parts) or "_"


def user_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The user's own tags, as a run has them."""
    return {name_of(key): value for key, value in tags.items() if not key.startswith(OUR_TAGS)}


def our_tags(owner: str, project: str, status: JobStatus | SweepState) -> dict[str, str]:
    """What the runs of jobs and of sweeps have alike."""
    return {
        PROJECT_TAG: project,
        "epochal.owner": owner,
        "mlflow.user": owner,
        "mlflow.source.name": "epochal",
        "mlflow.source.type": "JOB",
        "epochal.status": status.value,
    }


def child_params(sweep: SweepSpec, job: JobRecord) -> dict[str, str]:
    """What tells the job from others of its sweep: its configuration's number, its seed or fold, and what varies.

    `architecture.hidden` is also `hidden`, if no other field has that name, so that MLflow's table has short columns.
    """
    body = job.spec.model_dump(mode="json")
    found: dict[str, Any] = {"trial": job.trial, "replicate": job.replicate}
    varied = {path: parameter.values or () for path, parameter in sweep.space.items()}
    for configuration in sweep.configurations:
        varied |= {path: (*varied.get(path, ()), value) for path, value in configuration.items()}
    names = [path.rsplit(".", 1)[-1] for path in varied]
    for (path, values), name in zip(varied.items(), names, strict=True):
        value: Any = body
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            only_names = all(isinstance(choice, str) for choice in values)
            found[path] = value.get("type", value.get("name")) if only_names else json.dumps(value)
        elif "." in path and names.count(name) == 1 and name not in body:
            found[name] = value
    return flat(found)


def child_tags(pending: Pending) -> dict[str, str]:
    """The tags that a run has because its job belongs to a sweep."""
    if pending.sweep is None or pending.sweep.run_id is None:
        return {}
    return {PARENT_TAG: pending.sweep.run_id} | ({BEST_TAG: "true"} if pending.is_best else {})


def verdict_tags(job: JobRecord, curve: Curve, links: Links) -> dict[str, str]:
    """The verdict on a job that has ended, and the note with its sentence; {} if there is none."""
    verdict = job.verdict(curve)
    if verdict is None:
        return {}
    text = f"{note(job)}\n\n{verdict.sentence}{links.to_job(job.id)}"
    return {"epochal.verdict": verdict.kind.value, "mlflow.note.content": text}


def run_name(job: JobRecord) -> str:
    """The name of a job's run."""
    return job.name or short(job.id)


def tags(job: JobRecord, links: Links) -> dict[str, str]:
    """The run's tags: the state of its job, and the user's own tags."""
    theirs = user_tags(job.tags)
    ours = {
        JOB_TAG: job.id,
        **our_tags(job.owner, job.project, job.status),
        "epochal.priority": str(job.priority),
        "epochal.attempt": str(job.attempt),
        "epochal.device": job.device or "",
        "epochal.worker": job.worker or "",
        "epochal.pack_size": str(job.pack_size or ""),
        "epochal.stop_reason": job.stop_reason or "",
        "epochal.failure_reason": job.failure_reason or "",
        NAMES_TAG: " ".join(sorted(theirs)),
        "mlflow.note.content": note(job) + links.to_job(job.id),
    }
    return theirs | {key: value for key, value in ours.items() if value}


def outdated(has: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Of the tags that a run has and is not to have: values that replace those of its state, and names to be removed.

    An earlier attempt may have left a state. It becomes empty, because that costs no request of its own.
    """
    gone = [key for key in has if key not in wanted]
    given = {BEST_TAG, *has.get(NAMES_TAG, "").split()}
    return {key: "" for key in gone if key.startswith(STATE) and key != BEST_TAG}, [key for key in gone if key in given]


def note(job: JobRecord) -> str:
    """How the job ended, in a sentence or two."""
    if job.status is JobStatus.failed:
        return f"Failed: {job.failure_message}"
    if job.status is JobStatus.succeeded and job.stop_reason is not None:
        return f"{job.stop_reason.sentence} Best epoch: {job.best_epoch} of {job.epoch}."
    return f"Job {job.id}."


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(at.astimezone(UTC).timestamp() * 1000)

"""The checker: what was promised, against the record, the curves, MLflow and the files.

I1 every accepted job has ended; I2 each has one end and one set of files; I3 each curve is the one that the job has in
the calm, to the last bit, in the record and in MLflow, without gap and without duplicate; I4 the end is the right one;
I6 no lease, process or run is left. (I5, how long it takes, is the watch's.)
"""

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine, Select, func, select

from spec.states import FINISHED, TRANSITIONS, JobStatus
from spec.views import Curve
from store.db import reading
from store.files import MARK, files_at
from store.records import EventRecord, JobRecord
from store.tables import Artifact, Job, Lease, Mirror
from tests.integration.tracking.servers import MlflowServer
from tests.record import Record

from .load import Cancel

Kind = tuple[str, int]

RUN_STATUS: Mapping[JobStatus, str] = {
    JobStatus.succeeded: "FINISHED",
    JobStatus.failed: "FAILED",
    JobStatus.cancelled: "KILLED",
}

OF_THE_MODEL = ("best_", "test_")
"""How metrics of the finished model begin, which stand beside its curve in MLflow."""


@dataclass(frozen=True)
class Reference:
    """What a job is when nothing goes wrong."""

    curve: Curve
    model: str
    """The digest of its numbers."""


@dataclass
class Verdict:
    """What was found."""

    accepted: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    sweeps: int = 0
    """Sweeps that were submitted."""
    stray_files: int = 0
    """Files in the store that no job has: what dead attempts left. No promise says that there are none."""

    @property
    def violations(self) -> list[str]:
        """All that is not as promised."""
        return [*self.lost, *self.doubled, *self.gaps, *self.duplicates, *self.others]


class Checker:
    """Looks at a record, its files and MLflow once nothing goes wrong any more."""

    def __init__(self, engine: Engine, files: Path, mlflow: MlflowServer) -> None:
        self._engine, self._mlflow = engine, mlflow
        self._store = Record(engine)
        self._folder, self._files_of = files, files_at(files.as_uri())

    def reference(self, jobs: Mapping[str, Kind]) -> dict[Kind, Reference]:
        """What each kind of job is, as jobs that ran in the calm show."""
        found = {}
        for job_id, kind in jobs.items():
            job = self._store.get(job_id, owner=None)
            assert job.status is JobStatus.succeeded, job
            (model,) = (one for one in self._store.artifacts(job_id) if one.name == "model.safetensors")
            found[kind] = Reference(self._store.curve(job_id), numbers(self._files_of.get(model.uri)))
        return found

    def settle(self, ids: Iterable[str], stuck_s: float) -> str:
        """Wait until these jobs have ended and MLflow has all; else what is left when none trained or was mirrored."""
        jobs = set(ids)

        def look() -> tuple[int, int]:
            jobs.difference_update([one for one in jobs if self._store.get(one, owner=None).status in FINISHED])
            left = len(jobs) + self._count(select(func.count()).where(Mirror.done.is_(False)))
            epochs = [self._count(select(func.coalesce(func.sum(of.epoch), 0))) for of in (Job, Mirror)]
            return left, sum(epochs) - left

        left = settle(look, stuck_s)
        mirrored = f"{left - len(jobs)} are not mirrored"
        return f"for {stuck_s:g} s, {len(jobs)} jobs have not ended and {mirrored}" if left else ""

    def check(
        self,
        accepted: Mapping[str, Kind],
        reference: Mapping[Kind, Reference],
        cancels: Sequence[Cancel],
        project: str,
    ) -> Verdict:
        """All that is to be said of these jobs."""
        found = Verdict(accepted=len(accepted))
        runs: dict[str, list[str]] = {}
        status_of = {}
        for run in self._mlflow.runs(project):
            if run["info"]["lifecycle_stage"] == "active":
                tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
                runs.setdefault(tags["epochal.job_id"], []).append(run["info"]["run_id"])
                status_of[run["info"]["run_id"]] = run["info"]["status"]
        for job_id, kind in accepted.items():
            job, events = self._store.get(job_id, owner=None), self._store.events(job_id)
            found.ends[job.status.value] += 1
            cancels_of_job = [cancel for cancel in cancels if cancel.job_id == job_id]
            self._job(found, job, events, cancels_of_job)
            curve = self._store.curve(job_id)
            self._curve(found, job, [int(epoch or 0) for epoch in curve["epoch"]])
            if not _begins(reference[kind].curve, curve, whole=job.status is JobStatus.succeeded):
                found.others.append(f"{job_id}: its curve is not the one it has in the calm")
            self._files(found, job, reference[kind])
            of_job = runs.pop(job_id, [])
            if len(of_job) != (1 if events[-1].attempt or job.status in FINISHED else 0):
                found.doubled.append(f"{job_id}: {len(of_job)} runs in MLflow")
            for run_id in of_job:
                if status_of[run_id] != RUN_STATUS.get(job.status):
                    found.others.append(f"{job_id}: {job.status} is {status_of[run_id]} in MLflow")
                self._mirrored(found, job_id, curve, run_id)
        found.others += [f"{job_id}: a run in MLflow, and no such job was accepted" for job_id in runs]
        self._leftovers(found, accepted, project)
        return found

    def _job(self, found: Verdict, job: JobRecord, events: Sequence[EventRecord], cancels: Sequence[Cancel]) -> None:
        """Whether it has ended, once and rightly, and its history says how."""
        if job.status not in FINISHED:
            found.lost.append(f"{job.id}: still {job.status}")
        if job.status is JobStatus.failed:
            found.lost.append(f"{job.id}: failed, {job.failure_reason}: {job.failure_message}")
        ends = [event for event in events if event.to_status in FINISHED]
        if len(ends) > 1:
            found.doubled.append(f"{job.id}: ended {len(ends)} times")
        steps = [(event.from_status, event.to_status) for event in events]
        # A note, such as one of a full disk, leads from a state to itself.
        legal = steps[0] == (None, JobStatus.queued) and all(
            source is not None and source is before[1] and (target is source or target in TRANSITIONS[source])
            for before, (source, target) in pairwise(steps)
        )
        if not legal or [event.seq for event in events] != list(range(1, len(events) + 1)):
            found.others.append(f"{job.id}: its history does not hold together: {steps}")
        if [event.attempt for event in events] != sorted(event.attempt for event in events):
            found.others.append(f"{job.id}: an attempt came back")
        if events[-1].to_status is not job.status:
            found.others.append(f"{job.id}: is {job.status}, and its history says {events[-1].to_status}")
        if job.status is JobStatus.cancelled and not cancels:
            found.others.append(f"{job.id}: cancelled, and nobody asked for it")
        for cancel in cancels:
            right = {200: job.status is JobStatus.cancelled, 202: job.status in FINISHED}.get(
                cancel.code, job.status is not JobStatus.cancelled
            )
            if not right:
                found.others.append(f"{job.id}: {job.status}, though its cancel was answered with {cancel.code}")

    def _curve(self, found: Verdict, job: JobRecord, epochs: Sequence[int]) -> None:
        missing = set(range(1, job.epoch + 1)) - set(epochs)
        if missing:
            found.gaps.append(f"{job.id}: the record lacks {len(missing)} of {job.epoch} epochs, {min(missing)} first")
        if len(set(epochs)) < len(epochs) or max(epochs, default=0) > job.epoch:
            found.duplicates.append(f"{job.id}: the record has {len(epochs)} points of {job.epoch} epochs")

    def _mirrored(self, found: Verdict, job_id: str, curve: Curve, run_id: str) -> None:
        """Whether MLflow has each metric of the record's curve: every finite value of it, once and to the last bit."""
        points = self._mlflow.points(run_id)
        for name in sorted((curve.keys() | points.keys()) - {"epoch"}):
            if name not in curve and name.startswith(OF_THE_MODEL):
                continue
            ours = {
                int(epoch or 0): value
                for epoch, value in zip(curve["epoch"], curve.get(name, []), strict=False)
                if value is not None
            }
            theirs = points.get(name, [])
            steps = [step for step, _ in theirs]
            if missing := ours.keys() - set(steps):
                found.gaps.append(f"{job_id}: MLflow lacks {len(missing)} points of {name}, {min(missing)} first")
            if len(set(steps)) < len(steps) or set(steps) - ours.keys():
                found.duplicates.append(f"{job_id}: MLflow has {len(steps)} points of {name}, the record {len(ours)}")
            if any(value != ours[step] for step, value in theirs if step in ours):
                found.others.append(f"{job_id}: MLflow has other values of {name} than the record")

    def _files(self, found: Verdict, job: JobRecord, reference: Reference) -> None:
        artifacts = self._store.artifacts(job.id)
        if bool(artifacts) != (job.status is JobStatus.succeeded):
            found.others.append(f"{job.id}: {job.status} with {len(artifacts)} files")
        for artifact in artifacts:
            content = self._files_of.get(artifact.uri)
            if hashlib.sha256(content).hexdigest() != artifact.sha256:
                found.others.append(f"{job.id}: {artifact.name} is not the file that the record speaks of")
            if artifact.name == "model.safetensors" and numbers(content) != reference.model:
                found.others.append(f"{job.id}: its model is not the one it has in the calm")
            if artifact.attempt != job.attempt:
                found.doubled.append(f"{job.id}: {artifact.name} is of another attempt than its end")

    def _leftovers(self, found: Verdict, accepted: Mapping[str, Kind], project: str) -> None:
        with reading(self._engine) as connection:
            ids = set(connection.execute(select(Job.id).where(Job.project == project)).scalars())
            known = set(connection.execute(select(Artifact.path)).scalars())
        files = [path for path in self._folder.rglob("*") if path.is_file() and path.name != MARK]
        found.stray_files = sum(path.as_uri() not in known for path in files)
        found.doubled += [f"{job_id}: in the record, and no answer named it" for job_id in ids - accepted.keys()]
        if leases := self._count(select(func.count()).select_from(Lease)):
            found.others.append(f"{leases} leases are left")

    def _count(self, query: Select[int]) -> int:
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()


def settle(look: Callable[[], tuple[int, int]], stuck_s: float) -> int:
    """Wait until nothing is left, for as long as it goes on; else how much is left when no more was done for so long.

    `look` says how much is left, and how much was done. On a slow machine all of it takes longer.
    """
    most, more_at = -sys.maxsize, time.monotonic()
    while True:
        left, done = look()
        if done > most:
            most, more_at = done, time.monotonic()
        if not left or time.monotonic() > more_at + stuck_s:
            return left
        time.sleep(0.5)


def numbers(model: bytes) -> str:
    """The digest of a model's numbers, without the head of its file, in which the notes have no order."""
    return hashlib.sha256(model[8 + int.from_bytes(model[:8], "little") :]).hexdigest()


def _begins(reference: Curve, curve: Curve, *, whole: bool) -> bool:
    """Whether a curve is the reference, or its beginning, to the last bit."""
    epochs = len(curve["epoch"])
    if whole and epochs != len(reference["epoch"]):
        return False
    return epochs == 0 or curve == {name: column[:epochs] for name, column in reference.items()}

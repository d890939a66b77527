"""The mirror: copies what the record knows of each job to MLflow, one run per job over all its attempts.

It may be late, it may be restarted, two may run at once: the record is the truth. It notes that a run is about to be
made before it is made, and which one it is after; a run whose making is in doubt is looked for first. Points are sent
again only as they were sent before, which MLflow ignores.
"""

import itertools
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from model import PREPROCESSING, REPORT, SPEC
from model.drawing import Drawing
from model.preprocessing import Preprocessing
from model.report import ClassReport, Report
from spec.job import JobSpec
from spec.states import FINISHED, JobStatus
from spec.verdict import judge
from spec.views import Curve
from store.files import Files
from store.jobs import JobRecord, JobStore
from store.mirror import MirrorStore, Pending
from trainer.plots import pictures

from .mlflow import Metric, Mlflow, MlflowError, MlflowUnreachableError, Run
from .package import FILES, FOLDER, HISTORY_TAG, history, package

log = logging.getLogger(__name__)

JOB_TAG = "epochal.job_id"
OUR_TAGS = ("epochal.", "mlflow.")
"""What tags that are not the user's begin with."""
NAME_TAG = "mlflow.runName"
"""Where MLflow keeps a run's name: a run whose tag says another name than its job is refused."""

LIVE_RUNS = 16
"""Most running jobs brought up to date in a round: their curves may be a little late, training may not."""

LIVE_S = 3.0
"""From sending a running job's points to sending its next: what ends in seconds has its curve sent whole."""

POINTS = 2000
"""Most points of a job sent in a round: a job of a million epochs holds nobody up."""

CHUNKS = 100
"""Most pieces of a curve read at a time."""

ROUND_S = 2.0
"""Longest that a round goes on to the next job: then it looks again who was cancelled meanwhile."""

PICTURES_WAIT_S = 10.0
"""Pictures of a job that has ended wait so long for a moment in which no other job has new points."""

PILE = 250
"""So many jobs may wait for their files while curves are sent; with more, both get their share."""

PATIENCE_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits after a job's first, second ... refusal in a row."""

STATUS: Mapping[JobStatus, str] = {
    JobStatus.running: "RUNNING",
    JobStatus.queued: "SCHEDULED",
    JobStatus.paused: "SCHEDULED",  # MLflow knows no pause: the tag epochal.status does
    JobStatus.succeeded: "FINISHED",
    JobStatus.failed: "FAILED",
    JobStatus.cancelled: "KILLED",
}


WAITING = (JobStatus.queued, JobStatus.paused)

State = tuple[str, int, JobStatus]
"""A job in the state in which MLflow was told of it."""


class Mirror:
    """Copies jobs in rounds. Knows of each job only what saves it from asking MLflow again."""

    def __init__(
        self,
        jobs: JobStore,
        store: MirrorStore,
        mlflow: Mlflow,
        files: Files,
        *,
        threads: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs, self._store, self._mlflow, self._files = jobs, store, mlflow, files
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="mirror")
        self._runs: dict[str, Run] = {}
        self._sent: dict[str, float] = {}
        self._ended: set[State] = set()
        self._settled: set[State] = set()
        self._failures: dict[str, tuple[int, float]] = {}
        self._experiments: dict[str, str] = {}
        self._away = False

    def round(self) -> bool:
        """Copy what is new for a while; whether there is more to copy at once.

        First the ends of jobs that were cancelled or failed, which somebody waits for; then points, of jobs that have
        ended and of jobs that run in turns; pictures and files when no curve waits.
        """
        if not self._is_there():
            return False
        finished = self._due(self._store.finished(2 * PILE + len(self._failures)))
        live = self._store.running(LIVE_RUNS + len(self._failures) + len(self._sent))
        running = [one for one in self._due(live) if self._has_news(one)][:LIVE_RUNS]
        unsettled = [pending for pending in finished if _state(pending) not in self._settled]
        settled = [pending for pending in finished if _state(pending) in self._settled]
        self._name_experiments({pending.job.project for pending in [*unsettled, *running]})
        broken = [pending for pending in unsettled if pending.job.status is not JobStatus.succeeded]
        self._each(self._end, [pending for pending in broken if _state(pending) not in self._ended])
        in_turns = [one for pair in zip_longest(unsettled, running) for one in pair if one is not None]
        whole = self._each(self._copy, in_turns, self._clock() + ROUND_S)
        if whole or len(settled) > PILE:
            # While jobs train their curves go first, and so does the training: a picture costs more than a curve.
            now = datetime.now(UTC)
            due = settled if not live or len(settled) > PILE else [one for one in settled if _has_waited(one, now)]
            whole = self._each(self._attach, due, self._clock() + ROUND_S) and whole
        return not self._away and (not whole or any(_state(pending) in self._settled for pending in unsettled))

    def close(self) -> None:
        """Finish what is being sent, and no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _is_there(self) -> bool:
        """Whether MLflow answers; asked only while it did not."""
        if self._away and self._mlflow.alive():
            log.info("MLflow answers again.")
            self._away = False
        return not self._away

    def _gone(self, error: MlflowError) -> None:
        if not self._away:  # many threads may learn of it at the same time
            self._away = True
            log.warning("curves wait in the record until MLflow is back: %s", error)

    def _each(self, copy: Callable[[Pending], bool], pending: Iterable[Pending], until: float | None = None) -> bool:
        """Copy jobs side by side; whether all were copied whole, but for those that MLflow refuses.

        One that is refused waits longer each time, and holds nobody up.
        """

        def guarded(one: Pending) -> bool:
            if self._away or (until is not None and self._clock() >= until):
                return False
            try:
                whole = copy(one)
            except Exception as error:
                # Whatever is wrong with one job, a file that is gone or a name that nobody thought of, is its own.
                self._runs.pop(one.job.id, None)  # what MLflow has of it is in doubt: ask before sending more
                if isinstance(error, MlflowUnreachableError):
                    self._gone(error)
                    return False
                failures = self._failures.get(one.job.id, (0, 0.0))[0]
                wait = PATIENCE_S[min(failures, len(PATIENCE_S) - 1)]
                self._failures[one.job.id] = (failures + 1, self._clock() + wait)
                say = log.debug if failures else log.warning
                say("job %s is not whole in MLflow, tried again in %.0f s and later: %s", one.job.id, wait, error)
                return True
            self._failures.pop(one.job.id, None)
            return whole

        return all(list(self._threads.map(guarded, pending)))

    def _due(self, pending: Iterable[Pending]) -> list[Pending]:
        now = self._clock()
        return [one for one in pending if self._failures.get(one.job.id, (0, 0.0))[1] <= now]

    def _has_news(self, live: Pending) -> bool:
        """Whether it is time to tell of a job that has not ended: of one that trains, not too often."""
        job = live.job
        return job.status in WAITING or self._clock() - self._sent.get(job.id, -LIVE_S) >= LIVE_S

    def _name_experiments(self, projects: set[str]) -> None:
        for project in sorted(projects - self._experiments.keys()):
            try:
                self._experiments[project] = self._mlflow.experiment(project)
            except MlflowUnreachableError as error:
                self._gone(error)
                return
            except MlflowError as error:
                log.debug("no experiment %s: %s", project, error)  # its jobs say so

    def _end(self, pending: Pending) -> bool:
        """Tell that the job has ended and how, before its last points."""
        job, state = pending.job, _state(pending)
        run = self._run(pending)
        self._mlflow.update(run.id, name(job), STATUS[job.status], milliseconds(job.finished_at or job.updated_at))
        self._ended.add(state)
        return True

    def _copy(self, pending: Pending) -> bool:
        """Bring the run's points nearer to the record's; with the last ones tell how the job has ended."""
        job, state = pending.job, _state(pending)
        is_new = pending.run_id is None and job.id not in self._runs
        run = self._run(pending)
        if is_new and job.status is JobStatus.running:
            self._sent[job.id] = self._clock()
            return True
        again = job.attempt != pending.attempt
        points, last, whole = self._points(job.id, max(pending.epoch, run.last_step))
        at_end = whole and job.status in FINISHED
        said = tags(job)
        words = {key: value for key, value in said.items() if run.tags.get(key) != value}
        fields = params(job.spec) if again or pending.epoch == 0 else {}
        if points or words or fields:
            self._mlflow.log(run.id, metrics=points, params=fields, tags=words)
        for key in run.tags.keys() - said.keys():
            if not key.startswith(OUR_TAGS):
                self._mlflow.untag(run.id, key)
        waits = whole and job.status in WAITING
        if job.status not in FINISHED and (waits or (again and pending.attempt) or run.name != name(job)):
            self._mlflow.update(run.id, name(job), STATUS[job.status])
        self._runs[job.id] = replace(run, last_step=last, name=name(job), tags=said)
        if at_end and state not in self._ended:
            self._end(pending)
        self._store.advanced(job.id, last, job.attempt)
        if whole:
            self._sent[job.id] = self._clock()
        if at_end:
            self._settled.add(state)
        if waits:
            self._store.done(job)
            self._forget(pending)
        return whole

    def _points(self, job_id: str, sent: int) -> tuple[list[Metric], int, bool]:
        """The next points of a curve, their last epoch, and whether that is the last of all."""
        points: list[Metric] = []
        while chunks := self._store.chunks(job_id, after_epoch=sent, limit=CHUNKS):
            for at, curve in chunks:
                for epoch, step in itertools.groupby(metrics(curve, at), key=lambda point: point.step):
                    if epoch > sent:
                        if len(points) >= POINTS:
                            return points, sent, False
                        points += step
                        sent = epoch
                sent = max(sent, int(curve["epoch"][-1] or 0))  # epochs of which nothing is finite have no point
        return points, sent, True

    def _run(self, pending: Pending) -> Run:
        """The job's run: known, found, or made."""
        job = pending.job
        if (known := self._runs.get(job.id)) is not None:
            return known
        if pending.run_id is not None:
            run = self._mlflow.run(pending.run_id)
        else:
            if job.project not in self._experiments:
                raise MlflowError(f"there is no experiment for the project {job.project}, and none could be made")
            run = self._make(job, self._experiments[job.project])
        self._runs[job.id] = run
        return run

    def _make(self, job: JobRecord, experiment_id: str) -> Run:
        first = self._store.creating(job.id, experiment_id)
        made = None if first else self._mlflow.find_run(experiment_id, JOB_TAG, job.id)
        if made is None:
            started = milliseconds(job.started_at or job.created_at)
            made = self._mlflow.create_run(experiment_id, name(job), started, tags(job))
        known = self._store.started(job.id, made.id, made.experiment_id)
        if known == made.id:
            return made
        self._mlflow.delete_run(made.id)  # another mirror was a moment faster
        return self._mlflow.run(known)

    def _attach(self, pending: Pending) -> bool:
        """Upload the files of a job that has ended, and be done with it."""
        job = pending.job
        run = self._run(pending)
        curve = self._jobs.curve(job.id)
        if (verdict := judge(job.spec, curve, job.failure_reason)) is not None:
            said = {"epochal.verdict": verdict.kind.value, "mlflow.note.content": f"{note(job)}\n\n{verdict.sentence}"}
            self._mlflow.log(run.id, tags=said)  # though a file be gone
        left = self._upload(run, job)
        report = Report.model_validate_json(left[REPORT]) if REPORT in left else None
        kept = {}
        if left.keys() >= set(FILES):
            prepared, at = Preprocessing.model_validate_json(left[PREPROCESSING]), job.finished_at or job.updated_at
            for file, content in package(job.spec, prepared, run.id, at).items():
                self._mlflow.upload(run, f"{FOLDER}/{file}", content)
            kept[HISTORY_TAG] = history(run.id, at)
        self._mlflow.log(run.id, metrics=figures(job, report), tags=kept)
        drawing = Drawing(
            title=job.name or job.id,
            curve=curve,
            best_epoch=job.best_epoch,
            stop_reason=job.stop_reason,
            report=report,
        )
        for name, picture in pictures(drawing).items():
            self._mlflow.upload(run, f"{name}.png", picture)
        self._store.done(job)
        self._forget(pending)
        return True

    def _upload(self, run: Run, job: JobRecord) -> Mapping[str, bytes]:
        """Upload the files that a job left, those of a whole model into its folder."""
        self._mlflow.upload(run, SPEC, job.spec.model_dump_json(indent=2).encode())
        left = {artifact.name: self._files.get(artifact.uri) for artifact in self._jobs.artifacts(job.id)}
        is_model = left.keys() >= set(FILES)
        for file, content in left.items():
            if is_model and file in FILES:
                self._mlflow.upload(run, f"{FOLDER}/{file}", content)
            elif file != SPEC:
                self._mlflow.upload(run, file, content)
        return left

    def _forget(self, pending: Pending) -> None:
        state = _state(pending)
        self._runs.pop(pending.job.id, None)
        self._sent.pop(pending.job.id, None)
        self._ended.discard(state)
        self._settled.discard(state)


def _has_waited(pending: Pending, now: datetime) -> bool:
    """Whether a job has ended so long ago that its pictures wait no longer for a quiet moment."""
    ended = pending.job.finished_at
    return ended is None or (now - ended).total_seconds() > PICTURES_WAIT_S


def _state(pending: Pending) -> State:
    return pending.job.id, pending.job.attempt, pending.job.status


def metrics(curve: Curve, at: datetime) -> list[Metric]:
    """A curve's columns as MLflow's points, epoch by epoch; values that are not finite have no point."""
    timestamp = milliseconds(at)
    return [
        Metric(name, value, timestamp, int(epoch or 0))
        for position, epoch in enumerate(curve["epoch"])
        for name, column in curve.items()
        if name != "epoch" and (value := column[position]) is not None
    ]


def figures(job: JobRecord, report: Report | None) -> list[Metric]:
    """What was measured of the finished model, at its epoch: what runs are sorted by.

    The best epoch's own figures as `best_val_loss` and so on, the test's, and the log loss of either, if it has one.
    """
    found = {
        name if name.startswith("test_") else f"best_{name}": value
        for name, value in (job.best_metrics or {}).items()
        if name.startswith(("val_", "test_"))
    }
    parts = () if report is None else (("best_val", report.validation), ("test", report.test))
    found |= {f"{name}_log_loss": part.log_loss for name, part in parts if isinstance(part, ClassReport)}
    at, epoch = milliseconds(job.finished_at or job.updated_at), job.best_epoch or job.epoch
    return [Metric(name, value, at, epoch) for name, value in found.items() if value is not None]


def params(spec: JobSpec) -> dict[str, str]:
    """The spec's fields as MLflow's parameters, with dotted names; long values are cut."""
    flat: dict[str, str] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, part in value.items():
                add(f"{name}.{key}" if name else key, part)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            flat[name] = text if len(text) <= 500 else f"{text[:497]}..."

    add("", spec.model_dump(mode="json", exclude={"tags", "version"}))
    return flat


def name(job: JobRecord) -> str:
    """What a job's run is called."""
    return job.name or job.id[:13]


def tags(job: JobRecord) -> dict[str, str]:
    """What a run says of its job, beside the user's own tags."""
    said = {
        JOB_TAG: job.id,
        "epochal.project": job.project,
        "epochal.owner": job.owner,
        "epochal.status": job.status.value,
        "epochal.priority": str(job.priority),
        "epochal.attempt": str(job.attempt),
        "epochal.device": job.device or "",
        "epochal.worker": job.worker or "",
        "epochal.pack_size": str(job.pack_size or ""),
        "epochal.stop_reason": job.stop_reason or "",
        "epochal.failure_reason": job.failure_reason or "",
        "mlflow.note.content": note(job),
    }
    again = job.attempt > 1  # what an earlier attempt said must not stay
    said = {key: value for key, value in said.items() if value or again}
    return {key: value for key, value in job.tags.items() if key != NAME_TAG} | said


def note(job: JobRecord) -> str:
    """The job's story in a sentence or two."""
    if job.status is JobStatus.failed:
        return f"Failed: {job.failure_message}"
    if job.status is JobStatus.succeeded and job.stop_reason is not None:
        return f"{job.stop_reason.sentence} Best epoch: {job.best_epoch} of {job.epoch}."
    return f"Job {job.id}."


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(at.astimezone(UTC).timestamp() * 1000)

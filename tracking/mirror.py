"""The mirror: copies what the record knows of each job to MLflow, one run per job over all its attempts.

The mirror may be late, it may be restarted, and two may run at once: the record is the truth. The mirror notes in the
record that it is about to create a run, and afterwards the run's id. When it finds the note without an id, it first
looks for the run. A point that is sent twice is the same both times, and MLflow ignores the second. The parent run of a
sweep is made before the runs of its jobs.

An experiment or a run that somebody deleted in MLflow is restored when there is more to send. If it was deleted for
good, it is made anew, with the whole curve.
"""

import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TypeVar

from spec.states import FINISHED, JobStatus
from store.files import Files
from store.jobs import JobStore
from store.mirror import MirrorStore, Pending
from store.records import JobRecord
from store.sweep_records import SweepRecord

from .artifacts import Artifacts, Draw
from .curves import Curves
from .database import Database
from .datasets import dataset_of
from .drawers import Drawers, at_once, drawn_here
from .experiments import Experiments
from .failures import Failures
from .links import Links
from .mlflow import Metric, Mlflow, MlflowError, MlflowMissingError, MlflowUnreachableError, Run, RunGoneError
from .parents import Parents
from .runs import (
    JOB_TAG,
    STATUS,
    best_metrics,
    child_params,
    child_tags,
    metrics,
    milliseconds,
    outdated,
    params,
    run_name,
    tags,
    verdict_tags,
)

log = logging.getLogger(__name__)

LIVE_RUNS = 16
"""Most running jobs whose curves are sent in a round: a curve may be late, training may not."""

LIVE_S = 3.0
"""Seconds between two sendings of a running job's points: the curve of a short job is sent as a whole."""

POINTS = 2000
"""Most points of a job sent in a round: a job of a million epochs delays no other."""

CHUNKS = 100
"""Most pieces of a curve read at a time."""

ROUND_S = 2.0
"""Longest part of a round in which the next job is begun: the next round sees who was cancelled meanwhile."""

SWEEPS = 100
"""Sweeps that are read for a round."""

ENDED = 128
"""Jobs that have ended and are read for a round: MLflow seldom takes more in its time."""

FILES = 64
"""Jobs whose files or pictures are looked at in a round."""

WITHOUT_PICTURES = 256
"""Most jobs whose files are in MLflow while their pictures wait: a model waits for no picture."""

FILES_S = 0.5
"""Longest part of a round in which a job's files or pictures are begun: a curve that comes waits no longer."""

FILES_WAIT_S = 30.0
"""Longest that a finished job's files and pictures wait for a moment in which no job waits or runs."""

MANY = 16
"""Jobs that wait for pictures while nothing trains: so many are worth processes of their own, a second each."""

SMALL_SWEEP = 50
"""Jobs of a sweep of which each has its files and pictures in MLflow; of a larger one, the best have."""

LOOKS_S = 60.0
"""Seconds between two looks for what the record does not tell."""

WAITING = (JobStatus.queued, JobStatus.paused)

Copied = TypeVar("Copied", Pending, SweepRecord)

State = tuple[int, JobStatus]
"""A job's attempt and status: what has been sent of a job counts for that attempt and status only."""


@dataclass
class Memory:
    """What the mirror remembers of a job, which saves requests: after a restart it asks MLflow again."""

    run: Run | None = None
    points_at: float | None = None
    """When its points were sent while it trained, by the clock."""
    end: tuple[State, str] | None = None
    """The end that its run shows, and the name."""
    files: State | None = None
    """The state whose files were sent."""
    twice_in: str | None = None
    """The experiment that may have a second run of it: MLflow may be at work on a request that a mirror gave up."""


@dataclass(frozen=True)
class Copying:
    """What became of jobs or sweeps that were to be copied in a round."""

    begun: bool
    """Whether each had its turn."""
    complete: bool
    """Whether nothing is left of any, apart from those that failed."""


class Mirror:
    """Copies jobs in rounds. What it remembers of a job only saves requests: after a restart it asks MLflow again."""

    def __init__(
        self,
        jobs: JobStore,
        store: MirrorStore,
        parents: Parents,
        mlflow: Mlflow,
        files: Files,
        links: Links,
        *,
        threads: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._parents, self._mlflow = store, parents, mlflow
        self._links, self._clock = links, clock
        self._curves = Curves(jobs)
        self._artifacts = Artifacts(jobs, self._curves, mlflow, files)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="mirror")
        self._drawers, self._drawing = Drawers(), ThreadPoolExecutor(at_once(), thread_name_prefix="drawing")
        self._memories: defaultdict[str, Memory] = defaultdict(Memory)
        self._failures = Failures(clock)
        self._experiments = Experiments(mlflow, links)
        self._database = Database(mlflow, store, clock)
        self._looks_at = 0.0
        """When it looks around, by the clock."""
        self._away = False

    def round(self) -> bool:
        """Copy what is new for a while; whether there is more to copy at once.

        The order: sweeps, whose runs are the parents of others; the status of jobs that failed or were cancelled, which
        somebody waits for; points, a finished and a running job in turn; files, when each curve had its turn; pictures.
        """
        if not self._mlflow_answers():
            return False
        sweeps = self._due(self._parents.pending(SWEEPS + len(self._failures)))
        self._look_up_experiments({sweep.project for sweep in sweeps})
        parents = self._each(self._send_sweep, sweeps, self._clock() + ROUND_S)
        self._look_around()
        finished = self._due(self._store.finished(ENDED + len(self._failures)))
        sent = sum(memory.points_at is not None for memory in self._memories.values())
        live = self._store.running(LIVE_RUNS + len(self._failures) + sent)
        running = [one for one in self._due(live) if self._is_time_for(one.job)][:LIVE_RUNS]
        self._look_up_experiments({one.project for one in [*finished, *running]})
        stopped = [one for one in finished if one.job.status is not JobStatus.succeeded]
        self._each(self._send_end, [one for one in stopped if self._memories[one.id].end != _end(one)])
        alternating = [one for pair in zip_longest(finished, running) for one in pair if one is not None]
        curves = self._each(self._send_curve, alternating, self._clock() + ROUND_S)
        more = bool(finished) or not curves.complete or not parents.complete
        if curves.begun:
            more = self._send_some_files() or more
        return more and not self._away

    def _send_some_files(self) -> bool:
        """Send files, then pictures, for a moment: of any jobs while nothing trains, else of those that wait long.

        Whether there were any.
        """
        ahead = min(sum(memory.files is not None for memory in self._memories.values()), WITHOUT_PICTURES)
        waiting = self._due(self._store.without_files(FILES + ahead + len(self._failures)))
        busy = bool(waiting) and self._store.busy()
        if busy:
            now = datetime.now(UTC)
            waiting = [one for one in waiting if _has_waited(one, now)]
        without_files = [one for one in waiting if self._memories[one.id].files != _state(one)]
        if self._each(self._send_files, without_files, self._clock() + FILES_S).begun:
            self._send_some_pictures(waiting, busy=busy)
        return bool(waiting)

    def _send_some_pictures(self, waiting: Sequence[Pending], *, busy: bool) -> None:
        """Draw for a moment the pictures of jobs whose files MLflow has."""
        with_files = [one for one in waiting if self._memories[one.id].files == _state(one)]
        many = len(with_files) >= MANY and not busy
        if not many:
            self._drawers.close()
        draw, threads = (self._drawers.draw, self._drawing) if many else (drawn_here, self._threads)
        self._each(lambda one: self._send_pictures(one, draw), with_files, self._clock() + FILES_S, threads)

    def close(self) -> None:
        """Finish what is being sent, and no more."""
        for threads in (self._threads, self._drawing):
            threads.shutdown(wait=True, cancel_futures=True)
        self._drawers.close()

    def _mlflow_answers(self) -> bool:
        """Whether MLflow answers; asked only while it did not."""
        if self._away and self._mlflow.alive():
            log.info("MLflow answers again.")
            self._away = False
        return not self._away

    def _is_away(self, error: Exception) -> bool:
        """Whether the error is of a server that does not answer at all. If so, it is noted.

        One that is well may answer a request late or never, such as an upload of a file that is too large for it.
        """
        if not isinstance(error, MlflowUnreachableError):
            return False
        is_well = not self._away and self._mlflow.alive()
        if is_well and not self._away:  # another thread may have noticed meanwhile that it was away
            return False
        if not self._away:
            self._away = True
            log.warning("Curves wait in the record until MLflow is back: %s", error)
        return True

    def _each(
        self,
        copy: Callable[[Copied], bool],
        pending: Sequence[Copied],
        until: float | None = None,
        threads: ThreadPoolExecutor | None = None,
    ) -> Copying:
        """Copy jobs or sweeps in several threads. One that fails waits longer each time, and delays no other."""

        def guarded(one: Copied) -> Copying:
            if self._away or (until is not None and self._clock() >= until):
                return Copying(begun=False, complete=False)
            try:
                complete = copy(one)
            except RunGoneError as error:
                log.debug("%s %s: %s", type(one).__name__, one.id, error)
                return Copying(begun=True, complete=False)
            except Exception as error:
                # One job's fault, such as a file that is gone or an unforeseen name, concerns no other job.
                if one.id in self._memories:
                    self._memories[one.id].run = None  # what MLflow has of it is uncertain: ask before sending more
                self._experiments.doubt(one.project)
                if self._is_away(error):
                    return Copying(begun=False, complete=False)
                failure = self._failures.add(one.id)
                level = logging.WARNING if failure.is_named else logging.DEBUG
                what = "job" if isinstance(one, Pending) else "sweep"
                text = "%s %s could not be copied to MLflow; next try in %.0f s: %s"
                log.log(level, text, what, one.id, failure.wait_s, error)
                if failure.is_first_of_many:
                    log.warning("more jobs cannot be copied to MLflow: those that follow are not named")
                return Copying(begun=True, complete=True)
            self._failures.end(one.id)
            return Copying(begun=True, complete=complete)

        each = list((threads or self._threads).map(guarded, pending))
        return Copying(begun=all(one.begun for one in each), complete=all(one.complete for one in each))

    def _due(self, pending: Iterable[Copied]) -> list[Copied]:
        """Those that do not wait after a failure."""
        return [one for one in pending if self._failures.is_due(one.id)]

    def _is_time_for(self, job: JobRecord) -> bool:
        """Whether to send what is new of an unfinished job now: at once if it waits, seldom if it trains."""
        sent_at = self._memories[job.id].points_at
        return job.status in WAITING or sent_at is None or self._clock() - sent_at >= LIVE_S

    def _look_up_experiments(self, projects: AbstractSet[str]) -> None:
        """Know the experiments of these projects, as far as MLflow answers. Its database may be another one."""
        try:
            if projects:
                self._look_at_database()
            self._experiments.look_up(projects)
        except MlflowUnreachableError as error:
            self._is_away(error)  # else a warning follows for each of its jobs

    def _look_at_database(self) -> None:
        """Forget what is remembered of MLflow's database if it is another one now. Raises `MlflowUnreachableError`."""
        if self._database.has_changed():
            self._experiments.forget()
            self._memories.clear()

    def _send_sweep(self, sweep: SweepRecord) -> bool:
        """Send what a sweep's run shows."""
        self._parents.send(sweep, self._experiments.id_of(sweep.project))
        return True

    def _send_end(self, pending: Pending) -> bool:
        """Send the status of a job that has ended, before its last points."""
        job, run = pending.job, self._run(pending)
        self._mlflow.update(run.id, run_name(job), STATUS[job.status], milliseconds(job.finished_at or job.updated_at))
        self._memories[job.id].end = _end(pending)
        return True

    def _send_curve(self, pending: Pending) -> bool:
        """Send the job's next points, and what changed of its name, tags and status; whether the curve is complete."""
        job, memory = pending.job, self._memories[pending.id]
        is_new, is_remembered = pending.run_id is None and memory.run is None, memory.run is not None
        run = self._run(pending)
        if not (is_new or is_remembered):
            memory.twice_in = run.experiment_id  # an earlier mirror made it, and may have given up a request for it
        if is_new and job.status is JobStatus.running:
            memory.points_at = self._clock()
            return True
        is_new_attempt = job.attempt != pending.attempt
        points, last, complete = self._points(job.id, max(pending.epoch, run.last_step))
        has_ended, waits = complete and job.status in FINISHED, complete and job.status in WAITING
        wanted = tags(job, self._links) | child_tags(pending)
        if has_ended:
            wanted |= self._curves.use(job, lambda curve: verdict_tags(job, curve, self._links))
            points += best_metrics(job)
        run = self._send_changes(run, pending, points, wanted, with_params=is_new_attempt or pending.epoch == 0)
        if pending.epoch == 0:
            self._mlflow.log_input(run.id, dataset_of(job.spec, self._links))
        if job.status not in FINISHED and (waits or (is_new_attempt and pending.attempt) or run.name != run_name(job)):
            self._mlflow.update(run.id, run_name(job), STATUS[job.status])
            memory.end = None
        memory.run = replace(run, last_step=last, name=run_name(job))
        if has_ended and memory.end != _end(pending):
            self._send_end(pending)
        if has_ended and memory.twice_in is not None:
            self._mlflow.delete_others(run, memory.twice_in, JOB_TAG, pending.id)
            memory.twice_in = None
        has_files = has_ended and _has_files(pending)
        if not (has_ended or waits) or not self._store.whole(pending, last, done=not has_files):
            self._store.advanced(job.id, last, job.attempt)
        if complete and not has_ended:
            memory.points_at = self._clock()
        if waits or (has_ended and not has_files):
            self._forget(pending)
        return complete

    def _send_changes(
        self, run: Run, pending: Pending, points: list[Metric], wanted: dict[str, str], *, with_params: bool
    ) -> Run:
        """The run with these points and tags, those that it lost removed."""
        empty, gone = outdated(run.tags, wanted)
        wanted = wanted | empty
        changed = {key: value for key, value in wanted.items() if run.tags.get(key) != value}
        parameters = params(pending.job.spec) if with_params else {}
        if with_params and pending.sweep is not None:
            parameters |= child_params(pending.sweep.spec, pending.job)
        if points or changed or parameters:
            self._mlflow.log(run.id, metrics=points, params=parameters, tags=changed)
        for key in gone:
            self._mlflow.untag(run.id, key)
        return replace(run, tags=wanted)

    def _points(self, job_id: str, sent: int) -> tuple[list[Metric], int, bool]:
        """The next points of a curve, their last epoch, and whether the curve ends there."""
        points: list[Metric] = []
        while chunks := self._store.chunks(job_id, after_epoch=sent, limit=CHUNKS):
            for at, curve in chunks:
                for epoch, step in itertools.groupby(metrics(curve, at), key=lambda point: point.step):
                    if epoch > sent:
                        if len(points) >= POINTS:
                            return points, sent, False
                        points += step
                        sent = epoch
                sent = max(sent, int(curve["epoch"][-1] or 0))  # an epoch without finite values has no point
        return points, sent, True

    def _run(self, pending: Pending) -> Run:
        """The job's run: remembered, looked up or created."""
        if (known := self._memories[pending.id].run) is not None:
            return known
        if pending.run_id is not None:
            run = self._known_run(pending, pending.run_id)
        else:
            run = self._create(pending, self._experiments.id_of(pending.project))
        self._memories[pending.id].run = run
        return run

    def _known_run(self, pending: Pending, run_id: str) -> Run:
        """The run that was made for a job, restored if it was deleted. If it is gone, the next round makes another."""
        try:
            return self._mlflow.live_run(run_id, f"job {pending.id}")
        except MlflowMissingError as error:
            self._store.lost(pending.id, run_id)
            self._forget(pending)
            raise RunGoneError(str(error)) from error

    def _create(self, pending: Pending, experiment_id: str) -> Run:
        """A run for a job that has none, though this mirror or another may have died while it created one."""
        job = pending.job
        first = self._store.creating(job.id, experiment_id)
        made = None if first else self._mlflow.find_run(experiment_id, JOB_TAG, job.id)
        if made is None:
            if not first:
                self._memories[job.id].twice_in = experiment_id
            started = milliseconds(job.started_at or job.created_at)
            shown = tags(job, self._links) | child_tags(pending)
            made = self._mlflow.create_run(experiment_id, run_name(job), started, shown)
        known = self._store.started(job.id, made.id, made.experiment_id)
        if known == made.id:
            return made
        self._mlflow.delete_run(made.id)  # another mirror created one a moment before
        return self._mlflow.run(known)

    def _send_files(self, pending: Pending) -> bool:
        """Upload the files of a job that has ended."""
        self._artifacts.upload_files(self._run(pending), pending.job)
        self._memories[pending.id].files = _state(pending)
        return True

    def _send_pictures(self, pending: Pending, draw: Draw) -> bool:
        """Upload the pictures of a job that has ended; with them its run is complete."""
        self._artifacts.upload_pictures(self._run(pending), pending.job, draw)
        self._store.done(pending)
        self._forget(pending)
        return True

    def _forget(self, pending: Pending) -> None:
        """Forget all but a second run, which is looked for when the job has ended."""
        memory = self._memories.pop(pending.id, None)
        if memory is not None and memory.twice_in is not None:
            self._memories[pending.id] = Memory(twice_in=memory.twice_in)

    def _look_around(self) -> None:
        """Look now and then for what the record does not tell: another database of MLflow, jobs that were deleted."""
        if self._clock() < self._looks_at:
            return
        self._looks_at = self._clock() + LOOKS_S
        try:
            self._look_at_database()
        except MlflowUnreachableError as error:
            self._is_away(error)
        self._forget_deleted()

    def _forget_deleted(self) -> None:
        """Forget jobs that were deleted. The run of one whose end was not sent is killed."""
        self._failures.forget_old()
        for job_id in self._store.deleted(self._memories):
            memory = self._memories[job_id]
            if memory.run is not None and memory.end is None:
                try:
                    self._mlflow.update(memory.run.id, memory.run.name, "KILLED", milliseconds(datetime.now(UTC)))
                except MlflowError as error:
                    if self._is_away(error):
                        return
                    log.warning("the run %s of a job that was deleted does not end: %s", memory.run.id, error)
            del self._memories[job_id]


def _has_files(pending: Pending) -> bool:
    """Whether MLflow gets the job's files and pictures."""
    sweep = pending.sweep
    return sweep is None or pending.is_best or sweep.spec.most_trials * sweep.spec.replicates <= SMALL_SWEEP


def _has_waited(pending: Pending, now: datetime) -> bool:
    """Whether a job has ended so long ago that its files wait no longer for a quiet moment."""
    ended = pending.job.finished_at
    return ended is None or (now - ended).total_seconds() > FILES_WAIT_S


def _state(pending: Pending) -> State:
    return pending.job.attempt, pending.job.status


def _end(pending: Pending) -> tuple[State, str]:
    return _state(pending), run_name(pending.job)

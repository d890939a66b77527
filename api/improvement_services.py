"""What the views of improvements call: a job's counterfactuals as a sweep, and what they show.

`sweeps` is imported where it is used: NumPy takes memory and time that an API without sweeps does not need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from spec.counterfactuals import improvement_sweep
from spec.improvement import Improve, ImprovementView
from spec.job import JobSpec
from spec.states import FINISHED, FailureReason, JobStatus, SweepState
from spec.sweep import SweepSpec
from spec.validation_errors import sentences
from spec.verdict import Verdict
from store.disk_space import DiskSpace
from store.errors import IllegalTransitionError
from store.jobs import JobStore
from store.records import JobRecord
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .answers import PREFIX
from .errors import BadFieldsError, NotFoundError
from .sweep_quotas import demand_quota


@dataclass(frozen=True)
class Improvements:
    """The sweeps that train the counterfactuals of jobs."""

    jobs: JobStore
    sweeps: SweepStore
    results: SweepResults
    space: DiskSpace

    def improve(self, job: JobRecord, wanted: Improve) -> tuple[SweepRecord, bool]:
        """The sweep of the job's counterfactuals, and whether it is new.

        Raises `IllegalTransitionError`, and `BadFieldsError` where so many seeds cannot be.
        """
        if job.status not in FINISHED:
            raise IllegalTransitionError(job.status.value, "improved", "wait until it has ended")
        if not job.epoch and job.failure_reason is not FailureReason.diverged:
            raise IllegalTransitionError(job.status.value, "improved", "it was not trained; improve a job that was")
        known = self.sweeps.improving(job.id)
        if known is not None and known.improves_with(wanted.seeds):
            return known, False
        verdict = job.verdict(self.jobs.curve(job.id))
        spec = _sweep_of(job.spec, None if verdict is None else verdict.suggestion, wanted.seeds)
        demand_quota(self.sweeps, spec, job.owner)
        self.space.demand()
        return self.sweeps.improve(spec, job.id, owner=job.owner)

    def newest(self, job: JobRecord) -> SweepRecord:
        """The newest sweep of a job's counterfactuals. Raises `NotFoundError`."""
        sweep = self.sweeps.improving(job.id)
        if sweep is None:
            raise NotFoundError("Nobody has tried to improve this job: POST to this address to do it.")
        return sweep

    def view(self, job: JobRecord, sweep: SweepRecord) -> ImprovementView:
        """What was tried, and what it shows once all of it has ended."""
        from sweeps.improvement import too_few_rows

        objective = sweep.spec.monitored
        if sweep.state is SweepState.finished:
            found = self._found(job, sweep)
        else:
            found = {"changes": [], "sentence": self._why_none(sweep), "suggestion": None}
        at = f"{PREFIX}/jobs/{job.id}"
        links = {"self": f"{at}/improve", "job": at, "sweep": f"{PREFIX}/sweeps/{sweep.id}"}
        return ImprovementView(
            job=job.id,
            sweep=sweep.id,
            state=sweep.state,
            objective=objective,
            warning=too_few_rows(job.spec, objective, (job.best_metrics or {}).get(objective)),
            seeds=sweep.spec.seeds,
            links=links,
            **found,
        )

    def tried(self, job: JobRecord, verdict: Verdict | None) -> Verdict | None:
        """The verdict, with what was tried instead of a rule of thumb, if the job was improved."""
        sweep = None if verdict is None else self.sweeps.improving(job.id)
        if verdict is None or sweep is None or sweep.state is not SweepState.finished:
            return verdict
        view = self.view(job, sweep)
        return verdict.tried(view.sentence, view.suggestion)

    def _found(self, job: JobRecord, sweep: SweepRecord) -> Mapping[str, Any]:
        """What the counterfactuals of a sweep that has finished show."""
        from sweeps.improvement import Tried, improvement

        objective, trials = sweep.spec.monitored, self.results.table(sweep.id)
        rows = self.results.jobs_of(sweep.id, [trial.number for trial in trials])
        tried = [Tried(trial.number, trial.configuration, _values(rows[trial.number], objective)) for trial in trials]
        return vars(improvement(job.spec, objective, tried))

    def _why_none(self, sweep: SweepRecord) -> str:
        """Why there is no result."""
        if not sweep.state.is_final:
            counts = self.results.counts(sweep).jobs
            ended = sum(counts[status] for status in FINISHED)
            total = sweep.spec.most_trials * sweep.spec.replicates
            return f"The counterfactuals are {sweep.state}: {ended} of {total} trainings have ended."
        return f"The sweep of the counterfactuals {_ENDS[sweep.state]}: improve the job again."


def _sweep_of(spec: JobSpec, suggestion: JobSpec | None, seeds: int) -> SweepSpec:
    try:
        return improvement_sweep(spec, suggestion, seeds=seeds)
    except ValidationError as error:
        first = sentences(error, {})[0]
        field = first.path.removeprefix("base.")
        raise BadFieldsError.of("seeds", f"cannot be {seeds}: {field} {first.message}; or use fewer seeds") from error


_ENDS = {SweepState.cancelled: "was cancelled", SweepState.failed: "failed"}


def _values(jobs: Sequence[Any], objective: str) -> list[float | None]:
    """The objective of each seed; None where training did not end well."""
    return [(job.best_metrics or {}).get(objective) if job.status == JobStatus.succeeded else None for job in jobs]

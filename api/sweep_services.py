"""What the views of sweeps call: submission, what a sweep has found, more configurations."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from spec.states import JobStatus
from spec.sweep import SweepSpec
from spec.sweep_views import SweepProgress, SweepSummary, SweepView, TrialDetail, TrialView
from spec.validation_errors import sentences
from store.access import Asker
from store.disk_space import DiskSpace
from store.doorbell import Doorbell
from store.jobs import JobStore
from store.records import Idempotency, JobFilter
from store.sweep_records import SweepRecord, TrialRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .answers import mlflow_run
from .auth import Principal
from .dataset_services import DatasetServices
from .errors import BadFieldsError
from .sweep_answers import summary_fields, sweep_summary, trial_detail, trial_view
from .sweep_checks import check_folds, check_varied, sampled
from .sweep_findings import Leaders, importances, population, rungs, schedule_of
from .sweep_quotas import demand_quota
from .warm_starts import WarmStarts

WOKEN = 64
"""Messages to workers when a sweep goes on: each slot needs one."""


@dataclass(frozen=True)
class SweepServices:
    """The record of sweeps, of what they have found and of their jobs, and what else their views need."""

    store: SweepStore
    results: SweepResults
    jobs: JobStore
    doorbell: Doorbell
    datasets: DatasetServices
    starts: WarmStarts
    space: DiskSpace
    mlflow_url: str

    def submit(self, spec: SweepSpec, asker: Principal, idempotency: Idempotency | None) -> tuple[SweepRecord, bool]:
        """The stored sweep, and whether the same request had stored it before. Raises `BadFieldsError`."""
        if idempotency is not None and (known := self.store.answered(idempotency, owner=asker.owner)) is not None:
            return known, True
        resolved = self.resolve(spec, asker)
        sampled(resolved)
        self.space.demand()
        return self.store.submit(resolved, owner=asker.owner, idempotency=idempotency), False

    def resolve(self, spec: SweepSpec, asker: Principal) -> SweepSpec:
        """The sweep, with what the record knows of its base's data set and first network.

        Raises `BadFieldsError`, also where a quota would keep it waiting for ever, and `NotAMemberError`.
        """
        check_varied(spec)
        bases = self.datasets.resolve([spec.base], ["base."], owner=asker.shared)
        (base,) = self.starts.resolve(bases, ["base."], sees=asker.sees)
        demand_quota(self.store, spec, asker.owner)
        resolved = spec.model_copy(update={"base": base})
        check_folds(resolved)
        return resolved

    def summaries(self, sweeps: Sequence[SweepRecord]) -> list[SweepSummary]:
        """Sweeps as a list shows them."""
        best = self.results.best_scores([sweep.id for sweep in sweeps])
        return [sweep_summary(sweep, best.get(sweep.id)) for sweep in sweeps]

    def full(self, sweep: SweepRecord) -> SweepView:
        """The sweep with all that it has found."""
        counts, leaders = self.results.counts(sweep), Leaders.of(self.results, sweep)
        return SweepView(
            **summary_fields(sweep, leaders.trials[0].score if leaders.trials else None),
            spec=sweep.spec,
            generations=sweep.generations,
            trials=dict(counts.trials),
            jobs=dict(counts.jobs),
            retryable=self.store.retryable(sweep) if counts.jobs[JobStatus.failed] else 0,
            epochs=counts.epochs,
            split=dict(self.results.split(sweep.id)),
            leaderboard=leaders.standings(),
            comparison=leaders.comparison(),
            rungs=rungs(self.results, sweep),
            population=population(self.results, leaders),
            importances=importances(self.results, sweep),
            mlflow=mlflow_run(self.mlflow_url, sweep.run_id, self.results.experiment_id(leaders.job_ids)),
        )

    def progress(self, sweep: SweepRecord) -> SweepProgress:
        """How far the sweep is."""
        counts, best = self.results.counts(sweep), self.results.best(sweep.id, 1)
        return SweepProgress(
            state=sweep.state,
            most_trials=sweep.most_trials,
            proposed=sweep.trials,
            trials=dict(counts.trials),
            jobs=dict(counts.jobs),
            epochs=counts.epochs,
            best=self.trials(sweep, best)[0] if best else None,
        )

    def trials(self, sweep: SweepRecord, trials: Sequence[TrialRecord]) -> list[TrialView]:
        """Configurations with the ids of their jobs."""
        jobs = self.results.jobs_of(sweep.id, [trial.number for trial in trials])
        return [trial_view(sweep, trial, jobs[trial.number]) for trial in trials]

    def trial(self, sweep: SweepRecord, number: int) -> TrialDetail:
        """A configuration with its jobs. Raises `SweepNotFoundError`."""
        trial, jobs = self.results.trial(sweep.id, number), self.results.jobs_of(sweep.id, [number])[number]
        return trial_detail(sweep, trial, jobs, schedule_of(self.results, sweep, trial, jobs))

    def resume(self, sweep_id: str, *, owner: Asker, actor: str) -> SweepRecord:
        """Let a paused sweep go on, and wake workers. Raises `SweepNotFoundError` and `IllegalSweepStateError`."""
        sweep = self.store.resume(sweep_id, owner=owner, actor=actor)
        queued = JobFilter(status=(JobStatus.queued,), sweep_id=sweep_id)
        waiting, *_ = self.jobs.list_jobs(queued, owner=owner, limit=WOKEN)
        self.doorbell.ring(*(job.id for job in waiting))
        return sweep

    def retry(self, sweep_id: str, *, owner: Asker, actor: str) -> SweepRecord:
        """Queue the failed jobs of a sweep again, and wake workers. Raises as `SweepStore.retry` does."""
        sweep, ids = self.store.retry(sweep_id, owner=owner, actor=actor)
        self.doorbell.ring(*ids[:WOKEN])
        return sweep

    def extend(self, sweep: SweepRecord, trials: int, *, owner: Asker) -> SweepRecord:
        """The sweep with so many configurations in all. Raises `BadFieldsError` and `IllegalSweepStateError`."""
        if trials <= sweep.trials:
            raise BadFieldsError.of("trials", f"must be more than the {sweep.trials} configurations that it has")
        if sweep.spec.is_finite and sweep.spec.combinations <= sweep.trials:
            raise BadFieldsError.of(
                "trials", f"cannot be more: the sweep has all {sweep.trials} combinations of its space"
            )
        if min(trials, sweep.spec.combinations if sweep.spec.is_finite else trials) > sweep.spec.most_with_rows:
            raise BadFieldsError.of(
                "trials",
                f"must be at most {sweep.spec.most_with_rows:,}: each job keeps the rows in the spec; upload them as a "
                "file, and submit the sweep with its id, {id: ds_...}",
            )
        try:
            return self.store.extend(sweep.id, trials, owner=owner)
        except ValidationError as error:
            raise BadFieldsError(sentences(error, {"trials": trials})) from error

"""What the views of sweeps call: checks by sampling, submission, what a sweep has found, more configurations."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from spec.architectures import feature_maps
from spec.configuration import Configuration, body_with, value_at
from spec.dataset import Uploaded
from spec.field_error import FieldError
from spec.halving import Bracket, bracket, most_together
from spec.halvings import NoHalving
from spec.job import JobSpec
from spec.row_counts import rows_fault
from spec.states import JobStatus
from spec.sweep import LISTED, MOST_TRIALS, SET_BY_SWEEP, Budget, SweepSpec
from spec.sweep_views import BracketView, SweepCheck, SweepProgress, SweepSummary, SweepView, TrialDetail, TrialView
from spec.validation_errors import sentences
from store.access import Asker
from store.doorbell import Doorbell
from store.jobs import JobStore
from store.records import Idempotency, JobFilter
from store.space import DiskSpace
from store.sweep_records import SweepRecord, TrialRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .auth import Principal
from .dataset_services import DatasetServices
from .errors import BadFieldsError
from .sweep_answers import summary_fields, sweep_summary, trial_detail, trial_view
from .sweep_findings import Leaders, importances, population, rungs, schedule_of
from .sweep_quotas import demand_quota
from .warm_starts import WarmStarts

if TYPE_CHECKING:
    from sweeps.proposals import Generation, Refusal

SAMPLED = 64
"""Configurations that a check looks at, and a submission: validating one takes a fraction of a millisecond."""
LISTED_WHOLE = 1_000
"""A check looks at a space with so many combinations or fewer as a whole."""
REASONS = 20
VALUES = 5
"""Wrong values of a field that are named."""
IT_IS = "; it is "
WOKEN = 64
"""Messages to workers when a sweep goes on: each slot needs one."""


@dataclass(frozen=True)
class SweepServices:
    """The record of sweeps, of what they have found and of their jobs, the doorbell, their data sets, and the disk."""

    store: SweepStore
    results: SweepResults
    jobs: JobStore
    doorbell: Doorbell
    datasets: DatasetServices
    starts: WarmStarts
    space: DiskSpace

    def submit(self, spec: SweepSpec, asker: Principal, idempotency: Idempotency | None) -> tuple[SweepRecord, bool]:
        """The stored sweep, and whether the same request had stored it before. Raises `BadFieldsError`."""
        if idempotency is not None and (known := self.store.replay(idempotency, owner=asker.owner)) is not None:
            return known, True
        resolved = self.resolve(spec, asker)
        _sampled(resolved, SAMPLED)
        self.space.demand()
        return self.store.submit(resolved, owner=asker.owner, idempotency=idempotency), False

    def resolve(self, spec: SweepSpec, asker: Principal) -> SweepSpec:
        """The sweep, with what the record knows of its base's data set and first network.

        Raises `BadFieldsError`, also where a quota would keep it waiting for ever, and `NotAMemberError`.
        """
        for name, parameter in spec.space.items():
            _check_varied(spec.base, f"space.{name}", name, parameter.values, begins=spec.base.init_from is not None)
        for at, one in enumerate(spec.configurations):
            begins = one.get("init_from", spec.base.init_from) is not None
            for name, value in one.items():
                _check_varied(spec.base, f"configurations.{at}.{name}", name, (value,), begins=begins)
        bases = self.datasets.resolve([spec.base], ["base."], owner=asker.shared)
        (base,) = self.starts.resolve(bases, ["base."], sees=asker.sees)
        demand_quota(self.store, spec, asker.owner)
        resolved = spec.model_copy(update={"base": base})
        _check_folds(resolved)
        return resolved

    def check(self, spec: SweepSpec) -> SweepCheck:
        """What a resolved sweep would be. Raises `BadFieldsError` when no combination that was looked at is a job."""
        whole = _is_listed_whole(spec)
        sample = _sampled(spec, LISTED_WHOLE if whole else SAMPLED)
        most = min(spec.most_trials, len(sample.proposals)) if whole else spec.most_trials
        configurations = None if isinstance(spec.trials, Budget) else most
        jobs = [spec.job(one.configuration, 0) for one in sample.proposals]
        brackets, data = Counter(_planned(spec, configurations or 0)), jobs[0].info
        epochs = sum(_epochs(one, spec.base.epochs) * count for one, count in brackets.items()) * spec.replicates
        return SweepCheck(
            spec=spec,
            configurations=configurations,
            jobs=None if configurations is None else configurations * spec.replicates,
            epochs=None if configurations is None else epochs,
            brackets=[BracketView(bracket=one, count=count) for one, count in brackets.items()],
            drawn=_drawn(spec, most),
            sampled=len(sample.proposals),
            packs=len({job.pack_key for job in jobs}),
            refused=sample.refused,
            reasons=_reasons(spec, sample.refusals),
            features=data and data.features,
            outputs=data and (data.classes or data.outputs),
            image=data and data.image,
            feature_maps=feature_maps(jobs[0].architecture, data) if data else [],
        )

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
        )

    def progress(self, sweep: SweepRecord) -> SweepProgress:
        """How far the sweep is."""
        counts, best = self.results.counts(sweep), self.results.best(sweep.id, 1)
        return SweepProgress(
            state=sweep.state,
            most_trials=sweep.spec.most_trials,
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


def _check_varied(base: JobSpec, path: str, name: str, values: tuple[object, ...] | None, *, begins: bool) -> None:
    """Raise `BadFieldsError` for a field whose values are looked up for the base only, where its sender may see them.

    `values` are those that can be listed; `begins` says whether the jobs begin from another job.
    """
    field = name.split(".", maxsplit=1)[0]
    if field == "project":
        raise BadFieldsError.of(path, "cannot vary: the jobs of a sweep are in the project of its base")
    is_part = name != field and isinstance(base.dataset, Uploaded)
    if field == "dataset" and (is_part or _names_uploads(values)):
        raise BadFieldsError.of(path, "cannot vary uploaded data sets: submit a sweep for each")
    if (field == "init_from" and values != (None,)) or (begins and field in ("architecture", "dataset")):
        raise BadFieldsError.of(path, "cannot vary in jobs that begin from another job")


def _check_folds(spec: SweepSpec) -> None:
    """Raise `BadFieldsError` if rows of the base's data are too few for the folds, in any of them."""
    for fold in range(spec.folds or 0):
        try:
            wrong = rows_fault(spec.job({}, fold))
        except ValidationError:
            return  # what the base alone is not, its configurations may be
        if wrong is not None:
            path = SET_BY_SWEEP.get(wrong.path, f"base.{wrong.path}")
            raise BadFieldsError.of(path, wrong.message)


def _sampled(spec: SweepSpec, count: int) -> "Generation":
    """Some configurations of a sweep. Raises `BadFieldsError` when there is none that a job could have.

    A small space is looked at as a grid, whatever the method. In a large one, random places stand for the first
    proposals of methods that learn: nothing is known before them. As many are tried as a sample needs, and not as many
    as a bracket would.
    """
    from sweeps.proposals import propose

    if spec.method not in LISTED:
        method = "grid" if _is_listed_whole(spec) else "random"
        spec = spec.model_copy(update={"method": method, "generation": count, "halving": NoHalving()})
    sample = propose(spec, (), generation=0, count=count)
    if not sample.proposals:
        raise BadFieldsError(_reasons(spec, sample.refusals))
    return sample


def _is_listed_whole(spec: SweepSpec) -> bool:
    """Whether the space is so small that a check looks at all of it."""
    return spec.is_finite and spec.combinations <= LISTED_WHOLE


def _reasons(spec: SweepSpec, refusals: "Sequence[Refusal]") -> list[FieldError]:
    """The rules that combinations break, by the field of the sweep that breaks them, with the wrong values."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in refusals:
        for fault in sentences(one.error, body_with(spec.base, one.configuration)):
            rule, _, value = _said(spec, one.configuration, fault).partition(IT_IS)
            values = found.setdefault((_of_sweep(spec, one.configuration, fault.path), rule), [])
            if value and value not in values:
                values.append(value)
    reasons = [FieldError(path=path, message=rule + _values(values)) for (path, rule), values in found.items()]
    return reasons[:REASONS]


def _said(spec: SweepSpec, configuration: Configuration, fault: FieldError) -> str:
    """The message; a field that is another kind's, such as another optimizer's, is said to be that."""
    first = fault.path.split(".")[0]
    kind = value_at(configuration, spec.base, f"{first}.type")
    if kind is None or not fault.message.endswith(f"did you mean {fault.path}?"):
        return fault.message
    return f"is no field of {first} {kind}: choose another {first} in base, or let {first} vary too"


def _values(values: Sequence[str]) -> str:
    """The end of a sentence about wrong values."""
    more = " and others" if len(values) > VALUES else ""
    return IT_IS + ", ".join(values[:VALUES]) + more if values else ""


def _of_sweep(spec: SweepSpec, configuration: Configuration, path: str) -> str:
    """Where a sweep sets this field of a job, or a field inside or around it: what varies, its own field, or base."""
    for name in sorted(configuration, key=len, reverse=True):
        if f"{path}.".startswith(f"{name}.") or f"{name}.".startswith(f"{path}."):
            at = f"configurations.{spec.configurations.index(configuration)}" if spec.method == "given" else "space"
            return f"{at}.{name}"
    return SET_BY_SWEEP.get(path, f"base.{path}")


def _names_uploads(values: Sequence[object] | None) -> bool:
    names = (value.get("id", "") if isinstance(value, Mapping) else value for value in values or ())
    return any(isinstance(name, str) and name.startswith("ds_") for name in names)


def _planned(spec: SweepSpec, configurations: int, together: int = MOST_TRIALS) -> Iterator[Bracket]:
    """The generations of so many configurations, `together` of them at most."""
    left = configurations
    for generation in range(MOST_TRIALS):
        if left <= 0:
            break
        one = bracket(spec, generation, min(left, together))
        yield one
        left -= one.size


def _drawn(spec: SweepSpec, configurations: int) -> int | None:
    """How many of them tpe draws at random before it learns; None of other methods."""
    if spec.method != "tpe":
        return None
    from sweeps.tpe import drawn_at_random

    return drawn_at_random(spec, (one.size for one in _planned(spec, configurations, most_together(spec))))


def _epochs(one: Bracket, epochs: int) -> int:
    """The epochs of a bracket's configurations, one job each."""
    total, size, at = 0, one.size, 0
    for rung in one.rungs:
        total, size, at = total + size * (rung.epoch - at), min(rung.keep, size), rung.epoch
    return total + size * (epochs - at)

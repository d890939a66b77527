"""Records of sweeps as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from spec.halving import metric_of
from spec.population import Stretch
from spec.states import JobStatus, StopReason, SweepState
from spec.sweep import Budget
from spec.sweep_views import ReplicateView, SweepSummary, TrialColumns, TrialDetail, TrialView
from store.sweep_records import SweepRecord, TrialRecord

from .answers import PREFIX


def sweep_summary(sweep: SweepRecord, best: float | None) -> SweepSummary:
    """A sweep as a list shows it; `best` is the score of its best configuration, less is better."""
    return SweepSummary(**summary_fields(sweep, best))


def summary_fields(sweep: SweepRecord, best: float | None) -> Mapping[str, Any]:
    """What a list and a single sweep show both."""
    at = f"{PREFIX}/sweeps/{sweep.id}"
    links = {"self": at, "trials": f"{at}/trials", "stream": f"{at}/stream", "jobs": f"{PREFIX}/jobs?sweep={sweep.id}"}
    if not sweep.state.is_final:
        links["cancel"] = f"{at}/cancel"
    if sweep.state is SweepState.running:
        links["pause"] = f"{at}/pause"
    if sweep.state is SweepState.paused:
        links["resume"] = f"{at}/resume"
    if sweep.replays is not None:
        links["replay"] = f"{at}/replay"
    return {
        "id": sweep.id,
        "owner": sweep.owner,
        "name": sweep.name,
        "state": sweep.state,
        "message": sweep.message,
        "method": sweep.spec.method,
        "objective": sweep.spec.monitored,
        "most_trials": sweep.most_trials,
        "budget": sweep.spec.trials if isinstance(sweep.spec.trials, Budget) else None,
        "proposed": sweep.trials,
        "best": metric_of(best, sweep.spec.monitored),
        "replays": sweep.replays,
        "improves": sweep.improves,
        "created_at": sweep.created_at,
        "finished_at": sweep.finished_at,
        "links": links,
    }


def trial_columns(sweep: SweepRecord, columns: Mapping[str, Sequence[Any]]) -> TrialColumns:
    """Configurations as columns; a column for each field that one of them has, in the order of the space."""
    configurations = columns["configuration"]
    named = dict.fromkeys([*sweep.spec.space, *(name for one in configurations for name in one)])
    shown = {
        "score": [metric_of(score, sweep.spec.monitored) for score in columns["score"]],
        "configuration": {name: [one.get(name) for one in configurations] for name in named},
    }
    return TrialColumns(**{**columns, **shown})


def trial_view(sweep: SweepRecord, trial: TrialRecord, jobs: Sequence[Any]) -> TrialView:
    """A configuration as users see it; `jobs` are the rows of its jobs."""
    return TrialView(**trial_fields(sweep, trial, jobs))


def trial_detail(
    sweep: SweepRecord, trial: TrialRecord, jobs: Sequence[Any], schedule: list[Stretch] | None
) -> TrialDetail:
    """A configuration with the job of each seed or fold; of a population with the `schedule` of its network."""
    replicates = [
        ReplicateView(
            job=job.id,
            replicate=job.replicate,
            status=JobStatus(job.status),
            stop_reason=StopReason.known(job.stop_reason),
            epoch=job.epoch,
            best_epoch=job.best_epoch,
            score=(job.best_metrics or {}).get(sweep.spec.monitored),
        )
        for job in jobs
    ]
    return TrialDetail(**trial_fields(sweep, trial, jobs), replicates=replicates, schedule=schedule)


def trial_fields(sweep: SweepRecord, trial: TrialRecord, jobs: Sequence[Any]) -> Mapping[str, Any]:
    """What all views of a configuration show."""
    at = f"{PREFIX}/sweeps/{sweep.id}"
    return {
        "number": trial.number,
        "generation": trial.generation,
        "configuration": trial.configuration,
        "state": trial.state,
        "score": metric_of(trial.score, sweep.spec.monitored),
        "deviation": trial.deviation,
        "metrics": trial.metrics,
        "epochs": trial.epochs,
        "jobs": [job.id for job in jobs],
        "links": {"self": f"{at}/trials/{trial.number}", "sweep": at},
    }

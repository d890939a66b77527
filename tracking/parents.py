"""The parent run of a sweep: made before the runs of its jobs, and completed when the sweep has ended."""

import json
from collections.abc import Mapping

from spec.short_ids import short
from spec.states import SweepState
from spec.sweep import SweepSpec
from store.parents import ParentStore
from store.sweep_records import NOTHING_FOUND, SweepRecord, scores_of
from store.sweep_results import SweepResults
from sweeps.findings import compared, interval

from .datasets import dataset_of
from .links import Links
from .mlflow import Metric, Mlflow, MlflowMissingError, Run, RunGoneError
from .runs import flat, milliseconds, our_tags, user_tags

SWEEP_TAG = "epochal.sweep"
SPEC_FILE = "sweep.json"

STATUS: Mapping[SweepState, str] = {
    SweepState.running: "RUNNING",
    SweepState.paused: "SCHEDULED",  # MLflow has no paused status; the tag epochal.status says it
    SweepState.finished: "FINISHED",
    SweepState.failed: "FAILED",
    SweepState.cancelled: "KILLED",
}


class Parents:
    """Sends sweeps to MLflow. Sending the same again changes nothing."""

    def __init__(self, store: ParentStore, results: SweepResults, mlflow: Mlflow, links: Links) -> None:
        self._store, self._results, self._mlflow, self._links = store, results, mlflow, links

    def pending(self, limit: int) -> list[SweepRecord]:
        """Sweeps of which MLflow lacks the run, or the state."""
        return self._store.pending(limit)

    def send(self, sweep: SweepRecord, experiment_id: str) -> None:
        """Make MLflow show the sweep as it is; with its end, what it has found."""
        run = self._run(sweep, experiment_id)
        if sweep.run_id is None or sweep.state.is_final:
            self._mlflow.delete_others(run, run.experiment_id, SWEEP_TAG, sweep.id)
        note, best = f"Sweep {sweep.id}.", None
        tags: dict[str, str] = {}
        metrics: list[Metric] = []
        if sweep.state.is_final:
            note, best, metrics = self._findings(sweep)
            tags = {} if best is None else {"epochal.best_trial": str(best)}
        tags |= {**parent_tags(sweep), "mlflow.note.content": note + self._links.to_sweep(sweep.id)}
        self._mlflow.log(run.id, metrics=metrics, params=parent_params(sweep.spec), tags=tags)
        self._mlflow.log_input(run.id, dataset_of(sweep.spec.base, self._links))
        ended = None if sweep.finished_at is None else milliseconds(sweep.finished_at)
        self._mlflow.update(run.id, parent_name(sweep), STATUS[sweep.state], ended)
        # Last, because MLflow may refuse files and take the rest.
        self._mlflow.upload(run, SPEC_FILE, sweep.spec.model_dump_json(indent=2, exclude_unset=True).encode())
        self._store.sent(sweep, best)

    def _findings(self, sweep: SweepRecord) -> tuple[str, int | None, list[Metric]]:
        """The note of a sweep that has ended, the number of its best configuration, and its metrics."""
        spec, objective, leaders = sweep.spec, sweep.spec.monitored, self._results.best(sweep.id)
        at = milliseconds(sweep.finished_at or sweep.created_at)
        numbers = {"trials": float(sweep.trials)}
        notes = [sweep.message] if sweep.message else []
        if leaders:
            jobs = self._results.jobs_of(sweep.id, [trial.number for trial in leaders])
            scores = {number: scores_of(rows, objective) for number, rows in jobs.items()}
            best = leaders[0]
            band = interval(spec, scores[best.number])
            measured = {"": band.mean, "_deviation": band.deviation, "_low": band.low, "_high": band.high}
            numbers |= {f"best_{objective}{name}": value for name, value in measured.items() if value is not None}
            values = ", ".join(f"{name} {json.dumps(value)}" for name, value in best.configuration.items())
            notes += [
                compared(spec, scores, best.metrics or {})[0],
                f"#{best.number}: {objective} {band.mean:.6g} with {values}.",
            ]
        # A sweep that was extended has its later findings at a later step.
        metrics = [Metric(name, value, at, sweep.trials) for name, value in numbers.items()]
        note = "\n\n".join(notes) or NOTHING_FOUND
        return note, leaders[0].number if leaders else None, metrics

    def _run(self, sweep: SweepRecord, experiment_id: str) -> Run:
        """The sweep's run: the recorded one, one that a mirror made before it died, or a new one."""
        if sweep.run_id is not None:
            return self._known_run(sweep, sweep.run_id)
        made = self._mlflow.find_run(experiment_id, SWEEP_TAG, sweep.id)
        if made is None:
            started = milliseconds(sweep.created_at)
            made = self._mlflow.create_run(experiment_id, parent_name(sweep), started, parent_tags(sweep))
        known = self._store.started(sweep.id, made.id)  # another mirror's, if it created one a moment before
        return made if known == made.id else self._mlflow.run(known)

    def _known_run(self, sweep: SweepRecord, run_id: str) -> Run:
        """The recorded run, restored if it was deleted. If it is gone, the next round makes another."""
        try:
            return self._mlflow.live_run(run_id, f"sweep {sweep.id}")
        except MlflowMissingError as error:
            self._store.lost(sweep.id, run_id)
            raise RunGoneError(str(error)) from error


def parent_name(sweep: SweepRecord) -> str:
    """The name of a sweep's run, or the end of its id, as our page and the command show it."""
    return sweep.name or f"sweep {short(sweep.id)}"


def parent_tags(sweep: SweepRecord) -> dict[str, str]:
    """The tags of a sweep's run."""
    ours = our_tags(sweep.owner, sweep.project, sweep.state)
    return {**user_tags(sweep.spec.base.tags), SWEEP_TAG: sweep.id, **ours}


def parent_params(spec: SweepSpec) -> dict[str, str]:
    """How the sweep asks, as parameters; not how many configurations, which may grow: MLflow keeps a first value."""
    body = spec.model_dump(mode="json", exclude={"name", "base", "space", "configurations", "trials"})
    space = {f"space.{name}": parameter.model_dump(mode="json") for name, parameter in spec.space.items()}
    return flat({**body, "objective": spec.monitored}) | flat({name: json.dumps(one) for name, one in space.items()})

"""What the views of ensembles call: the models of a sweep that answer best together.

`model` is imported where it is used: NumPy takes memory and time that an API without ensembles does not need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from model import WEIGHTS
from spec.ensemble import EnsembleMember, EnsembleScores, EnsembleView
from spec.job import JobSpec
from spec.monitors import is_share, known_measure, percent
from spec.states import JobStatus
from store.errors import IllegalSweepStateError
from store.jobs import JobStore
from store.records import ArtifactRecord, JobRecord
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults

from .answers import PREFIX
from .errors import ConflictError, NotFoundError
from .held_out import HeldOutRows
from .kept import Kept
from .models import LoadedModels
from .slots import Slots

if TYPE_CHECKING:
    from model.ensemble import Ensemble
    from model.network import Array

CANDIDATES = 50
"""Most jobs among which members are chosen, those of the best configurations."""
LARGEST = 256 * 1024 * 1024
"""Most bytes of weights of all candidates."""
MOST_NUMBERS = 1 << 24
"""Most answers of all candidates for validation rows; of more rows some are taken, evenly spaced."""
HELD = 4
"""Most ensembles that stay loaded, those used last."""
SLOT_WAIT_S = 60.0
"""How long a request waits while others' ensembles are chosen, one at a time: each reads up to 50 models."""
_SAME = ("dataset", "validation_fraction", "test_fraction", "split", "split_seed")
"""What members must share, so that they were measured on the same rows."""


@dataclass(frozen=True)
class Selected:
    """The ensemble of a sweep with the jobs of its members, and what it shows."""

    ensemble: "Ensemble"
    jobs: Sequence[JobRecord]
    view: EnsembleView


class Ensembles:
    """Chooses the ensembles of sweeps, and keeps those of a few."""

    def __init__(self, results: SweepResults, jobs: JobStore, models: LoadedModels, rows: HeldOutRows) -> None:
        self._results, self._jobs, self._models, self._rows = results, jobs, models, rows
        self._held = Kept[tuple[str, datetime | None], Selected](HELD)
        self._slots = Slots(1, SLOT_WAIT_S, "The ensembles of other sweeps are being chosen: try again.")

    def of(self, sweep: SweepRecord) -> Selected:
        """The ensemble of a sweep that has ended.

        Raises `IllegalSweepStateError`, `ConflictError`, `NotFoundError`, and `BusyError` while others are chosen.
        """
        if not sweep.state.is_final:
            raise IllegalSweepStateError(sweep.state.value, "asked for its ensemble", "wait until it has ended")
        _check(sweep)
        key = sweep.id, sweep.finished_at
        if (held := self._held.find(key)) is not None:
            return held
        with self._slots.slot():
            held = self._held.find(key)  # another request may have chosen it meanwhile
            return self._held.keep(key, self._select(sweep)) if held is None else held

    def _select(self, sweep: SweepRecord) -> Selected:
        from model.ensemble import choose, evaluate

        jobs, parts = self._candidates(sweep)
        models = [self._models.read(job, parts[job.id]) for job in jobs]
        rows, output = self._rows.read(jobs[0].spec), models[0].preprocessing.output
        numbers = len(jobs) * max(len(output.labels), output.outputs)
        x, y = _some(rows["validation_x"], rows["validation_y"], numbers)
        chosen = choose(models, x, y)

        def beside(x: "Array", y: "Array") -> EnsembleScores:
            return EnsembleScores(
                rows=len(x), ensemble=evaluate(chosen.ensemble, x, y), best=evaluate(chosen.best, x, y)
            )

        validation, test = beside(x, y), beside(rows["test_x"], rows["test_y"]) if len(rows["test_x"]) else None
        configurations = {trial.number: trial.configuration for trial in self._results.best(sweep.id, CANDIDATES)}
        members = [
            EnsembleMember(
                job=jobs[place].id,
                trial=jobs[place].trial or 0,
                replicate=jobs[place].replicate or 0,
                configuration=configurations[jobs[place].trial or 0],
                weight=weight,
                score=evaluate(models[place], x, y)[chosen.metric],
            )
            for place, weight in zip(chosen.places, chosen.ensemble.weights, strict=True)
        ]
        at = f"{PREFIX}/sweeps/{sweep.id}"
        view = EnsembleView(
            sweep=sweep.id,
            metric=chosen.metric,
            candidates=len(jobs),
            members=members,
            validation=validation,
            test=test,
            sentence=_sentence(chosen.metric, len(members), len(jobs), validation, test),
            links={"self": f"{at}/ensemble", "predict": f"{at}/predict", "model": f"{at}/model"},
        )
        return Selected(chosen.ensemble, [jobs[place] for place in chosen.places], view)

    def _candidates(self, sweep: SweepRecord) -> tuple[list[JobRecord], Mapping[str, Mapping[str, ArtifactRecord]]]:
        """Jobs, of the best configurations first, that were measured on the same rows; the files of their models."""
        trials = self._results.best(sweep.id, CANDIDATES)
        rows = self._results.jobs_of(sweep.id, [trial.number for trial in trials])
        ids = [row.id for trial in trials for row in rows[trial.number] if row.status == JobStatus.succeeded]
        jobs = self._jobs.of(ids[:CANDIDATES])
        parts = self._models.parts_of(jobs)
        sizes = accumulate(parts[job.id][WEIGHTS].size for job in jobs)
        found = [job for place, (job, size) in enumerate(zip(jobs, sizes, strict=True)) if size <= LARGEST or not place]
        if not found:
            raise NotFoundError("The sweep has no configuration that was trained to its end, and so no ensemble.")
        _check_rows([job.spec for job in found])
        return found, parts


def _check(sweep: SweepRecord) -> None:
    """Raise `ConflictError` for a sweep whose models were not measured on the same rows."""
    base = sweep.spec.base
    if sweep.spec.folds is not None:
        raise ConflictError("Each fold has validation rows of its own: use seeds in place of folds for an ensemble.")
    if not base.validates:
        raise ConflictError("Members are chosen by validation rows, and there are none: set validation_fraction.")
    if base.init_from is not None:
        raise ConflictError("Jobs that begin from another job are not combined: their columns may be another job's.")


def _check_rows(specs: Sequence[JobSpec]) -> None:
    for name in _SAME:
        if any(getattr(spec, name) != getattr(specs[0], name) for spec in specs):
            raise ConflictError(f"The configurations differ in {name}, and so in their validation rows.")


def _some(x: "Array", y: "Array", numbers: int) -> "tuple[Array, Array]":
    """All rows, or so many of them, evenly spaced, that all answers fit in memory."""
    import numpy

    most = max(MOST_NUMBERS // numbers, 1)
    if len(x) <= most:
        return x, y
    places = numpy.linspace(0, len(x) - 1, most).astype(int)
    return x[places], y[places]


def _sentence(
    metric: str, members: int, candidates: int, validation: EnsembleScores, test: EnsembleScores | None
) -> str:
    def beside(scores: EnsembleScores, name: str) -> str:
        return f"{name} {_shown(scores.ensemble, metric)}, the best one alone {_shown(scores.best, metric)}"

    measure = known_measure(metric)
    words = metric.replace("_", " ") if measure is None else measure.words
    chosen = "One network alone" if members == 1 else f"{members} networks together"
    said = f"{chosen}, of {candidates}: on {validation.rows} validation rows {beside(validation, words)}"
    return f"{said}; on {test.rows} test rows {beside(test, words)}." if test is not None else f"{said}."


def _shown(metrics: Mapping[str, Any], metric: str) -> str:
    value = metrics[metric]
    if value is None:
        return "none"
    return percent(value) if is_share(metric) else f"{value:.4g}"

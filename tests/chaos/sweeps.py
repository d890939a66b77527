"""Sweeps in the storm: submitted over HTTP, and each must have the table that the same sweep has in the calm."""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import httpx
from sqlalchemy import Engine

from spec.states import JobStatus, SweepState, TrialState
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .background import Background
from .checker import settle

SWEEPS: Mapping[str, Mapping[str, Any]] = {
    "hyperband": {
        "base": {"dataset": "digits", "epochs": 9, "architecture": {"type": "mlp", "hidden": [16]}, "max_attempts": 20},
        "space": {
            "learning_rate": {"log_uniform": [1e-4, 0.3]},
            "architecture.hidden": [[8], [16]],
            "dropout": {"uniform": [0.0, 0.5]},
        },
        "method": "tpe",
        "halving": "hyperband",
        "trials": 14,
        "seeds": 2,
    },
    "random": {
        "base": {"dataset": "iris", "epochs": 40, "architecture": "perceptron", "max_attempts": 20},
        "space": {"learning_rate": {"log_uniform": [1e-4, 0.3]}, "optimizer": ["adam", "sgd"]},
        "method": "random",
        "generation": 4,
        "trials": 12,
    },
}
"""The different sweeps there are. Their jobs may lose as many workers as a job may."""

Table = list[tuple[int, Mapping[str, Any], TrialState, float | None, int]]


class Sweeps:
    """Submits a sweep every `every_s` seconds, and knows what each must become."""

    def __init__(self, engine: Engine, http: httpx.Client, *, every_s: float) -> None:
        self._store, self._results, self._http, self._every_s = SweepStore(engine), SweepResults(engine), http, every_s
        self._calm: dict[str, Table] = {}
        self.submitted: dict[str, str] = {}
        """The sweeps of the storm, by id, and which each is."""
        self._background = Background("sweeps", self._run)

    def calm(self, stuck_s: float) -> None:
        """Learn the table of each sweep while nothing is struck."""
        ids = {name: self._submit(name) for name in SWEEPS}
        assert not self._unsettled(ids.values(), stuck_s), "the sweeps of the calm do not end"
        self._calm = {name: self._table(sweep_id) for name, sweep_id in ids.items()}

    def start(self) -> None:
        """Begin to submit."""
        self._background.start()

    def stop(self) -> None:
        """Submit no more."""
        self._background.stop(within_s=120.0)
        self._http.close()

    def violations(self, stuck_s: float) -> list[str]:
        """All that is not as promised: sweeps that do not end, and tables that are not those of the calm."""
        found = list(self._background.violations)
        if unsettled := self._unsettled(self.submitted, stuck_s):
            found.append(f"{unsettled} sweeps have not ended, and trained nothing for {stuck_s:g} s")
        for sweep_id, name in self.submitted.items():
            sweep = self._store.get(sweep_id, owner=None)
            if sweep.state is not SweepState.finished:
                found.append(f"sweep {sweep_id} ({name}) is {sweep.state}: {sweep.message}")
                continue
            if (table := self._table(sweep_id)) != self._calm[name]:
                found.append(
                    f"sweep {sweep_id} ({name}) has another table than in the calm: {_first(table, self._calm[name])}"
                )
            jobs = self._results.jobs_of(sweep_id, [number for number, *_ in table])
            for number, theirs in jobs.items():
                replicates = Counter(job.replicate for job in theirs)
                if set(replicates.values()) != {1}:
                    found.append(f"sweep {sweep_id}: configuration {number} has the jobs {dict(replicates)}")
            left = self._results.counts(sweep).jobs
            if left[JobStatus.queued] or left[JobStatus.running]:
                found.append(f"sweep {sweep_id} has ended and has jobs that have not")
        return found

    def _run(self) -> None:
        names, wait_s = itertools.cycle(SWEEPS), 0.0
        name = next(names)
        while not self._background.is_stopped_within(wait_s):
            try:
                self.submitted[self._submit(name)] = name
            except (httpx.TransportError, httpx.HTTPStatusError):
                wait_s = min(1.0, self._every_s)  # the API is struck
            else:
                name, wait_s = next(names), self._every_s

    def _submit(self, name: str) -> str:
        answer = self._http.post("/sweeps", json={**SWEEPS[name], "name": name}).raise_for_status()
        return str(answer.json()["id"])

    def _unsettled(self, ids: Collection[str], stuck_s: float) -> int:
        def look() -> tuple[int, int]:
            sweeps = [self._store.get(sweep_id, owner=None) for sweep_id in ids]
            running = [sweep for sweep in sweeps if sweep.state is SweepState.running]
            return len(running), sum(self._results.counts(sweep).epochs for sweep in sweeps)

        return settle(look, stuck_s)

    def _table(self, sweep_id: str) -> Table:
        trials, _ = self._results.trials(sweep_id, limit=1000)
        return [(one.number, one.configuration, one.state, one.score, one.epochs) for one in trials]


def _first(table: Table, calm: Table) -> str:
    """The first row that differs."""
    if len(table) != len(calm):
        return f"{len(table)} configurations, not {len(calm)}"
    return next((f"{row}, not {known}" for row, known in zip(table, calm, strict=True) if row != known), "")

"""Sweeps through real workers and a real controller: the same table, whoever trains it and whoever is killed."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from spec.population import Copy, copies
from spec.states import StopReason, SweepState, TrialState
from spec.sweep import SweepSpec
from store.sweep_records import SweepCounts
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from tests.services import PATIENCE, eventually

from .site import LOOK_S, Site

pytestmark = pytest.mark.thorough

CHECKPOINT_S = 0.3

HYPERBAND: dict[str, Any] = {
    "base": {"dataset": "digits", "epochs": 9, "architecture": {"type": "mlp", "hidden": [16]}},
    "space": {
        "learning_rate": {"log_uniform": [1e-4, 0.3]},
        "architecture.hidden": [[8], [16]],
        "dropout": {"uniform": [0.0, 0.5]},
    },
    "method": "tpe",
    "halving": "hyperband",
    "trials": 12,
    "seeds": 2,
}


Table = list[tuple[int, dict[str, Any], TrialState, float | None, int]]


class Sweeps:
    """The sweeps of a site, with their controller."""

    def __init__(self, site: Site) -> None:
        self._site, self.store, self.results = site, SweepStore(site.engine), SweepResults(site.engine)
        self._controllers: list[subprocess.Popen[bytes]] = []

    def controller(self) -> subprocess.Popen[bytes]:
        """The controller that lives, which another test has left; else a new one."""
        living = [controller for controller in self._controllers if controller.poll() is None]
        return living[-1] if living else self.start_controller()

    def start_controller(self) -> subprocess.Popen[bytes]:
        with (self._site.home / f"sweeps-{len(self._controllers)}.log").open("wb") as log:
            command = [sys.executable, "-m", "sweeps"]
            controller = subprocess.Popen(
                command, env=self._site.environment, stderr=log, stdout=log, start_new_session=True
            )
        self._controllers.append(controller)
        return controller

    def submit(self, **fields: Any) -> str:
        return self.store.submit(SweepSpec.model_validate({**HYPERBAND, **fields}), owner="ada").id

    def wait(self, sweep_id: str, within_s: float = 60.0) -> Table:
        def ended() -> bool:
            return self.store.get(sweep_id, owner=None).state is not SweepState.running

        eventually(ended, within_s, f"the sweep ends: {self.counts(sweep_id)}", every_s=LOOK_S)
        assert self.store.get(sweep_id, owner=None).state is SweepState.finished
        trials, _ = self.results.trials(sweep_id, limit=1000)
        return [(one.number, one.configuration, one.state, one.score, one.epochs) for one in trials]

    def counts(self, sweep_id: str) -> SweepCounts:
        return self.results.counts(self.store.get(sweep_id, owner=None))

    def epochs(self, sweep_id: str) -> int:
        """Epochs of all jobs together."""
        return self.counts(sweep_id).epochs

    def lineage(self, sweep_id: str) -> list[Copy]:
        """Who copied whom."""
        return copies(self.results.population(self.store.get(sweep_id, owner=None), 0))

    def close(self) -> None:
        for controller in self._controllers:
            controller.kill()
            controller.wait(10 * PATIENCE)


@pytest.fixture(scope="module")
def sweeps(shared_site: Site) -> Iterator[Sweeps]:
    made = Sweeps(shared_site)
    yield made
    made.close()


def test_a_sweep_has_one_table_whoever_trains_it_and_whoever_is_killed(shared_site: Site, sweeps: Sweeps) -> None:
    site, controller = shared_site, sweeps.controller()
    first = site.worker("cpu:2", checkpoint_s=CHECKPOINT_S)
    calm = sweeps.submit()
    table = sweeps.wait(calm)
    assert len(table) == 12
    states = [state for _, _, state, _, _ in table]
    assert states.count(TrialState.pruned) >= 5
    jobs = [job for theirs in sweeps.results.jobs_of(calm, range(12)).values() for job in theirs]
    assert len(jobs) == 24
    pruned = [job for job in jobs if job.stop_reason == StopReason.pruned.value]
    assert {job.epoch for job in pruned} <= {1, 3}
    assert all(site.store.artifacts(job.id) == [] for job in pruned[:3])

    struck = sweeps.submit()
    eventually(lambda: sweeps.store.get(struck, owner=None).generations > 0, 20.0, "the sweep begins")
    controller.kill()
    site.kill(first)
    sweeps.start_controller()
    site.start_worker("cpu:1", checkpoint_s=CHECKPOINT_S)
    assert sweeps.wait(struck, within_s=90.0) == table


POPULATION: dict[str, Any] = {
    "base": {"dataset": "digits", "epochs": 40, "architecture": {"type": "mlp", "hidden": [16]}, "batch_size": 64},
    "space": {"learning_rate": {"log_uniform": [1e-4, 0.3]}, "dropout": {"uniform": [0.0, 0.5]}},
    "method": "random",
    "halving": {"type": "population", "interval": 3},
    "trials": 10,
    "generation": 10,
    "seeds": 2,
}


def test_a_population_has_one_table_and_one_lineage_though_its_worker_is_killed(
    shared_site: Site, sweeps: Sweeps
) -> None:
    site, _ = shared_site, sweeps.controller()
    first = site.worker("cpu:1", checkpoint_s=CHECKPOINT_S)
    calm = sweeps.submit(**POPULATION)
    table, lineage = sweeps.wait(calm), sweeps.lineage(calm)
    assert [state for _, _, state, _, _ in table] == [TrialState.finished] * 10
    assert len({copy.epoch for copy in lineage}) >= 5

    site.slow_motion.begin()  # or all may be over before it is struck
    struck = sweeps.submit(**POPULATION)
    eventually(lambda: sweeps.epochs(struck) > 5 * 20, 20.0, "the population has copied")
    site.kill(first)
    site.slow_motion.end()
    assert sweeps.store.get(struck, owner=None).state is SweepState.running
    site.start_worker("cpu:2")
    assert sweeps.wait(struck, within_s=90.0) == table
    assert sweeps.lineage(struck) == lineage

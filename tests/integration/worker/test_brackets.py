"""A bracket whose trainer crashes: the job that does it is found and fails, and the others train to their ends."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from spec.states import FailureReason, JobStatus, StopReason
from spec.sweep import SweepSpec
from store.doorbell import Doorbell
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from store.trials import TrialStore
from sweeps.controller import Controller
from tests.unit.worker.bench import Bench, Scripted
from tests.unit.worker.received import Received
from worker import child
from worker.errors import TrainerDied
from worker.inbox import Inbox
from worker.messages import Order, Points, Report, Train, Working

BASE = {"dataset": "iris", "architecture": {"type": "mlp", "hidden": [4]}, "epochs": 6, "learning_rate": 0.05}
HALVINGS: dict[str, dict[str, Any]] = {
    "successive": {"type": "successive", "factor": 2, "min_epochs": 1},
    "population": {"type": "population", "interval": 2, "quantile": 0.4},
}


class Crashing:
    """Trainers that train for real, and die as soon as one job would end an epoch."""

    def __init__(self, culprit: str, epoch: int) -> None:
        self._culprit, self._epoch = culprit, epoch
        self.crashes = 0

    def __call__(self, trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        if not isinstance(order, Train):
            return []
        inbox, received = Inbox(), Received()
        inbox.put(order)
        child.train(inbox, received.reports, trainer.folder, torch.device("cpu"), 0.0)
        sent: list[Report | Exception] = []
        for report in received.take():
            if isinstance(report, Points) and self._epoch in report.curves.get(self._culprit, {"epoch": []})["epoch"]:
                self.crashes += 1
                return [*sent, TrainerDied(-11)]
            sent += [] if isinstance(report, Working) else [report]
        return sent


def submitted(bench: Bench, halving: str, *, trials: int = 5, generation: int = 5) -> dict[int, str]:
    """The jobs of a bracket of five configurations, or of several brackets, by the numbers of the configurations."""
    space = {"learning_rate": {"log_uniform": [1e-3, 0.1]}}
    body = {"base": BASE, "space": space, "method": "random", "trials": trials, "generation": generation}
    store = SweepStore(bench.engine)
    sweep = store.submit(SweepSpec.model_validate({**body, "halving": HALVINGS[halving]}), owner="ada")
    Controller(TrialStore(bench.engine), Doorbell("memory://"), "controller").round()
    return {number: jobs[0].id for number, jobs in SweepResults(bench.engine).jobs_of(sweep.id, range(trials)).items()}


@pytest.fixture(scope="module")
def best_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], int]:
    """The place of the best of five configurations that train in peace."""

    @cache
    def best(halving: str) -> int:
        calm = Bench(tmp_path_factory.mktemp("calm"))
        jobs = submitted(calm, halving)
        calm.supervisor(Crashing("nobody", 1)).drain()
        ends = [calm.store.get(id_, owner=None).best_metrics or {} for id_ in jobs.values()]
        losses = [one["val_loss"] or 0.0 for one in ends]
        return losses.index(min(losses))

    return best


@pytest.mark.parametrize(
    ("halving", "epoch", "to_the_end"),
    [
        ("successive", 1, 1),
        pytest.param("successive", 4, 0, marks=pytest.mark.thorough),
        pytest.param("population", 1, 4, marks=pytest.mark.thorough),
        pytest.param("population", 4, 4, marks=pytest.mark.thorough),
    ],
)
def test_only_the_job_that_crashes_its_trainer_fails(
    halving: str, epoch: int, to_the_end: int, best_of: Callable[[str], int], tmp_path: Path
) -> None:
    struck = Bench(tmp_path)
    jobs = submitted(struck, halving)
    crashing = Crashing(culprit_id := jobs.pop(best_of(halving)), epoch)
    struck.supervisor(crashing).drain()
    culprit = struck.store.get(culprit_id, owner=None)
    assert (culprit.status, culprit.failure_reason) == (JobStatus.failed, FailureReason.quarantined)
    assert "SIGSEGV" in (culprit.failure_message or "")
    others = [struck.store.get(id_, owner=None) for id_ in jobs.values()]
    assert {(job.status, job.attempt) for job in others} == {(JobStatus.succeeded, 1)}
    ends = [job.stop_reason for job in others]
    assert ends.count(StopReason.max_epochs) == to_the_end
    for job in others:
        assert struck.store.curve(job.id)["epoch"] == list(range(1, job.epoch + 1))
    assert crashing.crashes <= 7


@pytest.mark.thorough
def test_brackets_that_crash_together_train_one_after_the_other_as_if_they_had_been_alone(tmp_path: Path) -> None:
    calm, struck = Bench(tmp_path / "calm"), Bench(tmp_path / "struck")
    wanted = submitted(calm, "successive", trials=6, generation=2)
    calm.supervisor(Crashing("nobody", 1)).drain()
    jobs = submitted(struck, "successive", trials=6, generation=2)
    crashing = Crashing(culprit := jobs[2], 1)
    struck.supervisor(crashing).drain()
    assert struck.store.get(culprit, owner=None).failure_reason is FailureReason.quarantined
    assert crashing.crashes == 5  # of all, of its bracket, and three times of itself
    for number in (0, 1, 4, 5):
        found, other = struck.store.get(jobs[number], owner=None), calm.store.get(wanted[number], owner=None)
        assert (found.status, found.attempt, found.pack_size) == (JobStatus.succeeded, 1, 6)
        assert (found.stop_reason, found.best_metrics) == (other.stop_reason, other.best_metrics)
        assert struck.store.curve(found.id) == calm.store.curve(other.id)
    assert struck.store.get(jobs[3], owner=None).status is JobStatus.succeeded

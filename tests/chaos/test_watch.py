"""The watch measures what a fault has stopped, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from spec.job import JobSpec
from store.records import Claim, Progress
from tests.record import Record, new_record
from worker.outcomes import LATER

from .__main__ import missed
from .nemesis import Fault, Wound
from .watch import Watch

FAULT, OTHER = "trainer killed", "worker killed"


class Clock:
    """What the watch takes for the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("tests.chaos.watch.time", made)
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with new_record(tmp_path) as engine:
        yield engine


@pytest.fixture
def store(engine: Engine) -> Record:
    return Record(engine)


@pytest.fixture
def watch(engine: Engine) -> Watch:
    return Watch(engine)


def submit(store: Record, priority: int = 0) -> None:
    store.submit([JobSpec.model_validate({"dataset": "digits", "epochs": 9, "priority": priority})], owner="ada")


def claim(store: Record, worker: str) -> Claim:
    [claimed] = store.claim(worker=worker, device="cpu", limit=1, lease_s=60.0)
    return claimed


def train(store: Record, worker: str, claimed: Claim) -> None:
    progress = Progress(claimed.job_id, claimed.attempt, {"epoch": [1], "train_loss": [0.5]})
    store.renew(worker=worker, progress=[progress], lease_s=60.0)


@pytest.mark.parametrize(("reason", "awaited"), [("its worker was stopped", [FAULT]), (f"no space; {LATER}", [])])
def test_a_job_that_waits_for_a_disk_does_not_wait_for_its_trainer(
    store: Record, watch: Watch, reason: str, awaited: list[str]
) -> None:
    submit(store)
    claimed = claim(store, "here-42-0")
    watch.look()
    watch.trained(FAULT, watch.held_by(42))
    watch.look()
    assert watch.awaited == [FAULT]
    store.requeue(claimed.job_id, claimed.attempt, reason=reason, charge=False)
    watch.look()
    assert watch.awaited == awaited


def test_a_job_that_waits_for_its_turn_does_not_wait_for_its_trainer(store: Record, watch: Watch) -> None:
    submit(store)
    struck = claim(store, "here-42-0")
    submit(store)
    running = claim(store, "here-43-0")
    watch.look()
    watch.trained(FAULT, watch.held_by(42))
    submit(store, priority=9)
    store.requeue(struck.job_id, struck.attempt, reason="its trainer crashed", charge=True)
    train(store, "here-43-0", running)
    watch.look()
    assert watch.awaited == [FAULT]  # what ran before says nothing of a trainer
    first = claim(store, "here-42-0")
    assert first.job_id != struck.job_id
    watch.look()
    assert watch.awaited == [FAULT]
    train(store, "here-42-0", first)
    watch.look()
    assert watch.awaited == []
    assert len(watch.recoveries[FAULT]) == 1


@pytest.mark.parametrize("second", [FAULT, OTHER])
def test_jobs_that_are_struck_again_are_charged_to_the_first_fault_until_then(
    store: Record, clock: Clock, second: str, watch: Watch
) -> None:
    submit(store)
    claimed = claim(store, "here-42-0")
    watch.look()
    watch.trained(FAULT, watch.held_by(42))
    for clock.now in (0.2, 0.4, 0.6, 0.8):
        watch.look()
    watch.trained(second, watch.held_by(42))
    assert (watch.awaited, watch.struck_again, watch.recoveries) == ([second], {FAULT: [0.8]}, {})
    clock.now = 2.0  # what a worker had sent by the moment of the fault is there
    train(store, "here-42-0", claimed)
    watch.look()
    assert list(watch.recoveries) == [second]


def test_a_first_fault_is_not_charged_with_the_second_nor_with_what_the_watch_did_not_see(
    store: Record, clock: Clock, watch: Watch
) -> None:
    submit(store)
    claim(store, "here-42-0")
    watch.look()
    held = watch.held_by(42)
    watch.trained(FAULT, held)
    for clock.now in (0.2, 0.4, 0.6, 0.8):
        watch.look()
    watch.trained(OTHER, held, struck_at=0.5)  # it was frozen since then
    clock.now = 20.0  # the record did not answer
    watch.trained(FAULT, held)
    assert watch.struck_again == {FAULT: [0.5], OTHER: [0.0]}


def test_a_record_that_stands_still_is_not_forgotten_for_a_full_disk(store: Record, clock: Clock, watch: Watch) -> None:
    submit(store)
    watch.look()
    watch.moved("record killed")
    for clock.now in (0.2, 0.4):
        watch.look()
    watch.moved("disk of the files full")
    assert (watch.awaited, watch.struck_again) == (["disk of the files full"], {"record killed": [0.4]})


def test_a_goal_is_missed_by_a_recovery_and_by_none_until_the_next_fault() -> None:
    fault = Fault(FAULT, 1, "trainer", lambda *_: Wound(), goal_s=10.0)
    assert missed(fault, [1.0, 2.0], [9.0]) == []
    assert missed(fault, [1.0, 12.0], []) == [f"{FAULT}: p99 12.0 s, goal 10 s"]
    assert missed(fault, [1.0], [3.0, 12.0]) == [f"{FAULT}: no recovery for 12.0 s, until the next fault, goal 10 s"]

"""The watch measures what a fault has stopped, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from spec.job import JobSpec
from store import db
from store.records import Claim, Progress
from tests.record import Record, migrate
from worker.outcomes import LATER

from .watch import Watch

FAULT = "trainer killed"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/record.db"
    migrate(url)
    engine = db.connect(url)
    yield engine
    engine.dispose()


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

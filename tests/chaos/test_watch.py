"""The watch measures what a fault has stopped, and nothing else."""

from pathlib import Path

import pytest

from spec.job import JobSpec
from store import db
from tests.record import Record, migrate
from worker.outcomes import LATER

from .watch import Watch


@pytest.mark.parametrize(
    ("reason", "awaited"), [("its worker was stopped", ["trainer killed"]), (f"the disk is full; {LATER}", [])]
)
def test_a_job_that_waits_for_a_disk_does_not_wait_for_its_trainer(
    tmp_path: Path, reason: str, awaited: list[str]
) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    migrate(url)
    engine = db.connect(url)
    store, watch = Record(engine), Watch(engine)
    store.submit([JobSpec.model_validate({"dataset": "digits", "epochs": 9})], owner="ada")
    [claimed] = store.claim(worker="here-42-0", device="cpu", limit=1, lease_s=60.0)
    watch.look()
    watch.trained("trainer killed", watch.held_by(42))
    watch.look()
    assert watch.awaited == ["trainer killed"]
    store.requeue(claimed.job_id, claimed.attempt, reason=reason, charge=False)
    watch.look()
    assert watch.awaited == awaited
    engine.dispose()

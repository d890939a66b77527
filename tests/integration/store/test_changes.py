import pytest
from sqlalchemy import Engine

from spec.job import JobSpec
from store import changes
from store.changes import ChangeStore, Seen
from tests.record import Record


def test_of_more_running_jobs_than_are_read_at_once_each_poll_reads_the_next(
    engine: Engine, store: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST", 2)
    store.submit([JobSpec.model_validate({"dataset": "xor"})] * 3, owner="ada")
    ids = sorted(claim.job_id for claim in store.claim(worker="w", device="cpu", limit=3, lease_s=60))
    record = ChangeStore(engine)
    found = [record.poll(Seen())]
    for _ in range(3):
        found.append(record.poll(found[-1].seen))
    assert [one.too_many for one in found] == [True, False, False, False]  # all three have just begun to run
    assert [sorted(row.id for row in one.jobs) for one in found] == [[], ids[:2], ids[2:], ids[:2]]
    assert [row.id for row in record.poll(Seen(), ids[2:]).jobs] == ids[2:]

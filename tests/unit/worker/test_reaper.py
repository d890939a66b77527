import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from spec.job import JobSpec
from spec.states import JobStatus
from store.errors import DiskFullError
from store.records import Progress, Reaped
from tests.record import Record, new_record
from worker.reaper import Reaper

SPEC = JobSpec.model_validate({"dataset": "xor"})


class Bell:
    """A doorbell whose broker is up or down."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.sent: list[str] = []

    def ring(self, job_id: str) -> bool:
        self.sent.append(job_id)
        return self.up


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Record]:
    with new_record(tmp_path) as engine:
        yield Record(engine)


def test_what_a_dead_worker_held_is_queued_and_has_a_message_at_once(store: Record) -> None:
    (job,) = store.submit([SPEC], owner="ada").jobs
    store.claim(worker="dead", device="cpu", limit=1, lease_s=-1.0)
    bell = Bell()
    Reaper(store, store, bell.ring, lease_s=30.0).once()
    assert store.get(job.id, owner=None).status is JobStatus.queued
    assert bell.sent == [job.id]


@pytest.mark.parametrize("left_s", [-1.0, 0.1], ids=["ended", "about-to-end"])
def test_a_worker_may_renew_its_leases_first_when_the_record_was_away(
    store: Record, monkeypatch: pytest.MonkeyPatch, left_s: float
) -> None:
    (job,) = store.submit([SPEC], owner="ada").jobs
    store.claim(worker="alive", device="cpu", limit=1, lease_s=left_s)
    reaper, reap, at = Reaper(store, store, Bell().ring, lease_s=4.0), store.reap, store.clock()
    monkeypatch.setattr(store, "clock", lambda: at)
    monkeypatch.setattr("worker.reaper.GRACE_S", 600.0)  # the machine may be slow

    def away() -> Reaped:
        raise DiskFullError

    monkeypatch.setattr(store, "reap", away)
    for _ in range(2):
        with pytest.raises(DiskFullError):
            reaper.once()
    monkeypatch.setattr(store, "reap", reap)
    reaper.once()
    time.sleep(max(left_s, 0.0))
    reaper.once()
    assert store.get(job.id, owner=None).status is JobStatus.running
    assert store.renew(worker="alive", progress=[Progress(job.id, 1)], lease_s=-1.0).lost == frozenset()
    reaper.once()
    assert store.get(job.id, owner=None).status is JobStatus.queued


def test_a_worker_may_renew_its_leases_first_when_its_machine_slept(
    store: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = store.submit([SPEC], owner="ada").jobs
    reaper, clock = Reaper(store, store, Bell().ring, lease_s=30.0), store.clock
    reaper.once()
    store.claim(worker="alive", device="cpu", limit=1, lease_s=-1.0)
    later = clock() + timedelta(hours=1)
    monkeypatch.setattr(store, "clock", lambda: later)
    monkeypatch.setattr("worker.reaper.GRACE_S", 600.0)
    reaper.once()
    assert store.get(job.id, owner=None).status is JobStatus.running
    assert store.renew(worker="alive", progress=[Progress(job.id, 1)], lease_s=-1.0).lost == frozenset()
    reaper.once()
    assert store.get(job.id, owner=None).status is JobStatus.queued


def test_where_the_clock_of_the_record_is_put_back_a_lost_worker_keeps_its_jobs_no_longer_than_a_lease(
    store: Record, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lost, waits = store.submit([SPEC, SPEC], owner="ada").jobs
    store.claim(worker="lost", device="cpu", limit=2, lease_s=3600.0)  # so leases look when the clock is put back
    assert store.requeue(waits.id, 1, reason="the disk is full", charge=False, wait_s=3600.0)
    reaper, clock = Reaper(store, store, Bell().ring, lease_s=0.01), store.clock
    reaper.once()
    assert store.get(lost.id, owner=None).status is JobStatus.running
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "clock", lambda: clock() - timedelta(hours=1))
        reaper.once()
    time.sleep(0.02)
    store.reap()  # a reaper sees a clock that is put forward now, and gives workers a moment
    assert store.get(lost.id, owner=None).status is JobStatus.queued
    claims = store.claim(worker="w", device="cpu", limit=2, lease_s=9.0)
    assert {claim.job_id for claim in claims} == {lost.id, waits.id}
    assert caplog.text.count("was put back by") == 1


def test_a_job_whose_message_may_still_arrive_is_left_alone(store: Record) -> None:
    store.submit([SPEC], owner="ada")
    bell = Bell()
    Reaper(store, store, bell.ring, lease_s=30.0).once()
    assert bell.sent == []


def test_one_message_shows_that_the_broker_is_down(store: Record) -> None:
    store.submit([SPEC, SPEC], owner="ada")
    store.claim(worker="dead", device="cpu", limit=2, lease_s=-1.0)
    bell = Bell(up=False)
    Reaper(store, store, bell.ring, lease_s=30.0).once()
    assert len(bell.sent) == 1
    assert len(store.unnotified(older_than_s=0.0)) == 2


@pytest.mark.parametrize(("lease_s", "every_s"), [(120.0, 5.0), (20.0, 5.0), (4.0, 1.0)])
def test_a_short_lease_is_looked_after_more_often(store: Record, lease_s: float, every_s: float) -> None:
    assert Reaper(store, store, Bell().ring, lease_s=lease_s).every_s == every_s

from collections.abc import Sequence

import pytest

from spec.states import JobStatus
from store.errors import DiskFullError
from store.leases import WORKER_STOPPED
from store.records import Progress, Reaped, Renewal
from tests.unit.worker.bench import SMALL, Bench
from worker.claimed_pack import ClaimedPack


def test_jobs_of_a_slot_that_hangs_are_given_back_uncharged_and_their_trainer_ends(bench: Bench) -> None:
    ids = bench.submit(*(SMALL | {"max_attempts": 1, "seed": seed} for seed in range(80)))
    claims = bench.store.claim(worker="bench", device="cpu", limit=80, lease_s=30.0)
    pack, killed = ClaimedPack(claims, now=bench.clock.now), list[str]()

    def kill() -> bool:
        killed.append("trainer")
        return True

    pack.add_points({ids[0]: {"epoch": [1.0], "train_loss": [0.5]}})
    with bench.heartbeat.registered(pack, kill):
        assert bench.heartbeat.give_back()
    assert {bench.status(job_id) for job_id in ids} == {JobStatus.queued}
    assert (bench.store.curve(ids[0])["epoch"], killed) == ([1], ["trainer"])


def test_jobs_of_a_slot_that_failed_are_given_back_uncharged_when_the_worker_stops(bench: Bench) -> None:
    ids = bench.submit(*(SMALL | {"max_attempts": 1, "seed": seed} for seed in range(3)))
    (other,) = bench.submit(SMALL, owner="bob")
    with pytest.raises(RuntimeError, match="nobody expects"):
        bench.supervisor(lambda trainer, order: [RuntimeError("nobody expects this")]).drain()
    bench.store.claim(worker="another", device="cpu", limit=1, lease_s=30.0)
    assert [trainer.killed for trainer in bench.trainers] == [True]
    assert {bench.status(job_id) for job_id in [*ids, other]} == {JobStatus.running}
    assert bench.heartbeat.give_back()
    assert {bench.status(job_id) for job_id in ids} == {JobStatus.queued}
    assert bench.status(other) is JobStatus.running
    assert bench.store.events(ids[0])[-1].reason == WORKER_STOPPED


@pytest.fixture
def little_space(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the record has space for leases, and for no point."""
    renew = bench.store.renew

    def without_space(*, worker: str, progress: Sequence[Progress], lease_s: float) -> Renewal:
        if any(one.points for one in progress):
            raise DiskFullError
        return renew(worker=worker, progress=progress, lease_s=lease_s)

    monkeypatch.setattr(bench.store, "renew", without_space)


def overdue(bench: Bench) -> tuple[str, ClaimedPack]:
    """A job whose lease has ended, and which has a new point."""
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    pack = ClaimedPack(bench.store.claim(worker="bench", device="cpu", limit=1, lease_s=-1.0), now=bench.clock.now)
    pack.add_points({job_id: {"epoch": [1.0], "train_loss": [0.5]}})
    bench.clock.now += 21.0
    return job_id, pack


@pytest.mark.usefixtures("little_space")
def test_leases_are_renewed_though_there_is_no_space_for_points(bench: Bench) -> None:
    job_id, pack = overdue(bench)
    with bench.heartbeat.registered(pack, lambda: True):
        with pytest.raises(DiskFullError):
            bench.heartbeat.beat()
        assert bench.store.reap() == Reaped(0, 0, 0)  # its worker lives
        assert bench.heartbeat.lease_at_risk(pack)  # and stores nothing: it is to give the job back
    assert bench.status(job_id) is JobStatus.running


@pytest.mark.usefixtures("little_space")
def test_a_worker_that_stops_gives_its_jobs_back_though_there_is_no_space_for_points(bench: Bench) -> None:
    job_id, pack = overdue(bench)
    with bench.heartbeat.registered(pack, lambda: True):
        assert bench.heartbeat.give_back()
    assert bench.status(job_id) is JobStatus.queued

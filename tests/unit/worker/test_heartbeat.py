import pytest

from spec.states import JobStatus
from store.leases import WORKER_STOPPED
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

from spec.states import JobStatus
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

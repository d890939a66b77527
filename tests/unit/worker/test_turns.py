"""Owners take turns on a slot: a scripted trainer on a real record, with a slice that is over at once."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from spec.states import JobStatus
from worker.messages import Ended, Leave, Order, Report, Train

from .bench import SMALL, Bench, Scripted, points, saved, succeeds

SLICE_S = 1e-4


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def leaves_once(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
    """The first job trains until it is told to leave after its epoch; later jobs succeed."""
    match order:
        case Train() if len(trainer.orders) == 1:
            return [report for job in order.jobs for report in (points(job.id, 1), saved(trainer, job.id, 1))]
        case Train():
            return succeeds(trainer, order)
        case Leave():
            ends = [Ended(id=job_id, end="cancelled") for job_id in order.ids]
            return [*(saved(trainer, job_id, 2) for job_id in order.ids), *ends]
    return []


def claims(bench: Bench) -> list[str]:
    """The jobs in the order in which they were sent to the trainer."""
    return [
        job.id
        for trainer in bench.trainers
        for order in trainer.orders
        if isinstance(order, Train)
        for job in order.jobs
    ]


def test_a_pack_gives_way_uncharged_and_goes_on_after_all_others(bench: Bench) -> None:
    long, second = bench.submit(SMALL | {"max_attempts": 1, "priority": 9}, SMALL | {"batch_size": 2, "priority": 5})
    (bobs,) = bench.submit(SMALL, owner="bob")
    (cyds,) = bench.submit(SMALL, owner="cyd")
    bench.supervisor(leaves_once, time_slice_s=SLICE_S).drain()

    assert claims(bench) == [long, bobs, cyds, long, second]
    assert {bench.status(job_id) for job_id in (long, second, bobs, cyds)} == {JobStatus.succeeded}
    (said,) = (event.reason for event in bench.store.events(long) if "place" in event.reason)
    assert said == (
        "it gave its place to others, who waited: its time slice of 0.0001 s was over; it goes on from epoch 2"
    )


def test_a_cancel_comes_before_a_slice_that_ends(bench: Bench) -> None:
    (long,) = bench.submit(SMALL)
    bench.submit(SMALL, owner="bob")

    def hangs_on(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        if isinstance(order, Leave):
            bench.store.request_cancel(long, owner="ada", actor="ada")
            return []
        if not isinstance(order, Train):
            return [Ended(id=job_id, end="cancelled") for job_id in order.ids]
        return leaves_once(trainer, order)

    began = bench.clock()
    bench.supervisor(hangs_on, time_slice_s=SLICE_S).drain()
    assert bench.status(long) is JobStatus.cancelled
    assert bench.clock() - began < 5.0


def test_many_short_packs_of_one_owner_are_one_turn(bench: Bench) -> None:
    hers = bench.submit(*(SMALL | {"batch_size": size} for size in (1, 2, 3, 4)))
    (bobs,) = bench.submit(SMALL, owner="bob")

    def takes_ten_seconds(trainer: Scripted, order: Order) -> Sequence[Report | Exception]:
        trainer.clock.now += 10.0
        return succeeds(trainer, order)

    bench.supervisor(takes_ten_seconds, time_slice_s=20.0).drain()
    assert claims(bench) == [*hers[:2], bobs, *hers[2:]]

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.slurm.scaling import Change, Fleet, Load, Policy, decide, desired
from epochal.slurm.serving import served, slots_of
from spec.views import QueueView

LONG_AGO = 1e9

loads = st.builds(
    lambda queued, slots, free, rate, work_s: Load(queued, slots, min(free, slots), rate, work_s),
    *(st.integers(0, 2_000_000), st.integers(0, 300), st.integers(0, 300), st.floats(0.0, 1e6)),
    st.none() | st.floats(0.0, 1e9),
)
fleets = st.builds(Fleet, running=st.integers(0, 300), pending=st.integers(0, 300), held=st.integers(0, 300))
policies = st.builds(
    lambda least, more, within, slots: Policy(least, least + more, within, slots),
    *(st.integers(0, 50), st.integers(1, 300), st.floats(0.1, 1e3), st.integers(1, 16)),
)


@given(loads, fleets, policies)
def test_it_stays_within_what_is_allowed_and_cancels_none_that_runs(load: Load, fleet: Fleet, policy: Policy) -> None:
    change = decide(load, fleet, policy, LONG_AGO)
    after = fleet.count + change.submit - change.cancel
    assert min(change.submit, change.cancel) == 0
    assert change.cancel <= fleet.pending
    assert after >= min(policy.least, policy.most - fleet.held)
    assert after <= max(policy.most, fleet.running)
    assert change.submit == 0 or after + fleet.held <= policy.most
    assert policy.least <= desired(load, fleet, policy) <= policy.most


@given(loads, fleets, policies, st.integers(1, 10**6))
def test_a_longer_queue_never_asks_for_fewer(load: Load, fleet: Fleet, policy: Policy, more: int) -> None:
    longer = replace(load, queued=load.queued + more)
    assert desired(longer, fleet, policy) >= desired(load, fleet, policy)


@given(loads, fleets, policies)
def test_pilots_that_wait_for_a_node_are_counted(load: Load, fleet: Fleet, policy: Policy) -> None:
    change = decide(load, fleet, policy, LONG_AGO)
    waits = replace(fleet, pending=fleet.pending + change.submit - change.cancel)
    if load.backlog_s is not None or load.finished_per_min > 0 or waits.pending > 0:
        assert decide(load, waits, policy, LONG_AGO).submit == 0


@given(loads, fleets, policies)
def test_nothing_changes_while_it_cools_down(load: Load, fleet: Fleet, policy: Policy) -> None:
    assert decide(load, fleet, policy, policy.cool_down_s - 1.0) == Change()


def test_the_backlog_is_divided_by_the_rate_of_a_busy_slot() -> None:
    load = Load(queued=1000, slots=2, free_slots=0, finished_per_min=20.0)  # 10 a slot and minute, 100 in ten minutes
    assert decide(load, Fleet(2, 0), Policy(most=50), LONG_AGO) == Change(submit=8)
    assert decide(load, Fleet(2, 5), Policy(most=50), LONG_AGO) == Change(submit=3)
    assert decide(load, Fleet(2, 0), Policy(most=50, slots=4), LONG_AGO) == Change(submit=1)
    assert decide(replace(load, queued=0), Fleet(2, 5), Policy(most=50), LONG_AGO) == Change(cancel=5)


def test_the_backlog_is_counted_in_seconds_of_work_where_they_are_known() -> None:
    jobs = Load(queued=12, slots=2, free_slots=0, finished_per_min=20.0)
    assert decide(jobs, Fleet(2, 0), Policy(most=50), LONG_AGO) == Change()
    hours = replace(jobs, backlog_s=12 * 3600.0)
    assert decide(hours, Fleet(2, 0), Policy(most=100), LONG_AGO) == Change(submit=70)
    assert decide(hours, Fleet(2, 0), Policy(most=100, slots=4), LONG_AGO) == Change(submit=16)
    assert decide(replace(jobs, backlog_s=1.0), Fleet(1, 0), Policy(), LONG_AGO) == Change()


def test_while_the_rate_is_unknown_the_pilots_are_doubled() -> None:
    waiting = Load(queued=9, slots=0, free_slots=0, finished_per_min=0.0)
    busy = replace(waiting, slots=4)
    assert decide(waiting, Fleet(0, 0), Policy(), LONG_AGO) == Change(submit=1)
    assert decide(waiting, Fleet(0, 1), Policy(), LONG_AGO) == Change()
    assert decide(busy, Fleet(4, 0), Policy(), LONG_AGO) == Change(submit=4)
    assert decide(replace(busy, free_slots=1), Fleet(4, 0), Policy(), LONG_AGO) == Change()


def test_a_pilot_that_trains_for_longer_does_not_come_to_what_waits() -> None:
    load = Load(queued=1, slots=3, free_slots=0, finished_per_min=0.0, backlog_s=60.0)
    assert decide(load, Fleet(3, 0), Policy(most=8), LONG_AGO) == Change(submit=1)
    assert decide(load, Fleet(3, 1), Policy(most=8), LONG_AGO) == Change()
    assert decide(load, Fleet(1, 0), Policy(most=8), LONG_AGO) == Change(submit=1)  # others have the other slots
    assert decide(replace(load, slots=4), Fleet(2, 0), Policy(most=8, slots=2), LONG_AGO) == Change(submit=1)
    assert (
        decide(replace(load, finished_per_min=0.25), Fleet(3, 0), Policy(most=8), LONG_AGO) == Change()
    )  # 2.5 will end
    assert decide(load, Fleet(3, 0), Policy(most=3), LONG_AGO) == Change()


def test_a_pilot_that_is_held_will_not_come_but_is_one_of_the_most() -> None:
    load = Load(queued=1, slots=0, free_slots=0, finished_per_min=0.0, backlog_s=60.0)
    assert decide(load, Fleet(0, 0, held=2), Policy(most=3), LONG_AGO) == Change(submit=1)
    assert decide(load, Fleet(0, 0, held=3), Policy(most=3), LONG_AGO) == Change()
    assert decide(load, Fleet(2, 0, held=3), Policy(most=3), LONG_AGO) == Change()


@pytest.mark.parametrize(
    ("devices", "options", "requests"),
    [
        ("auto", ["--partition=gpu", "--gpus=1"], {"auto", "cuda"}),
        ("auto", ["--gres", "gpu:a100:2"], {"auto", "cuda"}),
        ("auto", ["-G2"], {"auto", "cuda"}),
        ("auto", ["--partition=gpu"], {"auto", "cpu", "cuda"}),
        ("cpu:4", ["--gpus=1"], {"auto", "cpu"}),
        ("cuda:0+cuda:1, cpu", [], {"auto*2", "cuda*2", "auto", "cpu"}),
    ],
)
def test_pilots_come_for_jobs_that_they_can_train_only(devices: str, options: list[str], requests: set[str]) -> None:
    assert served(devices, options) == requests


@pytest.mark.parametrize(
    ("devices", "slots"),
    [
        ("cpu:4", 4),
        ("auto", 1),
        ("cuda", 1),
        ("cuda:0, cuda:1", 2),
        ("cuda:0+cuda:1,cpu:3", 4),
        ("cpu+cpu", 1),
        ("cpu:0", 1),
    ],
)
def test_the_slots_of_a_pilot_are_those_that_its_devices_name(devices: str, slots: int) -> None:
    assert slots_of(devices) == slots


def test_the_load_of_a_fleet_is_what_it_can_train() -> None:
    queue = QueueView(
        queued={"auto": 1, "cpu": 2, "cuda": 4, "cuda*2": 1},
        running=3,
        slots={"cpu": 3, "cuda": 5},
        free_slots={"cpu": 1, "cuda": 2},
        oldest_wait_s=1.0,
        finished_per_min=2.0,
        backlog_s=80.0,
    )
    assert Load.of(queue, {"auto", "cuda"}) == Load(5, 5, 2, 2.0, 50.0)
    assert Load.of(queue, {"auto*2", "cuda*2"}) == Load(1, 5, 2, 2.0, 10.0)
    assert Load.of(queue.model_copy(update={"queued": {}, "backlog_s": None}), {"auto"}).queued == 0

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from epochal.slurm.scaling import Change, Fleet, Load, Policy, decide, desired

LONG_AGO = 1e9

loads = st.builds(
    lambda queued, slots, free, rate, work_s: Load(queued, slots, min(free, slots), rate, work_s),
    *(st.integers(0, 2_000_000), st.integers(0, 300), st.integers(0, 300), st.floats(0.0, 1e6)),
    st.none() | st.floats(0.0, 1e9),
)
fleets = st.builds(Fleet, running=st.integers(0, 300), pending=st.integers(0, 300))
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
    assert after >= policy.least
    assert after <= max(policy.most, fleet.running)
    assert policy.least <= desired(load, fleet, policy) <= policy.most


@given(loads, fleets, policies, st.integers(1, 10**6))
def test_a_longer_queue_never_asks_for_fewer(load: Load, fleet: Fleet, policy: Policy, more: int) -> None:
    longer = replace(load, queued=load.queued + more)
    assert desired(longer, fleet, policy) >= desired(load, fleet, policy)


@given(loads, fleets, policies)
def test_pilots_that_wait_for_a_node_are_counted(load: Load, fleet: Fleet, policy: Policy) -> None:
    change = decide(load, fleet, policy, LONG_AGO)
    waits = Fleet(fleet.running, fleet.pending + change.submit - change.cancel)
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
    assert decide(replace(hours, finished_per_min=0.0), Fleet(2, 0), Policy(most=100), LONG_AGO) == Change(submit=70)
    assert decide(replace(jobs, backlog_s=1.0), Fleet(1, 0), Policy(), LONG_AGO) == Change()


def test_while_the_rate_is_unknown_the_pilots_are_doubled() -> None:
    waiting = Load(queued=9, slots=0, free_slots=0, finished_per_min=0.0)
    busy = replace(waiting, slots=4)
    assert decide(waiting, Fleet(0, 0), Policy(), LONG_AGO) == Change(submit=1)
    assert decide(waiting, Fleet(0, 1), Policy(), LONG_AGO) == Change()
    assert decide(busy, Fleet(4, 0), Policy(), LONG_AGO) == Change(submit=4)
    assert decide(replace(busy, free_slots=1), Fleet(4, 0), Policy(), LONG_AGO) == Change()

import pytest

from store.recent_use import HALF_LIFE_S, MOST_S, Running, sampled

VISION, ALONE = ("vision", "ada"), ("ada", "ada")


def test_jobs_of_a_slot_share_its_time_and_devices_of_a_slot_count_each() -> None:
    running = [
        Running(VISION, "w1", "cpu", 3),
        Running(ALONE, "w1", "cpu", 1),
        Running(VISION, "w2", "cpu", 1),
        Running(("bob", "bob"), "w1", "cuda:0+cuda:1", 5),
    ]
    assert sampled({}, running, 60.0) == {VISION: 45.0 + 60.0, ALONE: 15.0, ("bob", "bob"): 120.0}
    weighted = sampled({ALONE: 10.0}, running, 60.0, gpu_weight=8.0)
    assert weighted == {VISION: 105.0, ALONE: pytest.approx(25.0, abs=0.01), ("bob", "bob"): 960.0}


def test_what_was_used_counts_half_after_a_day_and_then_is_forgotten() -> None:
    used = {VISION: 600.0, ALONE: 1.5}
    assert sampled(used, [], HALF_LIFE_S) == {VISION: pytest.approx(300.0)}
    for _ in range(1440):
        used = sampled(used, [], HALF_LIFE_S / 1440)
    assert used == {VISION: pytest.approx(300.0)}


def test_a_sample_after_a_long_time_stands_for_minutes_only() -> None:
    assert sampled({}, [Running(ALONE, "w1", "cpu", 2)], HALF_LIFE_S) == {ALONE: MOST_S}


def test_short_jobs_are_counted_as_what_they_are_in_the_mean() -> None:
    """Two take turns on a slot, one for 7 s and the other for 21 s, for six hours."""
    used: dict[tuple[str, str], float] = {}
    for minute in range(360):
        user = VISION if (60 * minute) % 28 < 7 else ALONE
        used = sampled(used, [Running(user, "w1", "cpu", 1)], 60.0)
    assert used[VISION] / used[ALONE] == pytest.approx(1 / 3, rel=0.3)

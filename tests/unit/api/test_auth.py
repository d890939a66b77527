from concurrent.futures import ThreadPoolExecutor

import pytest

from api import auth
from api.auth import BAD_TOKENS_PER_MINUTE, FailedLogins, Principal
from spec.access import Role
from store.access import Access


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The wall clock, which limits reads and takes no other for."""
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    return clock


def tried(failed: FailedLogins, address: str, times: int) -> None:
    for _ in range(times):
        failed.count(address)


def test_a_few_bad_tokens_are_allowed(clock: Clock) -> None:
    failed = FailedLogins()
    tried(failed, "a", BAD_TOKENS_PER_MINUTE - 1)
    assert failed.wait_s("a") == 0


def test_too_many_are_not(clock: Clock) -> None:
    failed = FailedLogins()
    tried(failed, "a", BAD_TOKENS_PER_MINUTE)
    assert failed.wait_s("a") == 61
    assert failed.wait_s("b") == 0


def test_a_minute_later_all_is_forgotten(clock: Clock) -> None:
    failed = FailedLogins()
    tried(failed, "a", BAD_TOKENS_PER_MINUTE)
    clock.now += 59.5
    assert failed.wait_s("a") == 1
    clock.now += 0.5
    assert failed.wait_s("a") == 0


def test_the_wait_is_long_enough(clock: Clock) -> None:
    failed = FailedLogins()
    for _ in range(BAD_TOKENS_PER_MINUTE):
        failed.count("a")
        clock.now += 0.7
    clock.now += failed.wait_s("a")
    assert failed.wait_s("a") == 0


def test_a_minute_is_any_minute(clock: Clock) -> None:
    failed = FailedLogins()
    for _ in range(10 * BAD_TOKENS_PER_MINUTE):
        failed.count("a")
        assert failed.wait_s("a") == 0
        clock.now += 1.25


def test_addresses_that_gave_up_take_no_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "ADDRESSES", 10)
    failed = FailedLogins()
    for number in range(1000):
        failed.count(str(number))
        clock.now += 30.0
    assert len(failed._storage.events) <= 10


def test_many_addresses_within_a_minute_are_searched_seldom(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "ADDRESSES", 10)
    failed, searches = FailedLogins(), 0
    drop = failed._drop_expired

    def count_searches() -> None:
        nonlocal searches
        searches += 1
        drop()

    monkeypatch.setattr(failed, "_drop_expired", count_searches)
    for number in range(1000):
        failed.count(str(number))
    assert searches < 10
    clock.now += 61.0
    for number in range(1100):
        failed.count(f"later {number}")
    assert len(failed._storage.events) <= 1281


def test_many_threads_at_once(clock: Clock) -> None:
    failed = FailedLogins()

    def ask(number: int) -> int:
        clock.now += 1.0
        failed.count("a")
        return failed.wait_s("a")

    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(ask, range(2000)))) == 2000


def test_an_administrator_sees_everybodys_jobs() -> None:
    assert Principal("ann", frozenset({"jobs:read"}), "1").sees == Access("ann")
    assert Principal("root", frozenset({"admin"}), "2", role=Role.admin).sees is None
    assert Principal("bob", frozenset({"admin"}), "3", role=Role.member).sees == Access("bob")

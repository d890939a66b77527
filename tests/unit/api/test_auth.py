from concurrent.futures import ThreadPoolExecutor

import pytest

from api import auth
from api.auth import BAD_TOKENS_PER_MINUTE, Guesses, Principal


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def tried(guesses: Guesses, address: str, times: int) -> None:
    for _ in range(times):
        guesses.count(address)


def test_a_few_bad_tokens_are_borne() -> None:
    guesses = Guesses(Clock())
    tried(guesses, "a", BAD_TOKENS_PER_MINUTE - 1)
    assert guesses.wait_s("a") == 0


def test_too_many_are_not() -> None:
    guesses = Guesses(Clock())
    tried(guesses, "a", BAD_TOKENS_PER_MINUTE)
    assert guesses.wait_s("a") == 61
    assert guesses.wait_s("b") == 0


def test_a_minute_later_all_is_forgotten() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    tried(guesses, "a", BAD_TOKENS_PER_MINUTE)
    clock.now += 59.5
    assert guesses.wait_s("a") == 1
    clock.now += 0.5
    assert guesses.wait_s("a") == 0


def test_the_wait_that_is_told_is_long_enough() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(BAD_TOKENS_PER_MINUTE):
        guesses.count("a")
        clock.now += 0.7
    clock.now += guesses.wait_s("a")
    assert guesses.wait_s("a") == 0


def test_a_minute_is_any_minute() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(10 * BAD_TOKENS_PER_MINUTE):
        guesses.count("a")
        assert guesses.wait_s("a") == 0
        clock.now += 1.25


def test_addresses_that_gave_up_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "ADDRESSES", 10)
    clock = Clock()
    guesses = Guesses(clock)
    for number in range(1000):
        guesses.count(str(number))
        clock.now += 30.0
    assert len(guesses._tries) <= 10


def test_many_threads_at_once() -> None:
    clock = Clock()
    guesses = Guesses(clock)

    def ask(number: int) -> int:
        clock.now += 1.0
        guesses.count("a")
        return guesses.wait_s("a")

    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(ask, range(2000)))) == 2000


def test_an_administrator_sees_everybodys_jobs() -> None:
    assert Principal("ann", frozenset({"jobs:read"})).sees == "ann"
    assert Principal("root", frozenset({"admin"})).sees is None

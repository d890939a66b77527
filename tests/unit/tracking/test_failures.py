from tracking.failures import OLD_S, WAITS_S, Failures


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_fails_again_waits_longer_until_it_is_copied() -> None:
    clock = Clock()
    failures = Failures(clock)
    assert failures.is_due("a")
    for number, wait_s in enumerate([*WAITS_S, WAITS_S[-1]], start=1):
        failure = failures.add("a")
        assert (failure.in_a_row, failure.wait_s, failures.is_due("a"), failures.is_due("b")) == (
            number,
            wait_s,
            False,
            True,
        )
        clock.now += wait_s
        assert failures.is_due("a")
    failures.end("a")
    assert (len(failures), failures.add("a").wait_s) == (0, WAITS_S[0])


def test_what_was_deleted_is_forgotten_and_what_waits_is_not() -> None:
    clock = Clock()
    failures = Failures(clock)
    failures.add("gone")
    clock.now += OLD_S + 1.0
    failures.forget_old()
    failures.add("waits")
    clock.now += 1.0
    failures.forget_old()
    assert (len(failures), failures.add("waits").in_a_row) == (1, 2)

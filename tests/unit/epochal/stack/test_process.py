from epochal.stack.process import Backoff


def test_waits_grow_and_begin_afresh_after_a_healthy_run() -> None:
    backoff = Backoff(first_s=1.0, most_s=5.0, healthy_s=60.0)
    assert [backoff.after(2.0) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.after(61.0) == 1.0

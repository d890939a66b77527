import subprocess
import sys
import time

import pytest

from .cpu_time import at_most, slowness


def compute(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_test_that_computes_too_long_fails() -> None:
    with (
        pytest.raises(pytest.fail.Exception, match=r"it took 0\.\d s of CPU time, and a unit test has 0\.05 s"),
        at_most(0.05, slowness=lambda: 1.0),
    ):
        compute(0.1)


def test_what_its_children_compute_counts() -> None:
    spin = "import time\nwhile time.process_time() < 0.1: pass"
    with pytest.raises(pytest.fail.Exception), at_most(0.05, slowness=lambda: 1.0):
        subprocess.run([sys.executable, "-c", spin], check=True)


def test_a_busy_machine_is_not_charged() -> None:
    with at_most(0.1):
        time.sleep(0.2)


def test_a_slow_machine_has_longer() -> None:
    with at_most(0.05, slowness=lambda: 3.0):
        compute(0.1)


def test_no_machine_is_taken_for_faster_than_the_one_that_the_limits_are_meant_for() -> None:
    assert slowness() >= 1.0


def test_a_failure_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), at_most(0.0):
        1 / 0  # noqa: B018

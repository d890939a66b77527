import os
import subprocess
import sys

from benchmarks.clock import Spent, Stopwatch, family
from benchmarks.rounds import interleaved, median

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
CHILD = f"""
import subprocess, sys
from benchmarks.clock import family_cpu_seconds
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
print(family_cpu_seconds())
"""


def test_the_cpu_time_of_a_family_holds_its_children_and_nobody_else() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", BURN.replace("0.3", "60")], env=family(os.environ))
    try:
        said = subprocess.run([sys.executable, "-c", CHILD], env=family(os.environ), check=True, capture_output=True)
    finally:
        stranger.kill()
        stranger.wait()
    assert 0.3 <= float(said.stdout) < 30.0


def test_a_stopwatch_reads_the_cpu_clock_it_is_given() -> None:
    ticks = iter([1.0, 3.5])
    assert Stopwatch(lambda: next(ticks)).read().cpu_s == 2.5


def test_the_median_is_taken_of_each_kind_of_time() -> None:
    assert median([Spent(1.0, 9.0), Spent(3.0, 7.0), Spent(2.0, 8.0)]) == Spent(2.0, 8.0)


def test_every_round_runs_each_contestant_once() -> None:
    ran: list[str] = []

    def contestant(name: str) -> Spent:
        ran.append(name)
        return Spent(float(len(ran)), 0.0)

    costs = interleaved({"a": lambda: contestant("a"), "b": lambda: contestant("b")}, rounds=3)
    assert ran == ["a", "b"] * 3
    assert costs == {"a": Spent(3.0, 0.0), "b": Spent(4.0, 0.0)}

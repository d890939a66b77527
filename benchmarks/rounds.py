"""Interleaved rounds for a noisy machine: each runs every contestant once, and medians are compared."""

import statistics
import sys
from collections.abc import Callable, Mapping

from .clock import Spent

Contest = Mapping[str, Callable[[], Spent]]
"""Contestants by the name of their row; each returns the time per unit of work."""


def interleaved(contest: Contest, rounds: int) -> dict[str, Spent]:
    """Run all of `contest` in turn, `rounds` times; the median of each."""
    runs_of: dict[str, list[Spent]] = {name: [] for name in contest}
    for number in range(rounds):
        for name, run in contest.items():
            runs_of[name].append(run())
            print(
                f"  round {number + 1}/{rounds}  {name}: {_formatted(runs_of[name][-1])}", file=sys.stderr, flush=True
            )
    return {name: median(runs) for name, runs in runs_of.items()}


def median(runs: list[Spent]) -> Spent:
    """The median wall time and the median CPU time."""
    return Spent(
        statistics.median(spent.wall_s for spent in runs),
        statistics.median(spent.cpu_s for spent in runs),
    )


def _formatted(spent: Spent) -> str:
    return f"{spent.wall_s:.4g} s wall, {spent.cpu_s:.4g} s CPU"

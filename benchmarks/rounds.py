"""Fair comparison on a noisy machine: every round runs each contestant once, and only medians are compared."""

import statistics
import sys
from collections.abc import Callable, Mapping

from .clock import Spent

Contest = Mapping[str, Callable[[], Spent]]
"""What to run, by the name of its row; each answers what one unit of its work cost."""


def interleaved(contest: Contest, rounds: int) -> dict[str, Spent]:
    """Run all of `contest` in turn, `rounds` times over; the median of each."""
    seen: dict[str, list[Spent]] = {name: [] for name in contest}
    for number in range(rounds):
        for name, run in contest.items():
            seen[name].append(run())
            print(f"  round {number + 1}/{rounds}  {name}: {_told(seen[name][-1])}", file=sys.stderr, flush=True)
    return {name: median(runs) for name, runs in seen.items()}


def median(runs: list[Spent]) -> Spent:
    """The middle of each kind of time."""
    return Spent(
        statistics.median(spent.wall_s for spent in runs),
        statistics.median(spent.cpu_s for spent in runs),
    )


def _told(spent: Spent) -> str:
    return f"{spent.wall_s:.4g} s wall, {spent.cpu_s:.4g} s CPU"

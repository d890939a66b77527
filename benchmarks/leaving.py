"""A member's place in the pack after its end: kept (masking), removed (compaction), or reused (refill).

`python -m benchmarks.leaving [--quick] [--write] [--rounds N]`. W1, jobs of 5 to 60 epochs, as with early stopping.
Masking is usual in stacked trainers: a finished member is still computed until the last one has finished.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from unittest.mock import patch

import torch

from spec.job import JobSpec
from trainer.fit import fit
from trainer.member import Entry
from trainer.pack import Pack
from trainer.runtime import configure_process

from .clock import Spent, Stopwatch
from .machine import about, command
from .ours import CheckingCallbacks, spec
from .rounds import interleaved
from .tables import PAGE, replace_section, table, times
from .workloads import W1, trials

JOBS = 64
SLOTS = 16
SHORTEST, LONGEST = 5, 60


def jobs(count: int, longest: int) -> list[JobSpec]:
    """Jobs of one shape, with evenly distributed numbers of epochs in mixed order."""
    shortest = min(SHORTEST, longest)
    return [
        spec(W1.shortened(epochs=shortest + (number * 37 % count) * (longest - shortest) // max(count - 1, 1)), trial)
        for number, trial in enumerate(trials(W1, count))
    ]


class CountingPack(Pack):
    """A pack that counts the member-epochs it computes."""

    computed = 0

    def begin_epoch(self) -> None:
        """Count the members; padding rows do not count."""
        CountingPack.computed += len(self.layout.row_of)
        super().begin_epoch()


class MaskingPack(CountingPack):
    """A pack that keeps the rows of finished members."""

    def _compacts(self) -> bool:
        """Compact only when no member is left."""
        return not self.members


class Queue(CheckingCallbacks):
    """Callbacks that refill the pack from a queue."""

    def __init__(self, waiting: Sequence[Entry]) -> None:
        super().__init__()
        self._waiting = list(waiting)

    def new_entries(self, free: int) -> Sequence[Entry]:
        """The next jobs of the queue."""
        joining, self._waiting = self._waiting[:free], self._waiting[free:]
        return joining


def trained(
    pack: type[CountingPack], specs: Sequence[JobSpec], slots: int, *, refill: bool, tally: Callable[[int], None]
) -> Spent:
    """Train all jobs in `slots` places; `tally` receives the number of member-epochs computed."""
    configure_process()
    entries = [Entry(str(number), one) for number, one in enumerate(specs)]
    CountingPack.computed = 0
    watch = Stopwatch()
    with patch("trainer.fit.Pack", pack):
        for first in range(0, len(entries), len(entries) if refill else slots):
            wave = entries[first : first + slots]
            callbacks = Queue(entries[slots:] if refill else ())
            fit(wave, callbacks, device=torch.device("cpu"), limit=slots)
    spent = watch.read()
    tally(CountingPack.computed)
    return spent


def measure(count: int, slots: int, longest: int, rounds: int) -> str:
    """Measure all rows, and format the table."""
    specs = jobs(count, longest)
    needed = sum(one.epochs for one in specs)
    computed: dict[str, int] = {}

    def contestant(name: str, pack: type[CountingPack], places: int, *, refill: bool) -> Callable[[], Spent]:
        return partial(trained, pack, specs, places, refill=refill, tally=partial(computed.__setitem__, name))

    contest = {
        f"one pack of {count}, masking": (MaskingPack, count, False),
        f"one pack of {count}, compaction": (CountingPack, count, False),
        f"{slots} places, waves, masking": (MaskingPack, slots, False),
        f"{slots} places, waves, compaction": (CountingPack, slots, False),
        f"{slots} places, refill": (CountingPack, slots, True),
    }
    costs = interleaved({name: contestant(name, *how[:2], refill=how[2]) for name, how in contest.items()}, rounds)
    base = next(iter(costs.values()))
    rows = [
        [
            name,
            f"{computed[name]:,}",
            f"{computed[name] / needed:.2f}",
            f"{spent.cpu_s:.2f}",
            times(base.cpu_s / spent.cpu_s),
        ]
        for name, spent in costs.items()
    ]
    header = ["", "member-epochs computed", "of those needed", "CPU s", "vs masking"]
    lengths = f"{count} jobs of {min(SHORTEST, longest)} to {longest} epochs, {needed:,} member-epochs needed."
    return f"{lengths}\n\n{table(header, rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    count, slots, longest, rounds = (4, 2, 3, 1) if options.quick else (JOBS, SLOTS, LONGEST, options.rounds)
    text = (
        f"{command('leaving', arguments)}: one process of one thread, medians of "
        f"{rounds} interleaved rounds. {about('torch')} {measure(count, slots, longest, rounds)}"
    )
    print(text)
    if options.write:
        replace_section(PAGE, "leaving", text)


if __name__ == "__main__":
    main()

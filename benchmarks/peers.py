"""The same sweep by all contestants: Epochal in process and as a service, plain loops, Ray Tune, Optuna, scikit-learn.

`python -m benchmarks.peers [--quick] [--write] [--rounds N] [--only NAME ...]`. W1 on two cores. Each contestant runs
in its own processes. Their start, imports and warm-up are not timed, except for contestants that start a process per
trial, which run fewer trials; all figures are per trial.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .clock import Spent, family
from .contestants import read
from .environment import peers_python, peers_versions
from .machine import about, command
from .rounds import interleaved
from .tables import PAGE, replace_section, table, times
from .work import Swept
from .workloads import W1

SWEEP = 64
SLOW = 16


@dataclass(frozen=True)
class Runner:
    """A contestant: the label of its row, its number of trials, and whether it runs in the peers' environment."""

    label: str
    trials: int = SWEEP
    foreign: bool = False

    @property
    def quick_trials(self) -> int:
        """Its trials in a smoke run: one for each of two persistent processes, else one."""
        return 2 if self.trials == SWEEP else 1


RUNNERS: Mapping[str, Runner] = {
    "ours": Runner("**ours, in process**: 2 processes, a pack of 32 each"),
    "ours exact": Runner("the same, exact train metrics"),
    "service": Runner("**ours, the whole service**: POST over HTTP until every curve is in MLflow"),
    "torch.func": Runner("`torch.func`: vmap over stacked networks, 2 processes, a stack of 32 each"),
    "sklearn": Runner("scikit-learn MLPClassifier (no dropout), 2 persistent processes", foreign=True),
    "tight fused": Runner("PyTorch tight loop, fused Adam, 2 persistent processes"),
    "tight": Runner("PyTorch tight loop, 2 persistent processes"),
    "optuna": Runner("Optuna, 2 joblib processes, tight loop", foreign=True),
    "idiomatic": Runner("PyTorch with DataLoader, 2 persistent processes"),
    "ray reuse": Runner("Ray Tune, `reuse_actors=True`, tight loop", foreign=True),
    "ray reuse idiomatic": Runner(
        "Ray Tune, `reuse_actors=True`, PyTorch with DataLoader as its guides write it", foreign=True
    ),
    "process per trial": Runner("a fresh process per trial, 2 at a time, tight loop", SLOW),
    "ray": Runner("Ray Tune, default, tight loop", SLOW, foreign=True),
    "ray idiomatic": Runner("Ray Tune, default, PyTorch with DataLoader", SLOW, foreign=True),
}
QUICK = ("ours", "process per trial")
"""Contestants of a smoke run: they need no installation."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass
class Tally:
    """Results of the rounds beside the times."""

    accuracies: dict[str, float] = field(default_factory=dict)
    lags_s: list[float] = field(default_factory=list)

    def run(self, name: str, python: Path, trials: int, epochs: int) -> Spent:
        """Run the sweep of contestant `name` in its own family of processes; its time per trial."""
        command = [str(python), "-m", "benchmarks.contestants", name, str(trials), str(epochs)]
        environ = family(os.environ | ONE_THREAD)
        done = subprocess.run(command, check=False, env=environ, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise ContestantFailedError(f"{name} ended with {done.returncode}: see above, or leave it out with --only")
        swept: Swept = read(done.stdout)
        self.accuracies[name] = statistics.mean(swept.accuracies)
        if swept.mlflow_lag_s is not None:
            self.lags_s.append(swept.mlflow_lag_s)
        return swept.spent.per(trials)


def report(costs: Mapping[str, Spent], tally: Tally, trials: Mapping[str, int], epochs: int) -> str:
    """The table, and the lag of MLflow."""
    base, service = costs.get("ours"), costs.get("service")
    nothing = Spent(float("nan"), float("nan"))
    rows = [
        [
            RUNNERS[name].label,
            str(trials[name]),
            f"{spent.wall_s:.3f}",
            f"{60 / spent.wall_s:,.0f}",
            f"{W1.steps * epochs / spent.wall_s:,.0f}",
            "-" if math.isnan(spent.cpu_s) else f"{spent.cpu_s:.3f}",
            times(spent.wall_s / (base or nothing).wall_s),
            times(spent.cpu_s / (base or nothing).cpu_s),
            times(spent.wall_s / (service or nothing).wall_s),
            f"{tally.accuracies[name]:.3f}",
        ]
        for name, spent in costs.items()
    ]
    header = ["", "trials", "s / trial", "trials / min", "model-steps / s", "CPU s / trial"]
    header += ["ours is, wall", "ours is, CPU", "service is, wall", "val accuracy"]
    if tally.lags_s:
        lag_s = statistics.median(tally.lags_s)
        return f"{table(header, rows)}\n\nMLflow was complete {lag_s:.1f} s after the last `succeeded`."
    return table(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(RUNNERS), metavar="NAME", help=", ".join(RUNNERS))
    options = parser.parse_args(arguments)

    names = options.only or (QUICK if options.quick else list(RUNNERS))
    trials = {name: RUNNERS[name].quick_trials if options.quick else RUNNERS[name].trials for name in names}
    epochs = 1 if options.quick else W1.epochs
    rounds = 1 if options.quick else options.rounds
    foreign = any(RUNNERS[name].foreign for name in names)
    pythons = {name: peers_python() if RUNNERS[name].foreign else Path(sys.executable) for name in names}
    tally = Tally()
    contest = {name: partial(tally.run, name, pythons[name], trials[name], epochs) for name in names}
    costs = interleaved(contest, rounds)
    text = (
        f"{command('peers', arguments)}: {W1.title}, {epochs} epochs, medians of "
        f"{rounds} interleaved rounds. {about('torch')}{f' Peers: {peers_versions()}.' if foreign else ''}\n\n"
        + report(costs, tally, trials, epochs)
    )
    print(text)
    if options.write:
        replace_section(PAGE, "peers", text)


class ContestantFailedError(Exception):
    """A contestant ended with an error."""


if __name__ == "__main__":
    main()

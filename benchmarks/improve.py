"""Whether `improve` finds what is wrong with jobs that are bad for a known reason, and nothing with good ones.

`python -m benchmarks.improve [--quick] [--write]`. The counterfactuals of each job are trained in process, in packs, as
a worker trains them.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from spec.counterfactuals import improvement_sweep, objective_of
from spec.job import JobSpec
from sweeps.improvement import Improvement, Tried, improvement, shown
from trainer.callbacks import NullCallbacks
from trainer.fit import fit
from trainer.member import Entry, Outcome
from trainer.runtime import configure_process

from .clock import Stopwatch
from .machine import about, command
from .tables import replace_section, table

PAGE = Path("docs/improve.md")
PACK = 64


def mlp(*hidden: int) -> dict[str, Any]:
    """The architecture."""
    return {"type": "mlp", "hidden": list(hidden)}


SOUND: dict[str, Any] = {"dataset": "digits", "architecture": mlp(64), "learning_rate": 0.003, "epochs": 30}

BAD: Mapping[str, dict[str, Any]] = {
    "learning rate 10 times too high": SOUND | {"optimizer": "sgd", "learning_rate": 3.0, "epochs": 10},
    "learning rate 10 times too low": SOUND | {"learning_rate": 0.0001, "epochs": 10},
    "too narrow": SOUND | {"architecture": mlp(3)},
    "too wide without dropout": {
        "dataset": "diabetes",
        "loss": "mse",
        "architecture": mlp(128, 128),
        "epochs": 30,
        "restore_best": False,
    },
    "identity activations": {
        **{"dataset": {"name": "circles", "n": 400}, "architecture": mlp(16), "activation": "identity"},
        **{"learning_rate": 0.01, "epochs": 40},
    },
    "too few epochs": SOUND | {"epochs": 1},
    "dead relu": SOUND | {"architecture": mlp(16), "initial_biases": [[-30.0] * 16, [0.0] * 10], "epochs": 15},
    "no standardisation": {
        **{"dataset": "wine", "standardize": False, "architecture": mlp(32)},
        **{"learning_rate": 0.01, "epochs": 15},
    },
    "huge batch": SOUND | {"batch_size": "full", "epochs": 15},
    "wrong loss": SOUND | {"loss": "mae", "epochs": 15},
}
"""Jobs with one fault each."""

GOOD: Mapping[str, dict[str, Any]] = {
    "digits": SOUND,
    "breast_cancer": {"dataset": "breast_cancer", "loss": "binary_cross_entropy", "learning_rate": 0.003, "epochs": 30},
    "iris": {"dataset": "iris", "architecture": mlp(32), "learning_rate": 0.01, "epochs": 30},
}
"""Jobs without one."""


class Scores(NullCallbacks):
    """Callbacks that keep the best metrics of each job; a job that ended without them has none."""

    def __init__(self, waiting: list[Entry]) -> None:
        self.waiting = waiting
        self.best: dict[str, Mapping[str, float]] = {}

    def new_entries(self, free: int) -> Sequence[Entry]:
        """The next jobs of the shape."""
        joining, self.waiting = self.waiting[:free], self.waiting[free:]
        return joining

    def on_member_end(self, outcome: Outcome) -> None:
        """Keep the metrics of the best epoch."""
        self.best[outcome.id] = outcome.best_metrics or {}


def improve(spec: JobSpec, seeds: int) -> Improvement:
    """Train the counterfactuals of a job, and compare them."""
    sweep = improvement_sweep(spec, seeds=seeds)
    entries = [
        Entry(f"{number}/{replicate}", sweep.job(configuration, replicate))
        for number, configuration in enumerate(sweep.configurations)
        for replicate in range(seeds)
    ]
    best: dict[str, Mapping[str, float]] = {}
    for _, alike in groupby(sorted(entries, key=lambda one: one.spec.pack_key), lambda one: one.spec.pack_key):
        pack = list(alike)
        callbacks = Scores(pack[PACK:])
        fit(pack[:PACK], callbacks, device=torch.device("cpu"), limit=PACK)
        best |= callbacks.best
    objective = objective_of(spec)
    tried = [
        Tried(number, configuration, [best[f"{number}/{one}"].get(objective) for one in range(seeds)])
        for number, configuration in enumerate(sweep.configurations)
    ]
    return improvement(spec, objective, tried)


def rows(jobs: Mapping[str, dict[str, Any]], seeds: int) -> list[list[str]]:
    """A row of the table for each job."""
    found = []
    for name, fields in jobs.items():
        spec, watch = JobSpec.model_validate(fields), Stopwatch()
        result = improve(spec, seeds)
        objective, original = objective_of(spec), result.changes[0]
        best = next((change for change in result.changes if change.helps), None)
        helping = sum(change.helps for change in result.changes)
        found.append(
            [
                name,
                shown(original.mean, objective),
                "-" if best is None else best.change,
                "-" if best is None else shown(best.mean, objective),
                "-" if best is None or best.p is None else f"{best.p:.1g}",
                f"{helping} of {len(result.changes) - 1}",
                f"{watch.read().wall_s:.1f}",
            ]
        )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.improve", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of two seeds and two jobs, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args(arguments)
    configure_process()
    seeds = 2 if options.quick else 5
    bad, good = (dict(list(jobs.items())[-1:]) for jobs in (BAD, GOOD)) if options.quick else (BAD, GOOD)
    header = ["job", "score", "best change that helps", "its score", "p", "changes that help", "seconds"]
    text = (
        f"{command('improve', arguments)}: validation accuracy, or R² of diabetes, "
        f"mean of {seeds} seeds; p is corrected by Holm. {about('torch')}\n\n{table(header, rows(bad, seeds))}\n\n"
        f"Jobs without a fault:\n\n{table(header, rows(good, seeds))}"
    )
    print(text)
    if options.write:
        replace_section(PAGE, "improve", text)


if __name__ == "__main__":
    main()

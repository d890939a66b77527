"""Whether what a verdict suggests is better: every suggestion over a grid of jobs is trained.

`python -m benchmarks.verdicts [--quick] [--write]`. The grid crosses data sets, widths, activations, learning rates and
dropout, good settings and absurd ones. Each job is trained and judged, and the spec that its verdict suggests is
trained with the same seed and split. The two are compared by what the verdict is about:

* diverged, unstable, underfit: validation loss at the best epoch;
* underfit where balanced accuracy is far below accuracy: validation balanced accuracy at the best epoch, and if that
  is equal, the loss;
* overfit: both validation loss and generalisation gap, means over the last fifth of the epochs, with a validation loss
  at the best epoch that is not higher.

Where the two differ by less than a tenth, the means over four seeds, each with a split of its own, decide.
"""

import argparse
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spec.job import JobSpec
from spec.states import FailureReason
from spec.verdict import Verdict, VerdictKind, judge
from spec.views import Curve
from trainer.callbacks import RecordingCallbacks
from trainer.fit import fit
from trainer.member import Entry
from trainer.runtime import configure_process

from .clock import Stopwatch
from .machine import about, command
from .tables import replace_section, table

PAGE = Path("docs/verdicts.md")
SEEDS = range(4)
CLEAR = 0.1
"""Two results that differ by this share of the larger one differ by more than luck."""
PACK = 64
HIDDEN = ([2], [16], [256], [32] * 6)
ACTIVATIONS = ("relu", "tanh", "sigmoid")
RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
DROPOUTS = (0.0, 0.3, 0.7)
KINDS = (VerdictKind.diverged, VerdictKind.unstable, VerdictKind.overfit, VerdictKind.underfit)


def _classes(rows: int, every: int, *, distance: float = 0.0, features: int = 2) -> dict[str, Any]:
    """Gaussian rows, one in `every` of a second class that lies `distance` deviations away in each feature."""
    y = (np.arange(rows) % every == 0).astype(np.int64)
    x = np.random.default_rng(2).standard_normal((rows, features)) + distance * y[:, None]
    return {"x": x.round(3).tolist(), "y": y.tolist()}


def _noise_numbers(rows: int, features: int) -> dict[str, Any]:
    random = np.random.default_rng(3)
    x, y = random.standard_normal((rows, features)), random.standard_normal(rows)
    return {"x": x.round(3).tolist(), "y": y.round(3).tolist()}


PROBLEMS: dict[str, dict[str, Any]] = {
    "xor": {"dataset": "xor", "loss": "binary_cross_entropy", "epochs": 30},
    "spirals": {"dataset": "spirals", "epochs": 30},
    "moons, few rows": {"dataset": {"name": "moons", "n": 120, "noise": 0.4}, "epochs": 60},
    "digits": {"dataset": "digits", "batch_size": 64, "epochs": 12},
    "breast_cancer": {"dataset": "breast_cancer", "epochs": 20},
    "diabetes": {"dataset": "diabetes", "loss": "mse", "epochs": 30},
    "a rare class": {"dataset": _classes(600, 20, distance=1.2), "epochs": 20},
    "a rare class of noise": {"dataset": _classes(600, 50), "epochs": 20},
    "noise, two classes": {"dataset": _classes(300, 2, features=5), "epochs": 30},
    "noise, numbers": {"dataset": _noise_numbers(200, 5), "loss": "mse", "epochs": 30},
}
NOISE = ("a rare class of noise", "noise, two classes", "noise, numbers")
"""Of these, no features tell anything of the target: no other job can be better but by luck."""


def grid(problem: str) -> Iterator[JobSpec]:
    """The jobs on one data set; with identity activations only one width, as they all are linear models."""
    shapes = [*product(HIDDEN, ACTIVATIONS), ([16], "identity")]
    for (hidden, activation), rate, dropout in product(shapes, RATES, DROPOUTS):
        yield JobSpec.model_validate(
            PROBLEMS[problem]
            | {
                "architecture": {"type": "mlp", "hidden": hidden},
                "activation": activation,
                "learning_rate": rate,
                "dropout": dropout,
            }
        )


def seeded(spec: JobSpec, seed: int) -> JobSpec:
    """The same job with another seed and another split."""
    given = {name: getattr(spec, name) for name in spec.model_fields_set}
    return JobSpec.model_validate(given | {"seed": seed, "split_seed": seed})


@dataclass(frozen=True)
class Run:
    """A job that was trained."""

    spec: JobSpec
    curve: Curve
    failure: FailureReason | None

    def verdict(self) -> Verdict:
        """The verdict on it."""
        found = judge(self.spec, self.curve, self.failure)
        assert found is not None
        return found

    @property
    def loss(self) -> float:
        """The least validation loss; infinite if there is none."""
        return min((value for value in self.curve.get("val_loss", []) if value is not None), default=math.inf)

    @property
    def balanced_error(self) -> float:
        """1 - validation balanced accuracy, at the epoch of the least loss."""
        losses = [math.inf if value is None else value for value in self.curve["val_loss"]]
        return 1.0 - (self.curve["val_balanced_accuracy"][losses.index(min(losses))] or 0.0)

    @property
    def late_loss(self) -> float:
        """Mean validation loss over the last fifth of the epochs; infinite if it diverged."""
        return math.inf if self.failure else self._late("val_loss")

    @property
    def late_gap(self) -> float:
        """Mean of validation loss minus training loss over the last fifth of the epochs; infinite if it diverged."""
        return math.inf if self.failure else self._late("val_loss") - self._late("train_loss")

    def _late(self, metric: str) -> float:
        values = self.curve[metric][-max(len(self.curve[metric]) // 5, 1) :]
        return statistics.fmean(math.inf if value is None else value for value in values)


def _train_pack(specs: Sequence[JobSpec]) -> list[tuple[Curve, FailureReason | None]]:
    configure_process()
    callbacks = RecordingCallbacks()
    entries = [Entry(str(number), one) for number, one in enumerate(specs)]
    fit(entries, callbacks, device=torch.device("cpu"), limit=len(entries))
    return [(callbacks.curves.get(one.id, {"epoch": []}), callbacks.outcomes[one.id].failure_reason) for one in entries]


def train(specs: Sequence[JobSpec], pool: ProcessPoolExecutor) -> list[Run]:
    """Train all jobs, those of one shape as packs."""
    shapes: dict[str, list[int]] = {}
    for number, one in enumerate(specs):
        shapes.setdefault(one.pack_key, []).append(number)
    packs = [same[start : start + PACK] for same in shapes.values() for start in range(0, len(same), PACK)]
    runs: dict[int, Run] = {}
    for numbers, trained in zip(packs, pool.map(_train_pack, [[specs[n] for n in one] for one in packs]), strict=True):
        runs |= {n: Run(specs[n], *result) for n, result in zip(numbers, trained, strict=True)}
    return [runs[number] for number in range(len(specs))]


@dataclass(frozen=True)
class Trial:
    """A job, its verdict, and the job that the verdict suggests."""

    run: Run
    verdict: Verdict
    suggested: Run

    @property
    def is_about_balance(self) -> bool:
        """Whether the verdict is about balanced accuracy."""
        return "balanced accuracy" in self.verdict.sentence

    @property
    def is_clear(self) -> bool:
        """Whether one seed tells which is better."""
        if self.verdict.kind is VerdictKind.overfit:
            return True  # early stopping ends the same curve earlier
        before, after = self._results(self.run), self._results(self.suggested)
        return abs(before[0] - after[0]) > CLEAR * max(before[0], after[0])

    @property
    def is_better(self) -> bool:
        """Whether the suggested job is better, by this seed."""
        if self.verdict.kind is VerdictKind.overfit:
            before, after = self.run, self.suggested
            ended = after.late_loss < before.late_loss and after.late_gap < before.late_gap
            return ended and after.loss <= before.loss
        return self._results(self.suggested) < self._results(self.run)

    def is_better_on_average(self, before: Sequence[Run], after: Sequence[Run]) -> bool:
        """Whether the suggested job is better, by these runs of both."""
        means = (
            [statistics.fmean(column) for column in zip(*map(self._results, runs), strict=True)]
            for runs in (before, after)
        )
        old, new = means
        return new < old

    def _results(self, run: Run) -> tuple[float, ...]:
        return (run.balanced_error, run.loss) if self.is_about_balance else (run.loss,)


def measure(specs: Sequence[JobSpec], pool: ProcessPoolExecutor) -> tuple[list[tuple[Trial, bool]], list[Verdict]]:
    """Train all jobs and what their verdicts suggest: trials with results, and verdicts that suggest nothing."""
    judged = [(run, run.verdict()) for run in train(specs, pool)]
    silent = [verdict for _, verdict in judged if verdict.suggestion is None]
    speaking = [(run, verdict, verdict.suggestion) for run, verdict in judged if verdict.suggestion is not None]
    tried = train([suggestion for *_, suggestion in speaking], pool)
    trials = [Trial(run, verdict, then) for (run, verdict, _), then in zip(speaking, tried, strict=True)]
    close = [trial for trial in trials if not trial.is_clear]
    more = train([seeded(spec, n) for one in close for spec in (one.run.spec, one.suggested.spec) for n in SEEDS], pool)
    width = len(SEEDS)
    pairs = [(more[at : at + width], more[at + width : at + 2 * width]) for at in range(0, len(more), 2 * width)]
    means = {id(one): one.is_better_on_average(*pair) for one, pair in zip(close, pairs, strict=True)}
    return [(trial, means.get(id(trial), trial.is_better)) for trial in trials], silent


class Counts:
    """How many suggestions were better, were not, and how many verdicts suggested nothing, by problem and kind."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, VerdictKind, bool | None]] = Counter()

    def add(self, problem: str, trials: Sequence[tuple[Trial, bool]], silent: Sequence[Verdict]) -> None:
        """Count what was found on one problem."""
        self._found.update((problem, trial.verdict.kind, better) for trial, better in trials)
        self._found.update((problem, verdict.kind, None) for verdict in silent)

    def of(self, result: bool | None, problems: Sequence[str], kinds: Sequence[VerdictKind] = KINDS) -> int:
        """How many, of these kinds, on these problems."""
        return sum(
            number
            for (name, kind, one), number in self._found.items()
            if one is result and kind in kinds and name in problems
        )

    def cells(self, kinds: Sequence[VerdictKind], problems: Sequence[str]) -> str:
        """Better of suggested, and how often nothing was suggested."""
        better, worse, silent = (self.of(result, problems, kinds) for result in (True, False, None))
        return f"{better} of {better + worse}; {silent}" if better + worse + silent else "-"

    def text(self, problems: Sequence[str]) -> str:
        """The table and what it says."""
        header = ["data set", *KINDS, "good"]
        kinds: list[Sequence[VerdictKind]] = [*((kind,) for kind in KINDS), (VerdictKind.good,)]
        rows = [[problem, *(self.cells(kind, [problem]) for kind in kinds)] for problem in problems]
        rows.append(["all", *(self.cells(kind, problems) for kind in kinds)])
        related = self._summary([problem for problem in problems if problem not in NOISE])
        noise = self._summary([problem for problem in problems if problem in NOISE])
        return (
            f"Where features tell of the target: {related} Where they tell nothing: {noise}\n\n"
            "Each cell: suggestions that are better, of all; jobs for which nothing is suggested.\n\n"
            f"{table(header, rows)}"
        )

    def _summary(self, problems: Sequence[str]) -> str:
        """How often something is suggested on these problems, and how often that is better."""
        better, worse, silent = (self.of(result, problems) for result in (True, False, None))
        share = 100 * better / max(better + worse, 1)
        return (
            f"of {better + worse + silent} jobs that are not called good, {better + worse} have a suggestion, and "
            f"{better} of these suggestions are better than their job: **{share:.1f} %**. For {silent} jobs nothing is "
            "suggested."
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="every twentieth job, no measurement")
    parser.add_argument("--every", type=int, default=1, help="every so many jobs of the grid only (1)")
    parser.add_argument("--worse", action="store_true", help="print each suggestion that is not better")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args(arguments)
    every = 20 if options.quick else options.every
    watch, counts = Stopwatch(), Counts()
    with ProcessPoolExecutor(2) as pool:
        for problem in PROBLEMS:
            trials, silent = measure(list(grid(problem))[::every], pool)
            counts.add(problem, trials, silent)
            for trial, better in trials if options.worse else ():
                if not better:
                    print(problem, _written(trial), trial.verdict.sentence, trial.run.loss, trial.suggested.loss)
    jobs = f"every {every}th job of the grid" if every > 1 else "the grid"
    text = (
        f"{command('verdicts', arguments)}: {jobs}, in {watch.read().wall_s:.0f} s. {about('torch')}\n\n"
        f"{counts.text(list(PROBLEMS))}"
    )
    print(text)
    if options.write:
        replace_section(PAGE, "verdicts", text)


def _written(trial: Trial) -> str:
    fields = trial.run.spec.model_dump(mode="json", include={"architecture", "activation", "learning_rate", "dropout"})
    return ", ".join(f"{value}" for value in [fields.pop("architecture")["hidden"], *fields.values()])


if __name__ == "__main__":
    main()

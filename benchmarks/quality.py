"""Validation scores of our MLPs beside those of scikit-learn's.

`python -m benchmarks.quality [--quick] [--write]`. Both get the same rows, split and standardised by us, and the
same network, initialisation (Glorot's, because scikit-learn has no other), Adam, learning rate, batch size and epochs,
without dropout, weight decay or early stopping. The networks of the last epoch are compared, because the best epoch's
would be chosen by the score itself.
"""

import argparse
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from spec.job import JobSpec
from spec.losses import Mse
from trainer.data import Split, split
from trainer.fit import fit
from trainer.member import Entry
from trainer.runtime import configure_process

from .clock import Stopwatch
from .machine import about, command
from .ours import CheckingCallbacks
from .tables import replace_section, table

QUALITY = Path("benchmarks/quality.md")
CPU = torch.device("cpu")
SEEDS = 5
MANY = 25
"""Seeds of the second table: with five splits of 36 validation rows, a single row changes a score by 0.03."""
HIDDEN = (64, 32)
BATCH = 32
EPOCHS = 100
RATE = 0.001


@dataclass(frozen=True)
class Case:
    """A data set, and the loss with which our network has as many outputs as scikit-learn's."""

    dataset: str
    loss: Literal["cross_entropy", "binary_cross_entropy", "mse"]
    score: Literal["accuracy", "R²"]


CASES = (
    Case("breast_cancer", "binary_cross_entropy", "accuracy"),
    Case("digits", "cross_entropy", "accuracy"),
    Case("wine", "cross_entropy", "accuracy"),
    Case("iris", "cross_entropy", "accuracy"),
    Case("diabetes", "mse", "R²"),
)


@dataclass(frozen=True)
class Scores:
    """Both scores on a data set, seed by seed."""

    case: Case
    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def difference(self) -> float:
        """Mean of ours minus mean of theirs, in pooled standard deviations; 0 if all scores are equal."""
        gap = statistics.fmean(self.ours) - statistics.fmean(self.theirs)
        spread = statistics.fmean([statistics.variance(self.ours), statistics.variance(self.theirs)]) ** 0.5
        if gap == 0.0:
            return 0.0
        return gap / spread if spread else float("inf") if gap > 0.0 else float("-inf")

    @property
    def is_as_good(self) -> bool:
        """Whether ours is at most one standard deviation below theirs."""
        return self.difference >= -1.0

    def cells(self) -> list[str]:
        """The row of the table."""
        gaps = [one - other for one, other in zip(self.ours, self.theirs, strict=True)]
        return [
            f"{self.case.dataset}, {self.case.score}",
            _formatted(self.ours),
            _formatted(self.theirs),
            f"{self.difference:+.2f}",
            _formatted(gaps, "+"),
            "yes" if self.is_as_good else "**no**",
        ]


def _formatted(values: Sequence[float], sign: str = "") -> str:
    return f"{statistics.fmean(values):{sign}.4f} ± {statistics.stdev(values):.4f}"


def spec(case: Case, seed: int, epochs: int) -> JobSpec:
    """The job; each seed has its own split, initial weights and order of rows."""
    return JobSpec.model_validate(
        {
            "dataset": case.dataset,
            "loss": case.loss,
            "architecture": {"type": "mlp", "hidden": HIDDEN},
            "activation": "relu",
            "initial_weights": "xavier_uniform",
            "optimizer": "adam",
            "learning_rate": RATE,
            "batch_size": BATCH,
            "epochs": epochs,
            "seed": seed,
            "split_seed": seed,
        }
    )


def rows(job: JobSpec) -> Split:
    """The preprocessed training and validation rows of the job."""
    assert job.info is not None
    return split(job, job.info, CPU, torch.float32)


def ours(specs: Sequence[JobSpec]) -> list[float]:
    """Each job's score after its last epoch, trained as one pack."""
    entries = [Entry(str(number), one) for number, one in enumerate(specs)]
    callbacks = CheckingCallbacks()
    fit(entries, callbacks, device=CPU, limit=len(entries))
    callbacks.check(len(entries), specs[0].epochs)
    return [_score(one, callbacks.last[entry.id]) for one, entry in zip(specs, entries, strict=True)]


def _score(job: JobSpec, metrics: dict[str, float]) -> float:
    if "val_accuracy" in metrics:
        return metrics["val_accuracy"]
    return 1.0 - metrics["val_loss"] / float(rows(job).y["val"].double().var(correction=0))


def theirs(specs: Sequence[JobSpec]) -> list[float]:
    """scikit-learn's score on the same rows, one network after the other."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    scores = []
    for job in specs:
        part, kind = rows(job), MLPRegressor if isinstance(job.loss, Mse) else MLPClassifier
        model = kind(
            hidden_layer_sizes=HIDDEN,
            activation="relu",
            solver="adam",
            alpha=0.0,
            batch_size=BATCH,
            learning_rate_init=RATE,
            max_iter=job.epochs,
            n_iter_no_change=job.epochs + 1,
            random_state=job.seed,
        )
        x, y, val_x, val_y = (
            values.numpy() for values in (part.x["train"], part.y["train"], part.x["val"], part.y["val"])
        )
        flat = isinstance(job.loss, Mse)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it trains the given number of epochs, as intended
            model.fit(x, y.ravel() if flat else y)
        scores.append(float(model.score(val_x, val_y.ravel() if flat else val_y)))
    return scores


def measure(cases: Sequence[Case], seeds: int, epochs: int) -> list[Scores]:
    """Train all cases with both."""
    configure_process()
    found = []
    for case in cases:
        specs = [spec(case, seed, epochs) for seed in range(seeds)]
        found.append(Scores(case, ours(specs), theirs(specs)))
    return found


def _table(found: Sequence[Scores]) -> str:
    header = [
        "data set, score on validation rows",
        "ours",
        "scikit-learn",
        "difference, in standard deviations",
        "seed by seed",
        "within one, or better",
    ]
    return table(header, [one.cells() for one in found])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of few epochs, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {QUALITY}")
    options = parser.parse_args(arguments)
    cases, seeds, many, epochs = (CASES[2:], 2, 3, 3) if options.quick else (CASES, SEEDS, MANY, EPOCHS)
    small = [case for case in cases if case.dataset != "digits"]
    watch = Stopwatch()
    few, more = measure(cases, seeds, epochs), measure(small, many, epochs)
    layers = "-".join(str(width) for width in HIDDEN)
    text = (
        f"{command('quality', arguments)}: MLP {layers} with ReLU, Adam {RATE:g}, "
        f"batch {BATCH}, {epochs} epochs; mean ± standard deviation over {seeds} seeds, each with a split of its own; "
        f"ours as packs of {seeds}. {about('torch', 'scikit-learn')}\n\n{_table(few)}\n\n"
        f"The small data sets again with {many} seeds, ours as packs of {many}; all in {watch.read().wall_s:.0f} s:\n\n"
        f"{_table(more)}"
    )
    print(text)
    if options.write:
        replace_section(QUALITY, "quality", text)


if __name__ == "__main__":
    main()

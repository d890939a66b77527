"""What sweeps search: data, a space of configurations, and the network in plain PyTorch.

The module imports PyTorch and NumPy only, so that the peers can use it without Epochal. They read the very rows that
our trainer splits and standardises, from a file (`sweep_service.export`).
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

RATES = (1e-4, 1e-1)
"""Limits of the learning rate, whose logarithm is uniform."""
DECAYS = (1e-6, 1e-2)
"""Limits of the weight decay, whose logarithm is uniform."""
DROPOUTS = (0.0, 0.6)


@dataclass(frozen=True)
class Task:
    """A data set, and the networks that are tried on it with Adam: their rate, dropout and weight decay vary."""

    name: str
    dataset: Mapping[str, Any]
    hiddens: tuple[tuple[int, ...], ...]
    """Widths of the hidden layers; of several, the sweep chooses."""
    batch: int
    regression: bool = False
    epochs: int = 81
    trials: int = 256
    factor: int = 3

    def smaller(self, *, epochs: int | None, trials: int | None) -> "Task":
        """The same with fewer epochs or configurations."""
        return replace(self, epochs=epochs or self.epochs, trials=trials or self.trials)


TASKS = {
    task.name: task
    for task in (
        Task("digits", {"name": "digits"}, ((64, 32),), 32),
        Task("breast_cancer", {"name": "breast_cancer"}, ((16,), (32, 16), (64, 32)), 32),
        Task("diabetes", {"name": "diabetes"}, ((32, 16),), 32, regression=True),
        Task(
            "made",
            {"name": "linear", "n": 20_000, "features": 100, "noise": 0.5},
            ((128,),),
            128,
            regression=True,
            epochs=27,
            trials=64,
        ),
    )
}


@dataclass(frozen=True)
class Parts:
    """Training, validation and test rows; class numbers, or targets [rows, 1]."""

    x: Tensor
    y: Tensor
    val_x: Tensor
    val_y: Tensor
    test_x: Tensor
    test_y: Tensor
    outputs: int


@cache
def parts(file: str) -> Parts:
    """The rows in a file."""
    return Parts(**torch.load(file))


@dataclass(frozen=True)
class Setting:
    """A configuration."""

    learning_rate: float
    dropout: float
    weight_decay: float
    hidden: tuple[int, ...]


@dataclass(frozen=True)
class Moment:
    """What was known at a moment: an epoch of a configuration, or several, had ended with this validation loss."""

    at: float
    """Seconds since 1970."""
    epochs: int
    val_loss: float
    test_score: float | None


class Journal:
    """A file with a line per epoch, to which any number of processes append."""

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, val_loss: float, test_score: float) -> None:
        """Add an epoch that has just ended."""
        with Path(self._path).open("a") as file:
            file.write(f"{time.time()} {val_loss} {test_score}\n")

    def read(self) -> list[Moment]:
        """All epochs, in order of time."""
        rows = [map(float, line.split()) for line in Path(self._path).read_text().splitlines()]
        return sorted((Moment(at, 1, loss, score) for at, loss, score in rows), key=lambda moment: moment.at)


def network(rows: Parts, setting: Setting) -> nn.Sequential:
    """The network in plain PyTorch."""
    layers: list[nn.Module] = []
    before = rows.x.shape[1]
    for width in setting.hidden:
        layers += [nn.Linear(before, width), nn.ReLU(), nn.Dropout(setting.dropout)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, rows.outputs))


def train(rows: Parts, setting: Setting, *, batch: int, epochs: int, seed: int, journal: Journal) -> Iterator[float]:
    """The validation loss of each epoch; the tight loop of `benchmarks.loops`. The journal hears of each, too."""
    torch.manual_seed(seed)
    model = network(rows, setting)
    classes = rows.y.dtype == torch.int64
    loss_of = functional.cross_entropy if classes else functional.mse_loss
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=setting.learning_rate, weight_decay=setting.weight_decay)
    best = math.inf
    score = math.nan
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(rows.x))
        x_batches = torch.split(rows.x.index_select(0, order), batch)
        y_batches = torch.split(rows.y.index_select(0, order), batch)
        for x, y in zip(x_batches, y_batches, strict=True):
            torch.autograd.backward(loss_of(model(x), y))
            optimizer.step()
            for parameter in parameters:
                parameter.grad = None
        model.eval()
        with torch.inference_mode():
            val_loss = float(loss_of(model(rows.val_x), rows.val_y))
            if val_loss < best:
                best, score = val_loss, test_score(model(rows.test_x), rows.test_y)
        journal.write(val_loss, score)
        yield val_loss if math.isfinite(val_loss) else 1e30


def test_score(output: Tensor, target: Tensor) -> float:
    """The accuracy, or R² of numbers."""
    if target.dtype == torch.int64:
        return float((output.argmax(dim=1) == target).float().mean())
    return float(1.0 - (output - target).square().sum() / (target - target.mean()).square().sum())

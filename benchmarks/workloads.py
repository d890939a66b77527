"""The workloads: three small networks on data in memory, and the trials of a sweep.

The module imports PyTorch and scikit-learn only, so that the peers can use it without Epochal.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Workload:
    """A network on a data set, shared by all trials of a sweep."""

    name: str
    title: str
    kind: Literal["digits", "images", "table"]
    hidden: tuple[int, ...]
    channels: tuple[int, ...]
    batch: int
    epochs: int
    dropout: bool
    """Whether trials have dropout, each with its own rate."""
    rows: int

    def shortened(self, *, epochs: int) -> "Workload":
        """This workload with another number of epochs."""
        return replace(self, epochs=epochs)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-(self.rows - round(self.rows * 0.2)) // self.batch)


W1 = Workload("W1", "digits, MLP 64-64-32-10, dropout, batch 32", "digits", (64, 32), (), 32, 30, True, 1797)
W2 = Workload("W2", "table 20,000 x 100, MLP 256-128-1, batch 128", "table", (256, 128), (), 128, 30, False, 20_000)
W3 = Workload("W3", "digits as images, CNN 8-16-32-10, batch 32", "images", (32,), (8, 16), 32, 30, False, 1797)
ALL = (W1, W2, W3)


@dataclass(frozen=True)
class Trial:
    """The settings in which trials differ."""

    seed: int
    learning_rate: float
    dropout: float


def trials(workload: Workload, count: int) -> list[Trial]:
    """The sweep: learning rates evenly spaced on a log scale, dropout and seed different in each trial."""
    rates = np.logspace(-3.0, -2.0, count) if count > 1 else np.array([3e-3])
    return [
        Trial(
            seed=1 + index,
            learning_rate=float(rate),
            dropout=0.1 + 0.05 * (index % 5) if workload.dropout else 0.0,
        )
        for index, rate in enumerate(rates)
    ]


@dataclass(frozen=True)
class Data:
    """Training and validation split, on one device."""

    x: Tensor
    y: Tensor
    val_x: Tensor
    val_y: Tensor
    classes: int | None

    def to(self, device: torch.device) -> "Data":
        """This data on `device`."""
        return Data(self.x.to(device), self.y.to(device), self.val_x.to(device), self.val_y.to(device), self.classes)


@cache
def data(workload: Workload) -> Data:
    """The data, split 4:1; digits are standardised over the training split, as in Epochal."""
    if workload.kind == "table":
        return _table(workload)
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, val_x, y, val_y = train_test_split(x, y, test_size=round(len(x) * 0.2), stratify=y, random_state=0)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0.0] = 1.0
    x, val_x = ((part - mean) / deviation for part in (x, val_x))
    shape = (-1, 1, 8, 8) if workload.kind == "images" else (-1, 64)
    return Data(
        torch.tensor(x, dtype=torch.float32).reshape(shape).contiguous(),
        torch.tensor(y),
        torch.tensor(val_x, dtype=torch.float32).reshape(shape).contiguous(),
        torch.tensor(val_y),
        classes=10,
    )


def _table(workload: Workload) -> Data:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(workload.rows, 100, generator=generator)
    y = x @ torch.randn(100, 1, generator=generator) / 10.0 + 0.1 * torch.randn(workload.rows, 1, generator=generator)
    cut = workload.rows - round(workload.rows * 0.2)
    return Data(x[:cut].clone(), y[:cut].clone(), x[cut:].clone(), y[cut:].clone(), classes=None)


def network(workload: Workload, dropout: float) -> nn.Sequential:
    """The network in plain PyTorch."""
    layers: list[nn.Module] = []
    before = {"digits": 64, "images": 1, "table": 100}[workload.kind]
    for channels in workload.channels:
        layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        before = channels
    if workload.channels:
        layers.append(nn.Flatten())
        before *= (8 // 2 ** len(workload.channels)) ** 2
    for width in workload.hidden:
        layers += [nn.Linear(before, width), nn.ReLU()]
        if workload.dropout:
            layers.append(nn.Dropout(dropout))
        before = width
    layers.append(nn.Linear(before, 1 if workload.kind == "table" else 10))
    return nn.Sequential(*layers)

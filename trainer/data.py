"""Data sets: where their rows come from, how they are split and brought to scale."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spec.dataset import (
    Blobs,
    Circles,
    DatasetInfo,
    DatasetSpec,
    Inline,
    Linear,
    Moons,
    Shipped,
    Spirals,
    Targets,
    Uploaded,
    Xor,
    split_sizes,
)
from spec.job import JobSpec

from .errors import BadDataError
from .random import Purpose, mix

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A whole data set: features [rows, features]; targets [rows, outputs], or class numbers [rows]."""

    x: Array
    y: npt.NDArray[Any]


@dataclass(frozen=True)
class Split:
    """One division of the rows into training and validation, brought to the scale of its training part."""

    x: Tensor
    """[train rows, features]"""
    y: Tensor
    """[train rows, outputs] numbers, or [train rows] class numbers"""
    val_x: Tensor
    val_y: Tensor


@lru_cache(maxsize=8)
def load(dataset: DatasetSpec) -> Rows:
    """All rows of a data set. Raises `BadDataError`."""
    match dataset:
        case Inline(x=x, y=y):
            return Rows(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64))
        case Uploaded():
            raise BadDataError("Uploaded data sets cannot be trained on yet.")
        case Shipped(name=name):
            return _shipped(name)
        case Linear():
            return _linear(dataset)
        case Spirals():
            return _spirals(dataset)
        case Xor():
            return _xor(dataset)
        case Moons(n=n, noise=noise, seed=seed):
            from sklearn.datasets import make_moons

            return Rows(*make_moons(n_samples=n, noise=noise, random_state=seed))
        case Circles(n=n, noise=noise, seed=seed):
            from sklearn.datasets import make_circles

            return Rows(*make_circles(n_samples=n, noise=noise, factor=0.5, random_state=seed))
        case Blobs(n=n, noise=noise, classes=classes, features=features, seed=seed):
            from sklearn.datasets import make_blobs

            made = make_blobs(n_samples=n, centers=classes, n_features=features, cluster_std=noise, random_state=seed)
            return Rows(*made)


def _shipped(name: str) -> Rows:
    from sklearn import datasets

    loader = getattr(datasets, f"load_{name}")
    options = {"scaled": False} if name == "diabetes" else {}
    x, y = loader(return_X_y=True, **options)
    return Rows(np.asarray(x, dtype=np.float64), np.asarray(y))


def _xor(made: Xor) -> Rows:
    random = np.random.default_rng(made.seed)
    corner = np.arange(made.n) % 4
    x = np.stack([corner // 2, corner % 2], axis=1).astype(np.float64)
    y = (corner // 2) ^ (corner % 2)
    return Rows(x + made.noise * random.standard_normal(x.shape), y)


def _spirals(made: Spirals) -> Rows:
    random = np.random.default_rng(made.seed)
    arm = np.arange(made.n) % made.classes
    along = np.sqrt(random.uniform(0.02, 1.0, made.n))  # the root spreads points evenly along the arm
    angle = 2.0 * np.pi * (1.5 * along + arm / made.classes)
    x = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    return Rows(x + 0.2 * made.noise * random.standard_normal(x.shape), arm)


def _linear(made: Linear) -> Rows:
    random = np.random.default_rng(made.seed)
    x = random.standard_normal((made.n, made.features))
    slope = random.standard_normal((made.features, 1)) / np.sqrt(made.features)
    return Rows(x, x @ slope + made.noise * random.standard_normal((made.n, 1)))


def split(spec: JobSpec, info: DatasetInfo, device: torch.device, dtype: torch.dtype) -> Split:
    """The job's training and validation rows, on the device. Raises `BadDataError`."""
    rows = load(spec.dataset)
    x, y = rows.x, _targets(rows.y, info)
    train, validation = _divide(y if info.targets is Targets.classes else None, info.rows, spec)
    if spec.standardizes:
        x = _standardized(x, train)
        if info.targets is Targets.numbers:
            y = _standardized(y, train)
    number = torch.int64 if info.targets is Targets.classes else dtype

    def placed(values: npt.NDArray[Any], kind: torch.dtype) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device=device, dtype=kind)

    return Split(
        x=placed(x[train], dtype),
        y=placed(y[train], number),
        val_x=placed(x[validation], dtype),
        val_y=placed(y[validation], number),
    )


def _targets(y: npt.NDArray[Any], info: DatasetInfo) -> npt.NDArray[Any]:
    if info.targets is Targets.numbers:
        return y.reshape(len(y), -1).astype(np.float64)
    numbers = np.unique(y, return_inverse=True)[1].reshape(-1)
    if numbers.max() + 1 != info.classes:
        raise BadDataError(f"The data set has {numbers.max() + 1} classes, not {info.classes}.")
    return numbers.astype(np.int64)


def _standardized(values: Array, train: npt.NDArray[np.int64]) -> Array:
    """Values to mean 0 and deviation 1 over the training rows; a constant column stays constant."""
    mean, deviation = values[train].mean(axis=0), values[train].std(axis=0)
    result: Array = (values - mean) / np.where(deviation > 0.0, deviation, 1.0)
    return result


def _divide(
    classes: npt.NDArray[np.int64] | None, rows: int, spec: JobSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row numbers of (train, validation), in order; each class keeps its share of both (largest remainders)."""
    _, wanted = split_sizes(rows, spec.validation_fraction)
    random = np.random.default_rng(mix(spec.split_seed, Purpose.split))
    shuffled = random.permutation(rows)
    if classes is None or wanted == 0:
        chosen = shuffled[:wanted]
    else:
        counts = np.bincount(classes)
        shares = counts * wanted / rows
        quotas = np.floor(shares).astype(int)
        for extra in np.argsort(quotas - shares, kind="stable")[: wanted - quotas.sum()]:
            quotas[extra] += 1
        chosen = np.concatenate([shuffled[classes[shuffled] == number][:quota] for number, quota in enumerate(quotas)])
    is_validation = np.zeros(rows, dtype=bool)
    is_validation[chosen] = True
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)

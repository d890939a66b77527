"""Data sets that are made by chance, from a seed: points in the plane, clouds, a noisy line.

Moons, circles and blobs are those of scikit-learn, bit for bit; importing `sklearn.datasets` for them would take a
third of the time that a trainer needs to start. Its generator, `RandomState`, is the older one of NumPy.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from spec.dataset import Blobs, Circles, Linear, Moons, Spirals, Xor

Generated = Blobs | Circles | Linear | Moons | Spirals | Xor
Points = tuple[npt.NDArray[np.float64], npt.NDArray[Any]]
"""Numbers [rows, numbers], and class numbers [rows] or targets [rows, outputs]."""


def generate(dataset: Generated) -> Points:
    """The rows of a data set and their targets."""
    match dataset:
        case Xor():
            return _xor(dataset)
        case Spirals():
            return _spirals(dataset)
        case Linear():
            return _linear(dataset)
        case Moons():
            return _moons(dataset)
        case Circles():
            return _circles(dataset)
        case Blobs():
            return _blobs(dataset)


def _xor(made: Xor) -> Points:
    random = np.random.default_rng(made.seed)
    corner = np.arange(made.n) % 4
    x = np.stack([corner // 2, corner % 2], axis=1).astype(np.float64)
    y = (corner // 2) ^ (corner % 2)
    return x + made.noise * random.standard_normal(x.shape), y


def _spirals(made: Spirals) -> Points:
    random = np.random.default_rng(made.seed)
    arm = np.arange(made.n) % made.classes
    along = np.sqrt(random.uniform(0.02, 1.0, made.n))  # the root spreads points evenly along the arm
    angle = 2.0 * np.pi * (1.5 * along + arm / made.classes)
    x = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    return x + 0.2 * made.noise * random.standard_normal(x.shape), arm


def _linear(made: Linear) -> Points:
    random = np.random.default_rng(made.seed)
    x = random.standard_normal((made.n, made.features))
    slope = random.standard_normal((made.features, 1)) / np.sqrt(made.features)
    return x, x @ slope + made.noise * random.standard_normal((made.n, 1))


# --- scikit-learn's ---------------------------------------------------------------------------------------------------


def _moons(made: Moons) -> Points:
    outer, inner = (np.linspace(0, np.pi, count) for count in _halves(made.n))
    x = np.append(np.cos(outer), 1 - np.cos(inner)), np.append(np.sin(outer), 1 - np.sin(inner) - 0.5)
    return _scattered(np.vstack(x).T, made)


def _circles(made: Circles) -> Points:
    outer, inner = (np.linspace(0, 2 * np.pi, count, endpoint=False) for count in _halves(made.n))
    x = [np.append(of(outer), of(inner) * 0.5) for of in (np.cos, np.sin)]
    return _scattered(np.vstack(x).T, made)


def _blobs(made: Blobs) -> Points:
    random = np.random.RandomState(made.seed)
    centers = random.uniform(-10.0, 10.0, size=(made.classes, made.features))
    y = np.sort(np.arange(made.n) % made.classes)
    sizes = np.bincount(y, minlength=made.classes).tolist()
    clouds = [
        random.normal(center, made.noise, size=(size, made.features))
        for center, size in zip(centers, sizes, strict=True)
    ]
    order = random.permutation(made.n)
    return np.concatenate(clouds)[order], y[order]


def _halves(rows: int) -> tuple[int, int]:
    return rows // 2, rows - rows // 2


def _scattered(x: npt.NDArray[np.float64], made: Moons | Circles) -> Points:
    """The points of two curves, with noise and in any order."""
    random = np.random.RandomState(made.seed)
    y = np.repeat([0, 1], _halves(made.n))
    order = random.permutation(made.n)
    x = x[order]
    return x + random.normal(scale=made.noise, size=x.shape), y[order]

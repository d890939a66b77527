"""What a model of two inputs says everywhere around its rows: the picture that shows a network's bends."""

import math
from itertools import repeat
from typing import Literal

import numpy as np
import numpy.typing as npt

from spec.base import Frozen
from spec.dataset import Targets
from spec.schema import ColumnKind

from .finished import Model
from .network import Array
from .preprocessing import Preprocessing

SIDE = 40
"""Places along each axis."""
POINTS = 300
MARGIN = 0.1
"""Around the rows, as a share of their range."""


class Boundary(Frozen):
    """What is said on a grid over two inputs, and some of the rows."""

    names: tuple[str, str]
    """Of the inputs: across, and up."""
    across: tuple[float, float]
    """The grid's edges, in the inputs' own units."""
    up: tuple[float, float]
    said: Literal["probability", "class", "number"]
    """What `values` are: of two classes the second's probability; the likeliest class's number; a number told."""
    values: tuple[tuple[float, ...], ...]
    """Row by row from the bottom."""
    labels: tuple[str, ...] = ()
    points: tuple[tuple[float, float, float], ...]
    """Some rows: both inputs, and the class number or number that is right."""


def boundary(model: Model, features: Array, y: npt.NDArray[np.generic]) -> Boundary | None:
    """Of a model with two inputs that are numbers, around rows as `report` takes them; None of any other model."""
    prepared = model.preprocessing
    if features.shape[1] != 2 or not len(features) or not _are_numbers(prepared):
        return None
    low, high = features.min(axis=0), features.max(axis=0)
    edge = MARGIN * np.where(high > low, high - low, 1.0)
    low, high = low - edge, high + edge
    horizontal, vertical = (np.linspace(low[axis], high[axis], SIDE) for axis in (0, 1))
    grid = np.stack([axis.reshape(-1) for axis in np.meshgrid(horizontal, vertical)], axis=1)
    outputs = model.outputs(grid)
    if not np.isfinite(outputs).all():
        return None
    said, values = _said(model, outputs)
    used = prepared.used
    mean, deviation = (np.concatenate([getattr(column, name) for column in used]) for name in ("mean", "deviation"))
    some = np.unique(np.linspace(0, len(features) - 1, min(len(features), POINTS)).astype(np.int64))
    right = y if prepared.output.type is Targets.classes else prepared.answers(np.asarray(y, float))[:, 0]
    points = np.column_stack([features[some] * deviation + mean, right[some]])
    names = [
        column.name if column.size == 1 else f"{column.name} {place + 1}"
        for column in used
        for place in range(column.size)
    ]
    (left, bottom), (rightmost, top) = ((ends * deviation + mean).tolist() for ends in (low, high))
    return Boundary(
        names=(names[0], names[1]),
        across=(left, rightmost),
        up=(bottom, top),
        said=said,
        values=tuple(map(rounded, values.reshape(SIDE, SIDE), repeat(float(np.abs(values).max())))),
        labels=prepared.output.labels,
        points=tuple((across, up, right) for across, up, right in points.tolist()),
    )


def rounded(values: Array, scale: float) -> tuple[float, ...]:
    """To some five digits of numbers of this scale: enough to draw, and few enough to keep."""
    return tuple(np.round(values, 5 - math.ceil(math.log10(scale)) if scale > 0.0 else 0).tolist())


def _are_numbers(prepared: Preprocessing) -> bool:
    return all(column.type in (ColumnKind.number, ColumnKind.date) and not column.gaps for column in prepared.used)


def _said(model: Model, outputs: Array) -> tuple[Literal["probability", "class", "number"], Array]:
    if model.preprocessing.output.type is Targets.numbers:
        return "number", model.preprocessing.answers(outputs)[:, 0]
    probabilities = model.probabilities(outputs)
    if probabilities is not None and probabilities.shape[1] == 2:
        return "probability", probabilities[:, 1]
    return "class", model.likely(outputs)

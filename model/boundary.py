"""The decision boundary: predictions of a model with two inputs on a grid around its rows."""

import base64
import math
from collections.abc import Mapping
from itertools import repeat
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spec.base import Frozen
from spec.dataset import Targets
from spec.pictures import BoundaryFrame
from spec.schema import ColumnKind

from .finished import Model
from .network import Array
from .preprocessing import Preprocessing

SIDE = 40
"""Grid points along each axis."""
POINTS = 300
"""Maximum rows in the picture."""
MARGIN = 0.1
"""Margin around the rows, as a share of their range."""

MOST_DECIMALS = 300
"""NumPy rounds by a power of ten, and that of more decimals, of tiny or vast numbers, may be infinite."""


class Boundary(Frozen):
    """Predictions on a grid over two inputs, and some of the rows."""

    names: tuple[str, str]
    """Names of the horizontal and the vertical input."""
    across: tuple[float, float]
    """Left and right edge of the grid, in the input's units."""
    up: tuple[float, float]
    """Bottom and top edge."""
    said: Literal["probability", "class", "number"]
    """The kind of `values`: probability of the second of two classes, index of the predicted class, or number."""
    values: tuple[tuple[float, ...], ...]
    """Predictions, row by row from the bottom."""
    labels: tuple[str, ...] = ()
    points: tuple[tuple[float, float, float], ...]
    """Some rows: both inputs, and the true class index or number."""
    weights: Annotated[bytes, Field(exclude=True)] = b""
    """The numbers of a small network in float32, layer by layer, while it trains."""


def boundary(model: Model, features: Array, y: npt.NDArray[np.generic], side: int = SIDE) -> Boundary | None:
    """The boundary of a model with two numeric inputs, on a grid of `side` x `side` points; None for other models.

    `features` is [rows, 2]; `y` holds class indices [rows] or scaled numbers [rows, outputs].
    """
    prepared = model.preprocessing
    if features.shape[1] != 2 or not len(features) or not _are_numbers(prepared):
        return None
    low, high = features.min(axis=0), features.max(axis=0)
    edge = MARGIN * np.where(high > low, high - low, 1.0)
    low, high = low - edge, high + edge
    horizontal, vertical = (np.linspace(low[axis], high[axis], side) for axis in (0, 1))
    grid = np.stack([axis.reshape(-1) for axis in np.meshgrid(horizontal, vertical)], axis=1)
    outputs = model.outputs(grid)
    if not np.isfinite(outputs).all():
        return None
    kind, values = _predicted(model, outputs)
    if not np.isfinite(values).all():
        return None
    used = prepared.used
    mean, deviation = (np.concatenate([getattr(column, name) for column in used]) for name in ("mean", "deviation"))
    some = np.unique(np.linspace(0, len(features) - 1, min(len(features), POINTS)).astype(np.int64))
    true = y if prepared.output.type is Targets.classes else prepared.answers(np.asarray(y, float))[:, 0]
    points = np.column_stack([features[some] * deviation + mean, true[some]])
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
        said=kind,
        values=tuple(map(rounded, values.reshape(side, side), repeat(float(np.abs(values).max())))),
        labels=prepared.output.labels,
        points=tuple((across, up, true) for across, up, true in points.tolist()),
    )


def frame(drawn: Boundary, epoch: int, metrics: Mapping[str, float | None]) -> BoundaryFrame:
    """The boundary as it is streamed: a byte for each prediction."""
    values = np.array(drawn.values)
    low, high = {"probability": (0.0, 1.0), "class": (0.0, 255.0), "number": (values.min(), values.max())}[drawn.said]
    bytes_ = np.rint((values - low) / ((high - low) or 1.0) * 255.0).astype(np.uint8)
    return BoundaryFrame(
        epoch=epoch,
        metrics=dict(metrics),
        kind=drawn.said,
        size=len(values),
        low=float(low),
        high=float(high),
        values=base64.b64encode(bytes_.tobytes()).decode(),
        points=tuple((round(x, 4), round(y, 4), round(true, 4)) for x, y, true in drawn.points),
        weights=base64.b64encode(drawn.weights).decode(),
        **drawn.model_dump(include={"names", "across", "up", "labels"}),
    )


def rounded(values: Array, scale: float) -> tuple[float, ...]:
    """The values rounded to about five digits at this scale, enough to draw."""
    decimals = 5 - math.ceil(math.log10(scale)) if scale > 0.0 else 0
    return tuple((np.round(values, decimals) if abs(decimals) < MOST_DECIMALS else values).tolist())


def _are_numbers(prepared: Preprocessing) -> bool:
    return all(column.type in (ColumnKind.number, ColumnKind.date) and not column.gaps for column in prepared.used)


def _predicted(model: Model, outputs: Array) -> tuple[Literal["probability", "class", "number"], Array]:
    if model.preprocessing.output.type is Targets.numbers:
        return "number", model.preprocessing.answers(outputs)[:, 0]
    probabilities = model.probabilities(outputs)
    if probabilities is not None and probabilities.shape[1] == 2:
        return "probability", probabilities[:, 1]
    return "class", model.predicted_class(outputs)

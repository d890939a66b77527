"""How the columns of a table become a network's features: learned from the training rows, the same ever after.

What is learned is plain data, `preprocessing.json` beside a model: training and prediction read it alike. The columns
and their categories are those of the whole table; every number that describes values is the training rows' alone.
"""

from functools import cached_property
from operator import not_
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spec.base import Frozen
from spec.dataset import Targets
from spec.known import KnownColumns
from spec.schema import Column, ColumnKind, Schema, Target

Array = npt.NDArray[np.float64]


CLOSE = 1e-6
"""A deviation of so small a share of the mean has lost digits."""
SMALL = 1e-150
"""The square of a smaller number is none."""


class Input(Column):
    """A column, and how it becomes features: (value - mean) / deviation, or a 1 among zeros."""

    fill: tuple[float, ...] = ()
    """What stands for a missing value: the mean of the training rows."""
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    seen: tuple[bool, ...] = ()
    """Which categories the training rows have; one that they have not is `other`, as an unknown one is."""
    range: tuple[float, float] | None = None
    """The least and the most of the training rows; of an array, of all its numbers."""
    filled: Annotated[bool, Field(exclude_if=not_)] = False  # earlier releases know no such field
    """Whether gaps are only filled: a network that another job began has no feature for them."""

    @property
    def takes_gaps(self) -> bool:
        """Whether a value may be missing."""
        return self.gaps or self.filled


class Output(Target):
    """The target, and how a network's numbers become its own: number x deviation + mean."""

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()


class Preprocessing(Frozen):
    """All that happens to rows before a network sees them, and to its answers after."""

    version: Literal[1, 2] = 2
    """2 knows how cells are read, and what the training rows' range is."""
    inputs: tuple[Input, ...]
    output: Output
    image: tuple[int, int, int] | None = None

    @classmethod
    def fit(
        cls,
        schema: Schema,
        x: npt.NDArray[Any],
        y: npt.NDArray[Any],
        *,
        standardize: bool,
        standardize_targets: bool | None = None,
        by_channel: bool = False,
    ) -> "Preprocessing":
        """Learn from the training rows: x [rows, numbers] as a table holds them, y [rows] or [rows, outputs].

        `standardize_targets` is as `standardize` if nothing is said. `by_channel` gives all pixels of an image's
        channel one mean and one deviation.
        """
        values = np.asarray(x, dtype=np.float64)
        mean, deviation = _channel_moments(values, schema.image) if by_channel and schema.image else _moments(values)
        inputs, at = [], 0
        for column in schema.columns:
            if not column.is_feature:
                inputs.append(Input(**dict(column)))
                continue
            part = slice(at, at + column.size)
            at += column.size
            inputs.append(_input(column, x[:, part], mean[part], deviation[part], standardize=standardize))
        output = Output(**dict(schema.target))
        if schema.target.type is Targets.numbers:
            scaled = standardize if standardize_targets is None else standardize_targets
            centre, scale = _moments(y) if scaled else (np.zeros(y.shape[1]), np.ones(y.shape[1]))
            output = Output(**dict(schema.target), mean=_numbers(centre), deviation=_numbers(scale))
        return cls(inputs=tuple(inputs), output=output, image=schema.image)

    @cached_property
    def as_json(self) -> str:
        """The content of its file; made once, for many models of one pack share it."""
        return self.model_dump_json(indent=2)

    @property
    def used(self) -> tuple[Input, ...]:
        """The inputs that become features."""
        return tuple(column for column in self.inputs if column.is_feature)

    @property
    def given(self) -> tuple[Input, ...]:
        """The inputs as one who has raw rows gives them: the columns that are used; an image's pixels as one array."""
        used = self.used
        if self.image is None or len(used) == 1:
            return used
        kept = ("fill", "mean", "deviation")
        pixels = {name: tuple(number for column in used for number in getattr(column, name)) for name in kept}
        return (Input(name="image", type=ColumnKind.number, size=len(used), **pixels),)

    @property
    def known(self) -> KnownColumns:
        """What a reader of files has to know of the columns."""
        names = Column.model_fields.keys() - {"gaps"}
        columns = (Column(gaps=one.takes_gaps, **{name: getattr(one, name) for name in names}) for one in self.inputs)
        known = KnownColumns(columns=tuple(columns), target=self.output.sources, image=self.image)
        ranges = [column.range for column in self.used if self.image is not None and column.range is not None]
        if not ranges:
            return known
        lows, highs = zip(*ranges, strict=True)
        return known.model_copy(update={"least": min(lows), "most": max(highs)})

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of a row that is one array, as its giver has it; None of a row of columns."""
        given = self.given
        if len(given) != 1 or given[0].size == 1:
            return None
        if self.image is None:
            return (given[0].size,)
        channels, height, width = self.image
        return (height, width, channels) if given[0].channels_last else self.image

    def features(self, x: npt.NDArray[Any]) -> Array:
        """Rows as a table holds them, [rows, numbers], as features [rows, features]."""
        parts, at = list[Array](), 0
        for column in self.used:
            parts += _features(column, np.asarray(x[:, at : at + column.size], dtype=np.float64))
            at += column.size
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def targets(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Targets as the loss compares them with a network's answers."""
        if self.output.type is Targets.classes:
            return y
        scaled: Array = (y - np.array(self.output.mean)) / np.array(self.output.deviation)
        return scaled

    def answers(self, z: Array) -> Array:
        """A network's numbers in the target's own units; classes' as they are."""
        if self.output.type is Targets.classes:
            return z
        numbers: Array = z * np.array(self.output.deviation) + np.array(self.output.mean)
        return numbers


def _input(column: Column, x: npt.NDArray[Any], mean: Array, deviation: Array, *, standardize: bool) -> Input:
    if column.type is ColumnKind.category:
        codes = x[~np.isnan(x)].astype(np.int64)
        there = np.bincount(codes, minlength=len(column.categories) + 1)[:-1] > 0
        return Input(**dict(column), seen=tuple(there.tolist()))
    scaled = standardize and column.type is not ColumnKind.boolean
    return Input(
        **dict(column),
        fill=_numbers(mean),
        range=_range(x),
        mean=_numbers(mean if scaled else np.zeros(column.size)),
        deviation=_numbers(deviation if scaled else np.ones(column.size)),
    )


def _features(column: Input, x: Array) -> list[Array]:
    """The features of one column, side by side."""
    gaps = np.isnan(x)
    if column.type is ColumnKind.category:
        return _one_hot(column, x[:, 0], gaps[:, 0])
    if gaps.any():
        x = np.where(gaps, np.array(column.fill), x)
    scaled: Array = (x - np.array(column.mean)) / np.array(column.deviation)
    return [scaled, np.any(gaps, axis=1)[:, None].astype(np.float64)] if column.gaps else [scaled]


def _one_hot(column: Input, codes: Array, gaps: npt.NDArray[np.bool_]) -> list[Array]:
    """The one-hot encoding of a category: after the known ones comes `other`, and then a gap where there are any."""
    other = len(column.categories)
    place = np.where(gaps, other + column.gaps, codes).astype(np.int64)
    unseen = np.append(~np.array(column.seen, dtype=bool), [False] * (1 + column.gaps))
    place = np.where(unseen[place], other, place)
    return [(place[:, None] == np.arange(column.width)).astype(np.float64)]


def _moments(values: npt.NDArray[Any]) -> tuple[Array, Array]:
    """Mean and deviation of each column, without its gaps; a constant column has its number and deviation 1."""
    gaps = np.isnan(values)
    with np.errstate(over="ignore", invalid="ignore"):  # such columns are measured again below
        if gaps.any():
            count = np.maximum((~gaps).sum(axis=0), 1)
            mean = np.where(gaps, 0.0, values).sum(axis=0) / count
            deviation = np.sqrt(np.where(gaps, 0.0, np.square(values - mean)).sum(axis=0) / count)
        else:
            mean, deviation = values.mean(axis=0), values.std(axis=0)
        is_close = ~(deviation > CLOSE * np.abs(mean)) | ~(deviation > SMALL) | ~np.isfinite(deviation)
    for place in np.flatnonzero(is_close & ~gaps.all(axis=0)).tolist():
        mean[place], deviation[place] = _careful_moments(values[~gaps[:, place], place].astype(np.float64))
    return mean, np.where(deviation > 0.0, deviation, 1.0)


def _careful_moments(values: Array) -> tuple[float, float]:
    """Mean and deviation of numbers that differ in their last digits, or whose squares are too large or small."""
    least, most = values.min(), values.max()
    if least == most:
        return float(least), 0.0
    half = most / 2.0 - least / 2.0
    apart = (values / 2.0 - least / 2.0) / half  # from 0 to 1
    return float(least + 2.0 * (half * apart.mean())), float(2.0 * (half * apart.std()))


def _channel_moments(values: npt.NDArray[Any], image: tuple[int, int, int]) -> tuple[Array, Array]:
    """Mean and deviation of each channel, at each of its pixels."""
    channels, pixels = image[0], image[1] * image[2]
    mean, deviation = _moments(values.reshape(-1, channels, pixels).swapaxes(1, 2).reshape(-1, channels))
    return np.repeat(mean, pixels), np.repeat(deviation, pixels)


def _range(x: npt.NDArray[Any]) -> tuple[float, float] | None:
    """The least and the most; None where there is nothing but gaps."""
    least, most = (float(of.reduce(x, axis=None)) for of in (np.fmin, np.fmax))
    return None if np.isnan(least) else (least, most)


def _numbers(values: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(values.tolist())

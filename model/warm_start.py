"""Rows of one table, as a network that was trained on another table of the same columns takes them.

Columns are found by their names, and categories and classes by their words: each table numbers its own.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from spec.cells import PLAIN, SIGNS_BEHIND, CellFormat
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Schema, Target

from .preprocessing import Array, Input, Output, Preprocessing


def difference(prepared: Preprocessing, schema: Schema, *, by_channel: bool = False) -> str | None:
    """What keeps rows of a table like `schema` from being a network's rows, as a sentence; None if nothing does.

    `by_channel` demands that all pixels of a channel have one mean and one deviation.
    """
    has = {column.name: column for column in schema.columns if column.is_feature}
    wants = {column.name: column for column in prepared.used}
    for name, wanted in wants.items():
        if name not in has:
            return f"was trained on a column {name}, and this data set has none"
        if (found := _column_difference(wanted, has[name])) is not None:
            return f"was trained on a column {name} of {found}"
    for name in has:
        if name not in wants:
            return f"was not trained on the column {name} of this data set: leave it out at the upload"
    if schema.image != prepared.image:
        return f"was trained on {_image(prepared.image)}, and this data set has {_image(schema.image)}"
    if by_channel and not _has_channel_moments(prepared):
        return "has a mean for each pixel, and augmentation needs one for each channel: leave augmentation out"
    return _target_difference(prepared.output, schema.target)


def recoded(prepared: Preprocessing, schema: Schema, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The rows x [rows, numbers] of a table like `schema`, with the network's columns and categories."""
    places, at = dict[str, int](), 0
    own = [column for column in schema.columns if column.is_feature]
    for column in own:
        places[column.name] = at
        at += column.size
    if tuple(places) == tuple(column.name for column in prepared.used) and not _recategorised(prepared, own):
        return x
    columns = {column.name: column for column in own}
    parts = [
        _recoded(wanted, columns[wanted.name], x[:, places[wanted.name] : places[wanted.name] + wanted.size])
        for wanted in prepared.used
    ]
    return np.concatenate(parts, axis=1)


def rewritten(prepared: Preprocessing, schema: Schema) -> Preprocessing:
    """The network's preprocessing for rows that are written as those of a table like `schema`."""
    columns = {column.name: column for column in schema.columns}
    known = tuple(_rewritten(one, columns[one.name]) if one.is_feature else one for one in prepared.inputs)
    names = {one.name for one in known}
    inputs = (*known, *(Input(**dict(column)) for name, column in columns.items() if name not in names))
    if inputs == prepared.inputs:
        return prepared
    return Preprocessing(inputs=inputs, output=prepared.output, image=prepared.image)


def reclassed(prepared: Preprocessing, schema: Schema, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Targets of a table like `schema`, with the network's class indices."""
    theirs = prepared.output.labels
    if schema.target.type is not Targets.classes or schema.target.labels == theirs:
        return y
    index: npt.NDArray[Any] = np.array([theirs.index(label) for label in schema.target.labels])[y]
    return index


def _recategorised(prepared: Preprocessing, own: list[Column]) -> bool:
    return any(wanted.categories != column.categories for wanted, column in zip(prepared.used, own, strict=True))


def _recoded(wanted: Input, column: Column, x: Array) -> Array:
    """One column's numbers; a category that the network does not know is `other`."""
    if column.type is not ColumnKind.category or column.categories == wanted.categories:
        return np.asarray(x, dtype=np.float64)
    known = {word: place for place, word in enumerate(wanted.categories)}
    other = len(wanted.categories)
    places = np.array([known.get(word, other) for word in column.categories] + [other], dtype=np.float64)
    gaps = np.isnan(x)
    return np.where(gaps, np.nan, places[np.where(gaps, 0, x).astype(np.int64)])


def _rewritten(one: Input, column: Column) -> Input:
    """The network's column, whose cells are written as those of `column`."""
    form, filled = column.format, one.filled or (column.gaps and not one.gaps)
    if not form.unit and _unit(one.format):
        form = form.model_copy(update={"unit": one.format.unit})
    return one.model_copy(update={"format": form, "channels_last": column.channels_last, "filled": filled})


def _column_difference(wanted: Input, found: Column) -> str | None:
    if found.type is not wanted.type:
        return f"type {wanted.type}, and this data set's is of type {found.type}"
    if found.size != wanted.size:
        return f"{wanted.size} numbers a row, and this data set's has {found.size}"
    return _format_difference(wanted.format, found.format)


def _format_difference(wanted: CellFormat, found: CellFormat) -> str | None:
    units = {_unit(wanted), _unit(found)}
    is_left_out = "" in units and "%" not in units  # 12 is 12 kg, as it is in a row to predict
    if wanted.is_clock != found.is_clock or (len(units) > 1 and not is_left_out):
        return f"{_numbers(wanted)}, and this data set's is of {_numbers(found)}"
    return None


def _unit(form: CellFormat) -> str:
    """The unit of numbers, of which one may stand for many: 1 day, 3 days."""
    return "" if form.unit in SIGNS_BEHIND else form.unit.removesuffix("s")


def _numbers(form: CellFormat) -> str:
    if form.is_clock:
        return "times"
    return "percent" if form.unit == "%" else f"numbers in {form.unit}" if _unit(form) else "numbers"


def _target_difference(wanted: Output, found: Target) -> str | None:
    if found.name != wanted.name or found.sources != wanted.sources:
        return f"was trained on the target {wanted.name}, and this data set's is {found.name}"
    if found.type is not wanted.type:
        return f"was trained on targets that are {wanted.type}, and this data set's are {found.type}"
    if found.outputs != wanted.outputs:
        return f"was trained on {wanted.outputs} targets a row, and this data set has {found.outputs}"
    for name, *forms in zip(wanted.sources, *map(_formats, (wanted, found)), strict=True):
        if (said := _format_difference(*forms)) is not None:
            return f"was trained on the target {name} of {said}"
    if set(found.labels) != set(wanted.labels):
        return f"was trained on the classes {_some(wanted.labels)}, and this data set has {_some(found.labels)}"
    return None


def _formats(target: Target) -> tuple[CellFormat, ...]:
    return target.formats or (PLAIN,) * len(target.sources)


def _has_channel_moments(prepared: Preprocessing) -> bool:
    if prepared.image is None:
        return False
    channels = prepared.image[0]
    for name in ("mean", "deviation"):
        numbers = np.array([number for column in prepared.used for number in getattr(column, name)])
        pixels = numbers.reshape(channels, -1)
        if (pixels != pixels[:, :1]).any():
            return False
    return True


def _image(image: tuple[int, int, int] | None) -> str:
    return "rows without images" if image is None else "images of {} channels, {} x {} pixels".format(*image)


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")

"""Columns that say something of rows, and are no features: weights, groups, splits and times."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from spec.schema import Column, ColumnKind, Role
from spec.splits import SPLIT_WORDS

from .errors import RefusedError, shown
from .numbers import encoder
from .table import Block
from .texts import Texts

RoleEncoder = Callable[[pa.Array], Block]


def role_encoders(columns: Sequence[Column]) -> dict[str, tuple[str, RoleEncoder]]:
    """How the columns with a role become numbers, by the role's name: the column, and its encoder."""
    found: dict[str, tuple[str, RoleEncoder]] = {}
    for column in columns:
        match column.role:
            case Role.weight:
                found["weight"] = (column.name, _Weights(column))
            case Role.time if column.type in (ColumnKind.category, ColumnKind.text):
                raise RefusedError(
                    f"is column {shown(column.name)}, which is read as words: date_format, or dayfirst, says how its "
                    "dates are written; or name a column of numbers",
                    path="time",
                )
            case Role.time:
                found["time"] = (column.name, _Times(column))
            case Role.group:
                found["group"] = (column.name, _Groups(column))
            case Role.split:
                found["split"] = (column.name, _Splits(column))
    return found


class _Times:
    def __init__(self, column: Column) -> None:
        self._column, self._encode = column, encoder(column)
        self._rows = 0

    def __call__(self, chunk: pa.Array) -> Block:
        numbers = self._encode(chunk).numbers
        if np.isnan(numbers).any():
            row = self._rows + int(np.isnan(numbers).argmax()) + 1
            raise _missing(row, self._column)
        self._rows += len(chunk)
        return numbers


class _Weights(_Times):
    def __call__(self, chunk: pa.Array) -> Block:
        before, numbers = self._rows, super().__call__(chunk)
        if (numbers < 0.0).any():
            row = before + int((numbers < 0.0).argmax()) + 1
            raise RefusedError(f"is negative in row {row}: a weight is 0 or more", path="weight")
        return numbers


class _Groups:
    """Numbers the different values in the order in which they come."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._numbers: dict[str, int] = {}
        self._rows = 0

    def __call__(self, chunk: pa.Array) -> Block:
        texts = Texts.of(chunk, self._column.name).without(self._column.gap_words)
        if (texts.codes < 0).any():
            row = self._rows + int((texts.codes < 0).argmax()) + 1
            raise _missing(row, self._column)
        known = [self._number(text or "", texts, place) for place, text in enumerate(texts.values.to_pylist())]
        self._rows += len(chunk)
        return np.array(known, dtype=np.int64)[texts.codes]

    def _number(self, text: str, texts: Texts, place: int) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


class _Splits(_Groups):
    def _number(self, text: str, texts: Texts, place: int) -> int:
        if text.lower() not in SPLIT_WORDS and (texts.codes == place).any():
            row = self._rows + int((texts.codes == place).argmax()) + 1
            raise RefusedError(f"has {shown(text)} in row {row}: it must be train, validation or test", path="split")
        return SPLIT_WORDS.get(text.lower(), 0)


def _missing(row: int, column: Column) -> RefusedError:
    return RefusedError(f"has no value in row {row}: write one, or leave the row out", path=column.role.value)

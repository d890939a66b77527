"""Batches of text cells, and what they say: `spec.cells` for many at a time."""

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spec.cells import FORCING, SIGNS_BEHIND, CellFormat, clean, number_pattern, truth, unforced

from . import limits
from .errors import RefusedError, shown

Floats = npt.NDArray[np.float64]

DAY_S = 86_400.0
LED = r"^(0[0-9]+|\+[0-9]{10,})$"
"""Digits that are no number but a name: `007`, `+4915112345678`."""
_LIKELY = "[0-9]|[iI][nN][fF]"
_LIKELY_BARE = "^[^A-DF-Za-df-z]*[0-9][^A-DF-Za-df-z]*$|[iI][nN][fF]"
"""What may be a number with a unit, or without one, however written: of ASCII's letters it may have the e only."""


@dataclass(frozen=True)
class Texts:
    """A batch of texts: each different one once, and which of them each row has (-1: none)."""

    values: pa.Array
    codes: npt.NDArray[np.int64]
    forced: bool = False
    """Whether a spreadsheet was to take some as text."""

    @classmethod
    def of(cls, chunk: pa.Array, name: str) -> "Texts":
        """The texts of a batch, cleaned. Raises `RefusedError` for one that is no cell but a document."""
        chunk = as_text(chunk)
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        raw = coded.dictionary
        longest = pc.max(pc.binary_length(raw)).as_py() or 0
        if longest > limits.CELL_BYTES:
            raise RefusedError(
                f"has a value of {longest:,} bytes in column {shown(name)}; at most {limits.CELL_BYTES:,} are read"
            )
        codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        raw = raw.cast(pa.string())
        forced = False
        if pc.all(pc.string_is_ascii(raw)).as_py() in (True, None):
            values = pc.utf8_trim_whitespace(raw)
            may_be = pc.or_(*(pc.starts_with(values, mark) for mark in FORCING))
            if pc.any(may_be).as_py():
                bare = pa.array([None if text is None else unforced(text) for text in values.to_pylist()], pa.string())
                forced, values = not bare.equals(values), bare
        else:
            values = pa.array([None if text is None else clean(text) for text in raw.to_pylist()], pa.string())
        return cls(values, codes, forced).without({""})

    def without(self, words: Collection[str]) -> "Texts":
        """The same, where these words are no value."""
        gap = pc.fill_null(pc.is_in(self.values, value_set=pa.array(sorted(words), pa.string())), True)
        is_gap = gap.to_numpy(zero_copy_only=False)
        if not is_gap.any():
            return self
        return replace(self, codes=np.where((self.codes >= 0) & ~is_gap[self.codes], self.codes, -1))

    def weights(self) -> npt.NDArray[np.int64]:
        """How many rows have each text."""
        return np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:].astype(np.int64)

    def mapped(self, numbers: Floats) -> Floats:
        """What each row has, given what each different text is; NaN where it has none."""
        return np.append(numbers, math.nan)[self.codes]


def as_text(chunk: pa.Array) -> pa.Array:
    """Cells of any type as text."""
    if pa.types.is_dictionary(chunk.type) or is_text(chunk.type):
        return chunk
    if pa.types.is_null(chunk.type):
        return pa.nulls(len(chunk), pa.string())
    if pa.types.is_timestamp(chunk.type) and chunk.type.tz is not None:
        chunk = chunk.cast(pa.timestamp(chunk.type.unit))
    return chunk.cast(pa.string())


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this type are text, each by itself."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def numbers_in(values: pa.Array, form: CellFormat) -> Floats:
    """Texts as numbers; NaN where one is none."""
    if form.is_clock or form.unit in SIGNS_BEHIND:
        return each(values, form.number)
    bare = values
    if form.unit:
        without = pc.replace_substring_regex(values, rf"\s*{re.escape(form.unit)}$", "")
        bare = pc.if_else(pc.ends_with(values, form.unit), without, None)
    pattern = f"^(?:{number_pattern(form.decimal, form.thousands).pattern})$"
    bare = pc.if_else(pc.match_substring_regex(bare, pattern), bare, None)
    if form.thousands:
        bare = pc.replace_substring(bare, form.thousands, "")
    if form.decimal != ".":
        bare = pc.replace_substring(bare, form.decimal, ".")
    found = floats(bare.cast(pa.float64())).copy()
    if form.unit == "%":
        found /= 100.0
    likely = pc.match_substring_regex(values, _LIKELY if form.unit else _LIKELY_BARE)
    rest = np.flatnonzero(np.isnan(found) & pc.fill_null(likely, False).to_numpy(zero_copy_only=False))
    for place, text in zip(rest.tolist(), values.take(pa.array(rest)).to_pylist(), strict=True):
        number = form.number(text)
        if number is not None:
            found[place] = number
    return found


def days_in(values: pa.Array, form: CellFormat) -> Floats:
    """Texts as days since 1970; NaN where one is no date."""
    return each(values, form.days)


def truth_in(values: pa.Array) -> Floats:
    """Texts as 0 or 1; NaN where one is neither yes nor no."""
    return each(values, truth)


def each(values: pa.Array, meaning: Callable[[str], float | None]) -> Floats:
    """What each text means; NaN where it is none."""
    found = (None if text is None else meaning(text) for text in values.to_pylist())
    return np.array([math.nan if number is None else number for number in found], dtype=np.float64)


def floats(array: pa.Array) -> Floats:
    """Numbers of any type; NaN for none."""
    found: Floats = pc.fill_null(array, math.nan).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found


def days(array: pa.Array) -> Floats:
    """Dates and moments as days since 1970; NaN for none."""
    whole = array.cast(pa.timestamp("us", getattr(array.type, "tz", None)), safe=False).cast(pa.int64())
    return floats(whole.cast(pa.float64(), safe=False)) / (DAY_S * 1e6)


def plain_numbers(chunk: pa.Array, gaps: Collection[str]) -> Floats | None:
    """Texts as numbers, when all of them are and none has a zero before it, as an id has."""
    try:
        found = floats(chunk.cast(pa.float64()))
    except pa.ArrowInvalid:
        try:
            found = floats(
                pc.if_else(pc.is_in(chunk, value_set=pa.array(sorted(gaps), pa.string())), None, chunk).cast(
                    pa.float64()
                )
            )
        except pa.ArrowInvalid:
            return None
    led = chunk.filter(pc.fill_null(pc.starts_with(chunk, "0"), False))
    if len(led) and pc.any(pc.match_substring_regex(led, "^0[0-9]+$")).as_py():
        return None
    return found

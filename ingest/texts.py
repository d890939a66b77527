"""Cells of text, and what they say: numbers, days, yes or no."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spec.cells import DATE, FALSE, NUMBER, TRUE

from . import limits
from .errors import RefusedError, shown

Floats = npt.NDArray[np.float64]

DAY_S = 86_400.0


@dataclass(frozen=True)
class Texts:
    """A batch of texts: each different one once, and which of them each row has (-1: none)."""

    values: pa.Array
    codes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, chunk: pa.Array, name: str) -> "Texts":
        """The texts of a batch, trimmed. Raises `RefusedError` for one that is no cell but a document."""
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        raw = coded.dictionary
        longest = pc.max(pc.binary_length(raw)).as_py() or 0
        if longest > limits.CELL_BYTES:
            raise RefusedError(
                f"has a value of {longest:,} bytes in column {shown(name)}; at most {limits.CELL_BYTES:,} are read"
            )
        codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        values = pc.utf8_trim_whitespace(raw.cast(pa.string()))
        says = pc.fill_null(pc.not_equal(values, ""), False).to_numpy(zero_copy_only=False)
        if not says.all():  # blanks are no value
            codes = np.where((codes >= 0) & says[codes], codes, -1)
        return cls(values, codes)

    def counts(self) -> Counter[str]:
        """How many rows have each text."""
        many = np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]
        found: Counter[str] = Counter()
        for value, count in zip(self.values.to_pylist(), many.tolist(), strict=True):
            if count:
                found[value] += count
        return found

    def mapped(self, numbers: Floats) -> Floats:
        """What each row has, given what each different text is; NaN where it has none."""
        return np.append(numbers, math.nan)[self.codes]


def numbers_in(values: pa.Array) -> Floats:
    """Texts as numbers; NaN where one is none."""
    try:
        return floats(values.cast(pa.float64()))
    except pa.ArrowInvalid:
        fits = pc.match_substring_regex(values, NUMBER)
        return floats(pc.utf8_trim_whitespace(pc.if_else(fits, values, None)).cast(pa.float64()))


def days_in(values: pa.Array) -> Floats:
    """Texts as days since 1970; NaN where one is no date (ISO 8601: 2026-11-25, 2026-11-25 08:30)."""
    plain = pc.utf8_rtrim(pc.if_else(pc.match_substring_regex(values, DATE), values, None), characters="Z")
    try:
        return days(plain.cast(pa.timestamp("us")))
    except pa.ArrowInvalid:  # the 31st of June
        return floats(pa.nulls(len(values), pa.float64()))


def truth_in(values: pa.Array) -> Floats:
    """Texts as 0 or 1; NaN where one is neither yes nor no."""
    words = [(value or "").lower() for value in values.to_pylist()]
    return np.array([1.0 if word in TRUE else 0.0 if word in FALSE else math.nan for word in words])


def floats(array: pa.Array) -> Floats:
    """Numbers of any type; NaN for none."""
    found: Floats = pc.fill_null(array, math.nan).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found


def days(array: pa.Array) -> Floats:
    """Dates and moments as days since 1970; NaN for none."""
    return floats(array.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64(), safe=False)) / (DAY_S * 1e6)


def as_numbers(chunk: pa.Array) -> Floats | None:
    """Texts as numbers, when all of them are."""
    try:
        return floats(chunk.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None

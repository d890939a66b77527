"""Rows without a target: they are left out, where they are few."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spec.schema import Column, ColumnKind

from .columns import Found
from .errors import RefusedError, some
from .learning import Source
from .numbers import encoder

MOST = 0.5
"""So large a share of the rows is left out."""
NO_CLASS = frozenset({"", "NaN", "nan", "-NaN", "-nan", "NaT", "<NA>", "#N/A", "#NA"})
"""Texts that name no class; `None` and `NA` may."""


class Labelled:
    """A file without the rows that have no value in one of the columns `targets`."""

    def __init__(self, source: Source, targets: Sequence[Found]) -> None:
        """Raise `RefusedError` where most rows have none, or a word may be a class or a gap."""
        self._source = source
        self._encoders = {one.name: encoder(_column(one)) for one in targets if one.missing}
        self.names, self.index = source.names, source.index
        self.format, self.encoding, self.delimiter = source.format, source.encoding, source.delimiter
        self.header, self.is_typed, self.remarks = source.header, source.is_typed, source.remarks
        for one in targets:
            _check_words(one)
        gaps = np.concatenate([gaps for gaps, _ in self._marked()])
        rows, count, first = len(gaps), int(gaps.sum()), int(gaps.argmax()) + 1
        if count > MOST * rows:
            raise RefusedError(
                f"has no value in {count:,} of {rows:,} rows, the first of them row {first}: leave these rows out; a "
                "model of the others predicts them",
                path="target",
            )
        have = "1 row has" if count == 1 else f"{count:,} of {rows:,} rows have"
        self.notes = [*source.notes, f"{have} no target, the first of them row {first}: left out, and not counted."]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows that have a target."""
        for gaps, batch in self._marked():
            left = batch.filter(pa.array(~gaps)) if gaps.any() else batch
            if left.num_rows:
                yield left

    def _marked(self) -> Iterator[tuple[npt.NDArray[np.bool_], pa.RecordBatch]]:
        """The rows, and which of them have no target."""
        for batch in self._source.batches():
            yield np.logical_or.reduce([of(batch.column(name)).gaps for name, of in self._encoders.items()]), batch


def _column(found: Found) -> Column:
    return Column(name=found.name, type=found.kind, format=found.decision.form)


def _check_words(found: Found) -> None:
    """Raise `RefusedError` for words that are read as no value, and may be a class."""
    if found.evidence is None or found.kind is ColumnKind.number:
        return
    evidence = found.evidence
    among_words = found.kind is not ColumnKind.boolean
    known = found.decision.form.gap_words(among_words=among_words) - NO_CLASS - evidence.choices.own
    words = [word for word in (*evidence.gaps, *evidence.marks) if word in known]
    if words:
        count = sum(evidence.gaps[word] + evidence.marks[word] for word in words)
        raise RefusedError(
            f"has no value ({some(words)}) in {count:,} rows, the first of them row {found.first_missing}: "
            f"na_values={words[0]} leaves these rows out, keep_default_na=false reads a class",
            path="target",
        )

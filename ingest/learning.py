"""The first readings of a file: what its columns are, by their first rows, then what they hold, by all of them.

A column whose later rows are not what its first ones are is looked at anew, and measured once more.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import pyarrow as pa

from spec.cells import CellFormat, clean
from spec.reading import GapWords
from spec.schema import Column, ColumnKind, Role

from . import limits
from .choices import Choices, ColumnChoices
from .columns import Found, Measure
from .decision import Decision, decide
from .doubts import mistakes
from .errors import MistakesError, RefusedError, some
from .evidence import Evidence
from .texts import is_text

HEAD_ROWS = 2_000
READINGS = 5
"""Enough for a column that is guessed wrong, looked at, and measured."""
MEASURED = (ColumnKind.number, ColumnKind.date)
_ROLE_TYPES = {Role.weight: ColumnKind.number, Role.group: ColumnKind.category, Role.split: ColumnKind.category}


class Source(Protocol):
    """A file that can be read more than once."""

    names: list[str]

    @property
    def format(self) -> str:
        """Which of the two it is."""

    @property
    def encoding(self) -> str | None:
        """Of text."""

    @property
    def delimiter(self) -> str | None:
        """Of text."""

    @property
    def header(self) -> bool | None:
        """Whether the first row of text names the columns."""

    @property
    def is_typed(self) -> bool:
        """Whether it says of its columns what they hold."""

    @property
    def index(self) -> list[str]:
        """Columns that only number the rows."""

    @property
    def notes(self) -> list[str]:
        """What is to be said of the file as a whole."""

    @property
    def remarks(self) -> list[str]:
        """Those of them that are of lines which are no rows, or not whole; all are known when it was read once."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, some at a time, in order."""


class Learning:
    """What is known of the columns of a file."""

    def __init__(self, source: Source, choices: Choices) -> None:
        self._source, self._choices = source, choices
        self._rows = 0
        self._evidence: dict[str, Evidence] = {}
        self._decisions: dict[str, Decision] = {}
        self._measures: dict[str, Measure] = {}
        self._mixed: dict[str, Evidence] = {}
        """Columns of numbers with a few words that are read as no value, as they were before."""
        self._mistaken: dict[str, MistakesError] = {}
        """Columns of numbers with words that are none, and are not read as no value."""
        self._decimal: str | None = None

    def found(self) -> dict[str, Found]:
        """The columns, in the order of the file. Raises `RefusedError`."""
        self._begin()
        pending = {name for name in self._source.names if self._choices.role(name) is not Role.unused}
        for _ in range(READINGS):
            pending = self._pass(pending)
            if not pending:
                break
        if self._mistaken:
            raise self._refused()
        if pending:
            raise RefusedError(f"has a column that changes its form again and again: {some(sorted(pending))}")
        self._check_rows()
        return {
            name: Found(
                name,
                self._choices.role(name),
                self._rows,
                self._decisions[name],
                self._evidence.get(name),
                self._measures.get(name),
            )
            for name in self._source.names
        }

    # --- by the first rows ----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Decide by the first rows."""
        batch = next(iter(self._source.batches()), None)
        if batch is None:
            raise RefusedError("has a header and no rows" if self._source.header is not False else "has no rows")
        head = batch.slice(0, HEAD_ROWS)
        for name in self._source.names:
            cells = head.column(name)
            kind, asked = native(cells.type), self._asked(name)
            if kind in MEASURED and asked.type in (None, kind):
                self._decisions[name] = Decision(kind, self._gaps(asked), forced=asked.type is not None)
            else:
                self._evidence[name] = self._first_evidence(name, asked, cells)
        self._decimal = self._mark()
        for name in self._evidence:
            try:
                self._decisions[name] = self._decide(name)
            except RefusedError:  # all rows are to say so, and only those of a column that is used
                self._decisions[name] = Decision(ColumnKind.text, CellFormat())

    def _first_evidence(self, name: str, asked: ColumnChoices, cells: pa.Array) -> Evidence:
        evidence = Evidence(name, asked, typed=self._source.is_typed)
        try:
            evidence.take(cells)
        except RefusedError:  # by a cell that is a document
            if self._choices.role(name) is not Role.unused:
                raise
        return evidence

    def _asked(self, name: str) -> ColumnChoices:
        choices, role = self._choices.column(name), self._choices.role(name)
        if name in self._mixed:
            guessed = frozenset(self._mixed[name].stand_ins)
            return replace(choices, own=choices.own | guessed, guessed=guessed)
        return replace(choices, type=_ROLE_TYPES[role]) if role in _ROLE_TYPES else choices

    def _gaps(self, asked: ColumnChoices) -> CellFormat:
        return CellFormat(gaps=tuple(sorted(asked.missing | asked.own))) if asked.own else CellFormat()

    def _mark(self) -> str | None:
        """The decimal mark of the file, where some columns leave no doubt."""
        sure = {mark for one in self._evidence.values() if len(one.decimals) == 1 for mark in one.decimals}
        return sure.pop() if len(sure) == 1 else None

    def _decide(self, name: str) -> Decision:
        try:
            return decide(self._evidence[name], self._decimal, semicolons=self._source.delimiter == ";")
        except RefusedError as error:
            role = self._choices.role(name)
            if role not in _ROLE_TYPES:
                raise
            raise RefusedError(str(error), path=role.value) from error

    # --- by all rows ----------------------------------------------------------------------------------------------

    def _pass(self, pending: set[str]) -> set[str]:
        """Read the file once for these columns; those that need another reading."""
        measures, evidence = dict[str, Measure](), dict[str, Evidence]()
        ordered = [name for name in self._source.names if name in pending]  # a refusal names the first column
        for name in ordered:
            decision = self._decisions[name]
            if decision.kind in MEASURED:
                measures[name] = Measure(Column(name=name, type=decision.kind, format=decision.form), decision.forced)
            # The texts of a target are counted beside: they may be classes.
            if name in self._evidence and (decision.kind not in MEASURED or name in self._choices.target):
                evidence[name] = Evidence(name, self._asked(name), typed=self._source.is_typed)
        self._rows = 0
        for batch in self._source.batches():
            self._rows += batch.num_rows
            limits.check_size(self._rows, len(self._source.names))
            for name, measure in measures.items():
                measure.take(batch.column(name))
            for name, one in evidence.items():
                one.take(batch.column(name))
        self._evidence |= evidence
        self._measures |= measures
        unsettled = set[str]()
        for name in ordered:
            try:
                if not self._is_settled(name, seen=name in evidence):
                    unsettled.add(name)
            except MistakesError as error:
                self._mistaken[name] = error
        return unsettled

    def _refused(self) -> RefusedError:
        """Why columns of numbers are refused, and the option that reads their words as missing values."""
        mistaken = [self._mistaken[name] for name in self._source.names if name in self._mistaken]
        names = [one.column for one in mistaken[1:]]
        more = f"; such words are in {'column' if len(names) == 1 else 'columns'} {some(names)}, too" if names else ""
        said, words = self._choices.options.na_values, {one.column: one.words for one in mistaken}
        every = [word for these in words.values() for word in these]
        option: GapWords
        if isinstance(said, dict):
            known = {clean(name): tuple(these) for name, these in said.items()}
            option = known | {name: (*known.get(name, ()), *these) for name, these in words.items()}
        else:
            option = (*said, *every) if said else words
        can_be_said = len(every) <= limits.CLASSES and all(len(word) <= limits.NAME for word in every)
        return RefusedError(f"{mistaken[0]}{more}", na_values=option if can_be_said else None)

    def _is_settled(self, name: str, *, seen: bool) -> bool:
        """Whether a column holds what it was decided to hold; `seen` when all its texts were looked at."""
        before, measure = self._decisions[name], self._measures.get(name)
        if not seen:
            if measure is None or not measure.failed:
                return True
            self._decisions[name] = Decision(ColumnKind.text, CellFormat())  # until all its texts were looked at
            return False
        if self._is_feature(name) and self._evidence[name].stand_ins:
            self._mixed[name] = self._evidence[name]
            self._decisions[name] = Decision(ColumnKind.text, CellFormat())  # until they are read as no value
            return False
        self._decisions[name] = decision = self._decide(name)
        if decision.kind not in MEASURED:
            self._measures.pop(name, None)
            return True
        return (
            measure is not None and not measure.failed and (before.kind, before.form) == (decision.kind, decision.form)
        )

    def _is_feature(self, name: str) -> bool:
        return self._choices.role(name) is Role.feature and name not in self._choices.target

    def _check_rows(self) -> None:
        """Refuse a row with another word in several columns of numbers: it is a header, or one of units."""
        words = defaultdict[int, set[str]](set)
        for evidence in self._mixed.values():
            for word, count in evidence.odd.items():
                in_row = words[evidence.first[word]]
                if count == 1:
                    in_row.add(word)
                if len(in_row) > 1:
                    raise mistakes(evidence)


def native(kind: pa.DataType) -> ColumnKind | None:
    """What cells of a type are by it; None where they are texts or nothing."""
    types = pa.types
    if types.is_null(kind) or is_text(kind):
        return None
    if types.is_dictionary(kind):
        return ColumnKind.category
    if types.is_boolean(kind):
        return ColumnKind.boolean
    if types.is_date(kind) or types.is_timestamp(kind):
        return ColumnKind.date
    return ColumnKind.number

"""Files of named columns, CSV and Parquet: learned from (`learning`), and then written as a table."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from spec.cells import CellFormat
from spec.dataset import Targets
from spec.profile import ColumnProfile, Profile, Reading
from spec.reading import ReadingOrder
from spec.schema import ColumnKind, Role, Schema

from . import suspects
from . import target as targets
from .choices import Choices
from .columns import Found
from .copies import Copies
from .errors import RefusedError, shown, some
from .labelled import Labelled
from .leaks import Leaks
from .learning import Learning, Source
from .numbers import encoder
from .roles import role_encoders
from .spread import Bins
from .table import Block, write
from .texts import as_text

PREVIEWED = 10
PREVIEWED_COLUMNS = 100
SHOWN_CHARACTERS = 80
REGIONS = frozenset({"EMEA", "MEA", "APAC", "LATAM", "EU"})
"""Regions beside which NA is North America."""


def read(source: Source, order: ReadingOrder, out: Path) -> Reading:
    """Write the table of a file, and say what is in it. Raises `RefusedError`."""
    choices = _choices(source, order)
    found = Learning(source, choices).found()
    wanted = [found[name] for name in choices.target]
    if not any(one.missing for one in wanted):
        return _read(source, choices, found, order, out)
    labelled = Labelled(source, wanted)
    try:
        return _read(labelled, choices, Learning(labelled, choices).found(), order, out)
    except RefusedError as error:
        message = f"{error} (rows without a target are not counted)"
        raise RefusedError(message, path=error.path, na_values=error.na_values) from error


def _read(source: Source, choices: Choices, found: Mapping[str, Found], order: ReadingOrder, out: Path) -> Reading:
    """Write the table of a file whose columns are known."""
    wanted = [found[name] for name in choices.target]
    others = [one for name, one in found.items() if name not in choices.target]
    if not others:
        said = " ".join(["", *source.notes])
        raise RefusedError(f"has the column {some(choices.target)} only, and nothing to tell it from.{said}")
    answer = targets.answer(
        wanted,
        order.task,
        lambda: ([batch.column(name) for name in choices.target] for batch in source.batches()),
    )
    schema, rows = Schema(columns=tuple(one.column() for one in others), target=answer.target), wanted[0].rows
    if schema.info(rows).features == 0:
        said = " ".join([*source.notes, *(note for one in others for note in one.decision.notes), *_unused(others)])
        raise RefusedError(f"has no column that can be used beside the target{said and f': {said}'}")
    if any(one.role is Role.weight and one.profile(None).max == 0.0 for one in others):
        raise RefusedError("is 0 in every row: one row at least must weigh more", path="weight")
    blocks = _Blocks(source, choices, found, schema, answer)
    schema, digest = write(out, blocks, shape=(rows, len(blocks.features)), dtype=np.float64, schema=schema)
    profile = Profile(
        format=source.format,
        encoding=source.encoding,
        delimiter=source.delimiter,
        header=source.header,
        columns=[one.profile(blocks.bins.get(one.name)) for one in others],
        target=_target_profile(answer, wanted, blocks.bins),
        classes=answer.classes,
        names=source.names[:PREVIEWED_COLUMNS],
        preview=_preview(source),
        notes=[*source.notes, *_notes(found, others, order), *blocks.notes()],
    )
    return Reading(rows=rows, table=schema, profile=profile, sha256=digest)


class _Blocks:
    """The rows of a file as numbers, and what is measured of them on their way into the table."""

    def __init__(
        self, source: Source, choices: Choices, found: Mapping[str, Found], schema: Schema, answer: targets.Answer
    ) -> None:
        self._source, self._found, self._answer = source, found, answer
        self._features = {column.name: encoder(column) for column in schema.columns if column.is_feature}
        self._roles = role_encoders(schema.columns)
        self._targets = choices.target
        self._numbers = choices.target if answer.target.type is Targets.numbers else ()
        measured = [*(column.name for column in schema.columns if column.role is not Role.unused), *self._numbers]
        self.bins = {name: found[name].bins() for name in measured}
        """What the values of each column are spread over."""
        self._copies = Copies()
        self._leaks = Leaks.of_columns([found[name] for name in self._features], answer.target)
        self._last: pa.RecordBatch | None = None

    @property
    def features(self) -> Sequence[str]:
        """The columns that become features."""
        return list(self._features)

    def __iter__(self) -> Iterator[tuple[Block, Block, Mapping[str, Block]]]:
        """The features, the targets, and the other roles, batch by batch."""
        for batch in self._source.batches():
            self._last = batch.slice(batch.num_rows - 1)
            numbers = {name: encode(batch.column(name)).numbers for name, encode in self._features.items()}
            y = self._answer.encode([batch.column(name) for name in self._targets])
            _fill(self.bins, {**numbers, **{name: y[:, place] for place, name in enumerate(self._numbers)}})
            more = {role: encode(batch.column(name)) for role, (name, encode) in self._roles.items()}
            x = np.stack(list(numbers.values()), axis=1)
            self._copies.take(x, y)
            self._leaks.take(x, y)
            yield x, y, more

    def notes(self) -> list[str]:
        """What to say of the rows and of the target, when all have been read."""
        every = self._found.values()
        possible = _possible(self._found[name] for name in [*self._features, *self._targets])
        return [
            # A total is far from what it sums up.
            *(suspects.total(self._last, every) or suspects.far(every, self.bins)),
            *self._answer.notes,
            *targets.rare(self._answer.classes),
            *self._leaks.notes(),
            *self._copies.note(possible),
        ]


def _choices(source: Source, order: ReadingOrder) -> Choices:
    """What was asked, by the columns that the file has. Raises `RefusedError`."""
    try:
        return Choices.of(order.options, order.target, source.names, source.index)
    except RefusedError as error:
        if source.header is not False or order.options.header is not None:
            raise
        message = f"{error}; its first row is data, and header=true reads it as names"
        raise RefusedError(message, path=error.path) from error


def _possible(found: Iterable[Found]) -> float:
    """How many different rows the values of these columns can make."""
    return math.prod(float(one.distinct or one.rows) for one in found)


def _fill(bins: Mapping[str, Bins | None], numbers: Mapping[str, Block]) -> None:
    for name, values in numbers.items():
        if (found := bins.get(name)) is not None:
            found.take(values[~np.isnan(values)])


def _target_profile(answer: targets.Answer, found: Sequence[Found], bins: Mapping[str, Bins | None]) -> ColumnProfile:
    first = found[0].profile(bins.get(found[0].name))
    if len(found) == 1:
        return first
    kind = ColumnKind.category if answer.target.type is Targets.classes else ColumnKind.number
    return ColumnProfile(name=answer.target.name, type=kind, size=len(found))


def _preview(source: Source) -> list[list[str | None]]:
    rows: list[list[str | None]] = []
    for batch in source.batches():
        head = batch.slice(0, PREVIEWED - len(rows))
        columns = [previewed(head.column(name)) for name in head.schema.names[:PREVIEWED_COLUMNS]]
        rows += [
            [None if value is None else value[:SHOWN_CHARACTERS] for value in row] for row in zip(*columns, strict=True)
        ]
        if len(rows) >= PREVIEWED:
            break
    return rows


def previewed(cells: pa.Array) -> list[str | None]:
    """Cells as text, such as is read again as the same: moments with the offset of their zone."""
    if pa.types.is_timestamp(cells.type) and cells.type.tz is not None:
        try:
            return [None if value is None else str(value) for value in cells.to_pylist()]
        except (ValueError, OverflowError, LookupError):  # a zone that nobody knows, or beyond the year 9999
            pass
    return [None if value is None else str(value) for value in as_text(cells).to_pylist()]


# --- notes ------------------------------------------------------------------------------------------------------------


def _notes(found: Mapping[str, Found], others: Sequence[Found], order: ReadingOrder) -> list[str]:
    """What to say of the columns; `others` are those beside the target."""
    every = list(found.values())
    return [
        *(note for one in every if one.role is not Role.unused for note in one.notes),
        *_forms(every),
        *_gaps(every),
        *_unused(others),
        *_constant(others),
        *suspects.ids(others),
        *suspects.of_rows(others, sum(one.column().is_feature for one in others)),
        *suspects.parts(others),
        *suspects.alike(others),
        *suspects.misread(every, is_asked=order.options.encoding is not None),
    ]


def _forms(found: Iterable[Found]) -> list[str]:
    """What to say about numbers that are not written as a program writes them."""
    by_form: dict[CellFormat, list[str]] = {}
    for one in found:
        is_separated = one.evidence is not None and one.evidence.separated is not None
        is_separated |= one.kind is ColumnKind.number and one.decision.form.thousands in (" ", "'", "_")
        if one.kind is ColumnKind.number and one.role is not Role.unused and is_separated:
            form = CellFormat(decimal=one.decision.form.decimal, thousands=one.decision.form.thousands)
            by_form.setdefault(form, []).append(one.name)
    said = []
    for form, names in by_form.items():
        if form == CellFormat():
            continue
        group = f" and {form.thousands!r} as the thousands separator" if form.thousands else ""
        said.append(f"The numbers of {_columns(names)} have {form.decimal!r} as the decimal mark{group}.")
    return said


def _gaps(found: Iterable[Found]) -> list[str]:
    """What to say about words that are read as no value."""
    said = []
    for one in found:
        if one.evidence is None or one.role is Role.unused or one.kind is ColumnKind.text:
            continue
        gaps = one.decision.form.gap_words(among_words=one.kind is ColumnKind.category)
        words = [word for word in one.evidence.marks if word in gaps]
        if words:
            said.append(f"In column {shown(one.name)}, {some(words)} is read as a missing value.")
        if none := [word for word in one.evidence.gaps if _may_be_a_word(word, one)]:
            said.append(
                f"In column {shown(one.name)}, {some(none)} is read as a missing value; keep_default_na=false reads it "
                "as a word."
            )
    return said


def _may_be_a_word(gap: str, one: Found) -> bool:
    """Whether a text for no value may be a word among others: none at all, also beside `yes`, or North America."""
    if one.kind not in (ColumnKind.category, ColumnKind.boolean) or gap not in one.decision.form.gap_words(
        among_words=True
    ):
        return False
    return gap in ("None", "none") or (gap == "NA" and not REGIONS.isdisjoint(one.decision.categories))


def _unused(found: Sequence[Found]) -> list[str]:
    """What to say about columns that do not become features."""
    notes = []
    for one in found:
        if one.role is not Role.feature:
            continue
        if one.kind is ColumnKind.text and one.missing == one.rows:
            notes.append(f"Column {shown(one.name)} is empty, and not used.")
        elif one.kind is ColumnKind.text:
            notes.append(f"Column {shown(one.name)} is free text, and not used; types={one.name}=category uses it.")
        elif one.kind is ColumnKind.category and (many := one.distinct or 0) > 100:
            notes.append(f"Column {shown(one.name)} has {many:,} categories: the 100 most frequent are told apart.")
    return notes


def _constant(found: Sequence[Found]) -> list[str]:
    names = [one.name for one in found if one.role is Role.feature and not one.missing and _is_constant(one)]
    close = [
        one.name
        for one in found
        if one.role is Role.feature and one.measure is not None and one.measure.spread.is_rounding
    ]
    notes = [f"The value is the same in every row of {_columns(names)}: it cannot help to predict."] if names else []
    if close:
        notes.append(f"The values of {_columns(close)} differ in their last digits only: is it rounding?")
    return notes


def _is_constant(one: Found) -> bool:
    if one.measure is not None:
        return one.measure.spread.is_constant
    return one.kind in (ColumnKind.category, ColumnKind.boolean) and one.distinct == 1


def _columns(names: Sequence[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + some(names)

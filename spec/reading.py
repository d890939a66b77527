"""The options for reading a file; what is not given is detected."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Frozen, fault
from .cells import CLOCKS
from .dataset import Targets
from .schema import ColumnKind

NO_ZERO = r"^[^\u0000]*$"
"""Text without NUL, which databases and command lines do not accept."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_ZERO)]
Word = Annotated[str, Field(max_length=200, pattern=NO_ZERO)]


_SOME_DAY = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


def _list(value: Any) -> Any:
    """A list as a form writes it: `a,b`, or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(("[", "{")):
        return _json(value)
    return [part.strip() for part in value.split(",")] if value.strip() else []


def _names(value: Any) -> Any:
    """Names as a form writes them: one text, which is split at commas when the columns are known; or JSON."""
    if isinstance(value, str):
        return _json(value) if value.lstrip().startswith("[") else [value]
    return value


def _map(value: Any) -> Any:
    """A map as a form writes it: `zip=category,age=number`, or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return _json(value)
    pairs = (part.rpartition("=") for part in value.split(",") if part.strip())
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _thousands(value: Any) -> Any:
    """The separator for its name or character."""
    names = {"none": "", "space": " ", "\u00a0": " ", "\u202f": " ", "\u2019": "'"}
    return names.get(value, value) if isinstance(value, str) else value


def _delimiter(value: Any) -> Any:
    """The delimiter for its name or character."""
    names = {"\\t": "\t", "tab": "\t", "space": " ", "spaces": "  "}
    return names.get(value, value) if isinstance(value, str) else value


Delimiter = Annotated[Literal[",", ";", "\t", "|", " ", "  "], BeforeValidator(_delimiter)]
"""What stands between the cells of a text file; a space is any number of blanks, two are two or more."""


Names = Annotated[tuple[Name, ...], BeforeValidator(_names, json_schema_input_type=str | list[str])]
"""One or several column names."""


GapWords = tuple[Word, ...] | dict[Name, tuple[Word, ...]]
"""Texts that mean a missing value: of all columns, or of each."""


class ReadingOptions(Frozen):
    """Options for reading a file; an option that is null is detected from the file."""

    encoding: Annotated[
        str | None,
        Field(max_length=40, pattern=r"^[\w.-]+$", description="Encoding of text, such as utf-8 or cp1250."),
    ] = None
    delimiter: Annotated[
        Delimiter | None,
        Field(
            description="Delimiter between the cells of a text file, or its name: tab, space (any number of blanks), "
            "spaces (two or more)."
        ),
    ] = None
    header: Annotated[
        bool | None,
        Field(description="Whether the first row of a text file names the columns. false: they are called 0, 1, 2 ..."),
    ] = None
    sheet: Annotated[
        Name | None,
        Field(description="Sheet of a workbook, by its name. null: the first with the target, or else with a table."),
    ] = None
    image_size: Annotated[
        int | None,
        Field(
            ge=4,
            le=512,
            description="Side in pixels of the square to which a zip of images is scaled. null: images of one size, at "
            "most 64 a side, stay; others become 64 x 64.",
        ),
    ] = None
    decimal: Annotated[Literal[".", ","] | None, Field(description="Decimal mark of numbers.")] = None
    thousands: Annotated[
        Literal["", ",", ".", " ", "'", "_"] | None,
        BeforeValidator(_thousands),
        Field(description="Thousands separator of numbers; `none`: no separator."),
    ] = None
    na_values: Annotated[
        GapWords,
        BeforeValidator(_list, json_schema_input_type=str | list[str] | dict[str, list[str]]),
        Field(description="More texts that mean a missing value; or {column: texts}."),
    ] = ()
    keep_default_na: Annotated[
        bool, Field(description="false: only an empty cell and `na_values` mean a missing value.")
    ] = True
    date_format: Annotated[
        str | None,
        Field(
            min_length=2,
            max_length=100,
            description="Format of dates, as for strptime: %d.%m.%Y. Of times and durations: h:mm, m:ss or h:mm:ss.",
        ),
    ] = None
    dayfirst: Annotated[bool | None, Field(description="true: 03/04/2026 is 3 April. false: it is 4 March.")] = None
    columns: Annotated[
        tuple[Name, ...],
        BeforeValidator(_names, json_schema_input_type=str | list[str]),
        Field(description="Columns to use as features, `a,b`; or to leave out, each with a minus, `-a,-b`."),
    ] = ()
    types: Annotated[
        dict[Name, ColumnKind],
        BeforeValidator(_map, json_schema_input_type=str | dict[str, ColumnKind]),
        Field(description="Types of columns, `zip=category,age=number`; a `text` column is not used."),
    ] = {}
    weight: Annotated[Name | None, Field(description="Column with the weight of each row.")] = None
    group: Annotated[Name | None, Field(description="Column whose equal values form a group.")] = None
    split: Annotated[Name | None, Field(description="Column that says train, validation or test.")] = None
    time: Annotated[Name | None, Field(description="Column with the time of each row.")] = None

    @model_validator(mode="after")
    def _agrees(self) -> "ReadingOptions":
        if self.decimal is not None and self.decimal == self.thousands:
            raise fault("thousands", f"must not be the decimal mark, {self.decimal}")
        if self.date_format is not None and self.date_format not in CLOCKS and not _is_date_format(self.date_format):
            raise fault(
                "date_format", "must say where day, month and year are, such as %d.%m.%Y, or be m:ss, h:mm or h:mm:ss"
            )
        if self.date_format is not None and self.dayfirst is not None:
            raise fault("dayfirst", "is said by date_format already: leave one of them out")
        return self


def _is_date_format(form: str) -> bool:
    """Whether strptime reads what it writes."""
    try:
        return "%" in form and datetime.strptime(_SOME_DAY.strftime(form), form) is not None  # noqa: DTZ007 - any day
    except (ValueError, re.error):
        return False


class ReadingOrder(Frozen):
    """A file's name, target and reading options."""

    name: str = ""
    """The name of the uploaded file."""
    target: tuple[str, ...] = ()
    task: Targets | None = None
    options: ReadingOptions = ReadingOptions()

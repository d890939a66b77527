"""How a file is to be read: what its readers would otherwise guess."""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Frozen, fault
from .dataset import Targets
from .schema import ColumnKind

NO_ZERO = r"^[^\u0000]*$"
"""What neither a database nor a command line takes."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_ZERO)]
Word = Annotated[str, Field(max_length=200)]


def _list(value: Any) -> Any:
    """A list as a form writes it: `a,b`, or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(("[", "{")):
        return _json(value)
    return [part.strip() for part in value.split(",")] if value.strip() else []


def _names(value: Any) -> Any:
    """Names as a form writes them: one, whose commas are looked at when the columns are known, or JSON."""
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
    except ValueError:
        return value


def _thousands(value: Any) -> Any:
    """A separator as people may name it."""
    names = {"none": "", "space": " ", "\u00a0": " ", "\u202f": " ", "\u2019": "'"}
    return names.get(value, value) if isinstance(value, str) else value


def _delimiter(value: Any) -> Any:
    """A delimiter as people may name it."""
    return "\t" if value in ("\\t", "tab") else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_names, json_schema_input_type=str | list[str])]
"""Names of columns: one, or several."""


class ReadingOptions(Frozen):
    """How to read a file, where its own look is not to decide."""

    encoding: Annotated[
        str | None, Field(max_length=40, pattern=r"^[\w.-]+$", description="Of text, such as utf-8 or cp1250.")
    ] = None
    delimiter: Annotated[
        Literal[",", ";", "\t", "|"] | None,
        BeforeValidator(_delimiter),
        Field(description="Between the cells of text."),
    ] = None
    header: Annotated[
        bool | None,
        Field(description="Whether the first row of text names the columns; without one they are called 0, 1, 2 ..."),
    ] = None
    decimal: Annotated[Literal[".", ","] | None, Field(description="Before the fraction of a number.")] = None
    thousands: Annotated[
        Literal["", ",", ".", " ", "'", "_"] | None,
        BeforeValidator(_thousands),
        Field(description="Between groups of three digits; `none` where there is nothing."),
    ] = None
    na_values: Annotated[
        tuple[Word, ...] | dict[Name, tuple[Word, ...]],
        BeforeValidator(_list, json_schema_input_type=str | list[str] | dict[str, list[str]]),
        Field(description="Texts that say that there is no value, beside those that are known; or {column: texts}."),
    ] = ()
    keep_default_na: Annotated[
        bool, Field(description="false: only an empty cell and `na_values` say that there is no value.")
    ] = True
    date_format: Annotated[
        str | None, Field(min_length=2, max_length=100, description="Of dates, as strptime has it: %d.%m.%Y.")
    ] = None
    dayfirst: Annotated[
        bool | None, Field(description="Whether 03/04/2026 is in April (true) or in March (false).")
    ] = None
    columns: Annotated[
        tuple[Name, ...],
        BeforeValidator(_names, json_schema_input_type=str | list[str]),
        Field(description="Columns to use as features, `a,b`; or, with a minus before each, to leave out, `-a,-b`."),
    ] = ()
    types: Annotated[
        dict[Name, ColumnKind],
        BeforeValidator(_map, json_schema_input_type=str | dict[str, ColumnKind]),
        Field(description="What columns are, `zip=category,age=number`; `text` is not used."),
    ] = {}
    weight: Annotated[Name | None, Field(description="Column that says how much each row counts.")] = None
    group: Annotated[Name | None, Field(description="Column whose equal values belong together.")] = None
    split: Annotated[Name | None, Field(description="Column that says train, validation or test.")] = None
    time: Annotated[Name | None, Field(description="Column that says when a row was.")] = None

    @model_validator(mode="after")
    def _agrees(self) -> "ReadingOptions":
        if self.decimal is not None and self.decimal == self.thousands:
            raise fault("thousands", f"must not be the decimal mark, {self.decimal}")
        if self.date_format is not None and "%" not in self.date_format:
            raise fault("date_format", "must say where day, month and year are, such as %d.%m.%Y")
        if self.date_format is not None and self.dayfirst is not None:
            raise fault("dayfirst", "is said by date_format already: leave one of them out")
        return self


class ReadingOrder(Frozen):
    """What a file is, and how it is to be read."""

    name: str = ""
    """What the file was called."""
    target: tuple[str, ...] = ()
    task: Targets | None = None
    options: ReadingOptions = ReadingOptions()

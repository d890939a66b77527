"""Command-line flags, generated from the spec's fields: a new field of the spec is a new flag.

Each top-level field is a flag (`learning_rate`: `--learning-rate`). So is each field of its parts (`hidden` of the
architecture: `--hidden`): under its own name where only one part has it, else with the part's name before it
(`--schedule-patience`). Commas or a repeated flag make a list (`--hidden 64,32`, `--hidden 64 --hidden 32`).
"""

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spec import specfile
from spec.field_error import FieldError

from ..client import fields
from ..errors import BadFileError, BadSpecError

OTHER_NAMES = {"version": "spec_version"}
"""Fields whose flag has another name: `--version` is asked of every program."""

_MARKED = re.compile(r"-?\d+,0\d+")
"""A number with a decimal comma or a mark of thousands: of several values none is written as `01`."""


@dataclass(frozen=True)
class Flag:
    """One flag: the place of its value in a spec, and how the value is parsed."""

    name: str
    path: tuple[str, ...]
    help: str
    form: Literal["switch", "text", "pairs", "list", "value"]
    may_be_list: bool = False
    """Whether several values are one value of the field, such as a dropout for each layer."""

    @property
    def variable(self) -> str:
        """Its name as a Python parameter."""
        return self.name.replace("-", "_")

    @property
    def names(self) -> tuple[str, ...]:
        """How it may be written on the command line."""
        if self.form == "switch":
            return (f"--{self.name}/--no-{self.name}",)
        other = fields.SHORT.get(self.variable)
        return (f"--{self.name}",) if other is None else (f"--{self.name}", f"--{other}")

    def read(self, given: Any) -> Any:
        """The value that was given on the command line."""
        match self.form:
            case "switch":
                return given
            case "text":
                return given[-1]
            case "pairs":
                return dict(_pair(text, self.name) for text in given)
            case "list":
                values = self._values(given)
                return values[0] if len(values) == 1 and isinstance(values[0], list) else values
            case "value":
                values = self._values(given)
                return values[0] if len(values) == 1 else values

    def _values(self, given: Sequence[str]) -> list[Any]:
        """The values of the texts; a text with commas is several, unless it is a YAML list or mapping.

        Raises `BadFileError` for a number with a comma of its own.
        """
        for text in filter(_MARKED.fullmatch, given):
            before, after = text.split(",")
            mark = "" if len(after) == 3 and int(before) else "."
            raise BadFileError(
                f"--{self.name} {text}: write it as {before}{mark}{after}; commas stand between several values."
            )
        texts = [part for text in given for part in ([text] if text.lstrip()[:1] in "[{\"'" else text.split(","))]
        return [specfile.value(text, f"--{self.name}") for text in texts]


def flags() -> list[Flag]:
    """Every flag of a spec, in the spec's order."""
    return [_flag(OTHER_NAMES.get(field.name, field.name), field.path, field.info) for field in fields.fields()]


def overlay(spec: Mapping[str, Any], given: Mapping[Flag, Any]) -> dict[str, Any]:
    """`spec` with the values of the given flags in place of its own."""
    return fields.overlay(spec, {flag.path: value for flag, value in given.items()})


def with_flags(error: BadSpecError) -> BadSpecError:
    """The same error, which names the flag of each field, too."""
    by_path = {".".join(flag.path): flag for flag in flags()}

    def named(fault: FieldError) -> FieldError:
        steps = [step for step in fault.path.split(".") if not step.isdigit() and step not in (*fields.KINDS, "jobs")]
        flag = by_path.get(".".join(steps[:2])) or by_path.get(".".join(steps[:1]))
        return fault if flag is None else fault.model_copy(update={"path": f"{fault.path} ({' or '.join(flag.names)})"})

    detail = str(error).split("\n", maxsplit=1)[0]
    return BadSpecError(detail, errors=[named(fault) for fault in error.errors], status=error.status)


def _flag(name: str, path: tuple[str, ...], field: FieldInfo) -> Flag:
    annotation = field.annotation
    plain = {kind for kind in _plain(annotation) if kind is not type(None)}
    form: Literal["switch", "text", "pairs", "list", "value"] = "value"
    if plain == {bool}:
        form = "switch"
    elif plain == {str}:
        form = "text"
    elif plain == {dict}:
        form = "pairs"
    elif plain == {tuple}:
        form = "list"
    return Flag(name.replace("_", "-"), path, _help(field), form, may_be_list=bool(plain & {tuple, list}))


def _help(field: FieldInfo) -> str:
    text = field.description or ""
    if field.is_required() or isinstance(field.default, BaseModel) or field.default in (None, {}, ()):
        return text
    return f"{text} [default: {field.default}]"


def _plain(annotation: Any) -> Iterator[Any]:
    """The Python types that a value can have, without pydantic's annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _plain(argument)
    elif origin is Literal:
        yield Literal
    else:
        yield origin or annotation


def _pair(text: str, name: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found:
        raise BadFileError(f"--{name} {text}: write it as KEY=VALUE.")
    return key, value

"""Validation errors as sentences: which field, what is wrong with it, what is allowed."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .job import JobSpec
from .views import FieldError

SHOWN = 50
"""Most characters of a value that a sentence repeats."""

MOST = 100
"""Most faulty fields that are told at once."""

_QUOTED = re.compile(r"'([^']*)'")
_POWER = re.compile(r"[-+]?\d+e[-+]?\d+", re.IGNORECASE)
"""A number that YAML 1.1 takes for text."""

_ALLOWED: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this",
    "union_tag_not_found": "needs a type",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "greater_than": "must be greater than {gt}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "uuid_parsing": "must be an id, as an answer gave it",
    "int_parsing_size": "must be a smaller whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "has characters that are not allowed here",
    "string_unicode": "is not valid Unicode text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "too_short": "must have at least {min_length} entries, not {actual_length}",
    "too_long": "must have at most {max_length} entries",
}
"""What is allowed, by pydantic's type of error, with the context it gives."""


@dataclass
class _Told:
    """What is to be said of one field."""

    value: Any
    allowed: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Words that would have been right."""


def sentences(error: ValidationError, body: Any) -> list[FieldError]:
    """One sentence per faulty field of `body`, by the path its writer would use."""
    told: dict[str, _Told] = {}
    for fault in error.errors(include_url=False)[: 2 * MOST]:
        path, value = _place(fault, body)
        about = told.setdefault(path, _Told(value))
        sentence, names = _allowed(fault)
        if sentence not in about.allowed:
            about.allowed.append(sentence)
            about.names.extend(names)
    # Of a union, the branch whose inner field is at fault says more than the branches that do not fit at all.
    outer = {path[: dot.start()] for path in told for dot in re.finditer(r"\.", path)}
    inner = ((path, about) for path, about in told.items() if path not in outer)
    return [
        FieldError(path=_printable(path), message=_printable(" or ".join(about.allowed) + _given(about)))
        for path, about in islice(inner, MOST)
    ]


def _place(fault: ErrorDetails, body: Any) -> tuple[str, Any]:
    """The path of the fault, and the value that is wrong there; None for a value that says nothing."""
    path, value = _walk(fault["loc"], body)
    match fault["type"]:
        case "rule":
            return _prefix(fault["loc"], body) + fault["ctx"]["path"], None
        case "union_tag_invalid" if isinstance(value, Mapping):
            return f"{path}.type", value.get("type")
        case "extra_forbidden" | "missing":
            return path, None
    return path, None if fault["loc"][-1:] == ("[key]",) else value


def _walk(loc: Sequence[int | str], body: Any) -> tuple[str, Any]:
    """The path of `loc` through the body, without the names of union branches; and what stands there."""
    path: list[str] = []
    here: Any = body
    for position, step in enumerate(loc):
        if _has(here, step):
            here = here[step]
        elif position == len(loc) - 1 and isinstance(here, Mapping) and step != "[key]":
            here = None  # a field that is missing
        else:
            continue  # the name of a branch of a union: nothing the writer wrote
        path.append(str(step))
    return ".".join(path), here


def _has(here: Any, step: int | str) -> bool:
    if isinstance(here, list | tuple):
        return isinstance(step, int) and step < len(here)
    return isinstance(here, Mapping) and step in here


def _prefix(loc: Sequence[int | str], body: Any) -> str:
    """Where a spec stands in a body that holds many: `jobs.3.`, or nothing."""
    many = isinstance(body, Mapping) and len(loc) >= 2 and loc[0] == "jobs"
    return f"jobs.{loc[1]}." if many else ""


def _allowed(fault: ErrorDetails) -> tuple[str, list[str]]:
    """What is allowed where the fault is, and the words that would be right."""
    context = fault.get("ctx", {})
    match fault["type"]:
        case "enum" | "literal_error" | "union_tag_invalid":
            names = _QUOTED.findall(str(context.get("expected_tags") or context.get("expected")))
            return (f"must be one of {', '.join(names)}" if len(names) > 1 else f"must be {names[0]}"), names
        case "dataset":
            return fault["msg"], re.findall(r"\w+", fault["msg"].split(";")[0])
        case "extra_forbidden":
            name = str(fault["loc"][-1])[:SHOWN]
            close = difflib.get_close_matches(name, _fields() - {name}, n=1, cutoff=0.75)
            return _ALLOWED["extra_forbidden"] + (f"; did you mean {close[0]}?" if close else ""), []
    template = _ALLOWED.get(fault["type"])
    sentence = template.format(**context) if template else str(fault["msg"])
    return (f"{sentence}, as a key" if fault["loc"][-1:] == ("[key]",) else sentence), []


@cache
def _fields() -> frozenset[str]:
    """The names of all fields of a spec, the inner ones too."""
    return frozenset(_names(JobSpec.model_json_schema()))


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


def _given(about: _Told) -> str:
    """What stands there instead, and what may have been meant."""
    value = about.value
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    if not isinstance(value, str):
        return f"; it is {_short(json.dumps(value))}"
    if _POWER.fullmatch(value) and "must be a number" in about.allowed:
        return f"; it is the text {_short(repr(value))}, and YAML reads a number where it has a point, as in 1.0e-3"
    close = difflib.get_close_matches(value[:SHOWN], about.names, n=1)
    return f"; it is {_short(repr(value))}" + (f"; did you mean {close[0]}?" if close else "")


def _printable(text: str) -> str:
    """The text without half characters, which no answer could carry."""
    return text.encode(errors="backslashreplace").decode()


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."

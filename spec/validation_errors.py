"""Validation errors as sentences: which field, what is wrong with it, what is allowed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .access import USER_NAME
from .dataset import DATASET_ID
from .field_error import FieldError
from .halvings import HALVINGS
from .job import JobSpec
from .labels import CLEAN, PROJECT, SHARED_BY, TAG_KEY
from .meant import did_you_mean, meant
from .space import PARAMETERS
from .webhooks import ADDRESS

SHOWN = 50
"""Maximum number of characters of a value that a message repeats."""

MOST = 100
"""Maximum number of fields in one answer."""

_QUOTED = re.compile(r"'([^']*)'")
_POWER = re.compile(r"[-+]?\d+e[-+]?\d+", re.IGNORECASE)
"""A number that YAML 1.1 reads as text."""

NOTHING = frozenset({"none", "null", "nil", "off", "~"})
"""Words for nothing, where null is meant."""

_CHARACTERS = "has characters that are not allowed here"
_MOMENT = "must be a moment with its zone, such as 2026-01-31T08:30:00Z (in an address, + is written %2B)"
_ALLOWED: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field here",
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
    "string_pattern_mismatch": _CHARACTERS,
    "string_unicode": "is not valid Unicode text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "too_short": "must have at least {min_length} entries, not {actual_length}",
    "too_long": "must have at most {max_length} entries",
    "timezone_aware": _MOMENT,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
}
"""The rule that was broken, by pydantic's type of error; formatted with the error's context."""


_FORMS: Mapping[str, str] = {
    DATASET_ID: "must be an id of a data set, ds_ and 32 hexadecimal digits, as its upload answered it",
    PROJECT: f"{_CHARACTERS}: 1 to 100 letters of A to Z, digits, blanks and . _ - are, a letter or a digit first",
    TAG_KEY: f"{_CHARACTERS}: 1 to 100 letters of A to Z, digits and . _ - / are, a letter or a digit first",
    USER_NAME: f"{_CHARACTERS}: 1 to 100 letters of A to Z, digits and . _ - @ are, a letter or a digit first",
    CLEAN: f"{_CHARACTERS}: control characters, such as line breaks, or marks that turn the direction of writing",
    SHARED_BY: "must be user, project or tag:KEY",
    ADDRESS: "must be an address that begins with http:// or https://",
}
"""What a text must be, by its pattern; of other patterns only the characters matter."""


@dataclass
class _Invalid:
    """One invalid field: its value and the rules that it breaks."""

    value: Any
    allowed: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Words that would be valid."""


def sentences(error: ValidationError, body: Any) -> list[FieldError]:
    """One message per invalid field of `body`, with the path as its author would write it."""
    invalid: dict[str, _Invalid] = {}
    for fault in error.errors(include_url=False)[: 2 * MOST]:
        path, value = _place(fault, body)
        about = invalid.setdefault(path, _Invalid(value))
        sentence, names = _allowed(fault, error.title)
        if sentence not in about.allowed:
            about.allowed.append(sentence)
            about.names.extend(names)
    # In a union, the branch with a wrong inner field is closer than the branches that do not fit at all.
    outer = {path[: dot.start()] for path in invalid for dot in re.finditer(r"\.", path)}
    inner = ((path, about) for path, about in invalid.items() if path not in outer)
    return [
        FieldError(path=_printable(path), message=_printable(" or ".join(about.allowed) + _given(path, about)))
        for path, about in islice(inner, MOST)
    ]


def _place(fault: ErrorDetails, body: Any) -> tuple[str, Any]:
    """The path and the value of the invalid field; None for a value that the message need not repeat."""
    path, value = _walk(fault["loc"], body, is_missing=fault["type"] == "missing")
    match fault["type"]:
        case "rule":
            return _prefix(fault["loc"], body) + fault["ctx"]["path"], None
        case "union_tag_invalid" if isinstance(value, Mapping):
            return f"{path}.type", value.get("type")
        case "extra_forbidden" | "missing":
            return path, None
    return path, None if fault["loc"][-1:] == ("[key]",) else value


def _walk(loc: Sequence[int | str], body: Any, *, is_missing: bool) -> tuple[str, Any]:
    """The path of `loc` through the body, without the names of union branches, and the value there."""
    path: list[str] = []
    here: Any = body
    for position, step in enumerate(loc):
        if _has(here, step) and not _names_branch(here, loc[position : position + 2]):
            here = here[step]
        elif is_missing and position == len(loc) - 1:
            here = None
        else:
            continue  # the name of a union branch, which is not in the body
        path.append(str(step))
    return ".".join(path), here


def _has(here: Any, step: int | str) -> bool:
    if isinstance(here, list | tuple):
        return isinstance(step, int) and step < len(here)
    return isinstance(here, Mapping) and step in here


def _names_branch(here: Any, steps: Sequence[int | str]) -> bool:
    """Whether the first of two steps names a union branch, such as `uniform`, although the body has a field so called.

    The next step is then a field beside that one, and not within it.
    """
    return len(steps) == 2 and _has(here, steps[1]) and not _has(here[steps[0]], steps[1])


def _prefix(loc: Sequence[int | str], body: Any) -> str:
    """The path prefix of what has rules of its own: `jobs.3.`, `base.` or `space.learning_rate.`; else empty."""
    match loc if isinstance(body, Mapping) else ():
        case ["jobs" | "space" as many, one, *_]:
            return f"{many}.{one}."
        case ["base", *_]:
            return "base."
        case _:
            return ""


def _allowed(fault: ErrorDetails, title: str) -> tuple[str, list[str]]:
    """The rule that was broken, and the words that would be valid."""
    context = fault.get("ctx", {})
    match fault["type"]:
        case "enum" | "literal_error" | "union_tag_invalid":
            names = _QUOTED.findall(str(context.get("expected_tags") or context.get("expected")))
            return (f"must be one of {', '.join(names)}" if len(names) > 1 else f"must be {names[0]}"), names
        case "dataset":
            return fault["msg"], re.findall(r"\w+", fault["msg"].split(";")[0])
        case "extra_forbidden":
            return _ALLOWED["extra_forbidden"] + _other_field(fault["loc"], title), []
    template = _FORMS.get(context.get("pattern", "")) or _ALLOWED.get(fault["type"])
    sentence = template.format(**context) if template else str(fault["msg"])
    return (f"{sentence}, as a key" if fault["loc"][-1:] == ("[key]",) else sentence), []


def _other_field(loc: Sequence[int | str], title: str) -> str:
    """The field that may have been meant, and where it stands when it is one of the job and not of this part of it."""
    name = str(loc[-1])
    part = next((step for step in loc[:-1] if step in JobSpec.model_fields), None)
    if title == "SweepSpec" and loc[0] != "base":
        return _other_field_of_sweep(loc, name)
    found = name if part and name in JobSpec.model_fields else meant(name, _fields() - {name}, cutoff=0.75)
    if not found:
        return ""
    return f"; did you mean {found}" + (f", beside {part}?" if part and found in JobSpec.model_fields else "?")


def _other_field_of_sweep(loc: Sequence[int | str], name: str) -> str:
    """The field of this part of a sweep that may have been meant, or the one of its base."""
    found = meant(name, _fields_of_sweep(str(loc[0]) if len(loc) > 1 else "") - {name}, cutoff=0.75)
    if found is None and len(loc) == 1:
        of_job = name if name in JobSpec.model_fields else meant(name, _fields(), cutoff=0.75)
        found = of_job and f"base.{of_job}"
    known = " The direction of a metric is known." if found == "objective" else ""
    return f"; did you mean {found}?{known}" if found else ""


@cache
def _fields() -> frozenset[str]:
    """Names of all fields of a spec, nested ones too."""
    return frozenset(_names(JobSpec.model_json_schema()))


@cache
def _nullable() -> frozenset[str]:
    """The fields of a job that may be null."""
    fields = JobSpec.model_fields.items()
    return frozenset(name for name, field in fields if type(None) in get_args(field.annotation))


@cache
def _fields_of_sweep(part: str) -> frozenset[str]:
    """Names of the fields of a part of a sweep, such as its space; of the sweep itself where `part` is empty."""
    from .sweep import Budget, SweepSpec  # which says its own faults with this module

    models = {"halving": HALVINGS, "space": PARAMETERS, "trials": (Budget,)}.get(part, (SweepSpec,))
    return frozenset(name for model in models for name in model.model_fields)


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


def _given(path: str, about: _Invalid) -> str:
    """The given value, and the valid word closest to it."""
    value = about.value
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    if not isinstance(value, str):
        return f"; it is {_short(json.dumps(value, default=str))}"
    if _POWER.fullmatch(value) and "must be a number" in about.allowed:
        return f"; it is the text {_short(repr(value))}, and YAML reads a number where it has a point, as in 1.0e-3"
    if value.lower() in NOTHING and path.rsplit(".", maxsplit=1)[-1] in _nullable():
        return f"; it is the text {value!r}: write null"
    return f"; it is {_short(repr(value))}" + did_you_mean(value, about.names)


def _printable(text: str) -> str:
    """The text with lone surrogates escaped, which UTF-8 cannot encode."""
    return text.encode(errors="backslashreplace").decode()


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."

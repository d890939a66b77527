"""The spec reference, docs/spec.md, written from the models themselves."""

from collections.abc import Mapping
from typing import Any

from .job import JobSpec

_INTRO = """# The job spec

Written by `python -m spec` from the models of `spec/`: change it there. The same fields are the body of
`POST /api/v1/jobs`, the YAML file of `epochal submit`, its flags, and the argument of `python -m trainer`. A field that
is not listed is refused, and so is NaN. A kind with settings of its own (`optimizer`, `schedule`, `architecture`,
`dataset`) is a name, or an object that says more: `adam`, or `{type: adam, beta1: 0.95}`.
"""

Schema = Mapping[str, Any]


def reference() -> str:
    """The whole page."""
    schema = JobSpec.model_json_schema()
    parts = [_INTRO, "## Fields\n", _table(schema)]
    for name, part in schema["$defs"].items():
        parts += [f"## {name}\n", f"{part['description']}\n"]
        parts.append(_table(part) if "properties" in part else f"{_listed(part['enum'])}\n")
    return "\n".join(parts)


def _table(schema: Schema) -> str:
    rows = ["| field | value | default | meaning |", "|---|---|---|---|"]
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        default = "required" if name in required else f"`{_value(field.get('default'))}`"
        rows.append(f"| `{name}` | {_kind(field)} | {default} | {field.get('description', '')} |".replace("  ", " "))
    return "\n".join([*rows, ""])


def _kind(schema: Schema) -> str:
    """What a value must be, in words."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": kinds} | {"oneOf": kinds}:
            return " or ".join(dict.fromkeys(_kind(kind) for kind in kinds))
        case {"const": value}:
            return f"`{_value(value)}`"
        case {"enum": values}:
            return _listed(values)
        case {"type": "array", "prefixItems": [first, *more]}:
            return f"list of {1 + len(more)} {_kind(first)}s"
        case {"type": "array"}:
            return f"list of {_kind(schema['items'])}" + _bounds(schema, "minItems", "maxItems", " values")
        case {"patternProperties": kinds}:
            return f"object of {_kind(next(iter(kinds.values())))}" + _bounds(schema, "", "maxProperties", " keys")
        case {"type": "string"}:
            return "text" + _bounds(schema, "minLength", "maxLength", " characters")
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"type": "null"}:
            return "`null`"
        case {"type": "integer"}:
            return "whole number" + _bounds(schema, "minimum", "maximum")
    return "number" + _bounds(schema, "minimum", "maximum")


def _bounds(schema: Schema, least: str, most: str, unit: str = "") -> str:
    names = {least: "at least", "exclusiveMinimum": "above", most: "at most", "exclusiveMaximum": "below"}
    words = [f"{words} {_number(schema[name])}" for name, words in names.items() if name in schema]
    return f" ({', '.join(words)}{unit})" if words else ""


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _listed(values: list[Any]) -> str:
    return ", ".join(f"`{_value(value)}`" for value in values)


def _value(value: Any) -> str:
    """As it stands in a spec file."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{name}: {_value(part)}" for name, part in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_value(part) for part in value) + "]"
    return str(value)

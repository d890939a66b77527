"""The fields of a spec as keyword arguments: each field of a part also under its own name, such as `hidden`.

A name that several parts have is written with the part's name before it: `schedule_patience`.
"""

import types
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from spec.job import JobSpec

KINDS = ("type", "name")
"""Fields that name the variant of a part; the part's own name sets them."""
RESOLVED = ("sha256", "info")
"""Fields that the service fills in."""

Path = tuple[str, ...]


@lru_cache
def places() -> Mapping[str, Path]:
    """The place in a spec of each keyword argument."""
    nested = [
        (parent, name)
        for parent, field in JobSpec.model_fields.items()
        for name in dict.fromkeys(name for model in models(field.annotation) for name in model.model_fields)
        if name not in KINDS + RESOLVED
    ]
    uses = Counter([*JobSpec.model_fields, *(name for _, name in nested)])
    found: dict[str, Path] = {name: (name,) for name in JobSpec.model_fields}
    for parent, name in nested:
        found[name if uses[name] == 1 else f"{parent}_{name}"] = (parent, name)
    return found


def spec_with(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with these values in place of its own. A name that is no field stays, for the spec's rules to refuse."""
    known = places()
    paths = {known.get(name, (name,)): plain(value) for name, value in given.items()}
    result = {**spec, **{path[0]: value for path, value in paths.items() if len(path) == 1}}
    for path, value in paths.items():
        if len(path) == 2:
            parent, name = path
            result[parent] = {**as_part(parent, result.get(parent)), name: value}
    return result


def as_part(parent: str, value: Any) -> dict[str, Any]:
    """A part as a mapping, so that a field can be added; the variant is that of the value, else of the default."""
    if isinstance(value, Mapping):
        return dict(value)
    field = JobSpec.model_fields[parent]
    kind = "type" if any("type" in model.model_fields for model in models(field.annotation)) else "name"
    if isinstance(value, str):
        return {kind: value}
    default = getattr(field.default, kind, None)
    return {} if default is None else {kind: default}


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's value can be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, types.UnionType):
        for argument in get_args(annotation):
            yield from models(argument)


def plain(value: Any) -> Any:
    """A value without NumPy's types."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value

"""The fields of a spec as arguments and flags: each field of a part also under its own name, such as `hidden`.

A name that several parts have is written with the part's name before it: `schedule_patience`.
"""

import types
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spec.job import JobSpec

KINDS = ("type", "name")
"""Fields that name the variant of a part; the part's own name sets them."""
RESOLVED = ("sha256", "info")
"""Fields that the service fills in."""

Path = tuple[str, ...]

SHORT = {"learning_rate": "lr"}
"""Short names beside the long ones."""

LONGEST_NAME = 200
"""Characters of a job's name."""


@dataclass(frozen=True)
class SpecField:
    """One field: its name as an argument, its place in a spec, and its rules."""

    name: str
    path: Path
    info: FieldInfo


@lru_cache
def fields() -> tuple[SpecField, ...]:
    """Every field of a spec and of its parts, in the spec's order."""
    nested = [
        ((parent, name), field)
        for parent, parent_field in JobSpec.model_fields.items()
        for name, field in _parts(parent_field).items()
        if name not in KINDS + RESOLVED
    ]
    uses = Counter([*JobSpec.model_fields, *(name for (_, name), _ in nested)])
    made = []
    for parent, parent_field in JobSpec.model_fields.items():
        made.append(SpecField(parent, (parent,), parent_field))
        for path, field in nested:
            if path[0] == parent:
                made.append(SpecField(path[1] if uses[path[1]] == 1 else "_".join(path), path, field))
    return tuple(made)


def overlay(spec: Mapping[str, Any], given: Mapping[Path, Any]) -> dict[str, Any]:
    """`spec` with these values, by their places, instead of its own."""
    result = {**spec, **{path[0]: value for path, value in given.items() if len(path) == 1}}
    for path, value in given.items():
        if len(path) == 2:
            parent, name = path
            result[parent] = {**_as_part(parent, result.get(parent)), name: value}
    return result


def spec_with(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with values by their names. A name that is no field stays, for the spec's rules to refuse."""
    places = _places()
    return overlay(spec, {places.get(name, (name,)): plain(value) for name, value in given.items()})


def name_of_copy(name: str, changes: Mapping[str, Any]) -> str:
    """The name of a job's copy: the job's, and what is different."""
    shown = ", ".join(f"{key} {value}" for key, value in changes.items() if isinstance(value, str | int | float | list))
    return (f"{name}, {shown}" if shown else name)[:LONGEST_NAME]


def space_paths(space: Mapping[str, Any]) -> dict[str, Any]:
    """A sweep's parameters by field path: `hidden` is `architecture.hidden`. Other names stay, to be refused."""
    places = _places()
    return {".".join(places.get(name, (name,))): value for name, value in space.items()}


@lru_cache
def _places() -> Mapping[str, Path]:
    """The places of all fields by their names, the short ones too."""
    places = {field.name: field.path for field in fields()}
    return places | {short: places[name] for name, short in SHORT.items()}


def _as_part(parent: str, value: Any) -> dict[str, Any]:
    """A part as a mapping, so that a field can be added; the variant is that of the value, else of the default."""
    if isinstance(value, Mapping):
        return dict(value)
    field = JobSpec.model_fields[parent]
    kind = "type" if any("type" in model.model_fields for model in _models(field.annotation)) else "name"
    if isinstance(value, str):
        return {kind: value}
    default = getattr(field.default, kind, None)
    return {} if default is None else {kind: default}


def _parts(field: FieldInfo) -> dict[str, FieldInfo]:
    """The fields of the models that a field's value can be."""
    parts: dict[str, FieldInfo] = {}
    for model in _models(field.annotation):
        parts = {**model.model_fields, **parts}  # the first variant with a field describes it
    return parts


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's value can be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _models(argument)


def plain(value: Any) -> Any:
    """A value without NumPy's types and without ranges; in arrays and pandas' frames true is 1, as in scikit-learn."""
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if hasattr(value, "tolist"):
        listed = value.tolist()
        may_be_truths = isinstance(listed, list) and str(value.dtype) in ("bool", "object", "torch.bool")
        return _counted(listed) if may_be_truths else listed
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple | range) else value


def _counted(values: list[Any]) -> list[Any]:
    return [_counted(one) if isinstance(one, list) else int(one) if isinstance(one, bool) else one for one in values]

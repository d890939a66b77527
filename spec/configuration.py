"""A configuration of a sweep: values for some fields of the base job, by field path."""

import hashlib
from collections.abc import Mapping
from typing import Any

from .architectures import by_layer
from .base import Frozen, Named
from .dataset import canonical_json
from .job import JobSpec
from .losses import LOSSES
from .optimizers import OPTIMIZERS
from .schedules import SCHEDULES

Configuration = dict[str, Any]
"""Values by field path, such as {"learning_rate": 0.1, "architecture.hidden": [64]}."""


def with_fields(base: JobSpec, values: Mapping[str, Any], *, types_first: bool = True) -> JobSpec:
    """The job with other values at these field paths. Raises `ValidationError`."""
    return JobSpec.model_validate(body_with(base, values, types_first=types_first))


def body_with(base: JobSpec, values: Mapping[str, Any], *, types_first: bool = True) -> dict[str, Any]:
    """The body of `with_fields`, which may be no job's.

    Of two paths, the shorter is set first: {"optimizer": "sgd", "optimizer.momentum": 0.9}. Of the fields of an object,
    its type is: what the base has of another type goes, and what `values` have of one is wrong. Before version 6 of the
    rules, they were set in their order.
    """
    # Of a data set the object is kept: it is checked already, and many jobs share its rows.
    body = base.model_dump(mode="json", exclude_unset=True, exclude={"dataset"}) | {"dataset": base.dataset}
    for path in sorted(values, key=lambda path: (path.count("."), types_first and not path.endswith(".type"))):
        _set(body, base, path.split("."), values[path])
    return body


def _set(body: dict[str, Any], base: JobSpec, path: list[str], value: Any) -> None:
    """Set a value in a body; an object on the way that is a name, or a default, is written out first."""
    first, *rest = path
    if not rest:
        body[first] = value
        return
    inner = body.get(first)
    if inner is None and first in JobSpec.model_fields:
        default = getattr(base, first)
        inner = default.model_dump(mode="json") if isinstance(default, Frozen) else {}
    if isinstance(inner, Frozen):
        inner = inner.model_dump(mode="json", exclude_unset=True)
    if isinstance(inner, str):
        inner = {"name" if first == "dataset" else "type": inner}
    inner = dict(inner) if isinstance(inner, dict) else {}
    at = inner
    for name in rest[:-1]:
        at[name] = dict(own) if isinstance(own := at.get(name), dict) else {}
        at = at[name]
    at[rest[-1]] = value
    kind = KIND_OF.get((first, value)) if rest == ["type"] and isinstance(value, str) else None
    if kind is not None:  # what the other kind does not have goes
        inner = {name: own for name, own in inner.items() if name in kind.model_fields}
    body[first] = inner


KIND_OF: Mapping[tuple[str, Any], type[Named]] = {
    (field, kind.name()): kind
    for field, kinds in (("optimizer", OPTIMIZERS), ("loss", LOSSES), ("schedule", SCHEDULES))
    for kind in kinds
}
"""The kinds of the fields that are an object with a `type`."""


def value_at(configuration: Mapping[str, Any], base: JobSpec, path: str) -> Any:
    """The value of a field: a configuration's, else the base job's. A bare name is the `type` of its object."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        if head in configuration:
            return inner_value(configuration[head], parts[length:])
    return inner_value(base.model_dump(mode="json", include={parts[0]}).get(parts[0]), parts[1:])


def inner_value(value: Any, path: list[str]) -> Any:
    """The value of a field inside a value; a bare name is its own `type`. None: there is no such field."""
    for name in path:
        if isinstance(value, str) and name in ("type", "name"):
            continue
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


LABELS = ("name", "tags", "priority")
"""Fields of a job that change nothing of what it trains."""


def digest_of(spec: JobSpec, *, by_meaning: bool = True) -> str:
    """SHA-256 of what two configurations share that are the same job, except for its seed, fold and labels.

    `by_meaning`, a field has one form for what may be written in several; before version 7 of the rules it was as
    written.
    """
    body = spec.model_dump(mode="json", exclude={"dataset", "seed", "fold", "project", *LABELS})
    if by_meaning:
        body |= _meant(spec)
    return hashlib.sha256(canonical_json(body, spec.dataset).encode()).hexdigest()


def _meant(spec: JobSpec) -> dict[str, Any]:
    """The fields that mean the same in several forms: a default by name, one value for all hidden layers."""
    return {
        "standardize": spec.standardizes,
        "split": spec.split_by,
        "output_activation": spec.computed_output_activation,
        "activation": spec.activations,
        "dropout": by_layer(spec.dropout, spec.architecture),
    }

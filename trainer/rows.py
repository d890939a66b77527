"""The rows of data sets: loaded or generated, and divided. Without PyTorch: `trainer.held_out` needs nothing else."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from pydantic_core import PydanticCustomError

from spec.checks import check_targets
from spec.dataset import SHIPPED, DatasetInfo, DatasetSpec, Inline, Shipped, Targets, Uploaded
from spec.job import JobSpec
from spec.schema import Column, Schema, Target

from .errors import BadDataError
from .generated import generate
from .splits import NO_ROLES, Division, RowRoles, divide


@dataclass(frozen=True)
class Rows:
    """A whole data set: its numbers [rows, numbers]; targets [rows, outputs], or class numbers [rows]."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    columns: tuple[Column, ...] = ()
    """What the numbers are; empty for data without column names."""
    target: Target | None = None
    """What the targets are; None for data without column names."""
    roles: RowRoles = NO_ROLES


@lru_cache(maxsize=8)
def load(dataset: DatasetSpec) -> Rows:
    """All rows of a data set that is not uploaded."""
    match dataset:
        case Inline(x=x, y=y):
            return Rows(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64), roles=_inline_roles(dataset))
        case Uploaded():
            raise BadDataError("An uploaded data set is stored in a service: submit the job there.")
        case Shipped(name=name):
            return read_table(SHIPPED / f"{name}.npz")
        case _:
            return Rows(*generate(dataset))


@lru_cache(maxsize=1)
def read(table: Path) -> Rows:
    """All rows of an uploaded data set, whose table is this file. Raises `BadDataError`."""
    return read_table(table)


def read_table(table: Path) -> Rows:
    """All rows of a table, as `ingest/table.py` writes it. Raises `BadDataError`."""
    try:
        with table.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            schema = Schema.model_validate_json(arrays["schema"].tobytes())
            roles = RowRoles(*(arrays.get(name) for name in ("split", "group", "time", "weight")))
            return Rows(arrays["X"], arrays["y"], schema.columns, schema.target, roles)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BadDataError(f"The table of the data set cannot be read: {error}") from error


def _inline_roles(data: Inline) -> RowRoles:
    split, group, time = data.split_numbers, data.group, data.time
    numbers = None if group is None else {value: number for number, value in enumerate(dict.fromkeys(group))}
    return RowRoles(
        split=None if split is None else np.array(split),
        group=None if group is None or numbers is None else np.array([numbers[value] for value in group]),
        time=None if time is None else np.array(time, dtype=np.float64),
        weight=None if data.weight is None else np.array(data.weight, dtype=np.float64),
    )


def divided(spec: JobSpec, info: DatasetInfo, table: Path | None = None) -> tuple[Rows, npt.NDArray[Any], Division]:
    """All rows, their targets, and the numbers of the rows of each part. Raises `BadDataError`.

    Targets are class numbers [rows], or numbers in their own units [rows, outputs].
    """
    rows = load(spec.dataset) if table is None else read(table)
    if len(rows.x) != info.rows:
        raise BadDataError(f"The data set has {len(rows.x)} rows, not {info.rows}.")
    y = _targets(rows.y, info)
    if info.targets is Targets.numbers:
        _check_targets(spec, y)
    return rows, y, divide(spec, info.rows, y if info.targets is Targets.classes else None, rows.roles)


def _check_targets(spec: JobSpec, y: npt.NDArray[np.float64]) -> None:
    """Refuse targets that were not known when the job was submitted, and that it cannot learn."""
    try:
        check_targets(spec, float(y.min()), float(y.max()))
    except PydanticCustomError as error:
        said = error.context or {}
        raise BadDataError(f"{said.get('path')}: {error.message()}.") from error


def _targets(y: npt.NDArray[Any], info: DatasetInfo) -> npt.NDArray[Any]:
    if info.targets is Targets.numbers:
        return y.reshape(len(y), -1).astype(np.float64)
    numbers = np.unique(y, return_inverse=True)[1].reshape(-1)
    if numbers.max() + 1 != info.classes:
        raise BadDataError(f"The data set has {numbers.max() + 1} classes, not {info.classes}.")
    return numbers.astype(np.int64)

"""What is in data sets: rows of their tables, with what is known of them."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from spec.dataset import SHIPPED, Targets
from spec.profile import Profile
from spec.schema import Column, ColumnKind, Schema
from spec.views import DatasetRows
from store.datasets import DatasetRecord, table_path
from store.files import Files, files_at

from .table import Block, Table

MOST_COLUMNS = 100
"""Most columns of features that are shown."""
OTHER = "(other)"
"""Any value of a column that is none of its categories."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Contents:
    """The table of a data set, its columns, and its profile if it was uploaded."""

    table: Table
    schema: Schema
    profile: Profile | None


def uploaded(dataset: DatasetRecord, files: Files) -> Contents:
    """What is in an upload. Raises `FileNotFoundError` when its table is gone."""
    return Contents(Table(files, table_path(dataset.id)), dataset.table, dataset.profile)


@lru_cache
def shipped(name: str) -> Contents:
    """What is in a data set that ships with the service."""
    file = SHIPPED / f"{name}.npz"
    with np.load(file, allow_pickle=False) as arrays:
        schema = Schema.model_validate_json(arrays["schema"].tobytes())
    return Contents(Table(files_at(str(SHIPPED)), file.name), schema, None)


def first_rows(contents: Contents, limit: int) -> DatasetRows:
    """The first rows, as they were read."""
    x, y, target = contents.table.x(0, limit), contents.table.y(limit), contents.schema.target
    shown: list[tuple[str, list[Any]]] = []
    at = 0
    for column in contents.schema.columns:
        if column.is_feature:
            names = [column.name] if column.size == 1 else [f"{column.name}[{place}]" for place in range(column.size)]
            places = range(at, at + column.size)
            shown += [(name, _read(column, x[:, place])) for name, place in zip(names, places, strict=True)]
            at += column.size
        if len(shown) >= MOST_COLUMNS:
            break
    features = shown[:MOST_COLUMNS]
    if target.type is Targets.classes:
        answers = [(target.name, [target.labels[number] for number in y.tolist()])]
    else:
        answers = list(zip(target.names, y.reshape(len(y), -1).T.tolist(), strict=True))
    columns = [values for _, values in (*features, *answers)]
    return DatasetRows(
        columns=[name for name, _ in features],
        targets=[name for name, _ in answers],
        rows=[list(row) for row in zip(*columns, strict=True)],
    )


def _read(column: Column, numbers: Block) -> list[Any]:
    """What the numbers of a column stand for; None where there is no value."""
    return [None if math.isnan(number) else _value(column, number) for number in numbers.astype(np.float64).tolist()]


def _value(column: Column, number: float) -> float | bool | str:
    match column.type:
        case ColumnKind.category:
            return column.categories[int(number)] if number < len(column.categories) else OTHER
        case ColumnKind.boolean:
            return bool(number)
        case ColumnKind.date:
            return _date(number)
    return number


def _date(days: float) -> float | str:
    """The date in UTC, with its time where it has one; the days since 1970 where no date is so far away."""
    try:
        when = _EPOCH + timedelta(milliseconds=round(days * 86_400_000.0))
    except OverflowError:
        return days
    return when.date().isoformat() if days.is_integer() else when.replace(tzinfo=None).isoformat()

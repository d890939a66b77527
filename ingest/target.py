"""The target column: classes or numbers, as it was asked or as it looks."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spec.dataset import Targets
from spec.profile import ValueCount
from spec.schema import Column, ColumnKind, Target

from . import limits
from .columns import Scan
from .encoding import encoder
from .errors import RefusedError, shown

FEW = 20
"""Whole numbers with no more different values than this are classes, unless it is said that they are numbers."""


@dataclass(frozen=True)
class Answer:
    """The target: what it is, its classes with their rows, and how its cells become numbers."""

    target: Target
    classes: list[ValueCount]
    encode: Callable[[pa.Array], npt.NDArray[Any]]


def answer(scan: Scan, task: Targets | None) -> Answer:
    """What a column is as the target. Raises `RefusedError`."""
    kind = scan.kind()
    if scan.missing:
        raise RefusedError(
            f"has no value in {scan.missing:,} rows, the first of them row {scan.first_missing}: leave these rows out",
            path="target",
        )
    if kind is ColumnKind.date:
        raise RefusedError("is a column of dates, which can be neither classes nor numbers", path="target")
    if kind is ColumnKind.number:
        scan.check_numbers()
        values = scan.values.copy()
        for text, count in scan.texts.items():  # 1 and 1.0 are one class
            values[float(text)] += count
        return of_numbers(scan.name, values, None if scan.uncounted else len(values), task, encoder_of(scan, kind))
    if task is Targets.numbers:
        row, value = scan.first_other or (1, "true")
        raise RefusedError(f"has {shown(value)} in row {row}, and a regression needs numbers", path="target")
    if scan.uncounted or len(scan.texts) > limits.CLASSES:
        most = f"more than {limits.CLASSES:,}"
        raise RefusedError(f"has {most} different labels: is it a number, or an id?", path="target")
    longest = max(scan.texts, key=len)
    if len(longest) > limits.NAME:
        raise RefusedError(f"has a label of {len(longest):,} characters: {shown(longest)}", path="target")
    return _of_labels(scan)


def encoder_of(scan: Scan, kind: ColumnKind) -> Callable[[pa.Array], npt.NDArray[Any]]:
    """How the cells of a scanned column become numbers."""
    return encoder(Column(name=scan.name, type=kind))


def _of_labels(scan: Scan) -> Answer:
    labels = tuple(sorted(scan.texts))
    check_classes(labels)
    places = encoder(Column(name=scan.name, type=ColumnKind.category, categories=labels))
    return Answer(
        Target(name=scan.name, type=Targets.classes, labels=labels),
        [ValueCount(value=label, count=scan.texts[label]) for label in labels],
        lambda chunk: places(chunk.cast(pa.string()) if pa.types.is_boolean(chunk.type) else chunk).astype(np.int64),
    )


def of_numbers(
    name: str,
    values: Counter[float],
    distinct: int | None,
    task: Targets | None,
    numbers: Callable[[pa.Array], npt.NDArray[Any]],
) -> Answer:
    """What a column of numbers is as the target; `distinct` is None when they are too many to count."""
    whole = distinct is not None and all(value.is_integer() for value in values)
    if distinct == 1:
        raise RefusedError("is the same in every row: there is nothing to learn", path="target")
    if task is Targets.numbers or (task is None and not (whole and (distinct or 0) <= FEW)):
        return Answer(Target(name=name, type=Targets.numbers), [], lambda chunk: numbers(chunk).reshape(-1, 1))
    if distinct is None or distinct > limits.CLASSES:
        many = f"more than {limits.CLASSES:,}" if distinct is None else f"{distinct:,}"
        raise RefusedError(f"has {many} different values, too many for classes: use task=regression", path="target")
    known = np.array(sorted(values))
    labels = tuple(label(value) for value in known.tolist())
    return Answer(
        Target(name=name, type=Targets.classes, labels=labels),
        [ValueCount(value=text, count=values[value]) for text, value in zip(labels, known.tolist(), strict=True)],
        lambda chunk: np.searchsorted(known, numbers(chunk)).astype(np.int64),
    )


def label(value: float) -> str:
    """A number as the name of a class."""
    return str(int(value)) if value.is_integer() else repr(value)


def check_classes(labels: tuple[str, ...]) -> None:
    """Raise `RefusedError` when there is nothing to tell apart."""
    if len(labels) < 2:
        raise RefusedError(f"has one class only, {shown(labels[0])}: there is nothing to tell apart", path="target")


def rare(classes: list[ValueCount]) -> list[str]:
    """What to say about classes that cannot be in both parts of a split."""
    single = [one.value for one in classes if one.count == 1]
    if not single:
        return []
    names = ", ".join(shown(value) for value in single[:5]) + (" ..." if len(single) > 5 else "")
    return [f"Only one row each has the class {names}: it is trained on, and never validated."]

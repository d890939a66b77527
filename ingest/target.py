"""The target, one column or several: classes or numbers, as it was asked or as it looks."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spec.cells import PLAIN, CellFormat, truth
from spec.dataset import Targets
from spec.profile import ValueCount
from spec.schema import Column, ColumnKind, Target

from . import limits
from .columns import Found
from .errors import RefusedError, shown, some
from .numbers import encoder
from .suspects import nearly_same

FEW = 20
"""Whole numbers with no more different values than this are classes, unless it is said that they are numbers."""

FEWEST_TOLD = 3
"""Of so many whole numbers it is said that they are classes; two are hardly anything else."""

ONE_HOT = "The targets are one-hot, so they are classes; task=regression reads them as numbers."

Cells = Sequence[pa.Array]
"""Some rows of the target's columns."""


@dataclass(frozen=True)
class Answer:
    """The target: what it is, its classes with their rows, and how its cells become numbers."""

    target: Target
    classes: list[ValueCount]
    encode: Callable[[Cells], npt.NDArray[Any]]
    notes: tuple[str, ...] = ()


def answer(found: Sequence[Found], task: Targets | None, rows: Callable[[], Iterable[Cells]]) -> Answer:
    """What columns are as the target; `rows` gives their cells once more. Raises `RefusedError`."""
    for one in found:
        if one.kind is ColumnKind.date:
            raise RefusedError(
                f"is a column of dates, which can be neither classes nor numbers; types={one.name}=category says that "
                "they are classes",
                path="target",
            )
    return _one(found[0], task) if len(found) == 1 else _several(found, task, rows)


def _one(found: Found, task: Targets | None) -> Answer:
    evidence, measure = found.evidence, found.measure
    if found.kind is ColumnKind.number and measure is not None:
        measure.check("target")
        distinct = None if measure.uncounted else len(measure.values)
        if is_of_classes(measure.values, distinct, task):
            if evidence is None:
                classes = by_number(found.name, measure.values, distinct, _numbers_of(found))
            else:
                classes = _by_label(found, evidence.texts, None if evidence.uncounted else distinct)
            return replace(classes, notes=(*classes.notes, *few(len(measure.values), task)))
        return Answer(
            Target(name=found.name, type=Targets.numbers, range=_range(found), formats=_formats([found])),
            [],
            _numbers_of(found),
        )
    if task is Targets.numbers:
        row, value = (
            min(((row, word) for word, row in evidence.first.items()), default=(1, "true")) if evidence else (1, "")
        )
        raise RefusedError(f"has {shown(value)} in row {row}, and a regression needs numbers", path="target")
    assert evidence is not None  # noqa: S101 - what is no number was looked at as text
    if found.kind is ColumnKind.boolean:
        return _by_truth(found, evidence.texts)
    words = Counter(evidence.texts)
    words.update({word: count for word, count in evidence.gaps.items() if word in found.decision.categories})
    return _by_label(found, words, None if evidence.uncounted else len(words))


def few(distinct: int, task: Targets | None) -> tuple[str, ...]:
    """What to say of whole numbers that are taken for classes, where nobody asked for it."""
    if task is not None or distinct < FEWEST_TOLD:
        return ()
    return (f"The target has {distinct} different whole numbers, so they are classes; task=regression reads numbers.",)


def is_of_classes(values: Counter[float], distinct: int | None, task: Targets | None) -> bool:
    """Whether numbers are classes; `distinct` is None when they are too many to count. Raises `RefusedError`."""
    if distinct == 1:
        raise RefusedError("is the same in every row: there is nothing to learn", path="target")
    whole = distinct is not None and all(value.is_integer() for value in values)
    if task is Targets.numbers or (task is None and not (whole and (distinct or 0) <= FEW)):
        return False
    if distinct is None or distinct > limits.CLASSES:
        many = f"more than {limits.CLASSES:,}" if distinct is None else f"{distinct:,}"
        raise RefusedError(f"has {many} different values, too many for classes: use task=regression", path="target")
    return True


def by_number(
    name: str, values: Counter[float], distinct: int | None, numbers: Callable[[Any], npt.NDArray[Any]]
) -> Answer:
    """Classes of numbers whose file says that they are numbers."""
    known = np.array(sorted(values))
    labels = tuple(label(value) for value in known.tolist())
    return Answer(
        Target(name=name, type=Targets.classes, labels=labels),
        [ValueCount(value=text, count=values[value]) for text, value in zip(labels, known.tolist(), strict=True)],
        lambda cells: np.searchsorted(known, numbers(cells).reshape(-1)).astype(np.int64),
    )


def _by_label(found: Found, words: Counter[str], distinct: int | None) -> Answer:
    """Classes as the file writes them."""
    if distinct is None or len(words) > limits.CLASSES:
        raise RefusedError(
            f"has more than {limits.CLASSES:,} different labels: is it a number, or an id?", path="target"
        )
    longest = max(words, key=len)
    if len(longest) > limits.NAME:
        raise RefusedError(f"has a label of {len(longest):,} characters: {shown(longest)}", path="target")
    number = found.decision.form.number
    by_value = found.kind is ColumnKind.number
    labels = tuple(sorted(words, key=lambda word: (number(word) or 0.0 if by_value else 0.0, word)))
    check_classes(labels)
    places = encoder(Column(name=found.name, type=ColumnKind.category, categories=labels, format=found.decision.form))
    notes: tuple[str, ...] = ()
    if by_value and len({number(word) for word in labels}) < len(labels):
        same = next(some((one, other)) for one, other in pairwise(labels) if number(one) == number(other))
        notes = (f"Classes are told apart as they are written: {same} are two.",)
    if not by_value and (pair := nearly_same(labels)) is not None:
        by = "capital letters" if pair[0].casefold() == pair[1].casefold() else "blanks and points"
        notes += (f"Classes are told apart by {by}: {some(pair)} are two. Are they one?",)
    return Answer(
        Target(name=found.name, type=Targets.classes, labels=labels),
        [ValueCount(value=word, count=words[word]) for word in labels],
        lambda cells: places(cells[0]).numbers.astype(np.int64),
        notes,
    )


def _by_truth(found: Found, words: Counter[str]) -> Answer:
    """Two classes, false and true, however each is written; its most frequent word names it."""
    sides = [Counter({word: count for word, count in words.items() if truth(word) == side}) for side in (0.0, 1.0)]
    check_classes(tuple(side.most_common(1)[0][0] for side in sides if side))
    labels = tuple(min(side, key=lambda word: (-side[word], word)) for side in sides)
    notes = tuple(
        f"{some(sorted(side))} are one class, {shown(name)}."
        for side, name in zip(sides, labels, strict=True)
        if len(side) > 1
    )
    truths = encoder(Column(name=found.name, type=ColumnKind.boolean, format=found.decision.form))
    return Answer(
        Target(name=found.name, type=Targets.classes, labels=labels),
        [ValueCount(value=name, count=side.total()) for side, name in zip(sides, labels, strict=True)],
        lambda cells: truths(cells[0]).numbers.astype(np.int64),
        notes,
    )


def _several(found: Sequence[Found], task: Targets | None, rows: Callable[[], Iterable[Cells]]) -> Answer:
    names = tuple(one.name for one in found)
    for one in found:
        if one.kind not in (ColumnKind.number, ColumnKind.boolean):
            raise RefusedError(f"has several columns, and {shown(one.name)} is no column of numbers", path="target")
        if one.measure is not None:
            one.measure.check("target")
    encoders = [encoder(one.column()) for one in found]

    def encode(cells: Cells) -> npt.NDArray[Any]:
        return np.stack([one(chunk).numbers for one, chunk in zip(encoders, cells, strict=True)], axis=1)

    name = ", ".join(names)
    if task is not Targets.numbers and all(_is_of_bits(one) for one in found):
        counts = np.zeros(len(found), dtype=np.int64)
        for cells in rows():
            places = one_hot(encode(cells))
            if places is None:
                break
            counts += np.bincount(places, minlength=len(found))
        else:
            return Answer(
                Target(name=name, type=Targets.classes, labels=names, columns=names),
                [ValueCount(value=label, count=int(count)) for label, count in zip(names, counts, strict=True)],
                lambda cells: encode(cells).argmax(axis=1).astype(np.int64),
                (ONE_HOT,),
            )
    if task is Targets.classes:
        raise RefusedError(
            "has several columns, which are classes only with a 1 among zeros in every row", path="target"
        )
    ranges = [_range(one) for one in found]
    span = (min(least for least, _ in ranges), max(most for _, most in ranges))
    target = Target(
        name=name, type=Targets.numbers, outputs=len(names), columns=names, range=span, formats=_formats(found)
    )
    return Answer(target, [], encode)


def _formats(found: Sequence[Found]) -> tuple[CellFormat, ...]:
    """The units and clocks of columns of numbers; nothing where none has one."""
    read = [one.decision.form for one in found]
    forms = tuple(CellFormat(unit=form.unit, date=form.date if form.is_clock else None) for form in read)
    return () if all(form == PLAIN for form in forms) else forms


def _range(found: Found) -> tuple[float, float]:
    """The least and the largest number of a column; true and false are 1 and 0."""
    return (0.0, 1.0) if found.measure is None else (found.measure.spread.least, found.measure.spread.most)


def _is_of_bits(found: Found) -> bool:
    if found.measure is None:
        return found.kind is ColumnKind.boolean
    return not found.measure.uncounted and set(found.measure.values) <= {0.0, 1.0}


def one_hot(values: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """The class numbers of targets [rows, classes] that have a 1 among zeros in every row; None of any others."""
    if (
        values.ndim != 2
        or values.shape[1] < 2
        or not np.isin(values, (0, 1)).all()
        or not (values.sum(axis=1) == 1).all()
    ):
        return None
    places: npt.NDArray[np.int64] = values.argmax(axis=1).astype(np.int64)
    return places


def _numbers_of(found: Found) -> Callable[[Cells], npt.NDArray[Any]]:
    numbers = encoder(Column(name=found.name, type=ColumnKind.number, format=found.decision.form))
    return lambda cells: numbers(cells[0]).numbers.reshape(-1, 1)


def label(value: float) -> str:
    """A number as the name of a class."""
    return str(int(value)) if value.is_integer() else repr(value)


def check_classes(labels: tuple[str, ...]) -> None:
    """Raise `RefusedError` when there is nothing to tell apart, or a label is no text."""
    if any("\0" in one for one in labels):
        raise RefusedError("has a class with the character NUL, which is none of a text", path="target")
    if len(labels) < 2:
        raise RefusedError(f"has one class only, {shown(labels[0])}: there is nothing to tell apart", path="target")


def rare(classes: list[ValueCount]) -> list[str]:
    """What to say about classes that cannot be in both parts of a split."""
    single = [one.value for one in classes if one.count == 1]
    if not single:
        return []
    names = ", ".join(shown(value) for value in single[:5]) + (" ..." if len(single) > 5 else "")
    return [f"Only one row each has the class {names}: it is trained on, and never validated."]

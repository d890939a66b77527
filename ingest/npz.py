"""NPZ: the arrays `X` and `y`, or pairs of them for training, validation and test. `npz_archive` reads them."""

import math
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.cells import clean
from spec.dataset import Targets
from spec.profile import ColumnProfile, Profile, Reading, ValueCount
from spec.reading import ReadingOptions, ReadingOrder
from spec.schema import Column, ColumnKind, Schema, Target

from . import limits
from . import target as targets
from .columns import check_range
from .copies import Copies
from .errors import RefusedError, some
from .leaks import Leaks
from .npz_archive import CHANNELS, Rows, array_of, is_channels_last, members_of, stacked
from .npz_names import PARTS, Pair, pairs
from .spread import Bins, Spread
from .table import Block, write
from .unpacking import BROKEN

PREVIEWED = 10
PREVIEWED_VALUES = 20


def read(file: Path, order: ReadingOrder, out: Path, *, form: str | None = None, notes: Sequence[str] = ()) -> Reading:
    """Write the table of an archive, and say what is in it. Raises `RefusedError`.

    Of an archive that was made of a file of another `form`, `notes` say what is to be said of that.
    """
    for field in order.options.model_fields_set:
        if getattr(order.options, field) != ReadingOptions.model_fields[field].default:
            raise RefusedError("is for files with columns: leave it out", path=field)
    try:
        with zipfile.ZipFile(file) as archive:
            members = members_of(archive)
            found = pairs(members)
            if order.target not in ((), ("y",), (found[0].y,)):
                raise RefusedError(f"of this NPZ file is {found[0].y}: leave it out", path="target")
            x = stacked([array_of(archive, members[pair.x], "biuf") for pair in found])
            y = stacked([array_of(archive, members[pair.y], "biufU") for pair in found])
            said = [*notes] if form is not None else [*_named(found), *_left_out(found, members)]
            return _read(x, y, found, order.task, out, form=form or "npz", notes=said)
    except BROKEN as error:
        raise RefusedError(f"is an NPZ archive that is broken or cut short ({error})") from error


def _read(
    x: Rows, y: Rows, found: Sequence[Pair], task: Targets | None, out: Path, *, form: str, notes: Sequence[str]
) -> Reading:
    rows = _check_shapes(x, y)
    said_of_images = list(_of_images(x))
    if len(x.shape) == 3:
        x = x.as_grey()
    parts, last, image = _parts(x, y, found), is_channels_last(x.shape), _image(x.shape)
    size = math.prod(x.shape[1:])
    limits.check_size(rows, size)
    spread, missing = _measure(x)
    check_range(spread, "array X")
    bins = Bins.over(spread)
    target, classes, answers, told, said = _answers(y, task)
    gaps = missing > 0 and image is None  # an image has no place for a note of its gaps: they are only filled
    column_of_x = Column(name="X", type=ColumnKind.number, size=size, gaps=gaps, channels_last=last)
    schema = Schema(columns=(column_of_x,), target=target, image=image)
    copies = Copies()
    leaks = Leaks.of_array(size if image is None else 0, target, gaps=missing > 0)

    def blocks() -> Iterator[tuple[Block, Block, Mapping[str, Block]]]:
        first = 0
        for block in x.blocks():
            if bins is not None:
                bins.take(block[np.isfinite(block)])
            turned = block.transpose(0, 3, 1, 2) if last else block
            flat, answer = turned.reshape(len(block), -1), answers[first : first + len(block)]
            copies.take(flat, answer)
            leaks.take(flat, answer)
            yield flat, answer, {} if parts is None else {"split": parts[first : first + len(block)]}
            first += len(block)

    kept = x.dtype.newbyteorder("=") if x.dtype.kind in "uf" and x.dtype.itemsize <= 4 else np.float64
    schema, digest = write(out, blocks(), shape=(rows, size), dtype=kept, schema=schema)
    column = _profile("X", size, spread, bins, missing)
    names, preview = _preview(x)
    profile = Profile(
        format=form,
        columns=[column],
        target=told,
        classes=classes,
        names=names,
        preview=preview,
        notes=[*notes, *said, *said_of_images, *targets.rare(classes), *leaks.notes(), *copies.note(math.inf)],
    )
    return Reading(rows=rows, table=schema, profile=profile, sha256=digest)


def _image(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Channels, height and width of images; None of other rows."""
    if len(shape) != 4:
        return None
    _, first, second, third = shape
    return (third, first, second) if is_channels_last(shape) else (first, second, third)


def _of_images(x: Rows) -> Iterator[str]:
    """What to say of how images lie in X."""
    match x.shape:
        case (_, height, width):
            yield f"X is read as grey images of {height} x {width}."
        case (_, height, width, channels) if is_channels_last(x.shape):
            yield f"X is read as images of {height} x {width} with {channels} channels, which stand last."
        case (_, channels, height, width) if channels not in CHANNELS and channels == height != width:
            yield (
                f"X is read as images of {height} x {width} with {channels} channels: if the channels stand last, "
                "write X.transpose(0, 3, 1, 2)."
            )


def _parts(x: Rows, y: Rows, found: Sequence[Pair]) -> Block | None:
    """The part of the split of each row; None where the names say none."""
    for pair, mine, theirs in zip(found, x.arrays, y.arrays, strict=True):
        if mine.shape[0] != theirs.shape[0]:
            raise RefusedError(f"has {mine.shape[0]:,} rows in {pair.x} and {theirs.shape[0]:,} in {pair.y}")
    if found[0].part is None:
        return None
    return np.repeat([pair.part or 0 for pair in found], [one.shape[0] for one in x.arrays])


def _named(found: Sequence[Pair]) -> Iterator[str]:
    """What to say of arrays with other names than X and y."""
    for pair in found:
        if (pair.x, pair.y) != ("X", "y"):
            rows = "" if pair.part is None else f", rows of {PARTS[pair.part]}"
            yield f"{pair.x} is read as the features, and {pair.y} as the target{rows}."


def _left_out(found: Sequence[Pair], names: Collection[str]) -> Iterator[str]:
    """What to say of arrays that are not read, such as weights of the rows."""
    others = sorted({*names} - {name for pair in found for name in (pair.x, pair.y)})
    if others:
        yield f"{'An array is' if len(others) == 1 else 'Arrays are'} not read: {some(others)}."


def _check_shapes(x: Rows, y: Rows) -> int:
    if len(x.shape) not in (2, 3, 4):
        raise RefusedError(
            f"has X of shape {x.shape}: it must be rows x features, rows x height x width of grey images, "
            "or rows x channels x height x width"
        )
    if len(y.shape) not in (1, 2):
        raise RefusedError(f"has y of shape {y.shape}: it must be rows, or rows x numbers")
    if 0 in x.shape or 0 in y.shape:
        raise RefusedError(f"has no rows or no features: X is {x.shape}, y is {y.shape}")
    return x.shape[0]


def _measure(x: Rows) -> tuple[Spread, int]:
    spread, missing, first = Spread(), 0, 0
    for block in x.blocks():
        if block.dtype.kind == "f":
            if np.isinf(block).any():
                row = first + int(np.isinf(block).reshape(len(block), -1).any(axis=1).argmax()) + 1
                raise RefusedError(
                    f"has infinite numbers in array X, the first in row {row}: replace them, or write NaN"
                )
            gaps = np.isnan(block)
            missing += int(gaps.reshape(len(block), -1).any(axis=1).sum())
            spread.take(block[~gaps])
        elif _loses_digits(block):
            raise RefusedError("has whole numbers beyond 2^53 in array X: as numbers they lose digits")
        else:
            spread.take(block)
        first += len(block)
    return spread, missing


def _loses_digits(values: Block) -> bool:
    """Whether some are whole numbers that a float64 does not keep."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return False
    return max(abs(int(values.min())), abs(int(values.max()))) > 2**53


_Answers = tuple[Target, list[ValueCount], Block, ColumnProfile, tuple[str, ...]]


def _answers(y: Rows, task: Targets | None) -> _Answers:
    """The target, and its numbers for every row."""
    values = np.concatenate(list(y.blocks()))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        raise RefusedError(f"has {bad.sum():,} rows in y without a finite number, the first row {bad.argmax() + 1}")
    if values.dtype.kind == "U":
        if values.ndim == 2:
            raise RefusedError(f"has y of shape {values.shape}: classes need one value per row")
        return _labels(values, task)
    if _loses_digits(values):
        most = limits.CLASSES if task is Targets.classes else targets.FEW
        if values.ndim == 2 or task is Targets.numbers or len(np.unique(values)) > most:
            raise RefusedError(
                "has whole numbers beyond 2^53 in y: as numbers they lose digits. Of classes, write y.astype(str)"
            )
        return _labels(values.astype(str), task)
    if (told := _told(values)) is None:
        raise RefusedError("has numbers in y too large for their deviation to be a number: write them in a larger unit")
    if values.ndim == 2:
        places = None if task is Targets.numbers else targets.one_hot(values)
        if places is not None:
            return _of_places(places, values.shape[1], told)
        if task is Targets.classes:
            raise RefusedError(f"has y of shape {values.shape}: classes need one value per row")
        return _numbers(values, told)
    found, counts = np.unique(values, return_counts=True)
    counted = Counter(dict(zip(found.astype(np.float64).tolist(), counts.tolist(), strict=True)))
    if targets.is_of_classes(counted, len(found), task):
        answer = targets.by_number("y", counted, len(found), _as_floats)
        return answer.target, answer.classes, answer.encode([values]), told, targets.few(len(found), task)
    return _numbers(values.reshape(-1, 1), told)


def _numbers(values: Block, told: ColumnProfile) -> _Answers:
    """Targets [rows, outputs] that are numbers."""
    span = (float(values.min()), float(values.max()))
    target = Target(name="y", type=Targets.numbers, outputs=values.shape[1], range=span)
    return target, [], values.astype(np.float64), told, ()


def _of_places(places: Block, classes: int, told: ColumnProfile) -> _Answers:
    """Classes of one-hot targets."""
    counts = np.bincount(places, minlength=classes)
    labels = tuple(map(str, range(classes)))
    counted = [ValueCount(value=label, count=int(count)) for label, count in zip(labels, counts, strict=True)]
    return Target(name="y", type=Targets.classes, labels=labels), counted, places, told, (targets.ONE_HOT,)


def _labels(values: Block, task: Targets | None) -> _Answers:
    if task is Targets.numbers:
        raise RefusedError("needs numbers in y for a regression")
    cleaned = np.array([clean(label) for label in values.tolist()])
    found, codes, counts = np.unique(cleaned, return_inverse=True, return_counts=True)
    labels = tuple(str(label) for label in found.tolist())
    targets.check_classes(labels)
    if len(labels) > limits.CLASSES:
        raise RefusedError(f"has {len(labels):,} different labels in y; at most {limits.CLASSES:,} are classes")
    classes = [ValueCount(value=label, count=int(count)) for label, count in zip(labels, counts, strict=True)]
    told = ColumnProfile(name="y", type=ColumnKind.category, distinct=len(labels))
    return Target(name="y", type=Targets.classes, labels=labels), classes, codes.astype(np.int64), told, ()


def _told(values: npt.NDArray[Any]) -> ColumnProfile | None:
    """What y holds; None where its numbers are too large to be measured."""
    spread = Spread()
    spread.take(values)
    if not math.isfinite(spread.deviation):
        return None
    bins = Bins.over(spread)
    if bins is not None:
        bins.take(values)
    return _profile("y", math.prod(values.shape[1:]), spread, bins)


def _profile(name: str, size: int, spread: Spread, bins: Bins | None, missing: int = 0) -> ColumnProfile:
    """What is said of an array of numbers."""
    return ColumnProfile(
        name=name,
        type=ColumnKind.number,
        size=size,
        missing=missing,
        min=spread.least if spread.count else None,
        max=spread.most if spread.count else None,
        mean=spread.mean if spread.count else None,
        deviation=spread.deviation if spread.count else None,
        histogram=bins.view() if bins is not None else None,
    )


def _as_floats(values: Any) -> Block:
    return np.asarray(values[0], dtype=np.float64)


def _preview(x: Rows) -> tuple[list[str], list[list[str | None]]]:
    first = next(x.blocks())[:PREVIEWED].reshape(-1, math.prod(x.shape[1:]))[:, :PREVIEWED_VALUES]
    rows = [[None if math.isnan(value) else f"{value:g}" for value in row] for row in first.astype(np.float64).tolist()]
    return [f"X[{place}]" for place in range(first.shape[1])], [list(row) for row in rows]

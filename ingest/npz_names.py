"""The arrays of an NPZ file by their names: X and y, or pairs for training, validation and test."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from spec.splits import SPLIT_WORDS

from .errors import RefusedError, some

_FEATURES = ("x", "data", "features", "inputs", "images", "image")
_TARGETS = ("y", "target", "targets", "label", "labels")
PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Pair:
    """An array of features and one of targets: all rows, or those of one part of the split."""

    x: str
    y: str
    part: int | None = None
    """0 training, 1 validation, 2 test."""


@dataclass(frozen=True)
class _Meaning:
    is_target: bool
    part: int | None = None


def _meanings() -> Iterator[tuple[str, _Meaning]]:
    for words, is_target in ((_FEATURES, False), (_TARGETS, True)):
        for word in words:
            yield word, _Meaning(is_target)
        for word, (name, part) in product(words, SPLIT_WORDS.items()):
            yield word + name, _Meaning(is_target, part)
            yield name + word, _Meaning(is_target, part)


_MEANINGS: Mapping[str, _Meaning] = dict(_meanings())
"""By a name's letters in lower case: `x_train` as Keras names it, `train_images` as MedMNIST does."""


def pairs(names: Collection[str]) -> tuple[Pair, ...]:
    """The pairs among these arrays, training first. Raises `RefusedError` where there are none, or others as well."""
    known = _by_meaning(names)
    parts = {meaning.part for meaning in known}
    if {"X", "y"} <= set(names):  # these are meant, whatever else may be
        if 0 in parts:
            return (Pair("X", "y"),)
        known |= {_Meaning(False): ["X"], _Meaning(True): ["y"]}
    if parts > {None} and 0 not in parts:  # beside rows of validation and test, the others are for training
        known = {_Meaning(one.is_target, one.part or 0): found for one, found in known.items()}
        parts = parts - {None} | {0}
    if not known or (None in parts and len(parts) > 1):
        raise _needed("the arrays X and y, such as np.savez(file, X=X, y=y) writes, or x_train, y_train ...", names)
    found = []
    for part in sorted(parts, key=lambda part: part or 0):
        x, y = (known.get(_Meaning(is_target, part), []) for is_target in (False, True))
        of = "" if part is None else f" of {PARTS[part]}"
        if len(x) != 1 or len(y) != 1:
            raise _needed(f"one array of features{of} and one of targets", names)
        found.append(Pair(x[0], y[0], part))
    if found[0].part not in (None, 0):
        raise _needed("arrays of training, such as x_train and y_train", names)
    return tuple(found)


def features(names: Collection[str]) -> str:
    """The array of features among these, for predictions. Raises `RefusedError`."""
    known = _by_meaning(names)
    found = ["X"] if "X" in names else [one for meaning in known if not meaning.is_target for one in known[meaning]]
    if len(found) != 1:
        raise _needed("an array X", names)
    return found[0]


def _by_meaning(names: Collection[str]) -> dict[_Meaning, list[str]]:
    found: dict[_Meaning, list[str]] = {}
    for name in names:
        meaning = _MEANINGS.get("".join(filter(str.isalpha, name.lower())))
        if meaning is not None:
            found.setdefault(meaning, []).append(name)
    return found


def _needed(what: str, names: Collection[str]) -> RefusedError:
    return RefusedError(f"needs {what}; it has {some(sorted(names), 10)}")

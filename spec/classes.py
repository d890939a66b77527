"""The classes of a data set: their labels, and their weights in the loss."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .base import Real
from .dataset import DatasetSpec, Inline, Shipped, Uploaded, describe
from .reading import NO_ZERO

SHOWN = 10
"""Maximum number of labels that a message lists."""


def label_of(value: float) -> str:
    """The label of a class whose rows have this number as their target."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def _by_label(value: Any) -> Any:
    """A map with labels as keys, in their order; a number as key means its label, and true or false the word."""
    if not isinstance(value, Mapping):
        return value
    return dict(sorted(((_label(key), weight) for key, weight in value.items()), key=lambda item: str(item[0])))


def _label(key: Any) -> Any:
    if isinstance(key, bool):
        return str(key).lower()
    return label_of(key) if isinstance(key, int | float) else key


_Weight = Annotated[Real, Field(ge=1e-6, le=1e6)]
_ClassLabel = Annotated[str, Field(pattern=NO_ZERO)]
ClassWeight = Annotated[
    Literal["balanced"] | Annotated[dict[_ClassLabel, _Weight], Field(min_length=1, max_length=1000)],
    BeforeValidator(_by_label, json_schema_input_type=Literal["balanced"] | dict[str, _Weight]),
]
"""`balanced`, or a weight for each class label."""

_REAL: Mapping[str, tuple[str, ...]] = {
    "iris": ("setosa", "versicolor", "virginica"),
    "wine": ("class_0", "class_1", "class_2"),
    "breast_cancer": ("malignant", "benign"),
    "digits": tuple(map(str, range(10))),
}


def class_labels(dataset: DatasetSpec) -> tuple[str, ...]:
    """The labels of the classes of `dataset`, by class index; empty if they are not known, as of an upload."""
    match dataset:
        case Uploaded():
            return ()
        case Shipped(name=name):
            return _REAL.get(name, ())
        case Inline():
            return () if isinstance(dataset.y[0], tuple) else tuple(map(label_of, sorted(dataset.distinct_targets)))
    info = describe(dataset, labels=True)
    return () if info is None else tuple(map(str, range(info.classes or 0)))


def weights_by_label(class_weight: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """The weights by label: a key that is none means the only label that is the same number, or word in other case.

    A program has 1 or true where a file has 1.0 or True. Of two keys that mean the same label, neither is it.
    """
    counts, keys = Counter(map(_meaning, labels)), Counter(map(_meaning, class_weight))
    same = {meaning: one for one in labels if counts[meaning := _meaning(one)] == keys[meaning] == 1}
    return {key if key in labels else same.get(_meaning(key), key): weight for key, weight in class_weight.items()}


def _meaning(label: str) -> float | str:
    try:
        return float(label)
    except ValueError:
        return label.casefold()


def wrong_labels(class_weight: ClassWeight | None, labels: Sequence[str]) -> str | None:
    """A message that names the labels of `class_weight` that are not in `labels`; None if all are, or none is known."""
    given = weights_by_label(class_weight, labels) if labels and isinstance(class_weight, dict) else {}
    wrong = sorted(set(given) - set(labels))
    if not wrong:
        return None
    is_one = len(wrong) == 1
    return (
        f"{_listed(wrong)} {'is no class' if is_one else 'are no classes'} of the data set, which has {_listed(labels)}"
    )


def _listed(labels: Sequence[str]) -> str:
    more = len(labels) - SHOWN
    return ", ".join(map(repr, labels[:SHOWN])) + (f" and {more} more" if more > 0 else "")

"""The data sets of jobs, and what is known of each before it is read."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from .base import Count, Frozen, Real, fault
from .splits import SPLIT_WORDS, SplitBy

GeneratedRows = Annotated[Count, Field(ge=4, le=200_000, description="Number of rows.")]
Noise = Annotated[Real, Field(ge=0.0, le=10.0, description="Standard deviation of the noise.")]
DataSeed = Annotated[Count, Field(ge=0, le=2**32 - 1, description="Seed of the data; independent of the job's seed.")]


class Xor(Frozen):
    """XOR: the corners of the unit square, opposite corners of one class; `n: 4, noise: 0` is the truth table."""

    name: Literal["xor"] = "xor"
    n: GeneratedRows = 400
    noise: Noise = 0.1
    seed: DataSeed = 0


class Moons(Frozen):
    """Two interleaving half circles (scikit-learn's make_moons)."""

    name: Literal["moons"] = "moons"
    n: GeneratedRows = 400
    noise: Noise = 0.1
    seed: DataSeed = 0


class Circles(Frozen):
    """A circle within a circle (scikit-learn's make_circles, factor 0.5)."""

    name: Literal["circles"] = "circles"
    n: GeneratedRows = 400
    noise: Noise = 0.05
    seed: DataSeed = 0


class Spirals(Frozen):
    """Interleaved spiral arms, one class each."""

    name: Literal["spirals"] = "spirals"
    n: GeneratedRows = 1000
    noise: Noise = 0.1
    classes: Annotated[Count, Field(ge=2, le=10, description="Number of classes, one spiral arm each.")] = 2
    seed: DataSeed = 0


class Blobs(Frozen):
    """Gaussian clouds, one class each (scikit-learn's make_blobs); `noise` is their standard deviation."""

    name: Literal["blobs"] = "blobs"
    n: GeneratedRows = 400
    noise: Noise = 1.0
    classes: Annotated[Count, Field(ge=2, le=100, description="Number of classes, one cloud each.")] = 3
    features: Annotated[Count, Field(ge=1, le=1000, description="Number of features.")] = 2
    seed: DataSeed = 0


class Linear(Frozen):
    """Regression: the target is a linear function of Gaussian features, plus noise."""

    name: Literal["linear"] = "linear"
    n: GeneratedRows = 400
    noise: Noise = 0.1
    features: Annotated[Count, Field(ge=1, le=1000, description="Number of features.")] = 2
    seed: DataSeed = 0


class Shipped(Frozen):
    """A real data set that ships with scikit-learn."""

    name: Literal["iris", "wine", "breast_cancer", "digits", "diabetes"]


SHIPPED = Path(__file__).parents[1] / "trainer" / "shipped"
"""The folder of their tables, by `python -m deploy.shipped`: importing scikit-learn's loaders takes a second."""


class Targets(StrEnum):
    """The kinds of target: class labels, or numbers."""

    classes = "classes"
    numbers = "numbers"


_Counted = Annotated[Count, Field(ge=0, le=2**53)]
_Size = Annotated[Count, Field(ge=1, le=2**53)]


class DatasetInfo(Frozen):
    """Size and kind of a data set, known before its rows are read."""

    rows: Annotated[_Size, Field(description="Number of rows.")]
    features: Annotated[_Counted, Field(description="Features of a row after preprocessing.")]
    targets: Annotated[Targets, Field(description="Kind of the targets.")]
    classes: Annotated[_Size | None, Field(description="Number of classes, for class labels.")] = None
    outputs: Annotated[_Size, Field(description="Targets of a row, for numbers.")] = 1
    target_range: Annotated[
        tuple[Real, Real] | None,
        Field(description="The least and the largest target, for numbers; null if they are not known yet."),
    ] = None
    image: Annotated[
        tuple[_Size, _Size, _Size] | None, Field(description="Channels, height and width, for images.")
    ] = None
    weighted: Annotated[bool, Field(description="Whether each row has a weight in the loss.")] = False
    split_rows: Annotated[
        tuple[_Counted, _Counted, _Counted] | None,
        Field(description="Training, validation and test rows by the split column, if there is one."),
    ] = None
    groups: Annotated[_Size | None, Field(description="Number of groups, if there is a group column.")] = None
    timed: Annotated[bool, Field(description="Whether there is a time column.")] = False

    @property
    def declared(self) -> SplitBy:
        """The split that the data set declares by its columns."""
        return SplitBy.declared(column=self.split_rows is not None, group=self.groups is not None, time=self.timed)


DATASET_ID = r"^ds_[0-9a-f]{32}$"


class Uploaded(Frozen):
    """An uploaded data set, by its id. The service fills in the other fields when a job is submitted."""

    id: Annotated[str, Field(pattern=DATASET_ID, description="Id of the data set, from the answer to its upload.")]
    sha256: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of its table, filled in by the service."),
    ] = None
    info: Annotated[DatasetInfo | None, Field(description="Size and kind, filled in by the service.")] = None


# fail_fast: of a million wrong numbers only the first is reported, because reporting all takes seconds.
Row = Annotated[tuple[Real, ...], Field(min_length=1, max_length=10_000, fail_fast=True)]


NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""A character that PostgreSQL does not keep, or that UTF-8 cannot write."""


class Inline(Frozen):
    """A small data set in the spec itself: rows of features, and a target (or a row of targets) for each.

    A job has at most 1 MiB as JSON, and jobs that are submitted together 32 MiB: upload larger data sets.
    """

    x: Annotated[
        tuple[Row, ...], Field(min_length=1, max_length=10_000, fail_fast=True, description="Rows of features.")
    ]
    y: Annotated[
        tuple[Real | Row, ...],
        Field(
            min_length=1,
            max_length=10_000,
            fail_fast=True,
            description="Targets: numbers, class labels, or rows of numbers.",
        ),
    ]
    split: Annotated[
        tuple[str, ...] | None,
        Field(max_length=10_000, fail_fast=True, description="The split of each row: train, validation or test."),
    ] = None
    group: Annotated[
        tuple[Real | str, ...] | None,
        Field(max_length=10_000, fail_fast=True, description="The group of each row, a number or a text."),
    ] = None
    time: Annotated[
        tuple[Real, ...] | None,
        Field(max_length=10_000, fail_fast=True, description="The time of each row, a number."),
    ] = None
    weight: Annotated[
        Annotated[
            tuple[Annotated[Real, Field(ge=0.0, le=1e12)], ...],
            Field(min_length=1, max_length=10_000, fail_fast=True),
        ]
        | None,
        Field(description="The weight of each row in the loss, 0 or more. null: all weigh the same."),
    ] = None

    @model_validator(mode="after")
    def _rectangular(self) -> "Inline":
        if len(self.x) != len(self.y):
            raise fault("dataset.y", f"must have as many entries as x has rows: x has {len(self.x)}, y {len(self.y)}")
        if any(len(row) != len(self.x[0]) for row in self.x):
            raise fault("dataset.x", "every row must have the same number of features")
        widths = {len(row) if isinstance(row, tuple) else 0 for row in self.y}
        if len(widths) > 1:
            raise fault("dataset.y", "every target must have the same number of values")
        for name in ("split", "group", "time", "weight"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.x):
                raise fault(
                    f"dataset.{name}", f"must have one entry per row: x has {len(self.x)}, {name} {len(values)}"
                )
        for word in self.split or ():
            if word.lower() not in SPLIT_WORDS:
                raise fault("dataset.split", f"must be train, validation or test; it has {word[:50]!r}")
        if any(isinstance(group, str) and NO_TEXT.search(group) for group in self.group or ()):
            raise fault("dataset.group", "must be numbers, or texts without NUL and without halves of characters")
        if self.weight is not None and not any(self.weight):
            raise fault("dataset.weight", "must be above 0 for at least one row")
        return self

    @property
    def numbers(self) -> int:
        """How many numbers the rows of features have."""
        return len(self.x) * len(self.x[0])

    @cached_property
    def target_columns(self) -> list[tuple[float, ...]]:
        """The values of each target."""
        return list(zip(*(one if isinstance(one, tuple) else (float(one),) for one in self.y), strict=True))

    @cached_property
    def distinct_targets(self) -> frozenset[float]:
        """All targets; of rows of targets, those of all columns."""
        return frozenset(float(value) for row in self.y for value in (row if isinstance(row, tuple) else (row,)))

    @cached_property
    def canonical_json(self) -> str:
        """All rows as JSON, keys in order and no blanks: written once for all jobs that share this object."""
        return _canonical(self.model_dump(mode="json"))

    @property
    def declared(self) -> SplitBy:
        """The split that the data set declares by its lists."""
        return SplitBy.declared(column=self.split is not None, group=self.group is not None, time=self.time is not None)

    @property
    def split_numbers(self) -> tuple[int, ...] | None:
        """The split of each row: 0 training, 1 validation, 2 test."""
        return None if self.split is None else tuple(SPLIT_WORDS[word.lower()] for word in self.split)


GENERATED = ("xor", "moons", "circles", "spirals", "blobs", "linear")
REAL = ("iris", "wine", "breast_cancer", "digits", "diabetes")
BUILTIN = GENERATED + REAL


def _kind(value: Any) -> str | None:
    """The union tag of the data set that `value` describes."""
    fields = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Frozen) else {}
    if "x" in fields or "y" in fields:
        return "inline"
    if "id" in fields:
        return "uploaded"
    name = fields.get("name")
    return "real" if name in REAL else name if name in GENERATED else None


def _by_name(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"rows", "columns"}:
        raise fault("dataset", "has no rows, which a list of jobs leaves out: take the spec of the one job, by its id")
    if not isinstance(value, str):
        return value
    return {"id": value} if value.startswith("ds_") else {"name": value}


DatasetName = Literal[
    "xor", "moons", "circles", "spirals", "blobs", "linear", "iris", "wine", "breast_cancer", "digits", "diabetes"
]
_Kinds = Annotated[
    Annotated[Xor, Tag("xor")]
    | Annotated[Moons, Tag("moons")]
    | Annotated[Circles, Tag("circles")]
    | Annotated[Spirals, Tag("spirals")]
    | Annotated[Blobs, Tag("blobs")]
    | Annotated[Linear, Tag("linear")]
    | Annotated[Shipped, Tag("real")]
    | Annotated[Uploaded, Tag("uploaded")]
    | Annotated[Inline, Tag("inline")],
    Discriminator(
        _kind,
        custom_error_type="dataset",
        custom_error_message="must be one of " + ", ".join(BUILTIN) + "; or {id: ds_...}; or {x: [[...]], y: [...]}",
    ),
]
DatasetId = Annotated[str, Field(pattern=DATASET_ID)]
DatasetSpec = Annotated[_Kinds, BeforeValidator(_by_name, json_schema_input_type=DatasetName | DatasetId | _Kinds)]
"""A name; or ds_..., the id of an upload; or {name: spirals, n: 1000}; or a small {x: [[...]], y: [...]}."""


_REAL: Mapping[str, DatasetInfo] = {
    "iris": DatasetInfo(rows=150, features=4, targets=Targets.classes, classes=3),
    "wine": DatasetInfo(rows=178, features=13, targets=Targets.classes, classes=3),
    "breast_cancer": DatasetInfo(rows=569, features=30, targets=Targets.classes, classes=2),
    "digits": DatasetInfo(rows=1797, features=64, targets=Targets.classes, classes=10, image=(1, 8, 8)),
    "diabetes": DatasetInfo(rows=442, features=10, targets=Targets.numbers, target_range=(25.0, 346.0)),
}


def describe(dataset: DatasetSpec, *, labels: bool) -> DatasetInfo | None:
    """Size and kind of `dataset`; None for an upload that the service has not looked up yet.

    With `labels`, integer targets of an inline data set are class labels, as the loss needs. Targets that are all 0 or
    1 are two classes with every loss, so that `mse` on a truth table has an accuracy too.
    """
    match dataset:
        case Shipped(name=name):
            return _REAL[name]
        case Xor(n=n) | Moons(n=n) | Circles(n=n):
            return DatasetInfo(rows=n, features=2, targets=Targets.classes, classes=2)
        case Spirals(n=n, classes=classes):
            return DatasetInfo(rows=n, features=2, targets=Targets.classes, classes=classes)
        case Blobs(n=n, classes=classes, features=features):
            return DatasetInfo(rows=n, features=features, targets=Targets.classes, classes=classes)
        case Linear(n=n, features=features):
            return DatasetInfo(rows=n, features=features, targets=Targets.numbers)
        case Inline():
            return _describe_inline(dataset, labels=labels)
        case Uploaded(info=info):
            return info


def canonical_json(body: Mapping[str, Any], dataset: DatasetSpec) -> str:
    """The JSON of a body with this data set, keys in order and no blanks: what digests are made of."""
    if not isinstance(dataset, Inline):
        return _canonical({**body, "dataset": dataset.model_dump(mode="json")})
    return _canonical({**body, "dataset": None}).replace('"dataset":null', f'"dataset":{dataset.canonical_json}', 1)


def _canonical(value: Any) -> str:
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def declared_split(dataset: DatasetSpec) -> SplitBy:
    """The split that `dataset` declares by its columns."""
    declaring = dataset.info if isinstance(dataset, Uploaded) else dataset
    return declaring.declared if isinstance(declaring, Inline | DatasetInfo) else SplitBy.random


def _describe_inline(data: Inline, *, labels: bool) -> DatasetInfo:
    y, split = data.y, data.split_numbers
    shape: dict[str, Any] = {
        "rows": len(data.x),
        "features": len(data.x[0]),
        "split_rows": None if split is None else tuple(split.count(part) for part in range(3)),
        "groups": None if data.group is None else len(set(data.group)),
        "timed": data.time is not None,
        "weighted": data.weight is not None,
    }
    values = data.distinct_targets
    whole = not isinstance(y[0], tuple) and all(value.is_integer() for value in values)
    if whole and (labels or values == {0.0, 1.0}):
        return DatasetInfo(**shape, targets=Targets.classes, classes=len(values))
    outputs = len(y[0]) if isinstance(y[0], tuple) else 1
    return DatasetInfo(**shape, targets=Targets.numbers, outputs=outputs, target_range=(min(values), max(values)))

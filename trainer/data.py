"""Data sets: loaded or generated, split and preprocessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch
from pydantic_core import PydanticCustomError
from torch import Tensor

from model.preprocessing import Preprocessing
from model.warm_start import difference, reclassed, recoded
from spec.checks import batch_norm_fault, check_targets
from spec.classes import label_of
from spec.dataset import (
    Blobs,
    Circles,
    DatasetInfo,
    DatasetSpec,
    Inline,
    Linear,
    Moons,
    Shipped,
    Spirals,
    Targets,
    Uploaded,
    Xor,
)
from spec.job import JobSpec
from spec.schema import Column, ColumnKind, Schema, Target, plain_schema

from .errors import BadDataError
from .splits import NO_ROLES, Division, RowRoles, divide

Array = npt.NDArray[np.float64]
PartName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Rows:
    """A whole data set: its numbers [rows, numbers]; targets [rows, outputs], or class numbers [rows]."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    columns: tuple[Column, ...] = ()
    """What the numbers are; empty for data without column names."""
    labels: tuple[str, ...] = ()
    target: str = "y"
    target_columns: tuple[str, ...] = ()
    """The columns of the file that the target is made of, when they are several."""
    roles: RowRoles = NO_ROLES


@dataclass(frozen=True)
class Split:
    """One division of the rows into training, validation and test, preprocessed by statistics of its training part."""

    x: Tensor
    """[train rows, features]"""
    y: Tensor
    """[train rows, outputs] numbers, or [train rows] class numbers"""
    val_x: Tensor
    val_y: Tensor
    test_x: Tensor
    test_y: Tensor
    preprocessing: Preprocessing
    weights: Mapping[PartName, Tensor]
    """The weight of each row of a part, [rows]; the largest of all is 1."""

    def part(self, name: PartName) -> tuple[Tensor, Tensor]:
        """Rows and targets of one part."""
        return {"train": (self.x, self.y), "val": (self.val_x, self.val_y), "test": (self.test_x, self.test_y)}[name]

    @property
    def shown(self) -> PartName:
        """The part that pictures are of: the validation rows, if there are any."""
        return "val" if len(self.val_x) else "train"

    @cached_property
    def shown_numbers(self) -> tuple[Array, npt.NDArray[Any]]:
        """Rows and targets of that part in NumPy."""
        x, y = self.part(self.shown)
        return x.double().cpu().numpy(), y.cpu().numpy()


@lru_cache(maxsize=8)
def load(dataset: DatasetSpec) -> Rows:
    """All rows of a data set that is not uploaded."""
    match dataset:
        case Inline(x=x, y=y):
            return Rows(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64), roles=_inline_roles(dataset))
        case Uploaded():
            raise BadDataError("An uploaded data set is stored in a service: submit the job there.")
        case Shipped(name=name):
            return _shipped(name)
        case Linear():
            return _linear(dataset)
        case Spirals():
            return _spirals(dataset)
        case Xor():
            return _xor(dataset)
        case Moons(n=n, noise=noise, seed=seed):
            from sklearn.datasets import make_moons

            return Rows(*make_moons(n_samples=n, noise=noise, random_state=seed))
        case Circles(n=n, noise=noise, seed=seed):
            from sklearn.datasets import make_circles

            return Rows(*make_circles(n_samples=n, noise=noise, factor=0.5, random_state=seed))
        case Blobs(n=n, noise=noise, classes=classes, features=features, seed=seed):
            from sklearn.datasets import make_blobs

            made = make_blobs(n_samples=n, centers=classes, n_features=features, cluster_std=noise, random_state=seed)
            return Rows(*made)


@lru_cache(maxsize=1)
def read(table: Path) -> Rows:
    """All rows of an uploaded data set, whose table is this file. Raises `BadDataError`."""
    try:
        with table.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            schema = Schema.model_validate_json(arrays["schema"].tobytes())
            target = schema.target
            roles = RowRoles(*(arrays.get(name) for name in ("split", "group", "time", "weight")))
            return Rows(arrays["X"], arrays["y"], schema.columns, target.labels, target.name, target.columns, roles)
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


def _shipped(name: str) -> Rows:
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    shipped = getattr(datasets, f"load_{name}")(**options)
    columns = tuple(Column(name=str(one), type=ColumnKind.number) for one in shipped.feature_names)
    labels = tuple(str(one) for one in getattr(shipped, "target_names", ()))
    return Rows(np.asarray(shipped.data, dtype=np.float64), np.asarray(shipped.target), columns, labels)


def _xor(made: Xor) -> Rows:
    random = np.random.default_rng(made.seed)
    corner = np.arange(made.n) % 4
    x = np.stack([corner // 2, corner % 2], axis=1).astype(np.float64)
    y = (corner // 2) ^ (corner % 2)
    return Rows(x + made.noise * random.standard_normal(x.shape), y)


def _spirals(made: Spirals) -> Rows:
    random = np.random.default_rng(made.seed)
    arm = np.arange(made.n) % made.classes
    along = np.sqrt(random.uniform(0.02, 1.0, made.n))  # the root spreads points evenly along the arm
    angle = 2.0 * np.pi * (1.5 * along + arm / made.classes)
    x = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    return Rows(x + 0.2 * made.noise * random.standard_normal(x.shape), arm)


def _linear(made: Linear) -> Rows:
    random = np.random.default_rng(made.seed)
    x = random.standard_normal((made.n, made.features))
    slope = random.standard_normal((made.features, 1)) / np.sqrt(made.features)
    return Rows(x, x @ slope + made.noise * random.standard_normal((made.n, 1)))


def split(
    spec: JobSpec,
    info: DatasetInfo,
    device: torch.device,
    dtype: torch.dtype,
    table: Path | None = None,
    learned: Preprocessing | None = None,
) -> Split:
    """The job's training, validation and test rows, on the device. Raises `BadDataError`.

    `table` is the file of a data set that was uploaded, `learned` the preprocessing of the network that the job begins
    with: what another job has learned from its own training rows.
    """
    rows, y, (train, validation, test) = divided(spec, info, table)
    if reason := batch_norm_fault(spec, len(train)):  # by group and by time, the rows are counted only here
        raise BadDataError(f"batch_size: {reason}.")
    numbers, schema, by_channel = rows.x, _schema(rows, info), spec.augmentation.acts
    if learned is None:
        # Only the training rows are shown to what learns from rows.
        preprocessing = Preprocessing.fit(
            schema,
            numbers[train],
            y[train],
            standardize=spec.standardizes,
            standardize_targets=spec.standardizes_targets,
            by_channel=by_channel,  # a pixel that moves must mean the same elsewhere
        )
    else:
        if (reason := difference(learned, schema, by_channel=by_channel)) is not None:
            raise BadDataError(f"init_from: {reason}.")
        preprocessing, numbers, y = learned, recoded(learned, schema, numbers), reclassed(learned, schema, y)
    x, y = preprocessing.features(numbers), preprocessing.targets(y)
    number = torch.int64 if info.targets is Targets.classes else dtype
    weights = _weights(rows.roles.weight, info)

    def placed(values: npt.NDArray[Any], kind: torch.dtype) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device=device, dtype=kind)

    return Split(
        x=placed(x[train], dtype),
        y=placed(y[train], number),
        val_x=placed(x[validation], dtype),
        val_y=placed(y[validation], number),
        test_x=placed(x[test], dtype),
        test_y=placed(y[test], number),
        preprocessing=preprocessing,
        weights={
            "train": placed(weights[train], dtype),
            "val": placed(weights[validation], dtype),
            "test": placed(weights[test], dtype),
        },
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


def _schema(rows: Rows, info: DatasetInfo) -> Schema:
    """The schema of the rows: one column of numbers for data without column names."""
    labels: tuple[str, ...] = ()
    if info.targets is Targets.classes:
        labels = rows.labels or tuple(label_of(value) for value in np.unique(rows.y).tolist())
    target = Target(
        name=rows.target, type=info.targets, labels=labels, outputs=info.outputs, columns=rows.target_columns
    )
    return Schema(columns=rows.columns or plain_schema(info, labels).columns, target=target, image=info.image)


def _weights(weight: Array | None, info: DatasetInfo) -> Array:
    """The weight of each row, at most 1: a narrow number format then holds their sums."""
    if not info.weighted:
        return np.ones(info.rows)
    if weight is None or not (weight >= 0.0).all() or not 0.0 < weight.max() < np.inf:
        raise BadDataError("weight: the data set has no weights of its rows, or none above 0.")
    shares: Array = weight / weight.max()
    return shares


def _check_targets(spec: JobSpec, y: Array) -> None:
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

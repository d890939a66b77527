"""Data sets on a device: split and preprocessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model.preprocessing import Preprocessing
from model.warm_start import difference, reclassed, recoded, rewritten
from spec.checks import batch_norm_fault
from spec.classes import label_of
from spec.dataset import DatasetInfo, Targets
from spec.job import JobSpec
from spec.schema import Schema, plain_schema

from .errors import BadDataError
from .rows import Rows, divided

Array = npt.NDArray[np.float64]
PartName = Literal["train", "val", "test"]
PARTS: tuple[PartName, ...] = get_args(PartName)


@dataclass(frozen=True)
class Split:
    """One division of the rows into training, validation and test, preprocessed by statistics of its training part."""

    x: Mapping[PartName, Tensor]
    """[rows, features] of each part."""
    y: Mapping[PartName, Tensor]
    """[rows, outputs] numbers, or [rows] class numbers."""
    weights: Mapping[PartName, Tensor]
    """The weight of each row of a part, [rows]; the largest is from 1/2 to 1, unless all are 0."""
    preprocessing: Preprocessing

    @property
    def shown(self) -> PartName:
        """The part that pictures are of: the validation rows, if there are any."""
        return "val" if len(self.x["val"]) else "train"

    @cached_property
    def shown_numbers(self) -> tuple[Array, npt.NDArray[Any]]:
        """Rows and targets of that part in NumPy."""
        return self.x[self.shown].double().cpu().numpy(), self.y[self.shown].cpu().numpy()


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
    rows, y, division = divided(spec, info, table)
    parts, train = dict(zip(PARTS, division, strict=True)), division[0]
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
            by_channel=by_channel and spec.standardizes,  # a pixel that moves must mean the same elsewhere
        )
    else:
        if (reason := difference(learned, schema, by_channel=by_channel)) is not None:
            raise BadDataError(f"init_from: {reason}.")
        numbers, y = recoded(learned, schema, numbers), reclassed(learned, schema, y)
        preprocessing = rewritten(learned, schema)
    x, y = preprocessing.features(numbers), preprocessing.targets(y)
    for what, values, scaled in (("features", x, spec.standardizes), ("targets", y, spec.standardizes_targets)):
        _check_range(what, values, dtype, scaled=scaled)
    number = torch.int64 if info.targets is Targets.classes else dtype
    weights = _weights(rows.roles.weight, info)

    def placed(values: npt.NDArray[Any], kind: torch.dtype) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device=device, dtype=kind)

    return Split(
        x={name: placed(x[part], dtype) for name, part in parts.items()},
        y={name: placed(y[part], number) for name, part in parts.items()},
        weights={name: placed(_near_one(weights[part]), dtype) for name, part in parts.items()},
        preprocessing=preprocessing,
    )


def _check_range(what: str, values: npt.NDArray[Any], dtype: torch.dtype, *, scaled: bool) -> None:
    """Raise `BadDataError` for numbers that are infinite in the format that the network computes in."""
    most = max(float(values.max()), -float(values.min()))
    if most <= torch.finfo(dtype).max:
        return
    name, cure = str(dtype).removeprefix("torch."), "standardize true, or write them in a larger unit"
    if scaled:
        cure = "leave out the rows that are so far from the training rows"
    raise BadDataError(
        f"standardize: {what} go up to {most:.3g}{' deviations' if scaled else ''}, and {name} only to "
        f"{torch.finfo(dtype).max:.3g}: {cure}."
    )


def _schema(rows: Rows, info: DatasetInfo) -> Schema:
    """The schema of the rows: one column of numbers for data without column names."""
    labels: tuple[str, ...] = ()
    if info.targets is Targets.classes:
        known = () if rows.target is None else rows.target.labels
        labels = known or tuple(label_of(value) for value in np.unique(rows.y).tolist())
    plain = plain_schema(info, labels)
    # Without the range, which is that of all rows: a model knows nothing of validation rows.
    own = {"type": info.targets, "labels": labels, "outputs": info.outputs, "range": None}
    target = (rows.target or plain.target).model_copy(update=own)
    return plain.model_copy(update={"columns": rows.columns or plain.columns, "target": target})


def _weights(weight: Array | None, info: DatasetInfo) -> Array:
    """The weight of each row, at most 1: a narrow number format then holds their sums."""
    if not info.weighted:
        return np.ones(info.rows)
    if weight is None or not (weight >= 0.0).all() or not 0.0 < weight.max() < np.inf:
        raise BadDataError("weight: the data set has no weights of its rows, or none above 0.")
    shares: Array = weight / weight.max()
    return shares


def _near_one(weights: Array) -> Array:
    """The weights of one part times a power of two, which changes no digit of their mean: the largest is near 1."""
    near: Array = np.ldexp(weights, -np.frexp(weights.max(initial=0.0))[1])
    return near

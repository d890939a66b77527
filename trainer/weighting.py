"""The weights of rows in the loss: the weight of the row's class times its own.

The loss of rows with weights w is sum(w l) / sum(w), as of torch.nn.CrossEntropyLoss(weight=...) with
reduction="mean", and of scikit-learn's estimators with sample_weight. The scale of the weights changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spec.classes import weights_by_label, wrong_labels
from spec.job import JobSpec

from .data import PartName, Split
from .errors import BadDataError
from .setup import Setup

_PARTS: dict[PartName, str] = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Weighting:
    """The weights of rows and classes, for each of some jobs."""

    by_class: Tensor | None
    """[members, classes], for targets that are classes."""
    splits: Sequence[Split]
    which: Tensor
    """Each job's split, int64 [members]."""

    @classmethod
    def of(cls, setup: Setup, specs: Sequence[JobSpec], splits: Sequence[Split], which: Tensor) -> "Weighting | None":
        """The weights of these jobs, whose splits are numbered by `which`; None if all rows weigh the same."""
        if not setup.spec.is_weighted:
            return None
        by_class: Tensor | None = None
        if setup.info.classes is not None:
            found = [class_weights(spec, splits[own]) for spec, own in zip(specs, which.tolist(), strict=True)]
            by_class = torch.from_numpy(np.stack(found)).to(device=setup.device, dtype=setup.dtype)
        return cls(by_class, splits, which)

    def rows(self, name: PartName) -> Tensor:
        """The weights of the rows of one part, [members, rows]."""
        weights = torch.stack([split.weights[name] for split in self.splits]).index_select(0, self.which)
        if self.by_class is None:
            return weights
        classes = torch.stack([split.y[name] for split in self.splits]).index_select(0, self.which)
        return weights * self.by_class.gather(1, classes)


def class_weights(spec: JobSpec, split: Split) -> npt.NDArray[np.float64]:
    """The weight of each class, [classes]. Raises `BadDataError`.

    `balanced` is rows / (classes x rows of the class), of the training rows: scikit-learn's compute_class_weight.
    """
    labels = split.preprocessing.output.labels
    if spec.class_weight == "balanced":
        counts = np.bincount(split.y["train"].cpu().numpy(), minlength=len(labels))
        if not counts.all():
            label = labels[int(counts.argmin())]
            raise BadDataError(f"class_weight: balanced needs training rows of each class, and {label!r} has none.")
        return np.asarray(counts.sum() / (len(labels) * counts), dtype=np.float64)
    given = weights_by_label(spec.class_weight or {}, labels)
    if wrong := wrong_labels(given, labels):
        raise BadDataError(f"class_weight: {wrong}.")
    return np.array([given.get(label, 1.0) for label in labels], dtype=np.float64)


def check(setup: Setup, spec: JobSpec, split: Split) -> None:
    """Raise `BadDataError` if the job's loss on a part of the data has no weighted mean."""
    weighting = Weighting.of(setup, [spec], [split], torch.zeros(1, dtype=torch.int64, device=setup.device))
    if weighting is None:
        return
    for name, words in _PARTS.items():
        weights = weighting.rows(name)
        if weights.numel() and not weights.any():
            raise BadDataError(f"The weight of every {words} row is 0: choose another split_seed, or other weights.")


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """The mean of each member's values [members, rows] by its weights; None: the plain mean."""
    return values.mean(dim=1) if weights is None else (values * weights).sum(dim=1) / weights.sum(dim=1)

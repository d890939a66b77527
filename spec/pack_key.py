"""What jobs must share to train as members of one pack."""

import hashlib
from typing import TYPE_CHECKING

from .dataset import canonical_json
from .splits import SplitBy

if TYPE_CHECKING:
    from .job import JobSpec

_SHARED = (
    "version",
    "validation_fraction",
    "test_fraction",
    "architecture",
    "activation",
    "output_activation",
    "init_from",
    "loss",
    "keep_optimizer",
    "batch_size",
    "gradient_accumulation",
    "train_metrics",
    "precision",
    "deterministic",
    "resources",
)
"""Fields that are the same in all members; the others are a member's own, or become a part of the key below."""


def pack_key(spec: "JobSpec") -> str:
    """A digest of all that jobs must share to train as members of one pack."""
    shared = spec.model_dump(mode="json", include=set(_SHARED))
    shared["split"] = _split_shape(spec)
    shared["optimizer"] = dict(spec.optimizer.switches)
    shared["standardize"] = "channel" if spec.standardizes and spec.augmentation.acts else spec.standardizes
    shared["initial"] = "given" if isinstance(spec.initial_weights, tuple) else "drawn"
    shared["weighted"] = spec.is_weighted
    return hashlib.sha256(canonical_json(shared, spec.dataset).encode()).hexdigest()[:32]


def _split_shape(spec: "JobSpec") -> list[str | int | None]:
    """What decides how many rows the parts have, beside the fractions."""
    if spec.split_by is SplitBy.group:
        return [spec.split_by, spec.folds, spec.fold, spec.split_seed]
    if spec.split_by is SplitBy.time or spec.folds is None or (info := spec.info) is None:
        return [spec.split_by, spec.folds, spec.fold]
    return [spec.split_by, spec.folds, *spec.split_rows(info)]

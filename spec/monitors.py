"""The metrics that can decide which epoch is best, and the names of those of several targets."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, get_args

Monitor = Literal[
    "val_loss",
    "val_accuracy",
    "val_balanced_accuracy",
    "val_macro_f1",
    "val_roc_auc",
    "val_mae",
    "val_rmse",
    "val_r2",
    "train_loss",
    "train_accuracy",
    "train_balanced_accuracy",
]
METRICS = (*get_args(Monitor), "val_classes", "generalization_gap", "learning_rate")
"""The metrics of curves, without those of one of several targets."""
REGRESSION_METRICS = frozenset({"val_mae", "val_rmse", "val_r2"})
LOWER_IS_BETTER = frozenset({"val_loss", "train_loss", "val_mae", "val_rmse"})
"""Metrics that improve when they fall; all others improve when they rise."""

NAME_LETTERS = 30
"""Most letters of a target's name in that of a metric."""
_OF_TARGET = re.compile(r"(train|val|test)_.+_(mae|rmse|r2)")


def names_in_metrics(targets: Sequence[str]) -> list[str]:
    """How several targets are called in names of metrics, `price_eur` of `Price (EUR)`: a to z, 0 to 9 and _.

    One without such letters is called by its place, from 1; of two with the same name the second has its place, too.
    """
    found: list[str] = []
    for place, target in enumerate(targets, start=1):
        plain = unicodedata.normalize("NFKD", target.casefold()).encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:NAME_LETTERS].strip("_") or str(place)
        found.append(name if name not in found else f"{name}_{place}")
    return found


def is_of_one_target(metric: str) -> bool:
    """Whether a metric is that of one of several targets, such as `val_price_mae`."""
    return _OF_TARGET.fullmatch(metric) is not None

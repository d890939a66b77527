"""The metrics that can decide which epoch is best, what each measures, and the names of those of several targets."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Measure:
    """What a metric measures, of whichever split."""

    words: str
    higher_is_better: bool = False
    is_share: bool = False
    """Whether it counts rows, and people read it in percent."""
    is_of_numbers: bool = False
    """Whether only targets that are numbers have it."""
    limits: tuple[float, float] = (-math.inf, math.inf)
    """The least and the largest value that it can have."""


MEASURES: Mapping[str, Measure] = {
    "loss": Measure("loss"),
    "accuracy": Measure("accuracy", higher_is_better=True, is_share=True, limits=(0.0, 1.0)),
    "balanced_accuracy": Measure("balanced accuracy", higher_is_better=True, is_share=True, limits=(0.0, 1.0)),
    "macro_f1": Measure("macro F1", higher_is_better=True, is_share=True, limits=(0.0, 1.0)),
    "roc_auc": Measure("ROC AUC", higher_is_better=True, limits=(0.0, 1.0)),
    "mae": Measure("MAE", is_of_numbers=True, limits=(0.0, math.inf)),
    "rmse": Measure("RMSE", is_of_numbers=True, limits=(0.0, math.inf)),
    "r2": Measure("R²", higher_is_better=True, is_of_numbers=True, limits=(-math.inf, 1.0)),
}
"""By a metric's name without its split: `val_accuracy` is the accuracy of the validation split."""

SPLITS: Mapping[str, str] = {"train": "training", "val": "validation"}
"""Splits of the rows in words, by the first part of a metric's name."""


def measure_of(monitor: Monitor) -> Measure:
    """What a metric measures."""
    return MEASURES[monitor.partition("_")[2]]


def limits_of(monitor: Monitor, *, ends_at_zero: bool) -> tuple[float, float]:
    """The least and the largest value of a metric; `ends_at_zero` says whether a perfect network's loss is 0."""
    return (0.0, math.inf) if monitor.endswith("_loss") and ends_at_zero else measure_of(monitor).limits


def known_measure(metric: str) -> Measure | None:
    """What any metric measures, with its split or without; None where that is not in `MEASURES`."""
    return MEASURES.get(metric) or MEASURES.get(metric.partition("_")[2])


def is_share(metric: str) -> bool:
    """Whether a metric, with its split or without, counts rows, and people read it in percent."""
    measure = known_measure(metric)
    return measure is not None and measure.is_share


REGRESSION_METRICS = frozenset(name for name in get_args(Monitor) if measure_of(name).is_of_numbers)
LOWER_IS_BETTER = frozenset(name for name in get_args(Monitor) if not measure_of(name).higher_is_better)
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


def percent(share: float) -> str:
    """A share as people read it."""
    return f"{100 * share:.1f} %"


def figure(value: float) -> str:
    """A number as people read it: three digits, without an exponent where it can be read without one."""
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def is_of_one_target(metric: str) -> bool:
    """Whether a metric is that of one of several targets, such as `val_price_mae`."""
    return _OF_TARGET.fullmatch(metric) is not None

"""What the scores of the best configurations say: the band of each, and whether the best differs from the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from spec.configuration import KIND_OF
from spec.halving import metric_of
from spec.losses import LossSpec
from spec.monitors import limits_of, percent
from spec.splits import SplitBy
from spec.sweep import SweepSpec
from store.sweep_results import LEADERS

from .comparability import doubt
from .counted import counted_rows
from .statistics import LEAST_ROWS, Band, Comparison, band, compare, sentence

GUESS = 0.05
"""A balanced accuracy that is so little above a guess's is one."""
UNBALANCED = 0.1
"""Where accuracy is so much above balanced accuracy, one class has most of the rows."""


def interval(spec: SweepSpec, scores: Sequence[float]) -> Band:
    """Mean and confidence interval of a configuration's objective, in its own units."""
    (only,) = intervals(spec, [scores])
    return only


def intervals(spec: SweepSpec, scores: Sequence[Sequence[float]]) -> list[Band]:
    """The interval of each of several configurations."""
    share, step = test_share(spec), _step(spec, counted_rows(spec))
    values = ([metric_of(score, spec.monitored) or 0.0 for score in theirs] for theirs in scores)
    limits = limits_of(spec.monitored, ends_at_zero=_losses_end_at_zero(spec))
    return [band(theirs, test_share=share, step=step, limits=limits) for theirs in values]


def _losses_end_at_zero(spec: SweepSpec) -> bool:
    """Whether no loss of a configuration is below 0."""
    given = [one[path] for one in spec.configurations for path in ("loss", "loss.type") if path in one]
    varied = [value for path in ("loss", "loss.type") if path in spec.space for value in spec.space[path].values or ()]
    types = {value.get("type") if isinstance(value, Mapping) else value for value in (*given, *varied)}
    losses = [KIND_OF["loss", name] for name in {spec.base.loss.type, *types}]
    return all(issubclass(loss, LossSpec) and loss.traits.ends_at_zero for loss in losses)


def compared(
    spec: SweepSpec, scores: Mapping[int, Sequence[float]], metrics: Mapping[str, float | None]
) -> tuple[str, Mapping[int, Comparison]]:
    """The best configuration beside each of the others, and a sentence.

    `scores` are those of the seeds or folds by the leader's number, the best first; at least one. `metrics` are the
    best one's.
    """
    (best, of_best), *others = scores.items()
    rows = counted_rows(spec)
    pairs = compare(of_best, [theirs for _, theirs in others], test_share=test_share(spec), step=_step(spec, rows))
    by_number = {number: _by_rows(spec, rows, one) for (number, _), one in zip(others, pairs, strict=True)}
    named = {f"#{number}": one for number, one in by_number.items()}
    said = sentence(f"#{best}", named, unit="folds" if spec.folds else "seeds", more=len(scores) >= LEADERS)
    doubts = f" {found}" if named and (found := doubt(spec)) else ""
    return said + _few_rows(spec, rows, named) + _classes_missed(spec, best, metrics) + doubts, by_number


def _step(spec: SweepSpec, rows: int | None) -> float:
    """The share of one row of a seed or a fold in the objective; 0.0 where it counts no rows."""
    return 0.0 if rows is None else (spec.folds or 1) / rows


def _by_rows(spec: SweepSpec, rows: int | None, one: Comparison) -> Comparison:
    """The comparison; more seeds are not asked for where all of them are measured on too few rows."""
    if rows is None or one.decided or one.difference * rows >= LEAST_ROWS:
        return one
    return replace(one, needed=None, fewer_than=f"{LEAST_ROWS} rows{_of_class(spec)}")


def _of_class(spec: SweepSpec) -> str:
    """Which rows the objective counts, beside accuracy."""
    return "" if spec.monitored.partition("_")[2] == "accuracy" else " of the rarest class"


def _few_rows(spec: SweepSpec, rows: int | None, others: Mapping[str, Comparison]) -> str:
    """A sentence where the nearest of those that are surely worse differs by few rows only, which all seeds share."""
    name, nearest = min(
        ((name, one) for name, one in others.items() if one.decided),
        key=lambda item: item[1].difference,
        default=("", None),
    )
    if rows is None or nearest is None or nearest.difference * rows >= LEAST_ROWS:
        return ""
    return f" From {name} it differs by fewer than {LEAST_ROWS} rows{_of_class(spec)}, which other rows may not show."


def _classes_missed(spec: SweepSpec, best: int, metrics: Mapping[str, float | None]) -> str:
    """A sentence where the best by accuracy tells classes apart no better than a guess: one class has most rows."""
    part, _, name = spec.monitored.partition("_")
    other, info = f"{part}_balanced_accuracy", spec.base.info
    accuracy, balanced = metrics.get(spec.monitored), metrics.get(other)
    if name != "accuracy" or info is None or info.classes is None or accuracy is None or balanced is None:
        return ""
    if balanced > 1.0 / info.classes + GUESS or accuracy - balanced < UNBALANCED:
        return ""
    guess = f"The balanced accuracy of #{best} is {percent(balanced)}, as a guess has"
    return f" {guess}: it misses rare classes. Try objective {other}."


def test_share(spec: SweepSpec) -> float | None:
    """Validation rows by training rows of a fold; None of seeds.

    Of folds by time their mean: each trains on the folds before it, so 1, 1/2, 1/3 ...
    """
    if spec.folds is None:
        return None
    if spec.base.split_by is SplitBy.time:
        return math.fsum(1.0 / (fold + 1) for fold in range(spec.folds)) / spec.folds
    return 1.0 / (spec.folds - 1)

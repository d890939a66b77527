"""The importance of parameters: how much of the differences between configurations each explains on its own.

The measure is epsilon squared (Kelley 1935; for ranks Tomczak and Tomczak 2014): the share of the variance of the
scores' ranks that lies between the groups of a parameter's values, less what chance puts there. Ranks, because one
configuration that diverged would otherwise be all of the variance. A parameter with a condition is measured among the
configurations that have it: beside the others it would explain what its condition does. A parameter that matters only
together with another is not seen: this looks at one at a time.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.configuration import Configuration
from spec.space import Parameter

from .statistics import ranks

LEAST = 8
"""Fewer configurations say nothing."""
MOST_GROUPS = 8
PER_GROUP = 4
"""Numbers with many values are cut into groups of equal size, each of so many configurations or more."""

_ABSENT = "null"


def importances(
    space: Mapping[str, Parameter], configurations: Sequence[Configuration], scores: Sequence[float]
) -> dict[str, float] | None:
    """By parameter, the most important first: 0 explains nothing, 1 everything. None of too few configurations.

    A parameter that too few of them have is left out.
    """
    if len(scores) < LEAST:
        return None
    shares = {}
    for name in space:
        having = [(one[name], score) for one, score in zip(configurations, scores, strict=True) if name in one]
        if len(having) >= LEAST:
            values, theirs = zip(*having, strict=True)
            shares[name] = _epsilon_squared(ranks(theirs), _groups(values, len(theirs)))
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _groups(values: Sequence[Any], count: int) -> list[str]:
    """The group of each configuration: its value, or for numbers with many values its quantile."""
    most = max(min(MOST_GROUPS, count // PER_GROUP), 2)
    numbers = [value for value in values if value is not None]
    if not all(isinstance(value, int | float) for value in numbers) or len(set(values)) <= most:
        return [json.dumps(value, sort_keys=True) for value in values]
    edges = np.quantile(np.asarray(numbers, dtype=float), np.linspace(0.0, 1.0, most + 1)[1:-1])
    quantiles = iter(np.searchsorted(edges, numbers).tolist())
    return [_ABSENT if value is None else str(next(quantiles)) for value in values]


def _epsilon_squared(ranked: npt.NDArray[np.float64], groups: Sequence[str]) -> float:
    """(SS_between - (k - 1) MS_within) / SS_total of k groups, and at least 0."""
    count, kinds, named = len(groups), sorted(set(groups)), np.asarray(groups)
    total = float(((ranked - ranked.mean()) ** 2).sum())
    if not 1 < len(kinds) < count or total == 0.0:
        return 0.0
    members = [ranked[named == kind] for kind in kinds]
    within = sum(float(((own - own.mean()) ** 2).sum()) for own in members)
    mean_within = within / (count - len(kinds))
    return max((total - within - (len(kinds) - 1) * mean_within) / total, 0.0)

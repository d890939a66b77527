"""Populations (Jaderberg et al. 2017): who copies whom at a rung, with which values, and what the curves tell of it.

The rule compares numbers that are the same to the bit wherever they are computed. What it draws is a function of the
sweep's seed, the generation, the epoch and the configuration. So its decisions depend on the spec alone.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

from .base import Frozen
from .halvings import Population
from .job import JobSpec
from .space import AnyParameter

PREFIX = "population."
"""What the names of these columns of a curve begin with; the value that a job trained with is at its field path."""

PARENT = f"{PREFIX}parent"
"""The column of the configuration whose network an epoch went on from: its own, unless it was copied just before."""


class EndedMember(Frozen):
    """A job of a population that has ended, and which others may have copied before."""

    id: str
    trial: int
    spec: JobSpec
    epoch: int
    """Epochs that it trained."""


class PopulationOrder(Frozen):
    """How the members of a bracket copy each other."""

    rule: Population
    space: dict[str, AnyParameter]
    seed: int
    generation: int
    ended: tuple[EndedMember, ...] = ()
    """In order of their configurations and seeds or folds."""


class Copy(Frozen):
    """A configuration went on from a copy of another one."""

    trial: int
    epoch: int
    """The epoch after which it was copied."""
    source: int
    values: dict[str, float]
    """Its values from then on, by field path."""


class Stretch(Frozen):
    """Epochs that a network was trained with the same values."""

    first_epoch: int
    last_epoch: int
    trial: int
    """The configuration that it was in these epochs."""
    values: dict[str, float]


Columns = Mapping[str, Sequence[float | None]]
"""Of a configuration: `PARENT`, and the column of each value by its field path; the first entry is of epoch 1."""


# --- the rule ---------------------------------------------------------------------------------------------------------


def exploits(scores: Mapping[int, float], order: PopulationOrder, epoch: int) -> dict[int, int]:
    """Which configurations copy which at a rung, by number; less is better.

    The worst quantile copies configurations that are drawn from the best one (truncation selection). One whose score is
    infinite is never copied; one that is no worse than what is drawn for it goes on as it is.
    """
    ranked = sorted((score, number) for number, score in scores.items())
    count = min(math.ceil(len(ranked) * order.rule.quantile - 1e-9), len(ranked) // 2)
    best = [number for score, number in ranked[:count] if score < math.inf]
    if not best:
        return {}
    drawn = {number: best[int(_draw(order, epoch, number, "source") * len(best))] for _, number in ranked[-count:]}
    return {number: source for number, source in drawn.items() if scores[source] < scores[number]}


def explored(values: Mapping[str, float], order: PopulationOrder, epoch: int, trial: int) -> dict[str, float]:
    """The values with which a configuration goes on from a copy of one that had `values`."""
    found = {}
    for name, parameter in order.space.items():
        if _draw(order, epoch, trial, f"resample {name}") < order.rule.resample:
            found[name] = float(parameter.at(_draw(order, epoch, trial, f"value {name}")))
        else:
            place = _draw(order, epoch, trial, f"factor {name}")
            factor = order.rule.factors[int(place * len(order.rule.factors))]
            found[name] = parameter.changed(values[name], factor)
    return found


def values_of(spec: JobSpec, order: PopulationOrder) -> dict[str, float]:
    """The values that a job trains with, by field path."""
    return {name: _number(spec, name.split(".")) for name in order.space}


def _number(spec: JobSpec, path: Sequence[str]) -> float:
    value: object = spec
    for name in path:
        value = getattr(value, name)
    if not isinstance(value, int | float):
        raise TypeError(f"{'.'.join(path)} is no number: {value!r}")
    return float(value)


def _draw(order: PopulationOrder, epoch: int, trial: int, what: str) -> float:
    """A number in [0, 1)."""
    text = f"{order.seed} {order.generation} {epoch} {trial} {what}"
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 11) * 2.0**-53


# --- what curves tell -------------------------------------------------------------------------------------------------


def copies(columns: Mapping[int, Columns]) -> list[Copy]:
    """Who copied whom, in order of epochs and configurations."""
    found = [
        Copy(trial=trial, epoch=place, source=int(parent), values=_values(one, place))
        for trial, one in columns.items()
        for place, parent in enumerate(one[PARENT])
        if parent is not None and int(parent) != trial
    ]
    return sorted(found, key=lambda copy: (copy.epoch, copy.trial))


def schedule(columns: Mapping[int, Columns], trial: int, epoch: int) -> list[Stretch]:
    """The values that the network of a configuration was trained with up to an epoch, through the ones it copied."""
    found: list[Stretch] = []
    while epoch > 0:
        parents = columns[trial][PARENT]
        first = epoch
        while first > 1 and parents[first - 1] == trial:
            first -= 1
        values = _values(columns[trial], epoch - 1)
        found.append(Stretch(first_epoch=first, last_epoch=epoch, trial=trial, values=values))
        epoch, trial = first - 1, int(parents[first - 1] or 0)
    return found[::-1]


def _values(columns: Columns, place: int) -> dict[str, float]:
    numbers = {name: column[place] for name, column in columns.items() if name != PARENT}
    return {name: number for name, number in numbers.items() if number is not None}

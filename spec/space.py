"""The space of a sweep: the fields of a job that vary, and which values they may have."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from .base import Count, Frozen, Real, as_written, fault
from .configuration import value_at
from .job import MOST_SEED, JobSpec

MOST_CHOICES = 1_000
"""Maximum number of values that are listed."""

When = Annotated[
    dict[str, Any],
    Field(description="The parameter exists only where these fields have these values: {optimizer.type: sgd}."),
]
Limits = Annotated[tuple[Real, Real], Field(description="The least and the largest value.")]
_Whole = Annotated[Count, Field(ge=-MOST_SEED, le=MOST_SEED)]
WholeLimits = Annotated[tuple[_Whole, _Whole], Field(description="The least and the largest value.")]


class Parameter(Frozen):
    """One field of the job that the sweep varies."""

    when: When = {}

    @property
    def conditions(self) -> Mapping[str, Sequence[Any]]:
        """By field, the values that it may have where the parameter exists."""
        return {path: wanted if isinstance(wanted, list) else [wanted] for path, wanted in self.when.items()}

    @property
    def values(self) -> tuple[Any, ...] | None:
        """All values, if they can be listed; a grid needs them."""
        return None

    def at(self, place: float) -> Any:
        """The value at a place in [0, 1), such as a random number gives it."""
        raise NotImplementedError

    def place_of(self, value: Any) -> float:
        """A place in [0, 1) for which `at` gives this value."""
        values = self.values or ()
        return (values.index(value) + 0.5) / len(values)

    def changed(self, value: float, factor: float) -> float:
        """The value times the factor, within the limits; of a list, the next value in that direction."""
        ranked = sorted({float(one) for one in self.values or ()})
        nearest = min(range(len(ranked)), key=lambda place: abs(ranked[place] - value))
        step = (factor > 1.0) - (factor < 1.0)
        return ranked[min(max(nearest + step, 0), len(ranked) - 1)]


class Choice(Parameter):
    """One of some values, of any kind: names, numbers, lists, objects."""

    choice: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MOST_CHOICES, description="The values.")]

    @property
    def values(self) -> tuple[Any, ...]:
        """The choices."""
        return self.choice

    def at(self, place: float) -> Any:
        """Each value has an equal share of [0, 1)."""
        return self.choice[int(place * len(self.choice))]


class Uniform(Parameter):
    """A number between two limits; with `step`, one of a row of numbers that includes the least."""

    uniform: Limits
    step: Annotated[Real, Field(gt=0.0, description="Distance between two values.")] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, most = self.uniform
        if not least < most:
            raise fault("uniform", f"must rise: {least:g} is not less than {most:g}")
        if self.step is not None and (most - least) / self.step >= MOST_CHOICES:
            raise fault("step", f"gives more than {MOST_CHOICES:,} values: make it larger")
        return self

    @cached_property
    def values(self) -> tuple[float, ...] | None:
        """The steps, if there are any."""
        if self.step is None:
            return None
        least, most = self.uniform
        steps = math.floor((most - least) / self.step + 1e-9)
        return tuple(_rounded(least + step * self.step) for step in range(steps + 1))

    def at(self, place: float) -> float:
        """Linear in `place`."""
        if (values := self.values) is not None:
            return values[int(place * len(values))]
        least, most = self.uniform
        return least + place * (most - least)

    def place_of(self, value: Any) -> float:
        """Linear in the value, unless there are steps."""
        if self.step is not None:
            return super().place_of(value)
        least, most = self.uniform
        return _place((value - least) / (most - least))

    def changed(self, value: float, factor: float) -> float:
        """The product, unless there are steps."""
        if self.step is not None:
            return super().changed(value, factor)
        return min(max(value * factor, self.uniform[0]), self.uniform[1])


class LogUniform(Parameter):
    """A number above 0 whose logarithm is uniform: each power of ten is equally likely."""

    log_uniform: Limits

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, most = self.log_uniform
        if not 0.0 < least < most:
            raise fault("log_uniform", "must have limits above 0 that rise, such as [1.0e-5, 0.1]")
        return self

    def at(self, place: float) -> float:
        """Linear in the logarithm."""
        least, most = (math.log(limit) for limit in self.log_uniform)
        return min(max(math.exp(least + place * (most - least)), self.log_uniform[0]), self.log_uniform[1])

    def place_of(self, value: Any) -> float:
        """Linear in the logarithm."""
        least, most = self.log_uniform
        return _place((math.log(value) - math.log(least)) / (math.log(most) - math.log(least)))

    def changed(self, value: float, factor: float) -> float:
        """The product."""
        return min(max(value * factor, self.log_uniform[0]), self.log_uniform[1])


class Integers(Parameter):
    """A whole number between two limits, both included."""

    integers: WholeLimits
    step: Annotated[Count, Field(ge=1, le=MOST_SEED, description="Distance between two values.")] = 1
    log: Annotated[bool, Field(strict=True, description="Whether its logarithm is uniform; then without steps.")] = (
        False
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, most = self.integers
        if not least < most:
            raise fault("integers", f"must rise: {least} is not less than {most}")
        if self.log and (least < 1 or self.step != 1):
            raise fault("log", "needs limits of 1 or more, and no step")
        return self

    @cached_property
    def values(self) -> tuple[int, ...] | None:
        """All of them, if they are not too many."""
        least, most = self.integers
        return tuple(range(least, most + 1, self.step)) if self.count <= MOST_CHOICES else None

    def at(self, place: float) -> int:
        """Linear in `place`, or in the logarithm: a number has the interval that rounds to it."""
        least, most = self.integers
        if self.log:
            low, high = math.log(least - 0.5), math.log(most + 0.5)
            return min(max(round(math.exp(low + place * (high - low))), least), most)
        return least + self.step * int(place * self.count)

    @property
    def count(self) -> int:
        """How many there are; `len` of a range refuses more than a word of the machine holds."""
        least, most = self.integers
        return (most - least) // self.step + 1

    def place_of(self, value: Any) -> float:
        """Linear in the value, or in its logarithm."""
        least, most = self.integers
        if self.log:
            low, high = math.log(least - 0.5), math.log(most + 0.5)
            return _place((math.log(value) - low) / (high - low))
        return _place(((value - least) / self.step + 0.5) / self.count)

    def changed(self, value: float, factor: float) -> float:
        """The product, rounded, by logarithm and where the numbers are too many to list."""
        if self.values is not None and not self.log:
            return super().changed(value, factor)
        least, most = self.integers
        return float(min(max(round(value * factor), least), most))


def _place(place: float) -> float:
    """The place in [0, 1) that is nearest."""
    return min(max(place, 0.0), math.nextafter(1.0, 0.0))


_KINDS: Mapping[str, type[Parameter]] = {
    "choice": Choice,
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "integers": Integers,
}
PARAMETERS = tuple(_KINDS.values())

_ALLOWED = (
    "must be a list of values, or one of {choice: [...]}, {uniform: [a, b]}, {log_uniform: [a, b]}, {integers: [a, b]}"
)
_LISTS = ("values", "choices", "options", "categorical", "grid_search")
"""Names that other libraries give a list of values."""
_ENDS = (("min", "max"), ("low", "high"), ("min_value", "max_value"), ("lower", "upper"))
"""Names that other libraries give the least and the largest value."""


def _kind(value: Any) -> str | None:
    fields = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Frozen) else {}
    return next((kind for kind in _KINDS if kind in fields), None)


def _by_list(value: Any) -> Any:
    """A list of values is a choice. Raises an error for what is no parameter."""
    if isinstance(value, list | tuple):
        return {"choice": value}
    if _kind(value) is None:
        raise PydanticCustomError("parameter", "{allowed}", {"allowed": _ALLOWED + _meant(value)})
    return value


def _meant(value: Any) -> str:
    """The parameter that others write like this, as the end of a sentence; empty when it is like none."""
    if isinstance(value, str):
        return ""
    if not isinstance(value, Mapping) or "value" in value:
        return "; a field with one value belongs in base"
    listed = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
    parameter = _between(value) if listed is None else listed
    return "" if parameter is None else f"; did you mean {as_written(parameter)}?"


def _between(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Our parameter for one that others write with two limits, such as {min: 1, max: 9}; None where it has none."""
    words = " ".join(str(word) for item in value.items() for word in item).lower()
    named = [[value[least], value[most]] for least, most in _ENDS if {least, most} <= value.keys()]
    pairs = [*named, *(one for one in value.values() if isinstance(one, list) and len(one) == 2)]
    if not pairs or "normal" in words:
        return None
    limits, step = pairs[0], value.get("step", value.get("q"))
    steps = {} if step is None else {"step": step}
    if all(isinstance(number, int) for number in (*limits, step or 1)) and "float" not in words:
        return {"integers": limits, **({"log": True} if "log" in words else steps)}
    return {"log_uniform": limits} if "log" in words else {"uniform": limits, **steps}


AnyParameter = Annotated[
    Annotated[
        Annotated[Choice, Tag("choice")]
        | Annotated[Uniform, Tag("uniform")]
        | Annotated[LogUniform, Tag("log_uniform")]
        | Annotated[Integers, Tag("integers")],
        Discriminator(_kind),
    ],
    BeforeValidator(_by_list),
]


def active(space: Mapping[str, Parameter], configuration: Mapping[str, Any], base: JobSpec) -> Iterator[str]:
    """The parameters whose conditions hold among these values and the base job's."""
    for name, parameter in space.items():
        if all(value_at(configuration, base, path) in allowed for path, allowed in parameter.conditions.items()):
            yield name


def _rounded(value: float) -> float:
    """Without the last digits that adding steps leaves: 0.1 x 3 is 0.3."""
    return float(f"{value:.12g}")

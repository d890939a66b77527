"""Whether a sweep's objective measures the same thing of all its configurations."""

from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import Any

from spec.configuration import Configuration, value_at
from spec.dataset import Targets
from spec.sweep import SweepSpec

OF_LOSSES = ("loss", "class_weight")
"""Fields that decide what a loss measures."""
OF_UNITS = ("standardize", "output_activation")
"""Fields that together decide the unit of a loss of numbers, for targets are scaled or not."""
OF_ROWS = ("dataset", "validation_fraction", "split", "split_seed")
"""Fields that decide which rows are validated on."""
SHOWN = 3
"""Most fields that the sentence names."""


def doubt(spec: SweepSpec) -> str:
    """A sentence where scores do not compare, for they are of other losses, or of other rows; else nothing."""
    part, _, metric = spec.monitored.partition("_")
    of_numbers = spec.base.info is not None and spec.base.info.targets is Targets.numbers
    decisive = (*OF_LOSSES, *OF_UNITS) if of_numbers and _scales_some(spec) else OF_LOSSES
    if metric == "loss" and (fields := _varied(spec, decisive)):
        other = "rmse" if of_numbers else "accuracy"
        cure = "" if of_numbers and part == "train" else f": try objective {part}_{other}"
        return f"Configurations differ in {fields}, so their {spec.monitored} does not compare{cure}."
    if part == "val" and (fields := _varied(spec, OF_ROWS)):
        return f"Configurations differ in {fields}, so their {spec.monitored} is of other rows."
    return ""


def _scales_some(spec: SweepSpec) -> bool:
    """Whether targets are scaled in some configurations, and not in others."""
    given: list[Mapping[str, Any]] = list(spec.configurations)
    if not given:
        listed = {path: _values(spec, path) for path in OF_UNITS if path in spec.space}
        given = [dict(zip(listed, values, strict=True)) for values in product(*listed.values())]
    units = [{path: one[path] for path in OF_UNITS if path in one} for one in given]
    return len({spec.base.model_copy(update=one).standardizes_targets for one in units}) > 1


def _values(spec: SweepSpec, path: str) -> Sequence[Any]:
    """The values of a parameter, and the base's where it has conditions."""
    parameter = spec.space[path]
    return (*(parameter.values or ()), *([getattr(spec.base, path)] if parameter.when else []))


def _varied(spec: SweepSpec, among: tuple[str, ...]) -> str:
    """The fields that vary, among these and their parts, as a list of words."""
    named = dict.fromkeys([*spec.space, *(path for one in spec.configurations for path in one)])
    found = (path for path in named if path.split(".")[0] in among and _varies(spec, path))
    return " and ".join(islice(found, SHOWN))


def _varies(spec: SweepSpec, path: str) -> bool:
    """Whether configurations differ in a field that one of them sets."""
    if (parameter := spec.space.get(path)) is not None:
        return parameter.values is None or len(parameter.values) > 1
    return len({repr(_value(spec, one, path)) for one in spec.configurations}) > 1


def _value(spec: SweepSpec, configuration: Configuration, path: str) -> Any:
    """What a given configuration has in a field; of a loss with no settings of its own, its name."""
    of_base = path == "loss" and path not in configuration
    return spec.base.loss.written() if of_base else value_at(configuration, spec.base, path)

"""Checks of a sweep that is not submitted yet: what it would be, by a sample of its configurations, and what is wrong.

`sweeps` is imported where it is used: NumPy takes memory and time that an API without sweeps does not need.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from spec.architectures import feature_maps
from spec.configuration import Configuration, body_with, value_at
from spec.dataset import Uploaded
from spec.field_error import FieldError
from spec.halving import Bracket, bracket, most_together
from spec.halvings import NoHalving
from spec.job import JobSpec
from spec.row_counts import rows_fault
from spec.sweep import LISTED, MOST_TRIALS, SET_BY_SWEEP, Budget, SweepSpec
from spec.sweep_views import BracketView, SweepCheck
from spec.validation_errors import sentences

from .errors import BadFieldsError

if TYPE_CHECKING:
    from sweeps.proposals import Generation, Refusal

SAMPLED = 64
"""Configurations that a check looks at, and a submission: validating one takes a fraction of a millisecond."""
LISTED_WHOLE = 1_000
"""A check looks at a space with so many combinations or fewer as a whole."""
REASONS = 20
VALUES = 5
"""Wrong values of a field that are named."""
IT_IS = "; it is "


def check(spec: SweepSpec) -> SweepCheck:
    """What a resolved sweep would be. Raises `BadFieldsError` when no combination that was looked at is a job."""
    whole = _is_listed_whole(spec)
    sample = sampled(spec, LISTED_WHOLE if whole else SAMPLED)
    most = min(spec.most_trials, len(sample.proposals)) if whole else spec.most_trials
    configurations = None if isinstance(spec.trials, Budget) else most
    jobs = [spec.job(one.configuration, 0) for one in sample.proposals]
    brackets, data = Counter(_planned(spec, configurations or 0)), jobs[0].info
    epochs = sum(_epochs(one, spec.base.epochs) * count for one, count in brackets.items()) * spec.replicates
    return SweepCheck(
        spec=spec,
        configurations=configurations,
        jobs=None if configurations is None else configurations * spec.replicates,
        epochs=None if configurations is None else epochs,
        brackets=[BracketView(bracket=one, count=count) for one, count in brackets.items()],
        drawn=_drawn(spec, most),
        sampled=len(sample.proposals),
        packs=len({job.pack_key for job in jobs}),
        refused=sample.refused,
        reasons=_reasons(spec, sample.refusals),
        features=data and data.features,
        outputs=data and (data.classes or data.outputs),
        image=data and data.image,
        feature_maps=feature_maps(jobs[0].architecture, data) if data else [],
    )


def check_varied(spec: SweepSpec) -> None:
    """Raise `BadFieldsError` if a field varies whose values are looked up for the base only."""
    for name, parameter in spec.space.items():
        _check_varied(spec.base, f"space.{name}", name, parameter.values, begins=spec.base.init_from is not None)
    for at, one in enumerate(spec.configurations):
        begins = one.get("init_from", spec.base.init_from) is not None
        for name, value in one.items():
            _check_varied(spec.base, f"configurations.{at}.{name}", name, (value,), begins=begins)


def _check_varied(base: JobSpec, path: str, name: str, values: tuple[object, ...] | None, *, begins: bool) -> None:
    """Raise `BadFieldsError` for a field that may not vary.

    `values` are those that can be listed; `begins` says whether the jobs begin from another job.
    """
    field = name.split(".", maxsplit=1)[0]
    if field == "project":
        raise BadFieldsError.of(path, "cannot vary: the jobs of a sweep are in the project of its base")
    is_part = name != field and isinstance(base.dataset, Uploaded)
    if field == "dataset" and (is_part or _names_uploads(values)):
        raise BadFieldsError.of(path, "cannot vary uploaded data sets: submit a sweep for each")
    if (field == "init_from" and values != (None,)) or (begins and field in ("architecture", "dataset")):
        raise BadFieldsError.of(path, "cannot vary in jobs that begin from another job")


def check_folds(spec: SweepSpec) -> None:
    """Raise `BadFieldsError` if rows of the base's data are too few for the folds, in any of them."""
    for fold in range(spec.folds or 0):
        try:
            wrong = rows_fault(spec.job({}, fold))
        except ValidationError:
            return  # what the base alone is not, its configurations may be
        if wrong is not None:
            path = SET_BY_SWEEP.get(wrong.path, f"base.{wrong.path}")
            raise BadFieldsError.of(path, wrong.message)


def sampled(spec: SweepSpec, count: int = SAMPLED) -> "Generation":
    """Some configurations of a sweep. Raises `BadFieldsError` when there is none that a job could have.

    A small space is looked at as a grid, whatever the method. In a large one, random places stand for the first
    proposals of methods that learn: nothing is known before them. As many are tried as a sample needs, and not as many
    as a bracket would.
    """
    from sweeps.proposals import propose

    if spec.method not in LISTED:
        method = "grid" if _is_listed_whole(spec) else "random"
        spec = spec.model_copy(update={"method": method, "generation": count, "halving": NoHalving()})
    sample = propose(spec, (), generation=0, count=count)
    if not sample.proposals:
        raise BadFieldsError(_reasons(spec, sample.refusals))
    return sample


def _is_listed_whole(spec: SweepSpec) -> bool:
    """Whether the space is so small that a check looks at all of it."""
    return spec.is_finite and spec.combinations <= LISTED_WHOLE


def _reasons(spec: SweepSpec, refusals: "Sequence[Refusal]") -> list[FieldError]:
    """The rules that combinations break, by the field of the sweep that breaks them, with the wrong values."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in refusals:
        for fault in sentences(one.error, body_with(spec.base, one.configuration)):
            rule, _, value = _said(spec, one.configuration, fault).partition(IT_IS)
            values = found.setdefault((_of_sweep(spec, one.configuration, fault.path), rule), [])
            if value and value not in values:
                values.append(value)
    reasons = [FieldError(path=path, message=_such_as(rule, values)) for (path, rule), values in found.items()]
    return reasons[:REASONS]


def _said(spec: SweepSpec, configuration: Configuration, fault: FieldError) -> str:
    """The message; a field that is another kind's, such as another optimizer's, is said to be that."""
    first = fault.path.split(".")[0]
    kind = value_at(configuration, spec.base, f"{first}.type")
    if kind is None or not fault.message.endswith(f"did you mean {fault.path}?"):
        return fault.message
    return f"is no field of {first} {kind}: choose another {first} in base, or let {first} vary too"


def _such_as(rule: str, values: Sequence[str]) -> str:
    """The rule with the wrong values; of values that must be lists, with the first as a list."""
    example = f", such as [{values[0]}]" if rule == "must be a list" and values else ""
    return rule + example + _values(values)


def _values(values: Sequence[str]) -> str:
    """The end of a sentence about wrong values."""
    more = " and others" if len(values) > VALUES else ""
    return IT_IS + ", ".join(values[:VALUES]) + more if values else ""


def _of_sweep(spec: SweepSpec, configuration: Configuration, path: str) -> str:
    """Where a sweep sets this field of a job, or a field inside or around it: what varies, its own field, or base."""
    for name in sorted(configuration, key=len, reverse=True):
        if f"{path}.".startswith(f"{name}.") or f"{name}.".startswith(f"{path}."):
            at = f"configurations.{spec.configurations.index(configuration)}" if spec.method == "given" else "space"
            return f"{at}.{name}"
    return SET_BY_SWEEP.get(path, f"base.{path}")


def _names_uploads(values: Sequence[object] | None) -> bool:
    names = (value.get("id", "") if isinstance(value, Mapping) else value for value in values or ())
    return any(isinstance(name, str) and name.startswith("ds_") for name in names)


def _planned(spec: SweepSpec, configurations: int, together: int = MOST_TRIALS) -> Iterator[Bracket]:
    """The generations of so many configurations, `together` of them at most."""
    left = configurations
    for generation in range(MOST_TRIALS):
        if left <= 0:
            break
        one = bracket(spec, generation, min(left, together))
        yield one
        left -= one.size


def _drawn(spec: SweepSpec, configurations: int) -> int | None:
    """How many of them tpe draws at random before it learns; None of other methods."""
    if spec.method != "tpe":
        return None
    from sweeps.tpe import drawn_at_random

    return drawn_at_random(spec, (one.size for one in _planned(spec, configurations, most_together(spec))))


def _epochs(one: Bracket, epochs: int) -> int:
    """The epochs of a bracket's configurations, one job each."""
    total, size, at = 0, one.size, 0
    for rung in one.rungs:
        total, size, at = total + size * (rung.epoch - at), min(rung.keep, size), rung.epoch
    return total + size * (epochs - at)

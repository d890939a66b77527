"""States of jobs, sweeps and configurations, as users name them."""

from collections.abc import Iterable
from typing import TypeVar

from spec.meant import did_you_mean
from spec.states import JobStatus, SweepState, TrialState

from ..errors import WrongUseError

State = TypeVar("State", JobStatus, SweepState, TrialState)

_WHAT = {JobStatus: "job", SweepState: "sweep", TrialState: "configuration"}


def states(kind: type[State], given: str | Iterable[str] | None) -> tuple[State, ...] | None:
    """The states that are given: one, several with commas, or a list; None is every state. Raises `WrongUseError`."""
    if given is None:
        return None
    names = [str(name).strip() for name in (given.split(",") if isinstance(given, str) else given)]
    if not names:
        raise WrongUseError(f"No state is given. A {_WHAT[kind]} is {', '.join(kind)}; None stands for all of these.")
    for name in names:
        if name not in list(kind):
            near = did_you_mean(name, list(kind)) or "."
            raise WrongUseError(f"A {_WHAT[kind]} is {', '.join(kind)}; not {name}{near}")
    return tuple(map(kind, names))

"""A suggestion: a sentence, and the spec of a job with other values."""

from dataclasses import dataclass
from typing import Any

from ..job import JobSpec


@dataclass(frozen=True)
class Suggestion:
    """What to try, for people and as a spec; no spec where nothing is suggested."""

    sentence: str
    spec: JobSpec | None = None


NOTHING = Suggestion("")


def changed(spec: JobSpec, **changes: Any) -> JobSpec | None:
    """The spec with other values, numbers as sentences write them; None when they are not valid together."""
    if {"architecture", "activation"} & changes.keys():  # another network cannot begin from that of another job
        changes["init_from"] = None
    written = {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in changes.items()}
    body = spec.model_dump(mode="json", exclude_unset=True) | written
    try:
        return JobSpec.model_validate(body)
    except ValueError:
        return None

"""What an examination of an installation finds: `epochal doctor`."""

from enum import StrEnum

from pydantic import TypeAdapter

from .base import Frozen


class Health(StrEnum):
    """How a part of an installation is."""

    ok = "ok"
    warning = "warning"
    """It works, and something should be looked at."""
    wrong = "wrong"
    """Something does not work."""


class Finding(Frozen):
    """One thing that was looked at."""

    part: str
    health: Health
    says: str
    fix: str = ""
    """What to do about it, in a sentence; empty when all is well."""


FINDINGS: TypeAdapter[list[Finding]] = TypeAdapter(list[Finding])


CLOCKS_S = 5.0
"""By how much clocks may differ before a person who reads times is misled."""


def ok(part: str, says: str) -> Finding:
    """A part that is well."""
    return Finding(part=part, health=Health.ok, says=says)


def warning(part: str, says: str, fix: str) -> Finding:
    """A part that works, and should be looked at."""
    return Finding(part=part, health=Health.warning, says=says, fix=fix)


def wrong(part: str, says: str, fix: str) -> Finding:
    """A part that does not work."""
    return Finding(part=part, health=Health.wrong, says=says, fix=fix)


def clock_differs(whose: str, ahead_s: float, of: str, fix: str) -> Finding:
    """A clock that is ahead of another by so many seconds; behind it, if they are negative."""
    way = "ahead of" if ahead_s > 0 else "behind"
    return warning("clock", f"{whose} is {abs(ahead_s):.0f} s {way} {of}.", fix)

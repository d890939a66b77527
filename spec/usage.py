"""Reports of device time: what may be asked, and the answer."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from .base import Frozen


class UsageLine(Frozen):
    """What one user, project or value of a tag used."""

    name: str
    """Empty in a report by tag: jobs without the tag."""
    gpu_hours: float
    cpu_hours: float
    attempts: int


class UsageReport(Frozen):
    """Device time between two moments, the most first."""

    by: Annotated[str, Field(description="user, project or tag:KEY.")]
    since: datetime
    until: datetime
    lines: list[UsageLine]
    gpu_hours: float
    cpu_hours: float

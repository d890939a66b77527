"""What the spec can say and this release cannot train yet: refused when it is submitted, not when it has waited."""

from .job import JobSpec
from .views import FieldError


def refusals(spec: JobSpec) -> list[FieldError]:
    """Why this release cannot train `spec`; empty when it can."""
    found = []
    if spec.resources.gpus > 1:
        found.append(FieldError(path="resources.gpus", message="one job on several devices is not built yet: use 1"))
    return found

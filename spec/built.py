"""What the spec can say and this release cannot train yet: refused when it is submitted, not when it has waited."""

from .dataset import Uploaded
from .job import JobSpec
from .views import FieldError


def refusals(spec: JobSpec) -> list[FieldError]:
    """Why this release cannot train `spec`; empty when it can."""
    found = []
    if isinstance(spec.dataset, Uploaded):
        found.append(FieldError(path="dataset.id", message="uploaded data sets cannot be trained on yet: name one"))
    return found

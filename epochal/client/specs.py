"""Specs of jobs as users write them, checked before they are sent."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from spec.job import JobSpec
from spec.validation_errors import sentences

from ..errors import BadSpecError
from .transport import Body


def parse(job: JobSpec | Body) -> JobSpec:
    """`job` as a spec. Raises `BadSpecError`, which names every field at fault."""
    if isinstance(job, JobSpec):
        return job
    try:
        return JobSpec.model_validate(job)
    except ValidationError as error:
        raise BadSpecError("The spec is not valid.", errors=sentences(error, job)) from error


def parse_many(jobs: Sequence[JobSpec | Body]) -> list[JobSpec]:
    """`jobs` as specs. Raises `BadSpecError`, whose paths name the job."""
    specs, errors = [], []
    for index, job in enumerate(jobs):
        try:
            specs.append(parse(job))
        except BadSpecError as error:
            errors += [fault.below(f"jobs.{index}.") for fault in error.errors]
    if errors:
        raise BadSpecError("Some specs are not valid; none was submitted.", errors=errors)
    return specs


def body_of(job: JobSpec) -> dict[str, Any]:
    """The fields that the user set; the server chooses the others."""
    return job.model_dump(mode="json", include=set(job.model_fields_set))

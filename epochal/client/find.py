"""What a user means: a job or a data set by its id, the beginning or the end of it, or its name."""

import re

from ..errors import NotFoundError
from .api import Api

_FULL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATASET = re.compile(r"ds_[0-9a-f]{32}")

SEARCHED_JOBS = 200
"""Number of newest jobs among which a shortened id is looked for."""


def find_job(api: Api, given: str) -> str:
    """The id of the job that `given` means. Raises `NotFoundError`."""
    if _FULL.fullmatch(given):
        return given
    named = [job.id for job in api.jobs(name=given, limit=2)]
    found = named or [
        job.id for job in api.jobs(limit=SEARCHED_JOBS) if job.id.startswith(given) or job.id.endswith(given)
    ]
    if len(found) != 1:
        raise NotFoundError(
            f"{'Several jobs have' if found else 'No job has'} the name {given}, or an id that ends so."
        )
    return found[0]


def find_dataset(api: Api, given: str) -> str:
    """The id of the data set that `given` means: of a name the newest version. Raises `NotFoundError`."""
    if _DATASET.fullmatch(given):
        return given
    for one in api.datasets(name=given):  # newest first
        return one.id
    names = list(dict.fromkeys(one.name for one in api.datasets()))
    yours = f"you have {', '.join(names[:20])}" if names else "you have none yet: client.upload(FILE) makes one"
    raise NotFoundError(f"No data set has the name {given}: {yours}.")

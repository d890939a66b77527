"""What a user means: a job, a sweep or a data set by an id, an end of it, or a name; or `@last`, a job or a sweep."""

import re
from collections.abc import Callable, Iterator, Sequence, Sized
from datetime import UTC
from functools import partial
from itertools import chain, islice

from spec.dataset import BUILTIN, DATASET_ID
from spec.meant import did_you_mean
from spec.newer import NewerView
from spec.short_ids import short_ids
from spec.sweep_views import SweepSummary
from spec.views import JobView

from ..errors import AmbiguousError, NotFoundError
from .api import Api
from .words import label

CANDIDATES = 10
"""Most jobs or sweeps that are listed when several fit."""

OF_NONE = "none"
"""The sweep of jobs that are of no sweep."""

_FULL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PART = re.compile(r"[0-9a-f-]{4,36}", re.IGNORECASE)
_LAST = re.compile(r"@last(?:~(\d{1,4}))?")


def find_job(api: Api, given: str) -> str:
    """The id of the job that `given` means; `@last~1` is the newest but one, those of sweeps apart.

    Raises `NotFoundError`, and `AmbiguousError` with the jobs that fit.
    """
    if (known := _known(partial(api.jobs, sweep=OF_NONE), given, "job", ", those of sweeps apart")) is not None:
        return known
    if given.startswith("@"):
        raise NotFoundError(
            f"{given} is no job: @last is the newest, @last~1 the one before it, those of sweeps apart."
        )
    newer: list[NewerView] = []
    most = CANDIDATES + 1
    by_id = api.jobs(id_part=given.lower(), limit=most, newer=newer) if _PART.fullmatch(given) else ()
    found = {job.id: job for job in chain(by_id, api.jobs(name=given, limit=most, newer=newer))}
    if newer:
        raise NotFoundError(f"{given} fits {newer[0].id}. {newer[0].why}")
    if not found:
        raise NotFoundError(
            f"No job has the name {given}, or an id that begins or ends so: `epochal jobs --sweep all` lists all."
        )
    if len(found) > 1:
        raise AmbiguousError(
            f"{given} fits {_many(found)} jobs; give the id of one, or @last for the newest, those of sweeps apart:\n"
            + _candidates([*found.values()][:CANDIDATES])
        )
    return next(iter(found))


def find_sweep(api: Api, given: str) -> str:
    """The id of the sweep that `given` means; of a name it is the newest.

    Raises `NotFoundError`, and `AmbiguousError` with the sweeps that fit.
    """
    if (known := _known(api.sweeps, given, "sweep")) is not None:
        return known
    newer: list[NewerView] = []
    found = list(api.sweeps(name=given, limit=1, newer=newer))
    if not found and _PART.fullmatch(given):
        found = list(api.sweeps(id_part=given.lower(), limit=CANDIDATES + 1, newer=newer))
    if newer:
        raise NotFoundError(f"{given} fits {newer[0].id}. {newer[0].why}")
    if not found:
        raise NotFoundError(
            f"No sweep has the name {given}, or an id that begins or ends so: `epochal sweep list` lists yours."
        )
    if len(found) > 1:
        fits = "\n".join(f"  {one.id}  {one.name or ''}  {one.state.value}" for one in found[:CANDIDATES])
        raise AmbiguousError(f"{given} fits {_many(found)} sweeps; give the id of one:\n{fits}")
    return found[0].id


def find_dataset(api: Api, given: str) -> str:
    """The id of the data set that `given` means: of a name the newest version.

    Raises `NotFoundError`, and `AmbiguousError` with the data sets that fit.
    """
    if re.fullmatch(DATASET_ID, given):
        return given
    listed = api.datasets()  # newest first
    named = [one for one in listed if one.name == given][:1]
    found = named or [one for one in listed if one.id.startswith(given) or one.id.endswith(given)]
    if not found:
        names = list(dict.fromkeys(one.name for one in listed))
        yours = f"you have {', '.join(names[:20])}" if names else "you have none yet, so upload a file first"
        shipped = did_you_mean(given, BUILTIN)
        raise NotFoundError(
            f"No data set has the name {given}, or an id that begins or ends so: {yours}{shipped or '.'}"
        )
    if len(found) > 1:
        fits = "\n".join(f"  {one.id}  {one.name}, version {one.version}" for one in found)
        raise AmbiguousError(f"{given} fits {len(found)} data sets; give the id of one:\n{fits}")
    return found[0].id


def _many(found: Sized) -> str:
    return f"more than {CANDIDATES}" if len(found) > CANDIDATES else str(len(found))


def _known(
    listed: Callable[..., Iterator[JobView | SweepSummary]], given: str, what: str, apart: str = ""
) -> str | None:
    """The id where `given` is a whole one, or `@last` or `@last~1`; None where it must be looked for."""
    if _FULL.fullmatch(given):
        return given.lower()
    if (last := _LAST.fullmatch(given)) is None:
        return None
    back, newer = int(last[1] or 0), list[NewerView]()
    newest = next(islice(listed(limit=back + 1, newer=newer), back, None), None)
    if newer:  # what is next in the list is not what is meant
        raise NotFoundError(f"{given} may be {newer[0].id}. {newer[0].why}")
    if newest is None:
        raise NotFoundError(f"{given}: you have {f'no {what}' if back == 0 else f'fewer {what}s'}{apart}.")
    return newest.id


def _candidates(jobs: Sequence[JobView]) -> str:
    """One line per job: short id, name, state, time."""
    ends = short_ids([job.id for job in jobs])
    return "\n".join(
        f"  {end}  {label(job)}  {job.status.value}  {job.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        for end, job in zip(ends, jobs, strict=True)
    )

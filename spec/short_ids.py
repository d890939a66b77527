"""Short ids: the ends of ids, by which jobs and sweeps are shown and found."""

from collections.abc import Sequence

SHORT = 8
"""Characters of a short id: the end of an id, for its beginning is the time, which jobs of one minute share."""


def short(job_id: str) -> str:
    """The end of an id, by which a job is found."""
    return job_id[-SHORT:]


def short_ids(ids: Sequence[str]) -> list[str]:
    """The ends of these ids: eight characters, or as many as tell them apart."""
    lengths = (SHORT, 12, 36)
    length = next(length for length in lengths if len({one[-length:] for one in ids}) == len(set(ids)) or length == 36)
    return [one[-length:] for one in ids]

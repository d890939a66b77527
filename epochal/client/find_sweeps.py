"""What a user means: a sweep by its id, the beginning or the end of it, its name, or `@last`."""

import re

from spec.newer import NewerView

from ..errors import AmbiguousError, NotFoundError
from .api import Api

SEARCHED_SWEEPS = 500
"""Number of newest sweeps among which a name or a shortened id is looked for."""

_FULL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def find_sweep(api: Api, given: str) -> str:
    """The id of the sweep that `given` means; of a name it is the newest.

    Raises `NotFoundError`, and `AmbiguousError` when several ids begin or end so.
    """
    if _FULL.fullmatch(given):
        return given.lower()
    newer: list[NewerView] = []
    newest = list(api.sweeps(limit=1 if given == "@last" else SEARCHED_SWEEPS, newer=newer))
    for one in newer:
        if given in ("@last", one.name) or one.id.startswith(given) or one.id.endswith(given):
            raise NotFoundError(f"{given} may be {one.id}. {one.why}")
    named = newest[:1] if given == "@last" else [one for one in newest if one.name == given][:1]
    found = named or [one for one in newest if one.id.startswith(given) or one.id.endswith(given)]
    if not found:
        raise NotFoundError(f"No sweep is called {given}, by its name or its id: `epochal sweep list` lists yours.")
    if len(found) > 1:
        fits = "\n".join(f"  {one.id}  {one.name or ''}  {one.state.value}" for one in found[:10])
        raise AmbiguousError(f"{given} fits {len(found)} sweeps; give the id of one:\n{fits}")
    return found[0].id

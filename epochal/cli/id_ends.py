"""What a user means by the end of an id, where the list is short: a token, a webhook."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ..errors import AmbiguousError, NotFoundError


class Named(Protocol):
    """A record with an id."""

    @property
    def id(self) -> str:
        """Its id."""


Row = TypeVar("Row", bound=Named)


def by_end(found: Sequence[Row], given: str, what: str, line: Callable[[Row], str]) -> Row:
    """The one of `found` whose id ends with `given`; `line` says of each which it is.

    Raises `NotFoundError`, and `AmbiguousError` when several end so.
    """
    fits = [one for one in found if one.id.endswith(given.lower())]
    if not fits:
        raise NotFoundError(f"No {what} has an id that ends with {given}: `epochal {what} list` shows them.")
    if len(fits) > 1:
        listed = "\n".join(f"  {one.id}  {line(one)}" for one in fits)
        raise AmbiguousError(f"{given} fits {len(fits)} {what}s; give the id of one:\n{listed}")
    return fits[0]

"""Packs as a whole, and again in parts when they crash, until the job that crashes is alone."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal

from spec.halving import BracketOrder
from store.claims import ClaimStore
from store.errors import StoreError

from .claimed_pack import ClaimedPack
from .outcomes import OutcomeWriter

log = logging.getLogger(__name__)

Together = Callable[[ClaimedPack, set[str], Sequence[BracketOrder]], list[str]]
"""Trains members as one pack, and gives those that crashed together."""


class Parts:
    """Trains packs. Of one that crashes as a whole no job is charged: it is trained again in parts."""

    def __init__(self, together: Together, claims: ClaimStore, outcomes: OutcomeWriter) -> None:
        self._together, self._claims, self._outcomes = together, claims, outcomes

    def train(self, pack: ClaimedPack) -> None:
        """Train a pack to the end of its last member."""
        if pack.brackets:
            self._train_brackets(pack)
        else:
            self._train_parts(pack, [_ids(pack)], ())

    def _train_parts(self, pack: ClaimedPack, parts: Iterable[Sequence[str]], orders: Sequence[BracketOrder]) -> None:
        """Train each of these parts, and one that crashes again in halves."""
        left = deque(part for part in parts if part)
        while left:
            part = set(left.popleft())
            crashed = self._together(pack, part, orders) if pack.members(part) else []
            left.extendleft(part for part in reversed(_halves(crashed)) if part)

    def _train_brackets(self, pack: ClaimedPack) -> None:
        """Train brackets to their ends: together, and after a crash one after the other."""
        crashed = self._together(pack, set(_ids(pack)), pack.brackets)
        if len(pack.brackets) == 1:
            self._train_rungs(pack, crashed)
            return
        for ids in _by_bracket(pack, crashed):
            if order := self._order(pack, ids, "never"):
                self._train_rungs(pack, self._together(pack, set(ids), [order]))

    def _train_rungs(self, pack: ClaimedPack, crashed: Sequence[str]) -> None:
        """Train a bracket that crashed from rung to rung.

        Its jobs train apart to the next rung, in halves, so that the one that crashes is found; there they are compared
        together.
        """
        parts = _halves(crashed)
        while any(parts):
            if (apart := self._order(pack, crashed, "at_rung")) is None:
                return
            self._train_parts(pack, parts, [apart])
            if (together := self._order(pack, crashed, "after_rung")) is None:
                return
            if again := self._together(pack, set(_ids(pack, crashed)), [together]):
                self._outcomes.crashed_together(pack, again)
                return
            parts = [_ids(pack, crashed)]

    def _order(
        self, pack: ClaimedPack, bracket: Collection[str], hand_back: Literal["never", "at_rung", "after_rung"]
    ) -> BracketOrder | None:
        """The rule of a bracket with the scores of jobs that have ended by now.

        None when nothing of it is left to train here. When a job was taken out and may come again, all others go back.
        """
        if not (ids := _ids(pack, bracket)):
            return None
        why = "another job of its bracket was taken out"
        try:
            order, unfinished = self._claims.bracket_of(ids[0])
        except StoreError as error:
            log.warning("a bracket cannot be decided: %s", error)
            why, unfinished = "the record did not answer", set[str]()
        if unfinished == set(ids):
            return order.model_copy(update={"hand_back": hand_back})
        self._outcomes.requeued(pack, ids, why)
        return None


def _ids(pack: ClaimedPack, of: Collection[str] | None = None) -> list[str]:
    """The members that have not left; of these only, when given."""
    return [member.id for member in pack.members(of)]


def _halves(ids: Sequence[str]) -> list[Sequence[str]]:
    middle = (len(ids) + 1) // 2
    return [ids[:middle], ids[middle:]]


def _by_bracket(pack: ClaimedPack, ids: Collection[str]) -> list[list[str]]:
    """These jobs by bracket."""
    return [[one.id for one in pack.members(ids) if one.claim.bracket is order] for order in pack.brackets]

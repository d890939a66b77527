"""The owners take turns on a slot: when the pack that it trains gives way to others, and who is behind whom then."""

import logging

from store.errors import StoreError

from .claimed_pack import ClaimedPack
from .context import WorkerContext
from .devices import Device

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often a pack whose time slice is over asks the record whether it gives way, or ten times in a slice."""


class Turns:
    """Whose turn it is on one slot. The record decides whether a turn is over; the slot knows who had one."""

    def __init__(self, device: Device, context: WorkerContext) -> None:
        self._device, self._context = device, context
        self._had: tuple[str, ...] = ()
        self._owner, self._since = "", 0.0
        self.over = False
        """Whether the pack gives way."""
        self._asked_at = float("-inf")

    def had(self) -> tuple[str, ...]:
        """The owners who are behind all others at the next claim, who had the last turn first.

        Empty until a turn, of one pack or of several of one owner, took a slice. From then on every owner with a turn
        is in it, until nobody else waits.
        """
        slice_s = self._context.time_slice_s
        if slice_s and self._owner and self._context.clock() - self._since >= slice_s:
            self._had = self._had or (self._owner,)
        return self._had

    def begin(self, owner: str) -> None:
        """A pack of this owner was claimed."""
        alone = self._had[:1] == (owner,)
        self._had = () if alone or not self._had else (owner, *(one for one in self._had if one != owner))
        if alone or owner != self._owner:
            self._owner, self._since = owner, self._context.clock()
        self.over = False

    def is_over(self, pack: ClaimedPack) -> bool:
        """Whether this pack gives its place to others; once it does, it goes on doing so."""
        slice_s, now = self._context.time_slice_s, self._context.clock()
        if self.over or not slice_s or now - pack.claimed_at < slice_s:
            return self.over
        if now - self._asked_at < min(LOOK_S, slice_s / 10):
            return False
        self._asked_at = now
        try:
            self.over = self._context.claims.must_give_way(
                worker=self._context.worker, device=self._device.name, owner=pack.owner, slice_s=slice_s
            )
        except StoreError as error:
            log.warning("whether others wait for %s is not known: %s", self._device.name, error)
        if self.over:
            log.info("%s gives its place to others", self._device.name)
            self._had = self._had or (pack.owner,)
        return self.over

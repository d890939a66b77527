"""Brackets: packs that train in lockstep, and whose weak members are pruned, or copy the best, between epochs.

Successive halving needs its candidates to reach a rung together. Here they do: the members of a pack end every epoch
together, so a rung is the end of an epoch, and going on with the best is an operation on rows. Candidates of several
shapes are several packs of one device, each trained to the rung before all are compared.

Several brackets of a sweep train together, for the few that are left of one take as long as the many of another: what
counts is the number of epochs that a pack is on the device. Each is pruned by itself.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import torch

from spec.halving import BracketOrder, Rung, mean_score, survivors
from spec.job import JobSpec
from spec.population import PARENT, PREFIX, PopulationOrder, values_of
from spec.states import StopReason

from .callbacks import Callbacks
from .checkpoint import Checkpoint
from .fit import evaluate, join, train_epoch
from .member import Entry, Member, Outcome, Point
from .pack import Pack
from .population import exploit, resumed
from .results import Result, success

PARKING = frozenset({"cuda"})
"""Devices whose memory may not hold the packs of a bracket that was split: there, those that wait are parked."""

Limit = Callable[[JobSpec], int]
"""The most members of a pack, by their shape."""


def fit_brackets(
    entries: Sequence[Entry],
    orders: Sequence[BracketOrder],
    callbacks: Callbacks,
    *,
    device: torch.device,
    limit: Limit,
) -> None:
    """Train the jobs of brackets to the end, each as it would train alone, and decide at the rungs of `orders`.

    `limit` says how many members a pack has at most: more are several packs, of which a GPU has one at a time. A rung
    is decided only when the scores of all its configurations are known: when members were taken out before, all the
    others are handed back with their checkpoints. Only a bracket that trains without others may hand back at rungs, or
    be a population.
    """
    _Brackets(orders, callbacks, device, limit).train(entries)


class _Brackets:
    def __init__(
        self, orders: Sequence[BracketOrder], callbacks: Callbacks, device: torch.device, limit: Limit
    ) -> None:
        self._orders, self._device = orders, device
        self._order_of = {trial: order for order in orders for trial in order.trials}
        self._hand_back_when, self._population = orders[0].hand_back, orders[0].population
        self._limit, self._callbacks = limit, _Watch(callbacks, self._population)
        self._entries: dict[str, Entry] = {}
        self._packs: list[Pack] = []
        self._parks = False
        """Whether one pack is on the device at a time."""

    def train(self, entries: Sequence[Entry]) -> None:
        epochs = sorted({epoch for order in self._orders for epoch in order.bracket.epochs})
        if self._population is not None:
            entries, gone = resumed(entries, self._population, epochs)
            if self._hand_back_when != "at_rung":
                entries, self._callbacks.gone = [*entries, *gone], frozenset(entry.id for entry in gone)
        self._entries = {entry.id: entry for entry in entries}
        self._packs = self._packed(entries)
        if self._hand_back_when == "at_rung":
            self._train_apart(epochs)
            return
        for epoch in epochs:
            rungs = [(order, _place(order, epoch)) for order in self._orders if epoch in order.bracket.epochs]
            undecided = any(member.rungs <= place for order, place in rungs for member in self._members_of(order))
            self._train_to(epoch)
            if self._callbacks.taken_out:
                self._hand_back()
            for order, place in rungs:
                self._decide(order, place)
            self._pack_closer()
            if undecided and self._hands_back_after_rung():
                self._hand_back()
        self._train_to(None)

    def _train_apart(self, epochs: Sequence[int]) -> None:
        """Train each pack to its own next rung, or to the end after the last, and hand all back."""
        for pack in self._packs:
            self._train_pack(pack, [*epochs, None][min(member.rungs for member in pack.members)])
        self._hand_back()

    def _hands_back_after_rung(self) -> bool:
        """Whether all are handed back now that a rung is decided: not before all that have ended were copied."""
        return self._hand_back_when == "after_rung" and not any(
            member.id in self._callbacks.gone for member in self._members()
        )

    # --- packs ----------------------------------------------------------------------------------------------------

    def _packed(self, entries: Iterable[Entry]) -> list[Pack]:
        """Packs of these jobs: of one shape and one epoch each, and no larger than the device trains.

        Those that go to their next rung apart have passed the same rungs.
        """
        apart = self._hand_back_when == "at_rung"

        def shape(entry: Entry) -> tuple[str, int, int]:
            state = None if entry.checkpoint is None else entry.checkpoint.state
            return entry.spec.pack_key, 0 if state is None else state.epoch, state.rungs if apart and state else 0

        shapes = [list(alike) for _, alike in groupby(sorted(entries, key=shape), shape)]
        parts = [part for alike in shapes for part in _parts(alike, self._limit(alike[0].spec))]
        self._parks |= len(parts) > len(shapes) and self._device.type in PARKING
        packs = []
        for part in parts:
            pack = Pack(part[0].spec, self._device)
            join(pack, part, self._callbacks)
            self._callbacks.know(pack.members)
            self._park(pack)
            packs.append(pack)
        return [pack for pack in packs if pack.members]

    def _park(self, pack: Pack) -> None:
        """Free the device for another pack, where all do not fit it together."""
        if self._parks:
            pack.park()

    def _pack_closer(self) -> None:
        """Put the members that are left into fewer packs, where some packs have become small."""
        self._packs = [pack for pack in self._packs if pack.members]
        by_shape: dict[str, list[Pack]] = {}
        for pack in self._packs:
            by_shape.setdefault(pack.members[0].spec.pack_key, []).append(pack)
        for packs in by_shape.values():
            members = sum(len(pack.members) for pack in packs)
            if len(packs) > math.ceil(members / self._limit(packs[0].members[0].spec)):
                entries = [self._entry(id_, kept) for pack in packs for id_, kept in _checkpoints(pack).items()]
                self._packs = [pack for pack in self._packs if pack not in packs] + self._packed(entries)

    def _entry(self, id_: str, checkpoint: Checkpoint) -> Entry:
        return replace(self._entries[id_], checkpoint=checkpoint)

    def _members(self) -> Iterator[Member]:
        return (member for pack in self._packs for member in pack.members)

    def _members_of(self, order: BracketOrder) -> Iterator[Member]:
        return (member for member in self._members() if self._is_of(order, _trial(member)))

    def _is_of(self, order: BracketOrder, trial: int) -> bool:
        """Whether a configuration is of this bracket; one that is alone need not say which are."""
        return self._order_of.get(trial, self._orders[0]) is order

    # --- epochs ---------------------------------------------------------------------------------------------------

    def _train_to(self, epoch: int | None) -> None:
        """Train each pack until its members have trained so many epochs; None: until all have ended."""
        for pack in self._packs:
            self._train_pack(pack, epoch)

    def _train_pack(self, pack: Pack, epoch: int | None) -> None:
        while any(epoch is None or member.epoch < epoch for member in pack.members):
            train_epoch(pack, self._callbacks)
            evaluate(pack, self._callbacks)
            self._checkpoint()
            self._drop_cancelled()
        self._park(pack)

    def _checkpoint(self) -> None:
        """Hand out the checkpoints that are due, of all packs at once."""
        due = self._callbacks.checkpoints_due()
        found: dict[str, Checkpoint] = {}
        for pack in self._packs:
            found |= pack.checkpoints(due)
        if found:
            self._callbacks.on_checkpoint(found)

    def _drop_cancelled(self) -> None:
        """Drop cancelled members of packs that wait at a rung while another one trains."""
        dropped = self._callbacks.should_cancel()
        for pack in self._packs:
            for member in pack.leave(dropped):
                self._callbacks.on_member_end(Outcome(member.id, "cancelled"))

    # --- rungs ----------------------------------------------------------------------------------------------------

    def _decide(self, order: BracketOrder, place: int) -> None:
        """Let the members pass this rung, unless they have before: as they are, as copies of others, or not at all."""
        rung = order.bracket.rungs[place]
        if order.population is None:
            self._prune(order, place, rung)
        elif any(member.rungs <= place for member in self._members_of(order)):
            exploit(self._packs, order.population, rung.epoch, order.replicates)
        for member in self._members_of(order):
            member.rungs = max(member.rungs, place + 1)

    def _prune(self, order: BracketOrder, place: int, rung: Rung) -> None:
        """Let the best of a bracket go on after this rung, and end the others."""
        keep = survivors(self._scores(order, place, rung), rung.keep)
        ends = {member.id for member in self._members_of(order) if member.trial not in keep}
        for pack in self._packs:
            weak = [member for member in pack.members if member.id in ends]
            results: Sequence[Result | None] = pack.results(weak) if order.keep_models else [None] * len(weak)
            pack.leave({member.id for member in weak})
            self._park(pack)
            for member, result in zip(weak, results, strict=True):
                self._callbacks.on_member_end(success(member, StopReason.pruned, result))

    def _scores(self, order: BracketOrder, place: int, rung: Rung) -> Mapping[int, float]:
        """The score of each configuration of a bracket at a rung.

        One that has passed the rung, before it was interrupted, goes on in any case: its score is minus infinity.
        """
        scores: dict[int, list[float]] = {}
        for trial, ended in order.known.items():
            known = (job[place] for job in ended)
            scores.setdefault(trial, []).extend(math.inf if score is None else score for score in known)
        for trial, score in self._callbacks.ended:
            if self._is_of(order, trial):
                scores.setdefault(trial, []).append(score)
        for member in self._members_of(order):
            passed = member.rungs > place or member.epoch > rung.epoch
            scores.setdefault(_trial(member), []).append(-math.inf if passed else member.lowest)
        return {trial: -math.inf if -math.inf in found else mean_score(found) for trial, found in scores.items()}

    def _hand_back(self) -> None:
        """Hand all members back with their checkpoints: some were taken out, so no rung can be decided."""
        kept = {id_: one for pack in self._packs for id_, one in _checkpoints(pack).items()}
        if kept:
            self._callbacks.on_checkpoint(kept)
        for pack in self._packs:
            for member in pack.leave(set(kept)):
                self._callbacks.on_member_end(Outcome(member.id, "cancelled"))


class _Watch:
    """The callbacks of brackets: all is passed on, and how members end is remembered."""

    def __init__(self, callbacks: Callbacks, population: PopulationOrder | None) -> None:
        self._callbacks, self._population = callbacks, population
        self.gone: Collection[str] = ()
        """Members that had ended before, and train again for others to copy them: nothing of them is passed on."""
        self._members: dict[str, Member] = {}
        self.ended: list[tuple[int, float]] = []
        """The configuration and the score of each member that has ended."""
        self.taken_out = False
        """Whether a member was taken out before its end."""

    def know(self, members: Sequence[Member]) -> None:
        """Learn of members that have joined."""
        self._members |= {member.id: member for member in members}

    def new_entries(self, free: int) -> Sequence[Entry]:
        """No job joins a bracket."""
        return ()

    def should_cancel(self) -> Collection[str]:
        """Passed on."""
        return self._callbacks.should_cancel()

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Passed on, in a population with what each member trained with."""
        if (population := self._population) is not None:
            points = [self._with_values(point, population) for point in points if point.id not in self.gone]
        self._callbacks.on_epoch_end(points)

    def _with_values(self, point: Point, population: PopulationOrder) -> Point:
        member = self._members[point.id]
        parent, member.parent = member.parent, None
        values = {f"{PREFIX}{name}": value for name, value in values_of(member.spec, population).items()}
        parents = {PARENT: float(_trial(member) if parent is None else parent)}
        return replace(point, metrics={**point.metrics, **parents, **values})

    def checkpoints_due(self) -> Collection[str]:
        """Passed on."""
        return self._callbacks.checkpoints_due()

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """Passed on."""
        self._callbacks.on_checkpoint({id_: one for id_, one in checkpoints.items() if id_ not in self.gone})

    def on_member_end(self, outcome: Outcome) -> None:
        """Remember the score, and pass the outcome on."""
        member = self._members.pop(outcome.id, None)
        if outcome.end == "cancelled":
            self.taken_out = True
        elif member is not None:
            self.ended.append((_trial(member), member.lowest if outcome.end == "succeeded" else math.inf))
        if outcome.id not in self.gone:
            self._callbacks.on_member_end(outcome)


def _place(order: BracketOrder, epoch: int) -> int:
    """Which of a bracket's rungs is at this epoch."""
    return order.bracket.epochs.index(epoch)


def _parts(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    return (entries[first : first + size] for first in range(0, len(entries), size))


def _trial(member: Member) -> int:
    if member.trial is None:
        raise RuntimeError(f"{member.id} is in a bracket and has no configuration.")
    return member.trial


def _checkpoints(pack: Pack) -> Mapping[str, Checkpoint]:
    return pack.checkpoints({member.id for member in pack.members})

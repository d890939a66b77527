"""The jobs that one slot holds: what the record knows of each, and what it has yet to be told.

Two threads share a pack: the slot's, which hears the trainer, and the heart's, which renews the leases. Nothing else
in the worker is shared between threads without a queue.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from spec.job import JobSpec
from spec.views import Curve, Metrics
from store.checkpoints import KEPT, CheckpointRecord
from store.records import Claim, Progress

BACK_PATIENCE_S = 8.0
"""Of the 20 seconds in which a worker that is told to stop must be gone."""


PAUSE_PATIENCE_S = 1.5
"""A pause takes two seconds at most: whoever cannot end its epoch by then goes on from an older checkpoint."""


class Wish(StrEnum):
    """Why a member is to leave the pack before its training ends."""

    cancel = "cancel"
    pause = "pause"
    timeout = "timeout"
    lost = "lost"
    """The lease is another worker's, or nobody's: not a word of this attempt may reach the record."""
    back = "back"
    """Back to the queue, uncharged: this worker stops, or cannot keep the lease."""

    @property
    def patience_s(self) -> float:
        """How long the member may go on, so that its epoch ends and its checkpoint is saved before it leaves."""
        return {Wish.back: BACK_PATIENCE_S, Wish.pause: PAUSE_PATIENCE_S}.get(self, 0.0)


@dataclass
class Member:
    """A job of the pack."""

    claim: Claim
    started: float
    wish: Wish | None = None
    leave_told_at: float | None = None
    wish_told_at: float | None = None
    last_epoch: int = 0
    epochs_told: int = 0
    """Epochs since it began, or began again."""
    metrics: Metrics | None = None
    unsent: list[tuple[int, Metrics]] = field(default_factory=list)
    checkpoints: list[CheckpointRecord] = field(default_factory=list)
    """What it goes on from if it has to begin again, newest first."""
    unrecorded: list[CheckpointRecord] = field(default_factory=list)
    """Checkpoints in the file store that the record does not know yet."""
    unsaved: bool = False
    """Whether its last checkpoint could not be saved."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.claim.job_id

    @property
    def spec(self) -> JobSpec:
        """The job's spec."""
        return self.claim.spec


class Pack:
    """The jobs that one slot holds, all of one pack key."""

    def __init__(self, claims: Sequence[Claim], now: float) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self.renewed_at = now
        """When the leases were last known to hold, on this process's monotonic clock; taken before the question."""
        self.join(claims, now)

    def join(self, claims: Sequence[Claim], now: float) -> None:
        """Take these jobs in."""
        with self._lock:
            for claim in claims:
                wish = Wish.cancel if claim.cancel_requested else None
                self._members[claim.job_id] = Member(claim, started=now, wish=wish, checkpoints=list(claim.checkpoints))

    def members(self, ids: Collection[str] | None = None) -> list[Member]:
        """The members that have not left; of `ids` only, when given."""
        with self._lock:
            return [member for id_, member in self._members.items() if ids is None or id_ in ids]

    def leave(self, job_id: str) -> None:
        """The record knows how this member ended: forget it."""
        with self._lock:
            self._members.pop(job_id, None)

    def restart(self, ids: Collection[str], now: float) -> None:
        """These begin, perhaps again. Epochs already noted come again with the same numbers."""
        for member in self.members(ids):
            member.started, member.epochs_told = now, 0
            member.leave_told_at = member.wish_told_at = None

    def note(self, curves: Mapping[str, Curve]) -> None:
        """Keep these points until the record has them."""
        with self._lock:
            for job_id, curve in curves.items():
                member = self._members.get(job_id)
                if member is not None:
                    _note(member, curve)

    def keep(self, job_id: str, checkpoint: CheckpointRecord) -> None:
        """Tell the record of this checkpoint with the next beat. All points up to its epoch are noted."""
        with self._lock:
            member = self._members[job_id]
            member.checkpoints = [checkpoint, *member.checkpoints][:KEPT]
            member.unrecorded.append(checkpoint)

    def drop_overdue(self, ids: Collection[str], now: float) -> None:
        """Wish those of `ids` away that have trained longer than their `timeout_s`."""
        for member in self.members(ids):
            limit = member.spec.timeout_s
            if limit is not None and now - member.started > limit and member.wish is None:
                member.wish = Wish.timeout

    def give_back(self) -> None:
        """Wish all members back to the queue."""
        for member in self.members():
            member.wish = member.wish or Wish.back

    def leaving(self, ids: Collection[str], now: float) -> list[str]:
        """Those of `ids` that the trainer is to drop after their epoch, and is told of now."""
        fresh = [
            member
            for member in self.members(ids)
            if member.wish is not None and member.wish.patience_s and member.leave_told_at is None
        ]
        for member in fresh:
            member.leave_told_at = now
        return [member.id for member in fresh]

    def untold_wishes(self, ids: Collection[str], now: float) -> list[str]:
        """Those of `ids` that the trainer must drop at once, and is told of now."""
        fresh = [
            member
            for member in self.members(ids)
            if member.wish is not None
            and member.wish_told_at is None
            and (not member.wish.patience_s or now - (member.leave_told_at or now) > member.wish.patience_s)
        ]
        for member in fresh:
            member.wish_told_at = now
        return [member.id for member in fresh]

    def oldest_wish_s(self, ids: Collection[str], now: float) -> float:
        """Seconds since the trainer was told of a wish for one of `ids` that it has not fulfilled yet."""
        told = [member.wish_told_at for member in self.members(ids) if member.wish_told_at is not None]
        return now - min(told, default=now)

    def beats(self, now: float) -> list[Progress]:
        """What the heart tells the record of the members that are still ours."""
        with self._lock:
            return [_beat(member, now) for member in self._members.values() if member.wish is not Wish.lost]

    def renewed(
        self,
        sent: Sequence[Progress],
        *,
        lost: Collection[str],
        cancel: Collection[str],
        pause: Collection[str] = (),
        asked_at: float,
    ) -> None:
        """The record has these beats: forget their points, and heed what it answered."""
        with self._lock:
            self.renewed_at = asked_at
            for beat in sent:
                member = self._members.get(beat.job_id)
                if member is None or member.claim.attempt != beat.attempt:
                    continue
                told = max((int(epoch) for epoch in beat.points.get("epoch", []) if epoch is not None), default=0)
                member.unsent = [point for point in member.unsent if point[0] > told]
                member.unrecorded = [one for one in member.unrecorded if one not in beat.checkpoints]
                if beat.job_id in lost:
                    member.wish, member.wish_told_at = Wish.lost, None
                elif beat.job_id in cancel and member.wish is None:
                    member.wish = Wish.cancel
                elif beat.job_id in pause and member.wish is None:
                    member.wish = Wish.pause


def columns(points: Sequence[tuple[int, Metrics]]) -> Curve:
    """The points as a curve: one list per metric, all of one length."""
    names = dict.fromkeys(name for _, metrics in points for name in metrics)
    curve: Curve = {"epoch": [epoch for epoch, _ in points]} if points else {}
    return curve | {name: [metrics.get(name) for _, metrics in points] for name in names}


def _note(member: Member, curve: Curve) -> None:
    member.epochs_told += len(curve["epoch"])
    names = [name for name in curve if name != "epoch"]
    for row, epoch in enumerate(curve["epoch"]):
        if epoch is not None and epoch > member.last_epoch:
            member.last_epoch = int(epoch)
            member.metrics = {name: curve[name][row] for name in names}
            member.unsent.append((member.last_epoch, member.metrics))


def _beat(member: Member, now: float) -> Progress:
    seconds = now - member.started
    return Progress(
        job_id=member.id,
        attempt=member.claim.attempt,
        points=columns(member.unsent),
        epochs_per_s=member.epochs_told / seconds if member.epochs_told and seconds > 0 else None,
        checkpoints=tuple(member.unrecorded),
    )

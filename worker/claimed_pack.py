"""The jobs that one slot has claimed: what the record knows of each, and what has yet to be written to it.

Two threads share a pack: the slot's, which receives from the trainer, and the heartbeat's, which renews the leases.
Nothing else in the worker is shared between threads without a queue.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from spec.job import JobSpec
from spec.views import Curve, Metrics
from store.checkpoints import KEPT, CheckpointRecord
from store.records import Claim, Progress, Renewal

GIVE_WAY_PATIENCE_S = 60.0
"""A slice is over when an epoch ends. One that takes longer than this goes on from its beginning."""

PAUSE_PATIENCE_S = 1.5
"""A pause takes two seconds at most: a job that cannot end its epoch by then goes on from an older checkpoint."""


class LeaveReason(StrEnum):
    """Why a job must leave the pack before its training ends."""

    cancel = "cancel"
    pause = "pause"
    timeout = "timeout"
    lost = "lost"
    """The lease is another worker's, or has ended: nothing of this attempt may reach the record."""
    requeue = "requeue"
    """Back to the queue, uncharged: this worker stops, or cannot keep the lease."""
    give_way = "give_way"
    """Back to the queue, uncharged: its time slice is over, and others wait. Every other reason comes before this."""


@dataclass
class ClaimedJob:
    """A job that this worker has the lease of: a member of its pack."""

    claim: Claim
    started: float
    leave_reason: LeaveReason | None = None
    leave_sent_at: float | None = None
    cancel_sent_at: float | None = None
    last_epoch: int = 0
    epochs_received: int = 0
    """Epochs since it began, or was restarted."""
    metrics: Metrics | None = None
    unsent: list[tuple[int, Metrics]] = field(default_factory=list)
    checkpoints: list[CheckpointRecord] = field(default_factory=list)
    """What it goes on from if it is restarted, newest first."""
    unrecorded: list[CheckpointRecord] = field(default_factory=list)
    """Checkpoints in the file store that the record does not know yet."""
    crashes: int = 0
    """How often it crashed its trainer, alone, in a bracket that was claimed once."""
    checkpoint_failed: bool = False
    """Whether its last checkpoint could not be saved."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.claim.job_id

    @property
    def spec(self) -> JobSpec:
        """The job's spec."""
        return self.claim.spec

    @property
    def stays(self) -> bool:
        """Whether nothing but the time slice lets it leave."""
        return self.leave_reason in {None, LeaveReason.give_way}


class ClaimedPack:
    """The jobs that one slot has claimed, all of one pack key, or of brackets of one sweep."""

    def __init__(self, claims: Sequence[Claim], now: float, requeue_patience_s: float = 8.0) -> None:
        self._patience_s: Mapping[LeaveReason | None, float] = {
            LeaveReason.requeue: requeue_patience_s,
            LeaveReason.pause: PAUSE_PATIENCE_S,
            LeaveReason.give_way: GIVE_WAY_PATIENCE_S,
        }
        """How long a job that leaves may go on, so that its epoch ends and its checkpoint is saved; else not at all."""
        self.brackets = tuple({id(one.bracket): one.bracket for one in claims if one.bracket is not None}.values())
        """The rules by which the jobs are pruned together, if they are those of brackets."""
        self._lock = threading.Lock()
        self._members: dict[str, ClaimedJob] = {}
        self.owner = claims[0].owner if claims else ""
        self.claimed_at = self.renewed_at = now
        """When the leases were last known to hold, by this process's monotonic clock: before the record was asked."""
        self.join(claims, now)

    def join(self, claims: Sequence[Claim], now: float) -> None:
        """Take these jobs in."""
        with self._lock:
            for claim in claims:
                leave_reason = LeaveReason.cancel if claim.cancel_requested else None
                self._members[claim.job_id] = ClaimedJob(
                    claim, started=now, leave_reason=leave_reason, checkpoints=list(claim.checkpoints)
                )

    def members(self, ids: Collection[str] | None = None) -> list[ClaimedJob]:
        """The members that have not left; of `ids` only, when given."""
        with self._lock:
            return [member for id_, member in self._members.items() if ids is None or id_ in ids]

    def leave(self, job_id: str) -> None:
        """Forget this member: the record knows how it ended."""
        with self._lock:
            self._members.pop(job_id, None)

    def restart(self, ids: Collection[str], now: float) -> None:
        """Begin these, perhaps again. Epochs already received come again with the same numbers."""
        for member in self.members(ids):
            member.started, member.epochs_received = now, 0
            member.leave_sent_at = member.cancel_sent_at = None

    def add_points(self, curves: Mapping[str, Curve]) -> None:
        """Keep these points until the record has them."""
        with self._lock:
            for job_id, curve in curves.items():
                member = self._members.get(job_id)
                if member is not None:
                    _add_points(member, curve)

    def add_checkpoint(self, job_id: str, checkpoint: CheckpointRecord) -> None:
        """Send this checkpoint to the record with the next heartbeat; all points up to its epoch came before."""
        with self._lock:
            member = self._members[job_id]
            epoch = checkpoint.epoch  # before and after a rung it is the same, and so is the file
            member.checkpoints = [checkpoint, *(one for one in member.checkpoints if one.epoch != epoch)][:KEPT]
            member.unrecorded = [*(one for one in member.unrecorded if one.epoch != epoch), checkpoint]

    def mark_overdue(self, ids: Collection[str], now: float) -> None:
        """Mark those of `ids` that have trained longer than their `timeout_s`: they must leave."""
        for member in self.members(ids):
            limit = member.spec.timeout_s
            if limit is not None and now - member.started > limit and member.stays:
                member.leave_reason = LeaveReason.timeout

    def mark_requeued(self) -> None:
        """Mark all members: they must go back to the queue."""
        for member in self.members():
            if member.stays:
                member.leave_reason = LeaveReason.requeue

    def mark_giving_way(self) -> None:
        """Mark all members: their time slice is over."""
        for member in self.members():
            member.leave_reason = member.leave_reason or LeaveReason.give_way

    def due_to_leave(self, ids: Collection[str], now: float) -> list[str]:
        """Those of `ids` that must leave after their epoch; each is returned once, to be sent to the trainer."""
        due = [
            member
            for member in self.members(ids)
            if member.leave_reason in self._patience_s and member.leave_sent_at is None
        ]
        for member in due:
            member.leave_sent_at = now
        return [member.id for member in due]

    def due_to_cancel(self, ids: Collection[str], now: float) -> list[str]:
        """Those of `ids` that must leave at once; each is returned once, to be sent to the trainer."""
        due = [
            member
            for member in self.members(ids)
            if member.leave_reason is not None
            and member.cancel_sent_at is None
            and (
                member.leave_reason not in self._patience_s
                or now - (member.leave_sent_at or now) > self._patience_s[member.leave_reason]
            )
        ]
        for member in due:
            member.cancel_sent_at = now
        return [member.id for member in due]

    def unanswered_s(self, ids: Collection[str], now: float) -> float:
        """Seconds for which the trainer has not answered the oldest request to drop one of `ids`."""
        sent = [member.cancel_sent_at for member in self.members(ids) if member.cancel_sent_at is not None]
        return now - min(sent, default=now)

    def progress(self, now: float) -> list[Progress]:
        """What the heartbeat writes to the record of the members whose leases are still ours."""
        with self._lock:
            return [
                _progress(member, now)
                for member in self._members.values()
                if member.leave_reason is not LeaveReason.lost
            ]

    def renewed(self, sent: Sequence[Progress], renewal: Renewal, asked_at: float) -> None:
        """The record has this progress: forget the points in it, and mark the jobs that must leave."""
        with self._lock:
            self.renewed_at = asked_at
            for progress in sent:
                member = self._members.get(progress.job_id)
                if member is None or member.claim.attempt != progress.attempt:
                    continue
                stored = max((int(epoch) for epoch in progress.points.get("epoch", []) if epoch is not None), default=0)
                member.unsent = [point for point in member.unsent if point[0] > stored]
                member.unrecorded = [one for one in member.unrecorded if one not in progress.checkpoints]
                if (progress.job_id, progress.attempt) in renewal.lost:
                    member.leave_reason, member.cancel_sent_at = LeaveReason.lost, None
                elif progress.job_id in renewal.cancel and member.stays:
                    member.leave_reason = LeaveReason.cancel
                elif progress.job_id in renewal.pause and member.stays:
                    member.leave_reason = LeaveReason.pause


def columns(points: Sequence[tuple[int, Metrics]]) -> Curve:
    """The points as a curve: one list per metric, all of one length."""
    names = dict.fromkeys(name for _, metrics in points for name in metrics)
    curve: Curve = {"epoch": [epoch for epoch, _ in points]} if points else {}
    return curve | {name: [metrics.get(name) for _, metrics in points] for name in names}


def _add_points(member: ClaimedJob, curve: Curve) -> None:
    member.epochs_received += len(curve["epoch"])
    names = [name for name in curve if name != "epoch"]
    for row, epoch in enumerate(curve["epoch"]):
        if epoch is not None and epoch > member.last_epoch:
            member.last_epoch = int(epoch)
            member.metrics = {name: curve[name][row] for name in names}
            member.unsent.append((member.last_epoch, member.metrics))


def _progress(member: ClaimedJob, now: float) -> Progress:
    seconds = now - member.started
    return Progress(
        job_id=member.id,
        attempt=member.claim.attempt,
        points=columns(member.unsent),
        epochs_per_s=member.epochs_received / seconds if member.epochs_received and seconds > 0 else None,
        checkpoints=tuple(member.unrecorded),
    )

"""The supervisor of one slot: claim a pack, run it in the slot's trainer process, finish each member.

It never imports torch. It drains the database: a bell says that there may be work, the record says which, and the slot
goes on claiming until nothing is queued that it could train.
"""

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spec.job import JobSpec
from spec.states import FailureReason, StopReason
from store.checkpoints import CheckpointRecord
from store.errors import StoreError
from store.failpoints import Failpoints
from store.files import Files
from store.leases import LeaseStore
from store.records import ArtifactRecord, Success

from .checkpoints import Checkpoints
from .devices import Device
from .errors import TableError, TrainerDied, TrainerStalled, UnusableCheckpointError
from .heart import Heart
from .messages import Cancel, Ended, Job, Leave, Measured, Points, Report, Resumed, Room, Saved, Train, Unsaved
from .pack import Member, Pack, Wish, columns
from .packing import PackSizes
from .process import Trainer
from .tables import Tables

log = logging.getLogger(__name__)

_REASONS = {"diverged": FailureReason.diverged}

PUBLISHED = "jobs"
"""Where the files of jobs lie in the file store, each attempt's in a folder of its own."""

HEAR_S = 0.25
"""How long the supervisor listens before it looks at wishes, time limits and leases again."""
DEAF_S = 15.0
"""A trainer that has not dropped a member for so long hangs; it looks between two chunks of steps."""
DEAF_AT_STOP_S = 2.0
"""The same when this worker stops, and has little time."""


@dataclass(frozen=True)
class Post:
    """What every supervisor of a worker shares."""

    worker: str
    store: LeaseStore
    files: Files
    heart: Heart
    start_trainer: Callable[[Device], Trainer]
    ring: Callable[[str], object]
    """Ring for a job that this worker gives back, so that another takes it now and not in ten seconds."""
    announce: Callable[[], object]
    """Tell the record how many slots are free now: others take their share of the queue by it."""
    sizes: PackSizes = field(default_factory=PackSizes)
    stall_s: float = 600.0
    """A trainer that gets no further for so long is killed, and its job charged."""
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(""))
    clock: Callable[[], float] = time.monotonic


class Supervisor:
    """Trains jobs on one device, one pack after the other; one thread at a time may `drain`."""

    def __init__(self, device: Device, post: Post) -> None:
        self.device = device
        self.training = False
        self._post = post
        self._checkpoints = Checkpoints(post.files)
        self._tables = Tables(post.files)
        self._trainer: Trainer | None = None
        self._stopping = threading.Event()

    def drain(self) -> None:
        """Claim and train until nothing is queued for this device."""
        try:
            # The trainer is warm before a job is claimed: a machine that cannot train never holds one.
            while self._warm() and (pack := self._claim()):
                self._train(pack)
        except StoreError as error:
            log.warning("%s rests: %s", self.device.name, error)
        finally:
            if self.training:
                self.training = False
                self._post.announce()

    def stop(self) -> None:
        """Let the thread that drains give its jobs back, uncharged, with checkpoints if their epochs end soon.

        May be called from any thread.
        """
        self._stopping.set()

    def close(self) -> None:
        """Sweep up after a stop, when nobody drains any more."""
        self._bury()

    # --- the trainer ----------------------------------------------------------------------------------------------

    def _warm(self) -> Trainer | None:
        """The trainer, started if need be; None when this worker stops or cannot train."""
        if self._stopping.is_set():
            return None
        if self._trainer is None or not self._trainer.alive():
            self._bury()
            try:
                self._trainer = self._post.start_trainer(self.device)
            except TrainerDied as death:
                log.error("%s cannot train, and takes no jobs: %s", self.device.name, death)
        return None if self._stopping.is_set() else self._trainer

    def _bury(self) -> None:
        if self._trainer is not None:
            self._trainer.close()
            self._trainer = None

    def _kill(self) -> bool:
        """End the trainer now; whether there was one to end."""
        trainer = self._trainer
        if trainer is None or not trainer.alive():
            return False
        trainer.kill()
        return True

    # --- a pack ---------------------------------------------------------------------------------------------------

    def _claim(self) -> Pack | None:
        post = self._post
        asked_at = post.clock()
        claims = post.store.claim(
            worker=post.worker, device=self.device.name, limit=self._limit, lease_s=post.heart.lease_s
        )
        if not claims:
            return None
        if not self.training:
            self.training = True
            self._post.announce()
        log.info("%s trains %d jobs, %s first", self.device.name, len(claims), claims[0].job_id)
        return Pack(claims, asked_at)

    def _train(self, pack: Pack) -> None:
        """Train a pack to the end of its last member.

        A fault that takes the whole pack down is blamed on nobody: the pack is halved, and halved again, until the
        member that causes it is alone. Its mates lose time, but no attempt.
        """
        with self._post.heart.carrying(pack, self._kill):
            parts = deque([[member.id for member in pack.members()]])
            while parts:
                blamed = self._run(pack, set(parts.popleft()))
                middle = (len(blamed) + 1) // 2
                parts.extendleft(part for part in (blamed[middle:], blamed[:middle]) if part)

    def _run(self, pack: Pack, ids: set[str]) -> list[str]:
        """Train these members together; which of them, two or more, went down together."""
        members = pack.members(ids)
        trainer = self._warm()
        if trainer is None:
            self._give_back(pack, ids, "its worker stops, or cannot train any more")
            return []
        pack.restart(ids, self._post.clock())
        head, blamed, succeeded = members[0].spec, list[str](), list[Ended]()
        try:
            self._send(trainer, pack, members, head)
            heard_at = self._post.clock()
            while pack.members(ids - set(blamed)):
                self._pass_wishes_on(trainer, pack, ids)
                report = trainer.hear(0.0 if succeeded else HEAR_S)
                heard_at = self._heard(report, heard_at)
                match report:
                    case None:  # those that ended one after the other are written down together
                        self._succeed(pack, succeeded, trainer.folder)
                        succeeded = []
                    case Points(curves=curves):
                        pack.note(curves)
                    case Resumed() | Saved() | Unsaved():
                        self._hear_of_checkpoint(pack, report, trainer.folder)
                    case Measured(member_bytes=needed):
                        self._post.sizes.measured(head, self.device, needed)
                    case Room(room=room):
                        ids |= self._admit(trainer, pack, room, members[0])
                    case Ended() as ended if ended.whole_pack:
                        log.warning("pack of %d failed together: %s", len(ids), ended.message)
                        if ended.failure_reason is FailureReason.out_of_memory and not blamed:
                            self._post.sizes.too_many(head, self.device, len(pack.members(ids)))
                        blamed.append(ended.id)
                    case Ended(end="succeeded") as ended:
                        succeeded.append(ended)
                    case Ended() as ended:
                        self._finish(pack, ended)
        except TrainerDied as death:
            self._succeed(pack, succeeded, trainer.folder)
            return self._crashed(pack, ids, death)
        return blamed

    def _heard(self, report: Report | None, heard_at: float) -> float:
        """When the trainer was last heard. Raises `TrainerStalled` when that is too long ago."""
        now = self._post.clock()
        if report is None and now - heard_at > self._post.stall_s:
            raise TrainerStalled(self._post.stall_s)
        return heard_at if report is None else now

    def _pass_wishes_on(self, trainer: Trainer, pack: Pack, ids: Collection[str]) -> None:
        now = self._post.clock()
        pack.drop_overdue(ids, now)
        if self._stopping.is_set() or self._post.heart.slipping(pack):
            pack.give_back()
        if leaving := pack.leaving(ids, now):
            trainer.say(Leave(ids=tuple(leaving)))
        if dropped := pack.untold_wishes(ids, now):
            trainer.say(Cancel(ids=tuple(dropped)))
        if pack.oldest_wish_s(ids, now) > (DEAF_AT_STOP_S if self._stopping.is_set() else DEAF_S):
            log.error("the trainer of %s does not listen any more and is killed", self.device.name)
            trainer.kill()

    def _admit(self, trainer: Trainer, pack: Pack, room: int, head: Member) -> set[str]:
        """Claim jobs that can join the running pack, and send them in."""
        if self._stopping.is_set() or self._post.heart.slipping(pack):
            return set()
        post = self._post
        now = post.clock()
        try:
            claims = post.store.claim_into_pack(
                worker=post.worker,
                device=self.device.name,
                beside=head.id,
                limit=room,
                lease_s=post.heart.lease_s,
            )
        except StoreError as error:
            log.warning("nothing joins the pack: %s", error)
            return set()
        if claims:
            pack.join(claims, now)
            self._send(trainer, pack, pack.members({claim.job_id for claim in claims}), head.spec)
        return {claim.job_id for claim in claims}

    def _send(self, trainer: Trainer, pack: Pack, members: Collection[Member], head: JobSpec) -> None:
        """Let the trainer train these members; when their data set cannot be had, they fail."""
        try:
            table = self._tables.path(head.dataset)  # one for all: the data set is part of the pack key
        except TableError as error:
            log.error("%d jobs cannot train: %s", len(members), error)
            for member in members:
                self._record(pack, member, partial(self._fail, reason=FailureReason.bad_data, message=str(error)))
            return
        jobs = tuple(
            Job(id=member.id, spec=member.spec, checkpoints=self._lend(member, trainer.folder), table=table)
            for member in members
        )
        trainer.say(Train(jobs=jobs, limit=self._limit(head)))

    def _limit(self, head: JobSpec) -> int:
        """How many members a pack of jobs like `head` may have here."""
        return self._post.sizes.of(head, self.device)

    def _crashed(self, pack: Pack, ids: Collection[str], death: TrainerDied) -> list[str]:
        """The trainer is gone: who is to be tried again, in smaller packs; a lone member is charged an attempt."""
        self._bury()
        for member in pack.members(ids):
            if member.wish is not None:
                self._record(pack, member, self._dropped)
        members = pack.members(ids)
        if self._stopping.is_set() or self._post.heart.slipping(pack):
            self._give_back(pack, ids, self._why_back())
        elif len(members) == 1:
            log.warning("%s went down: %s", members[0].id, death)
            self._record(pack, members[0], partial(self._requeue, reason=str(death), charge=True, crashed=True))
            self._post.ring(members[0].id)  # another slot may be warm, and this one's trainer takes seconds to start
        elif members:
            log.warning("pack of %d went down together: %s", len(members), death)
            return [member.id for member in members]
        return []

    # --- checkpoints ----------------------------------------------------------------------------------------------

    def _lend(self, member: Member, folder: Path) -> tuple[str, ...]:
        """Put what a member can go on from into the trainer's folder; what is broken is said and forgotten."""
        lent = []
        for checkpoint in list(member.checkpoints):
            try:
                lent.append(self._checkpoints.lend(checkpoint, _lent_name(member, checkpoint), folder))
            except UnusableCheckpointError as error:
                self._refuse(member, checkpoint, str(error), for_good=error.for_good)
        return tuple(lent)

    def _hear_of_checkpoint(self, pack: Pack, report: Resumed | Saved | Unsaved, folder: Path) -> None:
        """Take in what the trainer says of a member's checkpoints, unless the member has left."""
        for member in pack.members({report.id}):
            match report:
                case Resumed():
                    self._resumed(member, report)
                case Saved():
                    self._keep(pack, member, report, folder)
                case Unsaved(epoch=epoch, message=message):
                    self._unsaved(member, epoch, message)

    def _resumed(self, member: Member, resumed: Resumed) -> None:
        """The trainer began where it could."""
        log.info("%s goes on after epoch %d", member.id, resumed.epoch)
        why = {Path(file).name: message for file, message in resumed.refused.items()}
        for checkpoint in list(member.checkpoints):
            if (name := _lent_name(member, checkpoint)) in why:
                self._refuse(member, checkpoint, why[name], for_good=True)

    def _refuse(self, member: Member, checkpoint: CheckpointRecord, why: str, *, for_good: bool) -> None:
        member.checkpoints.remove(checkpoint)
        left = f"from that of epoch {member.checkpoints[0].epoch}" if member.checkpoints else "from its beginning"
        reason = f"its checkpoint of epoch {checkpoint.epoch} cannot be used: {why}; it goes on {left}"
        self._remark(member, reason, refused=[checkpoint.uri] if for_good else [])

    def _keep(self, pack: Pack, member: Member, saved: Saved, folder: Path) -> None:
        """Store what the trainer saved; the record hears of it with the next beat."""
        try:
            kept = self._checkpoints.keep(member.id, member.claim.attempt, saved.epoch, folder / saved.file)
        except OSError as error:
            self._unsaved(member, saved.epoch, str(error.strerror or error))
        else:
            pack.keep(member.id, kept)
            member.unsaved = False

    def _unsaved(self, member: Member, epoch: int, message: str) -> None:
        """Training goes on without a new checkpoint; the job's history says so once."""
        if not member.unsaved:
            member.unsaved = True
            self._remark(member, f"its checkpoint of epoch {epoch} could not be stored: {message}; it trains on")

    def _remark(self, member: Member, reason: str, refused: Collection[str] = ()) -> None:
        log.warning("%s: %s", member.id, reason)
        try:
            self._post.store.add_note(member.id, member.claim.attempt, reason=reason, refused=refused)
        except StoreError as error:
            log.warning("the history of %s lacks this: %s", member.id, error)

    # --- the end of a member --------------------------------------------------------------------------------------

    def _finish(self, pack: Pack, ended: Ended) -> None:
        """Write down that this member ended without a model."""
        for member in pack.members({ended.id}):
            self._say_end(member, ended)
            if ended.end == "cancelled":
                self._record(pack, member, self._dropped)
                if member.wish is Wish.back:
                    self._post.ring(member.id)
            else:
                self._record(pack, member, partial(self._failed, ended=ended))

    def _succeed(self, pack: Pack, ends: Sequence[Ended], folder: Path) -> None:
        """Publish what these members left, and write down together that they succeeded."""
        left: dict[str, tuple[Ended, list[ArtifactRecord]]] = {}
        ended = {end.id: end for end in ends}
        for member in pack.members(ended):
            self._say_end(member, ended[member.id])
            if member.wish is Wish.lost:
                pack.leave(member.id)
                continue
            try:
                left[member.id] = ended[member.id], self._publish(member, ended[member.id], folder / member.id)
                self._post.failpoints.reach("published")
            except OSError as error:
                log.exception("the files of %s could not be published", member.id)
                message = f"its files could not be written: {error.strerror or error}"
                self._record(pack, member, partial(self._fail, reason=FailureReason.error, message=message))
        if left:
            self._record_together(pack, pack.members(left), partial(self._succeeded, left=left))

    def _say_end(self, member: Member, ended: Ended) -> None:
        log.info("%s %s at epoch %d %s", member.id, ended.end, member.last_epoch, ended.message)

    def _publish(self, member: Member, ended: Ended, folder: Path) -> list[ArtifactRecord]:
        """Move what the trainer wrote into the file store, under the attempt: a zombie overwrites nothing."""
        artifacts = []
        for name in ended.files:
            content = (folder / name).read_bytes()
            path = f"{PUBLISHED}/{member.id}/a{member.claim.attempt}/{name}"
            self._post.files.put(path, content)
            artifacts.append(
                ArtifactRecord(
                    name=name,
                    uri=self._post.files.uri(path),
                    sha256=hashlib.sha256(content).hexdigest(),
                    size=len(content),
                )
            )
            (folder / name).unlink()
        folder.rmdir()
        return artifacts

    def _record(self, pack: Pack, member: Member, write: Callable[[Member], bool]) -> None:
        """Write how a member ended."""
        self._record_together(pack, [member], lambda members: {one.id for one in members if write(one)})

    def _record_together(
        self, pack: Pack, members: Sequence[Member], write: Callable[[Sequence[Member]], Collection[str]]
    ) -> None:
        """Write how members ended, as often as it takes: the record itself refuses what is no longer ours to say."""
        say = log.warning
        while True:
            try:
                with self._post.heart.recording:
                    ours = [member for member in members if member.wish is not Wish.lost]
                    written = write(ours) if ours else set()
                    for member in ours:
                        if member.id not in written:
                            log.warning("%s had passed to another worker", member.id)
                    for member in members:
                        pack.leave(member.id)
                    break
            except StoreError as error:
                say("the end of %s is not written yet: %s", ", ".join(member.id for member in members), error)
                say = log.debug  # the record may be away for long
                if self._stopping.wait(HEAR_S):
                    for member in members:
                        pack.leave(member.id)
                    break
        for member in members:
            self._checkpoints.discard(member.unrecorded)

    def _succeeded(
        self, members: Sequence[Member], *, left: Mapping[str, tuple[Ended, Sequence[ArtifactRecord]]]
    ) -> Collection[str]:
        return self._post.store.succeed(*(_success(member, *left[member.id]) for member in members))

    def _failed(self, member: Member, *, ended: Ended) -> bool:
        reason = ended.failure_reason or _REASONS.get(ended.end, FailureReason.error)
        return self._fail(member, reason=reason, message=ended.message or reason.sentence)

    def _dropped(self, member: Member) -> bool:
        """Write that a member left because it was to."""
        match member.wish:
            case Wish.timeout:
                sentence = f"It trained longer than timeout_s, {member.spec.timeout_s:g} s."
                return self._fail(member, reason=FailureReason.timeout, message=sentence)
            case Wish.cancel:
                return self._post.store.confirm_cancel(member.id, member.claim.attempt, columns(member.unsent))
            case Wish.pause:
                return self._requeue(member, reason="paused while it ran", charge=False)
            case _:
                return self._requeue(member, reason=self._why_back(), charge=False)

    def _fail(self, member: Member, *, reason: FailureReason, message: str) -> bool:
        return self._post.store.fail(
            member.id, member.claim.attempt, reason=reason, message=message, points=columns(member.unsent)
        )

    def _requeue(self, member: Member, *, reason: str, charge: bool, crashed: bool = False) -> bool:
        requeued = self._post.store.requeue(
            member.id,
            member.claim.attempt,
            reason=reason,
            charge=charge,
            crashed=crashed,
            points=columns(member.unsent),
            checkpoints=member.unrecorded,
        )
        if requeued:
            member.unrecorded = []
        return requeued

    def _why_back(self) -> str:
        return "its worker was stopped" if self._stopping.is_set() else "its worker could not reach the record"

    def _give_back(self, pack: Pack, ids: Collection[str], reason: str) -> None:
        """Put the members that are left back into the queue, uncharged."""
        for member in pack.members(ids):
            self._record(pack, member, partial(self._requeue, reason=reason, charge=False))
            self._post.ring(member.id)


def _success(member: Member, ended: Ended, artifacts: Sequence[ArtifactRecord]) -> Success:
    """What the record is to hear of a member that succeeded."""
    return Success(
        member.id,
        member.claim.attempt,
        stop_reason=ended.stop_reason or StopReason.max_epochs,
        best_epoch=ended.best_epoch,
        best_metrics=ended.best_metrics,
        metrics=member.metrics,
        points=columns(member.unsent),
        artifacts=artifacts,
    )


def _lent_name(member: Member, checkpoint: CheckpointRecord) -> str:
    """A checkpoint's name in a trainer's folder."""
    return f"{member.id}-from-{Path(checkpoint.uri).name}"

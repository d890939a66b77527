"""The supervisor of one slot: claim a pack, run it in the slot's trainer process, finish each member.

It never imports torch. It drains the database: a bell says that there may be work, the record says which, and the slot
goes on claiming until nothing is queued that it could train.
"""

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spec.job import JobSpec
from spec.states import FailureReason, StopReason
from store.errors import StoreError
from store.failpoints import Failpoints
from store.files import Files
from store.jobs import ArtifactRecord, Claim, JobStore

from .devices import Device
from .errors import TrainerDied
from .heart import Heart
from .messages import Cancel, Ended, Job, Points, Room, Train
from .pack import Member, Pack, Wish, columns
from .packing import pack_limit
from .process import Trainer

log = logging.getLogger(__name__)

_REASONS = {"diverged": FailureReason.diverged}

HEAR_S = 0.25
"""How long the supervisor listens before it looks at wishes, time limits and leases again."""
DEAF_S = 15.0
"""A trainer that has not dropped a member for so long hangs; it looks between two chunks of steps."""


@dataclass(frozen=True)
class Post:
    """What every supervisor of a worker shares."""

    worker: str
    store: JobStore
    files: Files
    heart: Heart
    start_trainer: Callable[[Device], Trainer]
    ring: Callable[[str], object]
    """Ring for a job that this worker gives back, so that another takes it now and not in ten seconds."""
    announce: Callable[[], object]
    """Tell the record how many slots are free now: others take their share of the queue by it."""
    pack_limit: int = 0
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(""))
    clock: Callable[[], float] = time.monotonic


class Supervisor:
    """Trains jobs on one device, one pack after the other; one thread at a time may `drain`."""

    def __init__(self, device: Device, post: Post) -> None:
        self.device = device
        self.training = False
        self._post = post
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
        """End the trainer now; the thread that drains gives its jobs back uncharged. May be called from any thread."""
        self._stopping.set()
        self._kill()

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
        head, blamed = members[0].spec, list[str]()
        try:
            trainer.say(self._order([member.claim for member in members], head))
            while pack.members(ids - set(blamed)):
                self._pass_wishes_on(trainer, pack, ids)
                match trainer.hear(HEAR_S):
                    case Points(curves=curves):
                        pack.note(curves)
                    case Room(room=room):
                        ids |= self._admit(trainer, pack, room, head)
                    case Ended() as ended if ended.whole_pack:
                        log.warning("pack of %d failed together: %s", len(ids), ended.message)
                        blamed.append(ended.id)
                    case Ended() as ended:
                        self._finish(pack, ended, trainer.folder)
        except TrainerDied as death:
            return self._crashed(pack, ids, death)
        return blamed

    def _pass_wishes_on(self, trainer: Trainer, pack: Pack, ids: Collection[str]) -> None:
        now = self._post.clock()
        pack.drop_overdue(ids, now)
        if self._post.heart.slipping(pack):
            pack.give_back()
        if dropped := pack.untold_wishes(ids, now):
            trainer.say(Cancel(ids=tuple(dropped)))
        if pack.oldest_wish_s(ids, now) > DEAF_S:
            log.error("the trainer of %s does not listen any more and is killed", self.device.name)
            trainer.kill()

    def _admit(self, trainer: Trainer, pack: Pack, room: int, head: JobSpec) -> set[str]:
        """Claim jobs that can join the running pack, and send them in."""
        if self._stopping.is_set() or self._post.heart.slipping(pack):
            return set()
        post = self._post
        now = post.clock()
        try:
            claims = post.store.admit(
                worker=post.worker,
                device=self.device.name,
                pack_key=head.pack_key,
                limit=room,
                lease_s=post.heart.lease_s,
            )
        except StoreError as error:
            log.warning("nothing joins the pack: %s", error)
            return set()
        if claims:
            pack.join(claims, now)
            trainer.say(self._order(claims, head))
        return {claim.job_id for claim in claims}

    def _order(self, claims: Collection[Claim], head: JobSpec) -> Train:
        jobs = tuple(Job(id=claim.job_id, spec=claim.spec) for claim in claims)
        return Train(jobs=jobs, limit=self._limit(head))

    def _limit(self, head: JobSpec) -> int:
        """How many members a pack of jobs like `head` may have here."""
        return pack_limit(head, self.device, self._post.pack_limit)

    def _crashed(self, pack: Pack, ids: Collection[str], death: TrainerDied) -> list[str]:
        """The trainer is gone: who is to be tried again, in smaller packs; a lone member is charged an attempt."""
        self._bury()
        for member in pack.members(ids):
            if member.wish is not None:
                self._record(pack, member, self._dropped)
        members = pack.members(ids)
        if self._stopping.is_set():
            self._give_back(pack, ids, "its worker was stopped")
        elif self._post.heart.slipping(pack):
            self._give_back(pack, ids, "its worker could not reach the record")
        elif len(members) == 1:
            log.warning("%s went down: %s", members[0].id, death)
            self._record(pack, members[0], partial(self._requeue, reason=str(death), charge=True))
            self._post.ring(members[0].id)  # another slot may be warm, and this one's trainer takes seconds to start
        elif members:
            log.warning("pack of %d went down together: %s", len(members), death)
            return [member.id for member in members]
        return []

    # --- the end of a member --------------------------------------------------------------------------------------

    def _finish(self, pack: Pack, ended: Ended, folder: Path) -> None:
        """Write down how this member ended."""
        for member in pack.members({ended.id}):
            log.info("%s %s at epoch %d %s", member.id, ended.end, member.last_epoch, ended.message)
            if member.wish is Wish.lost:
                pack.leave(member.id)
            elif ended.end == "succeeded":
                self._succeed(pack, member, ended, folder / member.id)
            elif ended.end == "cancelled":
                self._record(pack, member, self._dropped)
            else:
                self._record(pack, member, partial(self._failed, ended=ended))

    def _succeed(self, pack: Pack, member: Member, ended: Ended, folder: Path) -> None:
        try:
            artifacts = self._publish(member, ended, folder)
            self._post.failpoints.reach("published")
        except OSError as error:
            log.exception("the files of %s could not be published", member.id)
            message = f"its files could not be written: {error.strerror or error}"
            self._record(pack, member, partial(self._fail, reason=FailureReason.error, message=message))
        else:
            self._record(pack, member, partial(self._succeeded, ended=ended, artifacts=artifacts))

    def _publish(self, member: Member, ended: Ended, folder: Path) -> list[ArtifactRecord]:
        """Move what the trainer wrote into the file store, under the attempt: a zombie overwrites nothing."""
        artifacts = []
        for name in ended.files:
            content = (folder / name).read_bytes()
            path = f"jobs/{member.id}/a{member.claim.attempt}/{name}"
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
        """Write how a member ended, as often as it takes: the record itself refuses what is no longer ours to say."""
        say = log.warning
        while True:
            try:
                with self._post.heart.recording:
                    if member.wish is not Wish.lost and not write(member):
                        log.warning("%s had passed to another worker", member.id)
                    pack.leave(member.id)
                    return
            except StoreError as error:
                say("the end of %s is not written yet: %s", member.id, error)
                say = log.debug  # the record may be away for long
                if self._stopping.wait(HEAR_S):
                    pack.leave(member.id)
                    return

    def _succeeded(self, member: Member, *, ended: Ended, artifacts: Sequence[ArtifactRecord]) -> bool:
        return self._post.store.succeed(
            member.id,
            member.claim.attempt,
            stop_reason=ended.stop_reason or StopReason.max_epochs,
            best_epoch=ended.best_epoch,
            best_metrics=ended.best_metrics,
            metrics=member.metrics,
            points=columns(member.unsent),
            artifacts=artifacts,
        )

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
            case _:
                return self._requeue(member, reason="its worker could not reach the record", charge=False)

    def _fail(self, member: Member, *, reason: FailureReason, message: str) -> bool:
        return self._post.store.fail(
            member.id, member.claim.attempt, reason=reason, message=message, points=columns(member.unsent)
        )

    def _requeue(self, member: Member, *, reason: str, charge: bool) -> bool:
        return self._post.store.requeue(member.id, member.claim.attempt, reason=reason, charge=charge)

    def _give_back(self, pack: Pack, ids: Collection[str], reason: str) -> None:
        """Put the members that are left back into the queue, uncharged."""
        for member in pack.members(ids):
            self._record(pack, member, partial(self._requeue, reason=reason, charge=False))
            self._post.ring(member.id)

"""The supervisor of one slot: it claims a pack, sends it to the slot's trainer, receives reports, finishes each job.

It never imports torch. It drains the queue: a bell says that there may be work, the record says which, and the slot
goes on claiming until nothing is queued that it could train.
"""

import logging
import threading
from collections import Counter
from collections.abc import Collection, Sequence

from spec.halving import BracketOrder
from spec.job import JobSpec
from spec.states import FailureReason
from store.ends import CRASHES
from store.errors import StoreError
from store.files import FilesUnavailableError
from store.trouble import Trouble

from .checkpoint_files import CheckpointFiles
from .checkpointing import Checkpointing
from .claimed_pack import ClaimedJob, ClaimedPack
from .context import WorkerContext
from .dataset_cache import DatasetCache
from .devices import Device
from .errors import TrainerDied, TrainerStalled
from .messages import Cancel, Drawn, Ended, FreeMembers, Leave, Measured, Points, Report, Resumed, Saved, Unsaved
from .outcomes import OutcomeWriter
from .parts import Parts
from .train_orders import TrainOrders
from .trainer_process import Trainer
from .turns import Turns
from .warm_starts import WarmStarts
from .warm_trainer import WarmTrainer

log = logging.getLogger(__name__)

RECEIVE_S = 0.25
"""How long the supervisor waits for a report before it looks at requests, time limits and leases again."""

GATHER_S = 0.01
"""How long jobs that succeeded wait for the next one, to be written to the record together; the last waits for none."""

UNRESPONSIVE_S = 15.0
"""A trainer that has not dropped a member for so long hangs, and is killed; it looks between two chunks of steps."""

PATIENCE_SHARE = 0.4
"""Of the time in which a worker must have stopped: so long its jobs may end their epochs and be saved."""

UNRESPONSIVE_AT_STOP_S = 2.0
"""The same while this worker stops, and has little time."""


class Supervisor:
    """Trains jobs on one device, one pack after the other; one thread at a time may `drain`."""

    def __init__(self, device: Device, context: WorkerContext) -> None:
        self.device = device
        self.training = False
        self._context = context
        self._turns = Turns(device, context)
        self._stopping = threading.Event()
        self._trouble = Trouble(log, f"{device.name} claims nothing")
        self._trainer = WarmTrainer(device, context.start_trainer, self._stopping)
        files = CheckpointFiles(context.files)
        self._checkpoints = Checkpointing(files, context.store)
        self._outcomes = OutcomeWriter(context, files, self._stopping)
        datasets, starts = DatasetCache(context.files), WarmStarts(context.files, context.artifacts)
        self._orders = TrainOrders(datasets, starts, self._checkpoints, self._outcomes, self._limit)
        self._parts = Parts(self._train_together, context.claims, self._outcomes)

    def drain(self) -> None:
        """Claim and train until nothing is queued for this device."""
        try:
            # The trainer is warm before a job is claimed: a machine that cannot train never holds one.
            while self._trainer.get() and (pack := self._claim()):
                self._train(pack)
        except StoreError as error:
            self._trouble.is_there(error)
        except FilesUnavailableError as error:  # a warning says that this worker is not registered
            log.debug("%s claims nothing for now: %s", self.device.name, error)
        except Exception:
            self._trainer.close()  # it may still train a pack that this slot has forgotten
            raise
        finally:
            if self.training:
                self.training = False
                self._context.announce()

    def stop(self) -> None:
        """Let the thread that drains give its jobs back, uncharged, with checkpoints if their epochs end soon.

        May be called from any thread.
        """
        self._stopping.set()

    def close(self) -> None:
        """Close the trainer after a stop, when no thread drains any more."""
        self._trainer.close()

    # --- claim ----------------------------------------------------------------------------------------------------

    def _claim(self) -> ClaimedPack | None:
        context = self._context
        context.demand_place()
        asked_at = context.clock()
        claims = context.claims.claim(
            worker=context.worker,
            device=self.device.name,
            limit=self._limit,
            lease_s=context.heartbeat.lease_s,
            behind=self._turns.had(),
        )
        self._trouble.is_over()
        if not claims:
            return None
        self._turns.begin(claims[0].owner)
        if not self.training:
            self.training = True
            context.announce()
        log.info("%s trains %d jobs, %s first", self.device.name, len(claims), claims[0].job_id)
        return ClaimedPack(claims, asked_at, context.stop_s * PATIENCE_SHARE)

    def _claim_into_pack(self, trainer: Trainer, pack: ClaimedPack, free: int, head: ClaimedJob) -> set[str]:
        """Claim jobs that can join the running pack, and send them to the trainer."""
        if self._must_return(pack) or self._turns.over:
            return set()
        context = self._context
        now = context.clock()
        try:
            context.demand_place()
            claims = context.claims.claim_into_pack(
                worker=context.worker,
                device=self.device.name,
                beside=head.id,
                limit=free,
                lease_s=context.heartbeat.lease_s,
                held=[member.id for member in pack.members()],
            )
        except (StoreError, FilesUnavailableError) as error:
            log.debug("no job joins the pack: %s", error)  # the heartbeat and the next claim warn
            return set()
        joining = {claim.job_id for claim in claims}
        if claims:
            pack.join(claims, now)
            self._orders.send(trainer, pack, pack.members(joining), head.spec)
        return joining

    def _limit(self, head: JobSpec) -> int:
        """How many members a pack of jobs like `head` may have on this device."""
        return self._context.sizes.of(head, self.device)

    # --- train ----------------------------------------------------------------------------------------------------

    def _train(self, pack: ClaimedPack) -> None:
        """Train a pack to the end of its last member.

        When a whole pack crashes, no job is charged: the pack is trained again in halves, and in halves of these, until
        the job that crashes is alone. The other members lose time, but no attempt.
        """
        with self._context.heartbeat.registered(pack, self._trainer.kill):
            self._parts.train(pack)

    def _train_together(self, pack: ClaimedPack, ids: set[str], orders: Sequence[BracketOrder]) -> list[str]:
        """Train these members as one pack; returns those that crashed together, and are to train again in halves."""
        members = pack.members(ids)
        trainer = self._trainer.get()
        if trainer is None:
            self._outcomes.requeued(pack, ids, "its worker stops, or cannot train any more")
            return []
        pack.restart(ids, self._context.clock())
        head, crashed, succeeded = members[0], list[str](), list[Ended]()
        handed_back = set[str]()
        try:
            self._orders.send(trainer, pack, members, head.spec, orders)
            received_at = self._context.clock()
            while pack.members(ids - set(crashed) - handed_back):
                self._outcomes.store_again(pack)
                training = ids - self._outcomes.unstored - handed_back
                self._forward_requests(trainer, pack, training)
                others = len(pack.members(training)) > len(succeeded)
                report = trainer.receive((GATHER_S if others else 0.0) if succeeded else RECEIVE_S)
                received_at = self._last_received(report, received_at, trains=bool(pack.members(training)))
                match report:
                    case None:  # jobs that succeeded one after the other are written to the record together
                        self._outcomes.succeeded(pack, succeeded, trainer.folder)
                        succeeded = []
                        self._kill_unresponsive(trainer, pack, training)
                    case Points(curves=curves):
                        pack.add_points(curves)
                    case Resumed() | Saved() | Unsaved():
                        self._checkpoints.receive(pack, report, trainer.folder)
                    case Measured() | Drawn():
                        self._note(report, head.spec)
                    case FreeMembers(count=free):
                        ids |= self._claim_into_pack(trainer, pack, free, head)
                    case Ended() as ended if ended.whole_pack:
                        self._failed_together(ended, [] if crashed else pack.members(ids))
                        crashed.append(ended.id)
                    case Ended(end="succeeded") as ended:
                        succeeded.append(ended)
                    case Ended() as ended if _is_handed_back(pack, ended, orders):
                        handed_back.add(ended.id)
                    case Ended() as ended:
                        self._outcomes.ended(pack, ended)
        except TrainerDied as death:
            self._outcomes.succeeded(pack, succeeded, trainer.folder)
            self._outcomes.give_up_unstored(pack)
            return self._after_crash(pack, ids - handed_back, death)
        return crashed

    def _failed_together(self, first: Ended, members: Sequence[ClaimedJob]) -> None:
        """Remember of each shape of a pack that failed as a whole that so many did not fit, if that was why."""
        if members:
            log.warning("a pack of %d failed as a whole: %s", len(members), first.message)
        counts = Counter(member.spec.pack_key for member in members)
        specs = {member.spec.pack_key: member.spec for member in members}
        for key, spec in specs.items() if first.failure_reason is FailureReason.out_of_memory else ():
            self._context.sizes.too_many(spec, self.device, min(counts[key], self._limit(spec)))

    def _note(self, report: Measured | Drawn, head: JobSpec) -> None:
        """Remember how much memory a member needs, or show what was drawn of one."""
        match report:
            case Measured(member_bytes=needed):
                self._context.sizes.measured(head, self.device, needed)
            case Drawn(id=job_id, frame=frame):
                self._context.show(job_id, frame.model_dump_json())

    def _forward_requests(self, trainer: Trainer, pack: ClaimedPack, ids: Collection[str]) -> None:
        """Tell the trainer which members leave, after their epoch or at once."""
        now = self._context.clock()
        pack.mark_overdue(ids, now)
        if self._must_return(pack):
            pack.mark_requeued()
        elif self._turns.is_over(pack):
            pack.mark_giving_way()
        if leaving := pack.due_to_leave(ids, now):
            trainer.send(Leave(ids=tuple(leaving)))
        if cancelled := pack.due_to_cancel(ids, now):
            trainer.send(Cancel(ids=tuple(cancelled)))

    def _kill_unresponsive(self, trainer: Trainer, pack: ClaimedPack, ids: Collection[str]) -> None:
        """Kill the trainer, of which no report waits, if it has not dropped a member that must leave."""
        unanswered_s = pack.unanswered_s(ids, self._context.clock())
        if unanswered_s > (UNRESPONSIVE_AT_STOP_S if self._stopping.is_set() else UNRESPONSIVE_S):
            log.error("the trainer of %s does not respond to a cancel request and is killed", self.device.name)
            trainer.kill()

    def _last_received(self, report: Report | None, received_at: float, *, trains: bool) -> float:
        """When the trainer last reported, or had nothing to. Raises `TrainerStalled` when that is too long ago."""
        now = self._context.clock()
        if report is not None or not trains:
            return now
        if now - received_at > self._context.stall_s:
            raise TrainerStalled(self._context.stall_s)
        return received_at

    def _after_crash(self, pack: ClaimedPack, ids: Collection[str], death: TrainerDied) -> list[str]:
        """Finish what the trainer left when it died; returns the members to train again in smaller packs."""
        self._trainer.close()
        for member in pack.members(ids):
            if member.leave_reason is not None:
                self._outcomes.left(pack, member)
        members = pack.members(ids)
        if self._must_return(pack):
            self._outcomes.requeued(pack, ids)
        elif len(members) == 1 and pack.brackets and members[0].crashes < CRASHES - 1:
            members[0].crashes += 1
            return [members[0].id]
        elif len(members) == 1 and pack.brackets:
            self._outcomes.quarantined(pack, members[0], str(death))
        elif len(members) == 1:
            log.warning("%s crashed its trainer: %s", members[0].id, death)
            self._outcomes.crashed(pack, members[0], str(death))
        elif members:
            log.warning("a pack of %d crashed its trainer: %s", len(members), death)
            return [member.id for member in members]
        return []

    def _must_return(self, pack: ClaimedPack) -> bool:
        """Whether the jobs must go back to the queue: this worker stops, or cannot keep their leases."""
        return self._stopping.is_set() or self._context.heartbeat.lease_at_risk(pack)


def _is_handed_back(pack: ClaimedPack, ended: Ended, orders: Sequence[BracketOrder]) -> bool:
    """Whether a job left its trainer at a rung, as its order asked, and stays claimed."""
    if all(order.hand_back == "never" for order in orders) or ended.end != "cancelled":
        return False
    return all(job.leave_reason is None for job in pack.members({ended.id}))

"""How claimed jobs ended: their files are published, and the record is written, once and only by the lease's holder.

When the files cannot be stored, they wait in the trainer's folder and are stored again, for as long as the lease lasts
and five minutes at most. If the disk is still full or broken then, or the file store is still away, the job goes back
to the queue, uncharged, and continues from its checkpoint later, perhaps on another machine. Otherwise it fails.
"""

import hashlib
import logging
import threading
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spec.disk import reason
from spec.states import FailureReason, StopReason
from store.errors import StoreError
from store.files import may_pass, part
from store.leases import WORKER_STOPPED
from store.records import ArtifactRecord, Success

from .checkpoint_files import CheckpointFiles
from .claimed_pack import ClaimedJob, ClaimedPack, LeaveReason, columns
from .context import WorkerContext
from .messages import Ended

log = logging.getLogger(__name__)

PUBLISHED = "jobs"
"""The folder of the file store with the files of jobs, each attempt's in a folder of its own."""

RETRY_S = 0.25
"""Between two attempts to write an outcome while the record cannot be reached."""

STORE_AGAIN_S = (1.0, 2.0, 5.0, 10.0)
"""Waits after the first, second ... time that the files of a job could not be stored."""

PATIENCE_S = 300.0
"""How long the files of a job are stored again before it is given back."""

NOT_NOW_S = 30.0
"""How long a job waits at least that was given back because its files cannot be stored, or fetched."""
LATER = "it is not charged, and goes on from its checkpoint later"
"""How the history of a job ends that was given back so."""


@dataclass(frozen=True)
class Unstored:
    """A job that has ended, and whose files could not be stored yet."""

    ended: Ended
    folder: Path
    """The trainer's folder, where its files wait."""
    error: OSError
    since: float
    tries: int
    next_at: float


class OutcomeWriter:
    """Writes the outcomes of jobs to the record; a job whose outcome is written leaves its pack."""

    def __init__(self, context: WorkerContext, checkpoints: CheckpointFiles, stopping: threading.Event) -> None:
        self._context, self._checkpoints, self._stopping = context, checkpoints, stopping
        self._unstored: dict[str, Unstored] = {}

    @property
    def unstored(self) -> Set[str]:
        """Jobs that the trainer has finished and whose files wait to be stored."""
        return self._unstored.keys()

    def ended(self, pack: ClaimedPack, ended: Ended) -> None:
        """Write that a job ended without a model."""
        for job in pack.members({ended.id}):
            _log_end(job, ended)
            if ended.end == "cancelled":
                self.left(pack, job)
                if job.leave_reason is LeaveReason.requeue:
                    self._context.ring(job.id)
            elif ended.end == "unsaved":
                self.not_now(pack, [job.id], f"{ended.message}: its worker could not write its model")
            else:
                failure = ended.failure_reason or FailureReason.error
                self.failed(pack, job, failure, ended.message or failure.sentence)

    def succeeded(self, pack: ClaimedPack, ends: Sequence[Ended], folder: Path) -> None:
        """Publish the files of these jobs from the trainer's folder, and write their success in one transaction."""
        ended = {end.id: end for end in ends}
        contents: dict[str, bytes] = {}
        for job in pack.members(ended):
            if job.id not in self._unstored:
                _log_end(job, ended[job.id])
            if job.leave_reason is LeaveReason.lost:
                self._unstored.pop(job.id, None)
                pack.leave(job.id)
                continue
            try:
                contents[job.id] = (folder / job.id).read_bytes() if ended[job.id].files else b""
            except OSError as error:
                self._unstored.pop(job.id, None)
                self._not_stored(pack, job, error, "its worker could not read its model again")
        jobs = pack.members(contents)
        try:
            artifacts = self._publish(jobs, ended, contents)
        except OSError as error:
            for job in jobs:
                self._postpone(job, ended[job.id], folder, error)
            return
        self._context.failpoints.reach("published")
        for job in jobs:
            self._unstored.pop(job.id, None)
            (folder / job.id).unlink(missing_ok=True)
        if jobs:
            self._write(
                pack,
                jobs,
                lambda ours: self._context.store.succeed(
                    *(_success(job, ended[job.id], artifacts[job.id]) for job in ours)
                ),
            )

    def store_again(self, pack: ClaimedPack) -> None:
        """Store again what could not be stored, if it is time; a job that must leave, or waits too long, leaves."""
        now, due = self._context.clock(), list[Unstored]()  # all of one trainer
        for job in pack.members(self._unstored):
            unstored = self._unstored[job.id]
            if job.leave_reason is LeaveReason.lost:
                self._drop_files(job)
                pack.leave(job.id)
            elif job.leave_reason is not None:
                self._drop_files(job)
                self.left(pack, job)
            elif now - unstored.since > PATIENCE_S:
                self._give_up(pack, job)
            elif now >= unstored.next_at:
                due.append(unstored)
        if due:
            self.succeeded(pack, [unstored.ended for unstored in due], due[0].folder)

    def give_up_unstored(self, pack: ClaimedPack) -> None:
        """Give back the jobs whose files could not be stored: the trainer is gone, and its folder goes with it."""
        for job in pack.members(self._unstored):
            self._give_up(pack, job)

    def failed(self, pack: ClaimedPack, job: ClaimedJob, reason: FailureReason, message: str) -> None:
        """Write that a job failed."""
        self._write_one(pack, job, partial(self._fail, reason=reason, message=message))

    def crashed(self, pack: ClaimedPack, job: ClaimedJob, reason: str) -> None:
        """Charge a job an attempt: it was alone in its trainer when that died."""
        self._write_one(pack, job, partial(self._requeue, reason=reason, charge=True, crashed=True))
        self._context.ring(job.id)  # another slot may be warm, and this one's trainer takes seconds to start

    def quarantined(self, pack: ClaimedPack, job: ClaimedJob, last: str) -> None:
        """Write that a job of a bracket failed: it crashed its trainer whenever it was alone there."""
        self.failed(pack, job, FailureReason.quarantined, f"{FailureReason.quarantined.sentence} Last: {last}.")

    def crashed_together(self, pack: ClaimedPack, ids: Collection[str]) -> None:
        """Put the jobs of a bracket back into the queue, uncharged: they crashed the trainer that compared them."""
        for job in pack.members(ids):
            again = partial(self._requeue, reason="its bracket crashed its trainer", charge=False, crashed=True)
            self._write_one(pack, job, again)

    def left(self, pack: ClaimedPack, job: ClaimedJob) -> None:
        """Write why a job left before its training ended."""
        self._write_one(pack, job, self._leave)

    def requeued(self, pack: ClaimedPack, ids: Collection[str], reason: str = "") -> None:
        """Put those of `ids` that are left back into the queue, uncharged."""
        for job in pack.members(ids):
            requeue = partial(self._requeue, reason=reason or self._requeue_reason(), charge=False)
            self._write_one(pack, job, requeue)
            self._context.ring(job.id)

    def not_now(self, pack: ClaimedPack, ids: Collection[str], why: str) -> None:
        """Put these jobs back into the queue, uncharged, because a disk is full or the files are away."""
        for job in pack.members(ids):
            log.warning("%s goes back to the queue: %s", job.id, why)
            requeue = partial(self._requeue, reason=f"{why}; {LATER}", charge=False, wait_s=NOT_NOW_S)
            self._write_one(pack, job, requeue)

    # --- one job --------------------------------------------------------------------------------------------------

    def _publish(
        self, jobs: Sequence[ClaimedJob], ended: Mapping[str, Ended], contents: Mapping[str, bytes]
    ) -> Mapping[str, Sequence[ArtifactRecord]]:
        """Put the files of these jobs into the file store, as one file: each job's, by its id.

        It lies in the folder of the first job's attempt, under a name of its own: a zombie overwrites nothing.
        """
        artifacts: dict[str, list[ArtifactRecord]] = {job.id: [] for job in jobs}
        if not any(contents.values()):
            return artifacts
        path = f"{_folder(jobs[0])}/{uuid.uuid4().hex}"
        self._context.files.put(path, b"".join(contents[job.id] for job in jobs))
        uri, at = self._context.files.uri(path), 0
        for job in jobs:
            begins = at
            for name, size in ended[job.id].files.items():
                content = contents[job.id][at - begins : at - begins + size]
                digest = hashlib.sha256(content).hexdigest()
                artifacts[job.id].append(ArtifactRecord(name, part(uri, at, size), digest, size))
                at += size
        return artifacts

    def _postpone(self, job: ClaimedJob, ended: Ended, folder: Path, error: OSError) -> None:
        """Remember to store the files of a job later; its history says so once."""
        now, known = self._context.clock(), self._unstored.get(job.id)
        since, tries = (now, 0) if known is None else (known.since, known.tries)
        wait_s = STORE_AGAIN_S[min(tries, len(STORE_AGAIN_S) - 1)]
        self._unstored[job.id] = Unstored(ended, folder, error, since, tries + 1, now + wait_s)
        if known is None:
            note = f"its model could not be stored: {reason(error)}; it is stored again"
            log.warning("%s: %s", job.id, note)
            try:
                self._context.store.add_note(job.id, job.claim.attempt, reason=note)
            except StoreError as failure:
                log.warning("the history of %s lacks this note: %s", job.id, failure)

    def _give_up(self, pack: ClaimedPack, job: ClaimedJob) -> None:
        self._not_stored(pack, job, self._drop_files(job).error, "its model could not be stored")

    def _not_stored(self, pack: ClaimedPack, job: ClaimedJob, error: OSError, what: str) -> None:
        """Give a job without its files back, or fail it where nothing says that they could be stored later."""
        if may_pass(error):
            self.not_now(pack, [job.id], f"{reason(error)}: {what}")
        else:
            self.failed(pack, job, FailureReason.error, f"{reason(error)}: {what}.")

    def _drop_files(self, job: ClaimedJob) -> Unstored:
        """Forget that the files of a job wait to be stored."""
        return self._unstored.pop(job.id)

    def _leave(self, job: ClaimedJob) -> bool:
        match job.leave_reason:
            case LeaveReason.timeout:
                sentence = f"It trained longer than timeout_s, {job.spec.timeout_s:g} s."
                return self._fail(job, reason=FailureReason.timeout, message=sentence)
            case LeaveReason.cancel:
                return self._context.store.confirm_cancel(job.id, job.claim.attempt, columns(job.unsent))
            case LeaveReason.pause:
                return self._requeue(job, reason="paused while it ran", charge=False)
            case LeaveReason.give_way:
                return self._requeue(job, reason=self._gave_way(job), charge=False)
            case None:
                return self._requeue(job, reason="another job of its bracket was taken out", charge=False)
            case _:
                return self._requeue(job, reason=self._requeue_reason(), charge=False)

    def _fail(self, job: ClaimedJob, *, reason: FailureReason, message: str) -> bool:
        points = columns(job.unsent)
        return self._context.store.fail(job.id, job.claim.attempt, reason=reason, message=message, points=points)

    def _requeue(
        self, job: ClaimedJob, *, reason: str, charge: bool, crashed: bool = False, wait_s: float = 0.0
    ) -> bool:
        requeued = self._context.store.requeue(
            job.id,
            job.claim.attempt,
            reason=reason,
            charge=charge,
            crashed=crashed,
            wait_s=wait_s,
            points=columns(job.unsent),
            checkpoints=job.unrecorded,
        )
        if requeued:
            job.unrecorded = []
        return requeued

    def _gave_way(self, job: ClaimedJob) -> str:
        goes_on = f"from epoch {job.checkpoints[0].epoch}" if job.checkpoints else "from its beginning"
        slice_s = f"{self._context.time_slice_s:g} s"
        return f"it gave its place to others, who waited: its time slice of {slice_s} was over; it goes on {goes_on}"

    def _requeue_reason(self) -> str:
        return WORKER_STOPPED if self._stopping.is_set() else "its worker could not reach the record"

    # --- the record -----------------------------------------------------------------------------------------------

    def _write_one(self, pack: ClaimedPack, job: ClaimedJob, write: Callable[[ClaimedJob], bool]) -> None:
        self._write(pack, [job], lambda jobs: {one.id for one in jobs if write(one)})

    def _write(
        self,
        pack: ClaimedPack,
        jobs: Sequence[ClaimedJob],
        write: Callable[[Sequence[ClaimedJob]], Collection[str]],
    ) -> None:
        """Write outcomes until the record has them; it refuses those of jobs whose lease is not ours any more."""
        report, written = log.warning, set[str]()
        while True:
            try:
                with self._context.heartbeat.recording:
                    ours = [job for job in jobs if job.leave_reason is not LeaveReason.lost]
                    written = set(write(ours)) if ours else set()
                    for job in ours:
                        if job.id not in written:
                            log.warning("the lease of %s had passed to another worker", job.id)
                    _forget(pack, jobs)
                    break
            except StoreError as error:
                report("the outcome of %s is not written yet: %s", ", ".join(job.id for job in jobs), error)
                report = log.debug  # the record may be away for long
                if self._stopping.wait(RETRY_S):
                    _forget(pack, jobs)
                    break
        for job in jobs:
            if job.id in written:  # else it may know them: it wrote the outcome, and its answer was lost
                self._checkpoints.discard(job.unrecorded)


def _folder(job: ClaimedJob) -> str:
    """Where the files of this attempt lie in the file store."""
    return f"{PUBLISHED}/{job.id}/a{job.claim.attempt}"


def _forget(pack: ClaimedPack, jobs: Sequence[ClaimedJob]) -> None:
    for job in jobs:
        pack.leave(job.id)


def _log_end(job: ClaimedJob, ended: Ended) -> None:
    log.info("%s %s at epoch %d %s", job.id, ended.end, job.last_epoch, ended.message)


def _success(job: ClaimedJob, ended: Ended, artifacts: Sequence[ArtifactRecord]) -> Success:
    return Success(
        job.id,
        job.claim.attempt,
        stop_reason=ended.stop_reason or StopReason.max_epochs,
        best_epoch=ended.best_epoch,
        best_metrics=ended.best_metrics,
        metrics=job.metrics,
        points=columns(job.unsent),
        artifacts=artifacts,
    )

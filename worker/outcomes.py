"""How claimed jobs ended: their files are published, and the record is written, once and only by the lease's holder."""

import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from spec.states import FailureReason, StopReason
from store.errors import StoreError
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

_REASONS = {"diverged": FailureReason.diverged}


class OutcomeWriter:
    """Writes the outcomes of jobs to the record; a job whose outcome is written leaves its pack."""

    def __init__(self, context: WorkerContext, checkpoints: CheckpointFiles, stopping: threading.Event) -> None:
        self._context, self._checkpoints, self._stopping = context, checkpoints, stopping

    def ended(self, pack: ClaimedPack, ended: Ended) -> None:
        """Write that a job ended without a model."""
        for job in pack.members({ended.id}):
            _log_end(job, ended)
            if ended.end == "cancelled":
                self.left(pack, job)
                if job.leave_reason is LeaveReason.requeue:
                    self._context.ring(job.id)
            else:
                reason = ended.failure_reason or _REASONS.get(ended.end, FailureReason.error)
                self.failed(pack, job, reason, ended.message or reason.sentence)

    def succeeded(self, pack: ClaimedPack, ends: Sequence[Ended], folder: Path) -> None:
        """Publish the files of these jobs from the trainer's folder, and write their success in one transaction."""
        artifacts: dict[str, list[ArtifactRecord]] = {}
        ended = {end.id: end for end in ends}
        for job in pack.members(ended):
            end = ended[job.id]
            _log_end(job, end)
            if job.leave_reason is LeaveReason.lost:
                pack.leave(job.id)
                continue
            try:
                artifacts[job.id] = self._publish(job, end, folder / job.id)
                self._context.failpoints.reach("published")
            except OSError as error:
                log.exception("the files of %s could not be published", job.id)
                message = f"its files could not be written: {error.strerror or error}"
                self.failed(pack, job, FailureReason.error, message)
        if artifacts:
            self._write(
                pack,
                pack.members(artifacts),
                lambda jobs: self._context.store.succeed(
                    *(_success(job, ended[job.id], artifacts[job.id]) for job in jobs)
                ),
            )

    def failed(self, pack: ClaimedPack, job: ClaimedJob, reason: FailureReason, message: str) -> None:
        """Write that a job failed."""
        self._write_one(pack, job, partial(self._fail, reason=reason, message=message))

    def crashed(self, pack: ClaimedPack, job: ClaimedJob, reason: str) -> None:
        """Charge a job an attempt: it was alone in its trainer when that died."""
        self._write_one(pack, job, partial(self._requeue, reason=reason, charge=True, crashed=True))
        self._context.ring(job.id)  # another slot may be warm, and this one's trainer takes seconds to start

    def left(self, pack: ClaimedPack, job: ClaimedJob) -> None:
        """Write why a job left before its training ended."""
        self._write_one(pack, job, self._leave)

    def requeued(self, pack: ClaimedPack, ids: Collection[str], reason: str = "") -> None:
        """Put those of `ids` that are left back into the queue, uncharged."""
        for job in pack.members(ids):
            requeue = partial(self._requeue, reason=reason or self._requeue_reason(), charge=False)
            self._write_one(pack, job, requeue)
            self._context.ring(job.id)

    # --- one job --------------------------------------------------------------------------------------------------

    def _publish(self, job: ClaimedJob, ended: Ended, folder: Path) -> list[ArtifactRecord]:
        """Move what the trainer wrote into the file store, under the attempt: a zombie overwrites nothing."""
        artifacts = []
        for name in ended.files:
            content = (folder / name).read_bytes()
            path = f"{PUBLISHED}/{job.id}/a{job.claim.attempt}/{name}"
            self._context.files.put(path, content)
            artifacts.append(
                ArtifactRecord(
                    name=name,
                    uri=self._context.files.uri(path),
                    sha256=hashlib.sha256(content).hexdigest(),
                    size=len(content),
                )
            )
            (folder / name).unlink()
        folder.rmdir()
        return artifacts

    def _leave(self, job: ClaimedJob) -> bool:
        match job.leave_reason:
            case LeaveReason.timeout:
                sentence = f"It trained longer than timeout_s, {job.spec.timeout_s:g} s."
                return self._fail(job, reason=FailureReason.timeout, message=sentence)
            case LeaveReason.cancel:
                return self._context.store.confirm_cancel(job.id, job.claim.attempt, columns(job.unsent))
            case LeaveReason.pause:
                return self._requeue(job, reason="paused while it ran", charge=False)
            case _:
                return self._requeue(job, reason=self._requeue_reason(), charge=False)

    def _fail(self, job: ClaimedJob, *, reason: FailureReason, message: str) -> bool:
        points = columns(job.unsent)
        return self._context.store.fail(job.id, job.claim.attempt, reason=reason, message=message, points=points)

    def _requeue(self, job: ClaimedJob, *, reason: str, charge: bool, crashed: bool = False) -> bool:
        requeued = self._context.store.requeue(
            job.id,
            job.claim.attempt,
            reason=reason,
            charge=charge,
            crashed=crashed,
            points=columns(job.unsent),
            checkpoints=job.unrecorded,
        )
        if requeued:
            job.unrecorded = []
        return requeued

    def _requeue_reason(self) -> str:
        return "its worker was stopped" if self._stopping.is_set() else "its worker could not reach the record"

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
        report = log.warning
        while True:
            try:
                with self._context.heartbeat.recording:
                    ours = [job for job in jobs if job.leave_reason is not LeaveReason.lost]
                    written = write(ours) if ours else set()
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
            self._checkpoints.discard(job.unrecorded)


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

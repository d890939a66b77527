"""The checkpoints of claimed jobs: from which a job goes on, and which of them the record hears of."""

import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spec.disk import reason
from store.checkpoints import CheckpointRecord
from store.errors import StoreError
from store.leases import LeaseStore

from .checkpoint_files import CheckpointFiles
from .claimed_pack import ClaimedJob, ClaimedPack
from .errors import UnusableCheckpointError
from .messages import Resumed, Saved, Unsaved

log = logging.getLogger(__name__)

STORED_AT_ONCE = 16
"""Checkpoints of one pack on their way to the file store."""


class Checkpointing:
    """Stages the checkpoints of jobs for a trainer, and takes in what the trainer reports of new ones."""

    def __init__(self, files: CheckpointFiles, store: LeaseStore) -> None:
        self._files, self._store = files, store

    def stage(self, job: ClaimedJob, folder: Path) -> tuple[str, ...]:
        """Copy the job's checkpoints into the trainer's folder; one that cannot be used is noted and left out."""
        staged = []
        for checkpoint in list(job.checkpoints):
            try:
                staged.append(self._files.stage(checkpoint, _staged_name(job, checkpoint), folder))
            except UnusableCheckpointError as error:
                self._refuse(job, checkpoint, str(error), for_good=error.for_good)
        return tuple(staged)

    def receive(self, pack: ClaimedPack, report: Resumed | Saved | Unsaved, folder: Path) -> None:
        """Take in what the trainer reports of checkpoints, unless their jobs have left the pack."""
        match report:
            case Saved():
                self._store_saved(pack, report, folder)
            case Resumed():
                for job in pack.members({report.id}):
                    self._resumed(job, report)
            case Unsaved(epoch=epoch, message=message):
                for job in pack.members({report.id}):
                    self._not_stored(job, epoch, message)

    def _resumed(self, job: ClaimedJob, resumed: Resumed) -> None:
        log.info("%s goes on after epoch %d", job.id, resumed.epoch)
        why = {Path(file).name: message for file, message in resumed.refused.items()}
        for checkpoint in list(job.checkpoints):
            if (name := _staged_name(job, checkpoint)) in why:
                self._refuse(job, checkpoint, why[name], for_good=True)

    def _refuse(self, job: ClaimedJob, checkpoint: CheckpointRecord, why: str, *, for_good: bool) -> None:
        job.checkpoints.remove(checkpoint)
        left = f"from that of epoch {job.checkpoints[0].epoch}" if job.checkpoints else "from its beginning"
        note = f"its checkpoint of epoch {checkpoint.epoch} cannot be used: {why}; it goes on {left}"
        self._add_note(job, note, refused=[checkpoint.uri] if for_good else [])

    def _store_saved(self, pack: ClaimedPack, saved: Saved, folder: Path) -> None:
        """Move the checkpoints into the file store; the record learns of them with the next heartbeat.

        Many are moved at once: a bucket takes a twentieth of a second for each, and a worker that stops has no minute.
        """
        jobs = pack.members(saved.files)
        with ThreadPoolExecutor(min(len(jobs), STORED_AT_ONCE) or 1, "checkpoints") as pool:
            moved = pool.map(lambda job: self._move(job, saved.epochs[job.id], folder / saved.files[job.id]), jobs)
            for job, stored in zip(jobs, moved, strict=True):
                if isinstance(stored, OSError):
                    self._not_stored(job, saved.epochs[job.id], reason(stored))
                else:
                    pack.add_checkpoint(job.id, stored)
                    job.checkpoint_failed = False

    def _move(self, job: ClaimedJob, epoch: int, written: Path) -> CheckpointRecord | OSError:
        try:
            return self._files.store(job.id, job.claim.attempt, epoch, written)
        except OSError as error:
            return error

    def _not_stored(self, job: ClaimedJob, epoch: int, message: str) -> None:
        """Note once, in the job's history, that it trains on without a new checkpoint."""
        if not job.checkpoint_failed:
            job.checkpoint_failed = True
            self._add_note(job, f"its checkpoint of epoch {epoch} could not be stored: {message}; it trains on")

    def _add_note(self, job: ClaimedJob, note: str, refused: Collection[str] = ()) -> None:
        log.warning("%s: %s", job.id, note)
        try:
            self._store.add_note(job.id, job.claim.attempt, reason=note, refused=refused)
        except StoreError as error:
            log.warning("the history of %s lacks this note: %s", job.id, error)


def _staged_name(job: ClaimedJob, checkpoint: CheckpointRecord) -> str:
    """A checkpoint's name in a trainer's folder."""
    return f"{job.id}-from-{Path(checkpoint.uri).name}"

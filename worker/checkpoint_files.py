"""Checkpoints on their way between a trainer's folder and the file store."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from spec.disk import reason
from store.checkpoints import CheckpointRecord
from store.files import Files, may_pass

from .errors import NotNowError, UnusableCheckpointError
from .messages import CHECKPOINTS

FOLDER = "checkpoints"
"""Their folder in the file store."""


class CheckpointFiles:
    """The checkpoints of the jobs that this worker trains."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def store(self, job_id: str, attempt: int, epoch: int, written: Path) -> CheckpointRecord:
        """Move what the trainer wrote into the file store, under the attempt: a zombie overwrites nothing.

        Raises `OSError`, and then what was there before is as it was.
        """
        content = written.read_bytes()
        written.unlink()
        path = f"{FOLDER}/{job_id}/a{attempt}-e{epoch}.safetensors"
        self._files.put(path, content)
        return CheckpointRecord(epoch, self._files.uri(path), hashlib.sha256(content).hexdigest())

    def stage(self, checkpoint: CheckpointRecord, name: str, folder: Path) -> str:
        """Copy a checkpoint into a trainer's folder; its path there.

        Raises `UnusableCheckpointError`, and `NotNowError` when the disk is full or the file store is away.
        """
        try:
            content = self._files.get(checkpoint.uri)
            if hashlib.sha256(content).hexdigest() != checkpoint.sha256:
                why = f"its file is not the one that was written, it has {len(content)} bytes now"
                raise UnusableCheckpointError(why, for_good=True)
            (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            (folder / CHECKPOINTS / name).write_bytes(content)
        except FileNotFoundError as error:
            raise UnusableCheckpointError("its file is gone", for_good=True) from error
        except OSError as error:
            if may_pass(error):
                raise NotNowError(f"{reason(error)}: its checkpoint could not be copied to its worker") from error
            raise UnusableCheckpointError(f"its file cannot be copied, {reason(error)}", for_good=False) from error
        return f"{CHECKPOINTS}/{name}"

    def discard(self, checkpoints: Iterable[CheckpointRecord]) -> None:
        """Delete files that the record does not know."""
        for checkpoint in checkpoints:
            with suppress(OSError):  # the sweeper finds it, later
                self._files.delete_file(checkpoint.uri)

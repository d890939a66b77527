"""The rows that a job did not train on, from a process that may read data sets, which the API must not."""

import io
import json
import logging
import subprocess
import uuid
from typing import TYPE_CHECKING

from spec.dataset import Uploaded
from spec.job import JobSpec
from store.datasets import table_path
from store.files import Files

from .children import ask, child_environment
from .errors import BusyError, ConflictError, NotFoundError
from .slots import Slots

if TYPE_CHECKING:
    from model.network import Array

log = logging.getLogger(__name__)

AT_ONCE = 1
"""PyTorch comes with the process: it takes some 300 MB and two seconds."""
SLOT_WAIT_S = 60.0
WALL_S = 120.0


class HeldOutRows:
    """Reads validation and test rows in child processes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._slots = Slots(AT_ONCE, SLOT_WAIT_S, "The rows of other sweeps are being read: try again.")

    def read(self, spec: JobSpec) -> "dict[str, Array]":
        """`validation_x`, `validation_y`, `test_x` and `test_y`, as the data set has them.

        Raises `BusyError`, `ConflictError` when the data cannot be used, and `NotFoundError` when they are gone.
        """
        copy = self._files.staging_folder() / uuid.uuid4().hex
        table = None
        try:
            with self._slots.slot():
                if isinstance(spec.dataset, Uploaded):
                    uri = self._files.uri(table_path(spec.dataset.id))
                    table = str(self._files.fetch(uri, copy))
                content = self._ask({"spec": spec.model_dump(mode="json"), "table": table})
        except FileNotFoundError as error:
            raise NotFoundError("The data set is no longer in the file store.") from error
        finally:
            copy.unlink(missing_ok=True)
        import numpy  # imported with the first ensemble

        with numpy.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def _ask(self, question: dict[str, object]) -> bytes:
        asked, environ = json.dumps(question).encode(), child_environment("HOME")
        try:
            done = ask("trainer.held_out", question=asked, environ=environ, wall_s=WALL_S)
        except subprocess.TimeoutExpired as error:
            raise BusyError("The rows of the data set could not be read in time: try again.") from error
        if done.returncode == 1 and done.stderr and b"Traceback" not in done.stderr:
            raise ConflictError(done.stderr.decode(errors="replace").strip())
        if done.returncode:
            log.error("held-out rows were not read: %s", done.stderr[-2000:].decode(errors="replace"))
            raise BusyError("The rows of the data set could not be read: try again; the service's log says why.")
        return done.stdout

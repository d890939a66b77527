"""The sweeper: deletes the files of checkpoints that nobody wants any more. Every worker runs one."""

import logging
import threading
import time
from collections.abc import Callable

from store.checkpoints import CheckpointStore
from store.errors import StoreError
from store.files import Files

from .checkpoints import FOLDER

log = logging.getLogger(__name__)

EVERY_S = 5.0
LOST_EVERY_S = 3600.0
LOST_AFTER_S = 3600.0
"""A file that the record does not know after so long is one whose worker died between storing it and saying so."""


class Sweeper:
    """Deletes each file before the record forgets it: whoever dies in between, the next one goes on."""

    def __init__(self, checkpoints: CheckpointStore, files: Files) -> None:
        self._checkpoints = checkpoints
        self._files = files

    def once(self) -> None:
        """Delete what is not wanted now."""
        while stale := self._checkpoints.stale():
            for uri in stale:
                self._files.delete_file(uri)
            self._checkpoints.forget(stale)

    def lost(self, after_s: float = LOST_AFTER_S) -> None:
        """Delete old files that the record knows nothing of."""
        for uri in self._checkpoints.unknown(self._files.older(FOLDER, after_s)):
            self._files.delete_file(uri)

    def run(self, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        """Sweep until `stop`."""
        looked_at = clock()
        while not stop.wait(EVERY_S):
            try:
                self.once()
                if clock() - looked_at > LOST_EVERY_S:
                    looked_at = clock()
                    self.lost()
            except (StoreError, OSError) as error:
                log.warning("nothing swept: %s", error)

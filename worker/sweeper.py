"""The sweeper: deletes the files of checkpoints that nobody wants any more. Every worker runs one."""

import logging
import threading

from store.checkpoints import CheckpointStore
from store.errors import StoreError
from store.files import Files

log = logging.getLogger(__name__)

EVERY_S = 5.0


class Sweeper:
    """Deletes each file before the record forgets it: whoever dies in between, the next one goes on."""

    def __init__(self, checkpoints: CheckpointStore, files: Files) -> None:
        self._checkpoints = checkpoints
        self._files = files

    def once(self) -> None:
        """Delete what is not wanted now."""
        while stale := self._checkpoints.stale():
            for uri in stale:
                self._files.delete(uri)
            self._checkpoints.forget(stale)

    def run(self, stop: threading.Event, every_s: float = EVERY_S) -> None:
        """Sweep until `stop`."""
        while not stop.wait(every_s):
            try:
                self.once()
            except (StoreError, OSError) as error:
                log.warning("nothing swept: %s", error)

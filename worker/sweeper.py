"""The sweeper: deletes files that are not needed any more. Every worker runs one.

Checkpoints that were replaced, or whose job has ended, go at once. What a dead attempt left, of checkpoints or of a
model that was published and never recorded, goes when it is old; and so do uploads that nobody goes on with.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from store.artifacts import ArtifactStore
from store.checkpoints import CheckpointStore
from store.errors import StoreError
from store.files import Files, may_pass
from store.records import PublishedFile
from store.trouble import Trouble
from store.uploads import FOLDER as UPLOADS
from store.uploads import UploadStore

from .checkpoint_files import FOLDER
from .outcomes import PUBLISHED

log = logging.getLogger(__name__)

EVERY_S = 5.0
LOST_EVERY_S = 3600.0
LOST_AFTER_S = 3600.0
"""A file that the record does not know after so long is one whose worker died between storing it and saying so."""


_BATCH = 1000
_ATTEMPT = re.compile(rf"/{PUBLISHED}/([^/]+)/a(\d+)/[^/]+$")


class Sweeper:
    """Deletes each file before the record forgets it: if a worker dies in between, the next sweep goes on."""

    def __init__(
        self,
        checkpoints: CheckpointStore,
        artifacts: ArtifactStore,
        uploads: UploadStore,
        files: Files,
        *,
        upload_kept_s: float,
    ) -> None:
        self._checkpoints, self._artifacts, self._uploads = checkpoints, artifacts, uploads
        self._files, self._upload_kept_s = files, upload_kept_s
        self._told = set[str]()
        """Files that cannot be deleted, of which the log tells once."""

    def once(self) -> None:
        """Delete the checkpoints that are not needed now."""
        kept = 0
        while stale := self._checkpoints.stale()[kept:]:
            gone = [uri for uri in stale if self._deleted(uri)]
            self._checkpoints.forget(gone)
            kept += len(stale) - len(gone)

    def lost(self, after_s: float = LOST_AFTER_S) -> None:
        """Delete old files that the record knows nothing of, and will not learn of."""
        # The record is asked first: an object store takes a request a file to say its age.
        for some in _batches(self._files.below(FOLDER)):
            self._delete(self._checkpoints.unknown(some), after_s)
        for some in _batches(self._files.below(PUBLISHED)):
            found = [(uri, _ATTEMPT.search(uri)) for uri in some]
            self._delete(
                self._artifacts.orphaned_files([PublishedFile(at[1], int(at[2]), uri) for uri, at in found if at]),
                after_s,
            )
        self._files.delete_unfinished(after_s)
        self._uploads.abandon(self._upload_kept_s)
        for some in _batches(self._files.below(UPLOADS)):
            self._delete(self._uploads.unknown(some), after_s)

    def _delete(self, uris: Iterable[str], after_s: float) -> None:
        for uri in self._files.older(uris, after_s):
            self._deleted(uri)

    def _deleted(self, uri: str) -> bool:
        """Delete a file; False where it cannot be, and others can. Raises `OSError` where the file store is away."""
        try:
            self._files.delete_file(uri)
        except OSError as error:
            if may_pass(error):
                raise
            if uri not in self._told:
                self._told.add(uri)
                log.warning("%s cannot be deleted: %s", uri, error)
            return False
        return True

    def run(self, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        """Sweep until `stop`."""
        looked_at, trouble = clock(), Trouble(log, "the sweeper deletes nothing")
        while not stop.wait(EVERY_S):
            try:
                self.once()
                if clock() - looked_at > LOST_EVERY_S:
                    looked_at = clock()
                    self.lost()
                trouble.is_over()
            except (StoreError, OSError) as error:
                trouble.is_there(error)


def _batches(uris: Sequence[str]) -> Iterator[Sequence[str]]:
    return (uris[at : at + _BATCH] for at in range(0, len(uris), _BATCH))

"""What the supervisors of one worker share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from store.artifacts import ArtifactStore
from store.claims import ClaimStore
from store.failpoints import Failpoints
from store.files import Files
from store.leases import LeaseStore

from .devices import Device
from .heartbeat import Heartbeat
from .packing import PackSizes
from .trainer_process import Trainer


@dataclass(frozen=True)
class WorkerContext:
    """The collaborators and settings of every supervisor."""

    worker: str
    claims: ClaimStore
    store: LeaseStore
    artifacts: ArtifactStore
    files: Files
    heartbeat: Heartbeat
    start_trainer: Callable[[Device], Trainer]
    ring: Callable[[str], object]
    """Ring for a job that this worker gives back, so that another takes it now and not in ten seconds."""
    announce: Callable[[], object]
    """Write to the record how many slots are free now: other workers take their share of the queue by it."""
    demand_place: Callable[[], object] = lambda: None
    """Raises while there is no place for what jobs leave: `DiskFullError` without space, or `FilesUnavailableError`."""
    show: Callable[[str, str], object] = lambda _job_id, _frame: None
    """Show a picture of a job that trains to whoever watches."""
    sizes: PackSizes = field(default_factory=PackSizes)
    stall_s: float = 600.0
    """A trainer that makes no progress for so long is killed, and its job charged."""
    time_slice_s: float = 0.0
    """How long a pack runs, at most, while jobs of owners who have less wait; 0 is for ever."""
    stop_s: float = 20.0
    """In how many seconds this worker must have stopped, once it is told to."""
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(""))
    clock: Callable[[], float] = time.monotonic

"""Where a job can be, how it gets from one state to the next, and why it ended."""

from collections.abc import Mapping
from enum import StrEnum


class JobStatus(StrEnum):
    """A fact about a job. A wish (cancel, pause) is a column beside it, not a state."""

    queued = "queued"
    running = "running"
    paused = "paused"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.queued: frozenset({JobStatus.running, JobStatus.paused, JobStatus.cancelled, JobStatus.failed}),
    JobStatus.running: frozenset(
        {JobStatus.queued, JobStatus.paused, JobStatus.succeeded, JobStatus.failed, JobStatus.cancelled}
    ),
    JobStatus.paused: frozenset({JobStatus.queued, JobStatus.cancelled}),
    JobStatus.failed: frozenset({JobStatus.queued}),
    JobStatus.succeeded: frozenset(),
    JobStatus.cancelled: frozenset(),
}
"""Every change that can happen. `failed -> queued` only because a user asks again."""

FINISHED = frozenset({JobStatus.succeeded, JobStatus.failed, JobStatus.cancelled})
"""States in which nothing is trained any more."""


class StopReason(StrEnum):
    """Why a job that succeeded stopped training."""

    max_epochs = "max_epochs"
    early_stopping = "early_stopping"
    converged = "converged"
    pruned = "pruned"

    @property
    def sentence(self) -> str:
        """This reason in words, for people."""
        return _STOPPED[self]


_STOPPED: Mapping[StopReason, str] = {
    StopReason.max_epochs: "It trained all the epochs it was given.",
    StopReason.early_stopping: "The monitored metric did not improve for `patience` epochs.",
    StopReason.converged: "The gradient norm fell below `tolerance`.",
    StopReason.pruned: "Its sweep saw that it would not become the best trial.",
}


class FailureReason(StrEnum):
    """Why a job failed; each has a sentence and says whether another try makes sense."""

    diverged = "diverged"
    out_of_memory = "out_of_memory"
    bad_data = "bad_data"
    timeout = "timeout"
    worker_lost = "worker_lost"
    quarantined = "quarantined"
    error = "error"

    @property
    def sentence(self) -> str:
        """This reason in words, with what to do next."""
        return _FAILED[self][0]

    @property
    def retryable(self) -> bool:
        """Whether the same spec may succeed when it is tried again."""
        return _FAILED[self][1]


_FAILED: Mapping[FailureReason, tuple[str, bool]] = {
    FailureReason.diverged: ("The loss became infinite or not a number: try a smaller learning_rate.", False),
    FailureReason.out_of_memory: ("The device had too little memory: make the network or batch_size smaller.", False),
    FailureReason.bad_data: ("The data set cannot be used for this job: see the message.", False),
    FailureReason.timeout: ("It ran longer than timeout_s.", False),
    FailureReason.worker_lost: ("Its worker was lost more often than max_attempts allows: retry it.", True),
    FailureReason.quarantined: ("It crashed its trainer again and again and is kept apart: check the spec.", False),
    FailureReason.error: ("The trainer failed: see the message, then retry.", True),
}

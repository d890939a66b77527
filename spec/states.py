"""Where a job can be, how it gets from one state to the next, and why it ended."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal


class JobStatus(StrEnum):
    """A fact about a job. A control request (cancel, pause) is a column beside it, not a state."""

    queued = "queued"
    running = "running"
    paused = "paused"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.queued: frozenset({JobStatus.running, JobStatus.paused, JobStatus.cancelled}),
    JobStatus.running: frozenset(
        {JobStatus.queued, JobStatus.paused, JobStatus.succeeded, JobStatus.failed, JobStatus.cancelled}
    ),
    JobStatus.paused: frozenset({JobStatus.queued, JobStatus.cancelled}),
    JobStatus.failed: frozenset({JobStatus.queued}),
    JobStatus.succeeded: frozenset(),
    JobStatus.cancelled: frozenset(),
}
"""All transitions that are allowed. `failed -> queued` happens only when a user retries the job."""

FINISHED = frozenset({JobStatus.succeeded, JobStatus.failed, JobStatus.cancelled})
"""The final states: a job in one of them is not trained any more."""


class SweepState(StrEnum):
    """A fact about a sweep."""

    running = "running"
    paused = "paused"
    finished = "finished"
    cancelled = "cancelled"
    failed = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more is trained, unless it is extended."""
        return self in (SweepState.finished, SweepState.cancelled, SweepState.failed)


class TrialState(StrEnum):
    """How a configuration of a sweep ended."""

    open = "open"
    """Its jobs have not all ended."""
    finished = "finished"
    pruned = "pruned"
    failed = "failed"
    cancelled = "cancelled"


class StopReason(StrEnum):
    """Why a job that succeeded stopped training."""

    max_epochs = "max_epochs"
    early_stopping = "early_stopping"
    converged = "converged"
    pruned = "pruned"

    @classmethod
    def known(cls, value: str | None) -> "StopReason | None":
        """The reason in the record; None for one that only a newer release knows, too."""
        return cls(value) if value in list(cls) else None

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return _STOPPED[self]


_STOPPED: Mapping[StopReason, str] = {
    StopReason.max_epochs: "All `epochs` were trained.",
    StopReason.early_stopping: "Early stopping: the monitored metric did not improve for `patience` epochs.",
    StopReason.converged: "Converged: the gradient norm fell below `tolerance`.",
    StopReason.pruned: "Pruned: the sweep predicted that this trial would not be the best.",
}


Retry = Literal["advised", "possible", "useless"]
"""What a retry of a failed job is: `advised` where the job was not at fault, `possible` where another worker may do it,
`useless` where its spec and its data decide."""


class FailureReason(StrEnum):
    """Why a job failed, as a sentence, and whether to retry it."""

    diverged = "diverged"
    out_of_memory = "out_of_memory"
    bad_data = "bad_data"
    timeout = "timeout"
    worker_lost = "worker_lost"
    quarantined = "quarantined"
    error = "error"

    @classmethod
    def _missing_(cls, value: object) -> "FailureReason | None":
        """A reason that only a newer release knows is an error, whose message says more."""
        return cls.error if isinstance(value, str) else None

    @property
    def sentence(self) -> str:
        """The reason as a sentence, with what to do next."""
        return _FAILED[self][0]

    @property
    def retry(self) -> Retry:
        """Whether to try the same spec again."""
        return _FAILED[self][1]


_FAILED: Mapping[FailureReason, tuple[str, Retry]] = {
    FailureReason.diverged: ("The loss became infinite or not a number: try a smaller learning_rate.", "useless"),
    FailureReason.out_of_memory: ("The device ran out of memory: try a smaller network or batch_size.", "possible"),
    FailureReason.bad_data: ("The data set cannot be used for this job: see the message.", "useless"),
    FailureReason.timeout: ("The job ran longer than timeout_s.", "possible"),
    FailureReason.worker_lost: ("The job lost its worker max_attempts times: retry it.", "advised"),
    FailureReason.quarantined: (
        "The job crashed its trainer three times and is quarantined: check the spec.",
        "possible",
    ),
    FailureReason.error: ("The trainer failed: see the message, then retry.", "advised"),
}

"""What can go wrong in a worker.

WorkerError
├── BadDevicesError
├── NotNowError
├── StartError
├── TableError
├── TrainerDied
│   └── TrainerStalled
└── UnusableCheckpointError
"""


class WorkerError(Exception):
    """Something went wrong in a worker."""


class BadDevicesError(WorkerError):
    """EPOCHAL_DEVICES names a device that means nothing or is not there."""


class NotNowError(WorkerError):
    """A full disk or a file store that is away: a job that was claimed goes back to the queue, for later."""


class StartError(WorkerError):
    """The model that a job begins from cannot be had."""


class TableError(WorkerError):
    """The table of an uploaded data set cannot be had."""


class TrainerDied(WorkerError):  # noqa: N818 - a fact about a process, not a fault of the code
    """The trainer process of a slot is gone."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        super().__init__(f"the trainer process ended: {_ending(code)}")


class TrainerStalled(TrainerDied):
    """The trainer process of a slot made no progress, and was killed."""

    def __init__(self, silent_s: float) -> None:
        self.code = None
        Exception.__init__(self, f"the trainer made no progress for {silent_s:g} s and was killed")


class UnusableCheckpointError(WorkerError):
    """A checkpoint cannot be fetched from the file store now, or, `for_good`, is not there as it was written."""

    def __init__(self, why: str, *, for_good: bool) -> None:
        self.for_good = for_good
        super().__init__(why)


def _ending(code: int | None) -> str:
    """How a process ended, in words."""
    import signal

    if code is None:
        return "it closed its pipe"
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, perhaps for lack of memory" if name == "SIGKILL" else name

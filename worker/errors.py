"""What can go wrong in a worker.

WorkerError
├── BadDevicesError
├── TableError
└── TrainerDied
"""


class WorkerError(Exception):
    """Something went wrong in a worker."""


class BadDevicesError(WorkerError):
    """EPOCHAL_DEVICES names a device that means nothing or is not there."""


class TableError(WorkerError):
    """The table of an uploaded data set cannot be had."""


class TrainerDied(WorkerError):  # noqa: N818 - it is a fact about a process, told to the supervisor
    """The trainer process of a slot is gone."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        super().__init__(f"the trainer process ended: {_ending(code)}")


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

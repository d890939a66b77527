"""Errors for users: sentences that say what to do next.

EpochalError
├── ServerUnreachableError      no server answers
├── AnswerError                 the API refused
│   ├── BadSpecError            422, with every field at fault
│   ├── NotAllowedError         401, 403
│   ├── NotFoundError           404
│   ├── ConflictError           409
│   ├── NewerError              501: a newer release wrote it, which the service cannot read
│   └── BusyError               408, 429, 502 to 504
├── BadFileError                a file cannot be read
├── NotEndedError               jobs did not end in the time that `wait` was given
├── WrongUseError               the command was used in a wrong way
│   └── AmbiguousError          several jobs or data sets fit what was given
├── SlurmError                  Slurm refused, or did not answer
└── StackError                  the embedded stack
    ├── AlreadyUpError
    ├── NotUpError
    ├── PortTakenError
    ├── BrokerMissingError
    └── ServiceFailedError
"""

from collections.abc import Sequence

from spec.field_error import FieldError
from spec.newer import NewerView
from spec.reading import GapWords


class EpochalError(Exception):
    """An error that the user can correct; its text says how."""

    exit_code = 1


class ServerUnreachableError(EpochalError):
    """No server answers at the API's address."""

    exit_code = 3


class AnswerError(EpochalError):
    """The API refused the request."""

    def __init__(self, detail: str, *, status: int = 0) -> None:
        super().__init__(detail)
        self.status = status


class BadSpecError(AnswerError):
    """A spec breaks a rule; `errors` names every field at fault.

    Of an upload, `na_values` is the option with which its words among numbers are read as missing values.
    """

    exit_code = 2

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        na_values: GapWords | None = None,
        status: int = 422,
    ) -> None:
        super().__init__(detail, status=status)
        self.errors = tuple(errors)
        self.na_values = na_values

    def __str__(self) -> str:
        detail = super().__str__()
        said = [error for error in self.errors if error.message not in detail]  # no sentence twice
        return "\n".join([detail, *(f"  {error.path}: {error.message}" for error in said)])


class NotAllowedError(AnswerError):
    """The token is missing, unknown, or lacks a scope."""


class NotFoundError(AnswerError):
    """The resource does not exist, or belongs to somebody else."""


class ConflictError(AnswerError):
    """The job's state forbids it."""


class NewerError(AnswerError):
    """A newer release wrote the job or the sweep, which the service cannot read; `known` is what it knows of it."""

    def __init__(self, detail: str, known: NewerView) -> None:
        super().__init__(detail, status=501)
        self.known = known

    def __str__(self) -> str:
        known = self.known
        ended = "" if known.finished_at is None else f", ended {known.finished_at:%Y-%m-%d %H:%M} UTC"
        began = f"created {known.created_at:%Y-%m-%d %H:%M} UTC"
        return f"{super().__str__()}\n  {known.name or known.id}: {known.status}, {began}{ended}"


class BusyError(AnswerError):
    """The server is busy; a later try may succeed."""


class BadFileError(EpochalError):
    """A file cannot be read, or its content is not valid."""

    exit_code = 2


class NotEndedError(EpochalError, TimeoutError):
    """Jobs did not end in the time that `wait` was given; they go on."""


class WrongUseError(EpochalError):
    """The command was used in a wrong way, or a setting is not valid."""

    exit_code = 2


class AmbiguousError(WrongUseError):
    """Several jobs or data sets fit what was given; the text lists them."""


class StackError(EpochalError):
    """The embedded stack cannot carry out the command."""


class SlurmError(EpochalError):
    """Slurm refused, or did not answer."""


class AlreadyUpError(StackError):
    """A stack is already up on this home."""


class NotUpError(StackError):
    """No stack is up on this home."""

    exit_code = 3


class PortTakenError(StackError):
    """Another program listens on a port that the stack needs."""


class BrokerMissingError(StackError):
    """There is no Valkey or Redis program to run."""


class ServiceFailedError(StackError):
    """A service of the stack did not start, or ended."""

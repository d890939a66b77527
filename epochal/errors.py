"""What can go wrong for a user, as sentences that say what to do next.

EpochalError
├── ServerUnreachableError      nothing answers
├── AnswerError                 the API refused
│   ├── BadSpecError            422, with every field at fault
│   ├── NotAllowedError         401, 403
│   ├── NotFoundError           404
│   ├── ConflictError           409
│   └── BusyError               408, 429, 502 to 504
├── BadFileError                a file cannot be read
└── StackError                  the embedded stack
    ├── AlreadyUpError
    ├── NotUpError
    ├── PortTakenError
    ├── BrokerMissingError
    └── ServiceFailedError
"""

from collections.abc import Sequence

from spec.views import FieldError


class EpochalError(Exception):
    """Something went wrong that a person can mend; its text says how."""

    exit_code = 1


class ServerUnreachableError(EpochalError):
    """Nothing answers where the API should be."""

    exit_code = 3


class AnswerError(EpochalError):
    """The API answered that it cannot do what was asked."""

    def __init__(self, detail: str, *, status: int = 0) -> None:
        super().__init__(detail)
        self.status = status


class BadSpecError(AnswerError):
    """A spec breaks a rule; `errors` names every field at fault."""

    exit_code = 2

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), status: int = 422) -> None:
        super().__init__(detail, status=status)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {error.path}: {error.message}" for error in self.errors)])


class NotAllowedError(AnswerError):
    """The token is missing, wrong, or not enough."""


class NotFoundError(AnswerError):
    """There is no such thing, or it is someone else's."""


class ConflictError(AnswerError):
    """The job's state forbids it."""


class BusyError(AnswerError):
    """The server has too much to do; asking again later may help."""


class BadFileError(EpochalError):
    """A file cannot be read, or is not what it should be."""

    exit_code = 2


class StackError(EpochalError):
    """The embedded stack cannot do what was asked."""


class AlreadyUpError(StackError):
    """A stack is up on this home already."""


class NotUpError(StackError):
    """No stack is up on this home."""

    exit_code = 3


class PortTakenError(StackError):
    """Another program listens on a port that the stack needs."""


class BrokerMissingError(StackError):
    """There is no Valkey or Redis program to run."""


class ServiceFailedError(StackError):
    """A service of the stack did not start."""

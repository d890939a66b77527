"""What can go wrong with the record."""


class StoreError(Exception):
    """The record could not do what was asked."""


class NoSuchRecordError(StoreError):
    """There is no such thing in the record, or it is another owner's."""


class StateForbidsError(StoreError):
    """What the record has forbids the request."""


class JobNotFoundError(NoSuchRecordError):
    """There is no such job, or it is another owner's."""


class SweepNotFoundError(NoSuchRecordError):
    """There is no such sweep, or it is another owner's."""


class IllegalSweepStateError(StateForbidsError):
    """The sweep's state forbids it; `cure` says what can be done instead."""

    def __init__(self, state: str, request: str, cure: str) -> None:
        super().__init__(f"A sweep that {_state(state)} cannot be {request}: {cure}.")


class JobOfSweepError(StateForbidsError):
    """The job belongs to a sweep, which is asked as a whole."""

    def __init__(self, sweep_id: str, request: str) -> None:
        instead = {
            "retried": "retry the sweep, or submit its spec as a job of its own",
            "deleted": "the sweep compares its jobs",
        }.get(request, "pause or resume the sweep")
        super().__init__(f"This job belongs to the sweep {sweep_id}, and cannot be {request} alone: {instead}.")


class DatasetNotFoundError(NoSuchRecordError):
    """There is no such data set, or it is another owner's."""


class DatasetInUseError(StateForbidsError):
    """Jobs that have not ended need the data set."""


class UploadNotFoundError(NoSuchRecordError):
    """No upload of this file is under way, or it is another owner's."""


class UploadOffsetError(StateForbidsError):
    """The upload has other bytes than the request takes for granted."""

    def __init__(self, received: int, size: int) -> None:
        super().__init__(f"This upload has {received:,} of {size:,} bytes: ask for its offset, and go on from there.")


class IllegalTransitionError(StateForbidsError):
    """The job's state forbids it; `cure` says what can be done instead."""

    def __init__(self, status: str, request: str, cure: str) -> None:
        super().__init__(f"A job that {_state(status)} cannot be {request}: {cure}.")
        self.status = status


class ForbiddenTransitionError(StoreError):
    """The code asked for a change of state that `spec.states.TRANSITIONS` does not allow: this is a fault of ours."""

    def __init__(self, source: str, to: str) -> None:
        super().__init__(f"No job may change from {source} to {to}: see spec/states.py.")


class IdempotencyMismatchError(StoreError):
    """This Idempotency-Key was used before, with another body: use a new key for a new request."""


class QueueFullError(StoreError):
    """So many jobs may not wait: why, a colon, and what to do."""

    @property
    def why(self) -> str:
        """The reason alone."""
        return str(self).rpartition(": ")[0]


class ClassroomFullError(StoreError):
    """So many guests may not be in a classroom."""


class NotYoursError(StoreError):
    """The row is another owner's, who shares it in a project to be read."""


class UserNotFoundError(NoSuchRecordError):
    """There is no such user."""


class UserExistsError(StateForbidsError):
    """A user has this name."""


class LastAdminError(StateForbidsError):
    """Nobody would administer the service."""


class ProjectNotFoundError(NoSuchRecordError):
    """There is no such project, or the asker is no member of it."""


class ProjectExistsError(StateForbidsError):
    """The name is taken."""


class ProjectInUseError(StateForbidsError):
    """Jobs of the project have not ended."""


class NotAMemberError(StoreError):
    """Who is no member of a project, or only reads in it, submits nothing to it."""


class MemberNotFoundError(NoSuchRecordError):
    """The user is no member of the project."""


class BytesQuotaError(StoreError):
    """A user or a project has no bytes left."""


class StoreUnavailableError(StoreError):
    """The database does not answer."""


class ReadOnlyError(StoreUnavailableError):
    """The database takes no changes: it is a standby, or its owner has made it read-only."""

    def __init__(self) -> None:
        super().__init__("The database is read-only, and nothing was stored. Tell whoever runs the service.")


class WrongDatabaseError(StoreError):
    """The database cannot hold the record; the sentence says why, and what to do."""


class NotMigratedError(StoreUnavailableError):
    """The record has an older schema than this release needs, or none."""


def in_full(error: Exception) -> str:
    """The sentence of an error, and what the driver said: for logs only, because that names hosts and users."""
    said = str(getattr(error.__cause__, "orig", error.__cause__ or "")).strip().partition("\n")[0]
    return f"{error} ({said})" if said else str(error)


class NoSpaceError(StoreError):
    """A file would take space that is kept free for running jobs."""


class DiskFullError(StoreUnavailableError):
    """The disk of the record or of the file store is full; it may have space later."""


def _state(state: str) -> str:
    return f"has {state}" if state in ("succeeded", "failed", "finished") else f"is {state}"

"""What a newer release wrote: this one cannot read it, and says so."""

from datetime import datetime

from .base import Frozen


class NewerReleaseError(Exception):
    """A newer release wrote this, and this service is of an older one."""

    view: "NewerView | None" = None
    """What is known of it, where it was read from the record."""

    def __init__(self, what: str, version: int, known: int) -> None:
        super().__init__(
            f"A newer release of the service wrote this {what}: its format has version {version}, and this service, "
            f"which is older, knows {known}. Ask again when all services are of the newer release."
        )


class NewerView(Frozen):
    """A job or a sweep that a newer release wrote, as an older one shows it: what is known without its spec."""

    id: str
    owner: str
    name: str | None
    status: str
    """The status of a job, or the state of a sweep."""
    created_at: datetime
    started_at: datetime | None = None
    """Of a job."""
    finished_at: datetime | None
    why: str
    """A newer release is needed, and which format it wrote."""

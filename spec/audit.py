"""The audit log as the API shows it."""

from datetime import datetime

from .base import Frozen


class AuditedRequest(Frozen):
    """A request that asked for a change: who, what, from where, and what came of it."""

    actor: str
    token_id: str
    """The token, or the browser's session, that the request showed."""
    address: str
    action: str
    """The group and the name of the view, such as `control.cancel`."""
    method: str
    path: str
    status: int
    """The HTTP status of the answer: from 400 on, nothing was changed."""
    request_id: str


class AuditEntry(AuditedRequest):
    """The same in the log."""

    id: str
    at: datetime


class AuditPage(Frozen):
    """Entries, newest first."""

    entries: list[AuditEntry]
    next: str | None
    """The cursor of the next page; null: this is the last."""

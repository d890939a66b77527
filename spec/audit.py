"""The audit log as the API shows it."""

from datetime import datetime

from .base import Frozen


class AuditEntry(Frozen):
    """A request that asked for a change: who, what, when, from where, and what came of it."""

    id: str
    at: datetime
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


class AuditPage(Frozen):
    """Entries, newest first."""

    entries: list[AuditEntry]
    next: str | None
    """The cursor of the next page; null: this is the last."""

"""Webhooks: addresses that get a message when a job or a sweep ends."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from .base import Frozen
from .labels import Project

ADDRESS = r"^https?://[^\s/?#@]+([/?][^\s#]*)?$"
WebhookUrl = Annotated[str, StringConstraints(pattern=ADDRESS, max_length=2000)]


class NewWebhook(Frozen):
    """A webhook to be made."""

    url: Annotated[WebhookUrl, Field(description="Where each end is sent: http:// or https://, without a password.")]
    project: Annotated[
        Project | None,
        Field(description="A shared project, whose jobs and sweeps are meant; null: your own. For its administrators."),
    ] = None


class WebhookView(Frozen):
    """A webhook, without its secret."""

    id: str
    owner: str
    """Who made it."""
    project: str | None
    url: str
    created_at: datetime
    waiting: int
    """Messages that have not arrived yet."""
    given_up: int
    """Messages of the last 7 days that never arrived."""
    last_error: str | None
    """Why the last try failed; null: it did not."""
    disabled_at: datetime | None
    """Since when nothing is sent, because all had failed for 5 days."""


class MadeWebhook(WebhookView):
    """A webhook that has just been made."""

    secret: str
    """The key of its signatures; it is shown this once."""


class WebhookList(Frozen):
    """Webhooks, newest first."""

    webhooks: list[WebhookView]


class WebhookTest(Frozen):
    """What came back when a message was sent as a test."""

    arrived: bool
    """Whether the answer was 200 to 299."""
    detail: str
    """The answer's status, or why there was none."""


class Message(Frozen):
    """What is sent: the form of the Standard Webhooks."""

    type: str
    """job.ended, sweep.ended or webhook.test."""
    timestamp: datetime
    """When it ended."""
    data: dict[str, Any]

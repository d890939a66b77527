"""Webhooks over HTTP: users register addresses that are told when their jobs and sweeps end."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, request

from spec.webhooks import MadeWebhook, Message, NewWebhook, WebhookList, WebhookTest, WebhookView
from store.posting import BadAddressError, Poster
from store.webhooks import WebhookRecord, WebhookStore

from .answers import PREFIX
from .auth import principal
from .body import read_json
from .errors import BadFieldsError, ForbiddenError, NotFoundError
from .openapi import documented
from .parsing import json_response, parse
from .projects import managed
from .services import service
from .slots import Slots

MOST = 20
"""Most webhooks of a user."""
AT_ONCE = 4
TRIES = Slots(AT_ONCE, 0.0, "Other webhooks are being tried: try again in a moment.")
"""A try holds a thread as long as a name server and a receiver take."""

webhooks = Blueprint("webhooks", __name__, url_prefix=f"{PREFIX}/webhooks")


@webhooks.get("")
@documented("List webhooks, newest first", answer=WebhookList)
def list_webhooks() -> Response:
    """The asker's webhooks, and those of projects that it administers; an administrator's list has everybody's."""
    return json_response(WebhookList(webhooks=[WebhookView(**_fields(one)) for one in _mine()]))


@webhooks.post("")
@documented("Make a webhook", body=NewWebhook, answer=MadeWebhook, status=201)
def make() -> Response:
    """A new webhook; its secret is answered this once."""
    who, new = principal(), parse(NewWebhook, read_json(request))
    project_id = None if new.project is None else managed(new.project).id
    if sum(one.owner == who.owner for one in _mine()) >= MOST:
        raise ForbiddenError(f"You have {MOST} webhooks: remove one first.")
    try:
        with TRIES.slot():
            service(Poster).address(new.url)
    except BadAddressError as error:
        raise BadFieldsError.of("url", f"cannot be used: {error}") from error
    made = service(WebhookStore).add(owner=who.owner, url=new.url, project_id=project_id)
    return json_response(MadeWebhook(**_fields(made), secret=made.secret), 201)


@webhooks.delete("/<uuid:webhook_id>")
@documented("Remove a webhook", status=204)
def remove(webhook_id: UUID) -> Response:
    """Remove a webhook, with the messages that wait for it."""
    found = _one(webhook_id)
    service(WebhookStore).remove(found.id, user=None)
    return Response(status=204)


@webhooks.post("/<uuid:webhook_id>/test")
@documented("Send a test to a webhook", answer=WebhookTest)
def test(webhook_id: UUID) -> Response:
    """Send a message of the type webhook.test now, once, and say what came back."""
    found = _one(webhook_id)
    message = Message(type="webhook.test", timestamp=datetime.now(UTC), data={"id": found.id})
    with TRIES.slot():
        answer = service(Poster).post(found.url, found.secret, str(uuid4()), message.model_dump_json())
    return json_response(WebhookTest(arrived=answer.arrived, detail=answer.detail))


def _mine(webhook_id: str | None = None) -> list[WebhookRecord]:
    return service(WebhookStore).listed(user=principal().manages, webhook_id=webhook_id)


def _one(webhook_id: UUID) -> WebhookRecord:
    for found in _mine(str(webhook_id)):
        return found
    raise NotFoundError(f"No webhook of yours has the id {webhook_id}: list them.")


def _fields(found: WebhookRecord) -> dict[str, Any]:
    return {name: getattr(found, name) for name in WebhookView.model_fields}

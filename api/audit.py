"""The audit log: every request that asks for a change leaves an entry, and administrators read them."""

import logging
from typing import Annotated

from flask import Blueprint, Flask, Response, g, request
from pydantic import AwareDatetime, Field

from spec.audit import AuditedRequest, AuditPage
from spec.base import Frozen
from store.audit import AuditStore
from store.errors import StoreUnavailableError

from .answers import PREFIX
from .auth import administrator
from .openapi import documented
from .parsing import json_response, parse_query
from .services import service

log = logging.getLogger(__name__)

CHANGES_NOTHING = frozenset(
    {"jobs.check", "sweeps.check", "models.predict", "ensembles.predict", "uploads.send", "mlflow.pass_on"}
)
"""Views that change nothing, or many times a second a part of an upload; MLflow has a log of its own."""

audit = Blueprint("audit", __name__, url_prefix=PREFIX)


class AuditQuery(Frozen):
    """Which entries."""

    actor: Annotated[str | None, Field(max_length=200, description="Only of this user.")] = None
    action: Annotated[
        str | None, Field(max_length=100, description="Only of this view, such as control.cancel; or a group: tokens.")
    ] = None
    since: Annotated[AwareDatetime | None, Field(description="Only from this moment on; with a zone.")] = None
    cursor: Annotated[str | None, Field(max_length=36, description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most entries of the page.")] = 100


@audit.get("/audit")
@documented("Read the audit log, newest first", query=AuditQuery, answer=AuditPage)
def show() -> Response:
    """Who asked for which change, when and from where."""
    administrator()
    asked = parse_query(AuditQuery)
    found, following = service(AuditStore).listed(
        actor=asked.actor, action=asked.action, since=asked.since, after=asked.cursor, limit=asked.limit
    )
    return json_response(AuditPage(entries=found, next=following))


def install(app: Flask, entries: AuditStore) -> None:
    """Write an entry for each request under /api/ that asks for a change, whether it is carried out or refused."""

    @app.after_request
    def _write(response: Response) -> Response:
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        if reads or request.endpoint is None or request.endpoint in CHANGES_NOTHING or not _asked_by_somebody():
            return response
        who = g.principal
        asked = AuditedRequest(
            actor=who.owner,
            token_id=who.token_id,
            address=request.remote_addr or "",
            action=request.endpoint,
            method=request.method,
            path=request.path[:500],
            status=response.status_code,
            request_id=g.get("request_id", ""),
        )
        try:
            entries.write(asked)
        except StoreUnavailableError as error:
            log.error("not in the audit log, %s: %s %s by %s", error, asked.method, asked.path, asked.actor)
        return response


def _asked_by_somebody() -> bool:
    """Whether the request showed a valid token: what strangers try is in the log of the process."""
    return "principal" in g

"""Health and readiness, the API's description, and the page: the routes that need no token."""

from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from spec.views import Health
from store.errors import StoreUnavailableError
from store.jobs import JobStore

from .openapi import Description, documented
from .parsing import json_response
from .services import service

WEB = Path(__file__).parent / "web"

health = Blueprint("health", __name__, static_folder=None)


@health.get("/healthz")
@documented("Say whether the process lives", answer=Health)
def healthz() -> Response:
    """Liveness: the process answers."""
    return json_response(Health(status="ok"))


@health.get("/readyz")
@documented("Say whether jobs can be submitted", answer=Health)
def readyz() -> Response:
    """Readiness: the record answers."""
    try:
        service(JobStore).ready()
    except StoreUnavailableError as error:
        unavailable = Health(status="unavailable", checks={"database": str(error)})
        return json_response(unavailable, HTTPStatus.SERVICE_UNAVAILABLE)
    return json_response(Health(status="ok", checks={"database": "ok"}))


@health.get("/openapi.json")
def openapi() -> dict[str, object]:
    """The OpenAPI description."""
    return service(Description).document


@health.get("/")
def page() -> Response:
    """The page."""
    return send_from_directory(WEB, "index.html")


@health.get("/web/<path:name>")
def web(name: str) -> Response:
    """A file of the page."""
    return send_from_directory(WEB, name)

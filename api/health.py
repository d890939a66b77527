"""Health and readiness, the API's description, and the page: the routes that need no token."""

from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from spec.views import Health
from store.errors import DiskFullError, StoreUnavailableError
from store.jobs import JobStore
from store.space import DiskSpace

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
    """Readiness: the record answers, and there is space for new jobs."""
    checks = {"database": "ok", "disk": "ok"}
    try:
        service(JobStore).ready()
        service(DiskSpace).check()
    except DiskFullError as error:
        checks["disk"] = str(error)
    except StoreUnavailableError as error:
        checks = {"database": str(error)}
    else:
        return json_response(Health(status="ok", checks=checks))
    return json_response(Health(status="unavailable", checks=checks), HTTPStatus.SERVICE_UNAVAILABLE)


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

"""Health and readiness, which need no token."""

from http import HTTPStatus

from flask import Blueprint, Response

from spec.views import Health
from store.errors import DiskFullError, StoreUnavailableError
from store.jobs import JobStore
from store.space import DiskSpace

from .openapi import documented
from .parsing import json_response
from .services import service

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

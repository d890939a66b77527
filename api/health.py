"""Whether the service lives and is ready, and how it is to be used."""

from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, send_from_directory

from spec import VERSION
from spec.views import Health
from store.errors import StoreUnavailableError
from store.jobs import JobStore

from .openapi import describe, documented

WEB = Path(__file__).parent / "web"


def blueprint(store: JobStore) -> Blueprint:
    """The routes that need no token."""
    health = Blueprint("health", __name__, static_folder=None)
    described = cache(lambda: describe(current_app, VERSION))  # the routes are the same for as long as it runs

    @health.get("/healthz")
    @documented("Say whether the process lives", answer=Health)
    def healthz() -> Response:
        return _json(Health(status="ok"))

    @health.get("/readyz")
    @documented("Say whether jobs can be submitted", answer=Health)
    def readyz() -> tuple[Response, int]:
        try:
            store.ready()
        except StoreUnavailableError as error:
            return _json(Health(status="unavailable", checks={"database": str(error)})), 503
        return _json(Health(status="ok", checks={"database": "ok"})), 200

    @health.get("/openapi.json")
    def openapi() -> dict[str, object]:
        return described()

    @health.get("/")
    def page() -> Response:
        return send_from_directory(WEB, "index.html")

    @health.get("/web/<path:name>")
    def web(name: str) -> Response:
        return send_from_directory(WEB, name)

    return health


def _json(answer: Health) -> Response:
    return Response(answer.model_dump_json(), content_type="application/json")

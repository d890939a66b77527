"""The Flask application: wiring only."""

import logging
import time
import uuid

from flask import Flask, Response, g, request
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.exceptions import NotFound

from spec.settings import Settings
from store.datasets import DatasetStore
from store.db import connect
from store.doorbell import Doorbell
from store.failpoints import Failpoints
from store.files import Files
from store.jobs import JobStore
from store.limits import Limits
from store.queue import Queue
from store.tokens import TokenStore
from store.uploads import UploadStore
from store.workers import WorkerStore

from . import auth, datasets, errors, events, health, jobs, models, pictures, uploads, wishes, workers
from .body import MIB
from .reader import Reader

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# Swagger UI sets styles and its first script inline.
_DOCS_POLICY = _PAGE_POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Flask:
    """The API over the record that `settings` name."""
    engine = connect(settings.database_url)
    limits = Limits.of(settings)
    store, queue = JobStore(engine, limits), Queue(engine, limits)
    app = Flask(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MIB,
        TRUSTED_HOSTS=sorted(
            {"localhost", "127.0.0.1", "[::1]", settings.host, *settings.trusted_hosts.split(",")} - {""}
        ),
    )
    app.extensions["epochal.engine"] = engine
    files, own = Files(settings.files_url), DatasetStore(engine)
    desk = jobs.Desk(
        store,
        queue,
        own,
        Doorbell(settings.broker_url),
        files,
        settings.mlflow_public_url,
        Failpoints(settings.failpoints),
    )
    shelf = datasets.Shelf(own, UploadStore(engine), files, Reader(), settings.data_quota_mib * MIB)

    @app.before_request
    def _name_request() -> None:
        g.request_id, g.began = str(uuid.uuid4()), time.monotonic()

    @app.before_request
    def _refuse_zeros() -> None:
        if "\0" in request.path:  # nothing has it in its name, and PostgreSQL does not even look
            raise NotFound

    errors.install(app)
    auth.install(app, TokenStore(engine), auth.Guesses())
    app.register_blueprint(jobs.blueprint(desk))
    app.register_blueprint(wishes.blueprint(desk))
    app.register_blueprint(datasets.blueprint(shelf))
    app.register_blueprint(uploads.blueprint(shelf))
    app.register_blueprint(models.blueprint(store, files))
    app.register_blueprint(pictures.blueprint(store, files))
    app.register_blueprint(events.blueprint(store))
    app.register_blueprint(workers.blueprint(WorkerStore(engine), queue))
    app.register_blueprint(health.blueprint(store))
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json", config={"app_name": "Epochal"}))

    @app.after_request
    def _guard(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        response.headers["X-Content-Type-Options"] = "nosniff"
        policy = _DOCS_POLICY if request.path.startswith("/docs") else _PAGE_POLICY
        response.headers["Content-Security-Policy"] = policy
        return response

    @app.after_request
    def _log(response: Response) -> Response:
        if response.status_code >= 400 or request.method not in ("GET", "HEAD", "OPTIONS"):
            took_ms = 1000.0 * (time.monotonic() - g.began)
            said = (g.request_id, request.method, request.path[:200], response.status_code, took_ms)
            log.info("request %s: %s %r: %d in %.0f ms", *said)
        return response

    return app

"""The Flask application: it creates the services and registers the views."""

import logging
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from spec import VERSION
from spec.lesson import LESSONS
from spec.settings import Settings
from store.audit import AuditStore
from store.changes import ChangeStore
from store.control import JobControl
from store.datasets import DatasetStore
from store.db import connect
from store.disk_space import DiskSpace
from store.doorbell import Doorbell
from store.failpoints import Failpoints
from store.figures import read_figures
from store.files import MarkedFiles, files_at
from store.limits import Limits
from store.live import LivePictures
from store.mark import MarkStore
from store.posting import Poster
from store.projects import ProjectStore
from store.queue import Queue
from store.quota_use import QuotaUseStore
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from store.tokens import TokenStore
from store.uploads import UploadStore
from store.usage import UsageStore
from store.users import UserStore
from store.webhooks import WebhookStore
from store.workers import WorkerStore

from . import audit as audit_log
from . import auth, compression, errors, exposition, host_names
from .body import MIB
from .control import control
from .dataset_contents import dataset_contents
from .dataset_services import DatasetServices
from .datasets import datasets
from .ensemble_services import Ensembles
from .ensembles import ensembles
from .exposition import Exposition, metrics
from .feed import Feed, feed
from .guests import guests
from .health import FileStoreHealth, health
from .held_out import HeldOutRows
from .improvement_services import Improvements
from .improvements import improvements
from .job_services import JobServices
from .jobs import jobs
from .lessons import Lessons, lessons
from .mlflow_proxy import MlflowServer, mlflow
from .models import LoadedModels, models
from .openapi import Description
from .pages import Assets, pages
from .pictures import Gallery, pictures
from .projects import projects
from .proxies import BehindProxies
from .quotas import quotas
from .reader import Reader
from .replay_services import ReplayServices
from .replays import replays
from .services import provide, service
from .sessions import sessions
from .stream import OpenStreams, SharedReads, stream
from .sweep_services import SweepServices
from .sweep_stream import SharedProgress, sweep_stream
from .sweeps import sweeps
from .tokens import tokens as token_views
from .upload_services import UploadServices
from .uploads import uploads
from .usage import usage
from .users import users
from .warm_starts import WarmStarts
from .webhooks import webhooks
from .workers import workers

if TYPE_CHECKING:
    from sqlalchemy import Engine

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

log = logging.getLogger(__name__)


VIEWS = (
    *(jobs, control, models, pictures, replays, improvements, feed, stream),
    *(sweeps, ensembles, sweep_stream),
    *(datasets, dataset_contents, uploads),
    *(users, projects, token_views, webhooks, audit_log.audit, usage, quotas),
    *(lessons, workers, sessions, guests, health, metrics, mlflow, pages),
)


def create_app(settings: Settings) -> Flask:
    """The API over the database that `settings` name."""
    app, engine = Flask(__name__, static_folder=None), connect(settings.database_url)
    app.wsgi_app = BehindProxies(  # type: ignore[method-assign]
        app.wsgi_app, settings.trusted_proxies, settings.public_url
    )
    app.config.update(MAX_CONTENT_LENGTH=MIB)
    app.extensions["epochal.engine"] = engine
    provide(app, *_services(settings, engine), Assets(Description(app, VERSION)))
    app.before_request(_assign_request_id)
    host_names.install(app, settings)
    app.before_request(_refuse_null_characters)
    errors.install(app)
    compression.install(app)
    with app.app_context():
        exposition.install(app, service(Exposition))
        audit_log.install(app, service(AuditStore))
        auth.install(app, service(TokenStore), auth.FailedLogins())
    for blueprint in VIEWS:
        app.register_blueprint(blueprint)
    app.after_request(_add_security_headers)
    app.after_request(_log)
    return app


def _services(settings: Settings, engine: "Engine") -> Iterator[object]:
    """What views work with, each made once."""
    limits = Limits.of(settings)
    store, queue = JobControl(engine, limits), Queue(engine, limits)
    sweep_store, results = SweepStore(engine, limits), SweepResults(engine)
    sets, uploading, unmarked = DatasetStore(engine), UploadStore(engine), files_at(settings.files_url)
    files = MarkedFiles(unmarked, partial(MarkStore(engine).settled, unmarked))
    mlflow_url = settings.mlflow_public_url or auth.MLFLOW
    space, doorbell = DiskSpace(engine, files, settings.disk_reserve_mib), Doorbell(settings.broker_url)
    loaded = LoadedModels(store, files)
    starts, improving = WarmStarts(store, sets, loaded, files), Improvements(store, sweep_store, results, space)
    job_services = JobServices(
        store=store,
        queue=queue,
        starts=starts,
        improvements=improving,
        doorbell=doorbell,
        files=files,
        space=space,
        mlflow_url=mlflow_url,
        failpoints=Failpoints(settings.failpoints),
    )
    dataset_services = DatasetServices(sets, uploading, files, Reader(), settings.data_quota_mib * MIB, space)
    sweep_services = SweepServices(sweep_store, results, store, doorbell, dataset_services, starts, space, mlflow_url)
    yield from (limits, store, queue, sweep_store, results, space, loaded, starts, improving)
    yield from (job_services, dataset_services, sweep_services)
    yield from (WorkerStore(engine), TokenStore(engine), UserStore(engine), ProjectStore(engine))
    yield from (UsageStore(engine), QuotaUseStore(engine), WebhookStore(engine), AuditStore(engine))
    yield Exposition(partial(read_figures, engine), space, settings.queue_limit)
    yield MlflowServer.at(settings.mlflow_url)
    yield Poster(private=settings.webhook_private)
    yield FileStoreHealth(files)
    yield ReplayServices(job_services, sweep_store, results)
    yield UploadServices(uploading, files, space)
    yield Ensembles(results, store, loaded, HeldOutRows(files))
    yield Gallery(store, files)
    yield Lessons(LESSONS, *map(Path, filter(None, [settings.lessons])))
    yield from (SharedReads(store), SharedProgress(sweep_services), OpenStreams(), LivePictures(settings.broker_url))
    yield Feed(ChangeStore(engine), sweep_services)


def _assign_request_id() -> None:
    g.request_id, g.began = str(uuid.uuid4()), time.monotonic()


def _refuse_null_characters() -> None:
    if "\0" in request.path:  # no name contains it, and PostgreSQL refuses it
        raise NotFound


def _add_security_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    return response


def _log(response: Response) -> Response:
    if response.status_code >= 400 or request.method not in ("GET", "HEAD", "OPTIONS"):
        took_ms = 1000.0 * (time.monotonic() - g.began)
        fields = (g.request_id, request.method, request.path[:200], response.status_code, took_ms)
        log.info("request %s: %s %r: %d in %.0f ms", *fields)
    return response


def look_at_files(app: Flask) -> None:
    """Look whether the file store is the record's; a new record gets its mark. The log says what is wrong."""
    with app.app_context():
        service(FileStoreHealth).says()


def end_streams(app: Flask) -> None:
    """End the streams of a process that is to stop."""
    with app.app_context():
        service(OpenStreams).end()
        service(Feed).end()

"""How gunicorn serves MLflow in the embedded stack. `tracking.serve` says where its database and artifacts are.

The names below are private to MLflow: with a release that has others, the server fails at its start.
"""

import gc
import os
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from .serve import NICE

gc.disable()  # until MLflow is imported: a quarter of that time went into searching it for garbage
preload_app = True  # MLflow is imported once: the workers share its memory, and the second one starts at once
workers = 2  # SQLite takes one writer at a time: a third worker would mostly wait
worker_class = "gthread"
threads = 16
keepalive = 0  # a kept connection ties its client to one worker, even while the other is free
timeout = 120
umask = 0o077  # its socket and its files are its user's alone
graceful_timeout = 5  # a client with an open request must not delay the end of the stack
loglevel = "warning"
accesslog = None
errorlog = "-"
control_socket_disable = True  # nobody manages it at run time, and two stacks of one user would share the socket


def on_starting(_: Arbiter) -> None:
    """Create or migrate the database, which the first requests would all do at once. Workers share no connections."""
    from mlflow.server import handlers
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR

    from .migration import migrate

    database, root = os.environ[BACKEND_STORE_URI_ENV_VAR], os.environ[ARTIFACT_ROOT_ENV_VAR]
    migrate(database)
    handlers.initialize_backend_stores(database, database, root)
    stores: list[Any] = [handlers._get_tracking_store(), handlers._get_model_registry_store()]
    for store in stores:
        store.engine.dispose()
    gc.freeze()  # imported modules stay: searching them for garbage took a tenth of a worker's time
    gc.enable()


def post_fork(_: Arbiter, __: Worker) -> None:
    """Make a worker nicer than the trainers. Its parent keeps its niceness: the stack waits for MLflow to start."""
    os.nice(NICE)


@event.listens_for(Engine, "connect")
def log_ahead(connection: DBAPIConnection, _: object) -> None:
    """Switch SQLite to write-ahead logging: a commit waits for the disk once, not three times, and is as durable."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()

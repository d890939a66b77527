"""How gunicorn serves MLflow in the embedded stack. `tracking.serve` says where its database and artifacts are.

What is named below are MLflow's own names: a release that has others fails at the start.
"""

import gc
import os
from typing import Any

from gunicorn.arbiter import Arbiter
from mlflow.server import handlers
from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

preload_app = True  # MLflow is read once: its workers share what it holds, and a second one starts at once
workers = 2  # SQLite takes one writer at a time: a third waits more than it does
worker_class = "gthread"
threads = 16
keepalive = 0  # a connection that stays keeps its client at one worker, though the other be free
timeout = 120
graceful_timeout = 5  # a client that keeps its question open must not keep the stack up
loglevel = "warning"
accesslog = None
errorlog = "-"
control_socket_disable = True  # nobody manages it at run time, and two stacks of one user would share the socket


def on_starting(_: Arbiter) -> None:
    """Make the database, or the first requests would, all at once; a worker may not share connections to it."""
    database, root = os.environ[BACKEND_STORE_URI_ENV_VAR], os.environ[ARTIFACT_ROOT_ENV_VAR]
    handlers.initialize_backend_stores(database, database, root)
    stores: list[Any] = [handlers._get_tracking_store(), handlers._get_model_registry_store()]
    for store in stores:
        store.engine.dispose()
    gc.freeze()  # what has been read stays: looking for garbage in it took a tenth of a worker's time


@event.listens_for(Engine, "connect")
def log_ahead(connection: DBAPIConnection, _: object) -> None:
    """Let SQLite write ahead (WAL): a commit waits for the disk once instead of three times, and is as durable."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()

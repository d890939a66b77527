"""How gunicorn serves the API; each setting says which accident it prevents."""

import gc
import os
import shutil
import tempfile

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from spec.settings import BadSettingsError, Settings
from store.files import BadFilesUrlError, FilesUnavailableError, files_at, scratch_folder

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where `api/exposition.py` finds what all processes counted."""

worker_class = "api.server.Worker"  # gthread, in which no client holds a thread by being slow
workers = 1
threads = 340  # a stream, a request for MLflow, a client that is waited for hold one each: others need some beside them
worker_connections = 512  # beyond them, the oldest that wait are closed; a process may often have 1,024 files
keepalive = 5
timeout = 60
graceful_timeout = 5  # open streams would hold a shutdown for ever
limit_request_line = 8190
limit_request_field_size = 16_380
limit_request_fields = 100
sendfile = False  # it would wait for clients that do not read
accesslog = None
errorlog = "-"
control_socket_disable = True  # nobody manages it at run time, and two stacks of one user would share the socket


def on_starting(_: Arbiter) -> None:
    """End with a sentence when settings or file store are wrong; make the folder in which processes count requests."""
    try:
        files_at(Settings.read().files_url).check()
    except FilesUnavailableError:
        pass  # the application says so, and works without files
    except (BadSettingsError, BadFilesUrlError) as error:
        raise SystemExit(str(error)) from error
    try:
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="epochal-metrics-", dir=scratch_folder())
    except OSError as error:
        raise SystemExit(str(error)) from error


def post_fork(_: Arbiter, __: Worker) -> None:
    """Look for no garbage while the application is imported: that took a seventh of the time."""
    gc.disable()


def post_worker_init(_: Worker) -> None:
    """Look for it from now on, but not among what was imported, which stays."""
    gc.freeze()
    gc.enable()


def on_exit(_: Arbiter) -> None:
    """Remove it."""
    shutil.rmtree(os.environ[SHARED_FOLDER], ignore_errors=True)

"""Health and readiness, which need no token."""

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response

from spec.views import Health
from store.control import JobControl
from store.disk_space import DiskSpace
from store.errors import DiskFullError, StoreUnavailableError
from store.files import BadFilesUrlError, Files, WrongFilesError

from .openapi import documented
from .parsing import json_response
from .services import service

FILES_EVERY_S = 10.0
MOVED = " After files were moved there on purpose, run `python -m store mark` with the API's settings."

log = logging.getLogger(__name__)

health = Blueprint("health", __name__, static_folder=None)


class FileStoreHealth:
    """Whether the file store can be used. It is asked now and then, by one thread: a bucket may answer after 20 s."""

    def __init__(self, files: Files, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._clock = files, clock
        self._asking = threading.Lock()
        self._asked_at = float("-inf")
        self._says = "ok"

    def says(self) -> str:
        """ok, or what is wrong and what to change."""
        if self._clock() - self._asked_at > FILES_EVERY_S and self._asking.acquire(blocking=False):
            try:
                self._files.check()
                self._says = "ok"
            except (BadFilesUrlError, OSError) as error:
                if self._says != str(error):
                    moved = MOVED if isinstance(error, WrongFilesError) else ""
                    log.warning("%s%s Until then, requests that need a file fail.", error, moved)
                self._says = str(error)
            finally:
                self._asked_at = self._clock()
                self._asking.release()
        return self._says


@health.get("/healthz")
@documented("Say whether the process lives", answer=Health)
def healthz() -> Response:
    """Liveness: the process answers."""
    return json_response(Health(status="ok"))


@health.get("/readyz")
@documented("Say whether jobs can be submitted", answer=Health)
def readyz() -> Response:
    """Readiness: the record answers, there is space for new jobs, and the file store can be used."""
    checks = {"database": "ok", "disk": "ok", "files": service(FileStoreHealth).says()}
    try:
        service(JobControl).ready()
        service(DiskSpace).check()
    except DiskFullError as error:
        checks["disk"] = str(error)
    except StoreUnavailableError as error:
        checks = {"database": str(error)}
    if set(checks.values()) == {"ok"}:
        return json_response(Health(status="ok", checks=checks))
    return json_response(Health(status="unavailable", checks=checks), HTTPStatus.SERVICE_UNAVAILABLE)

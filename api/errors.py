"""Errors, and the only place that knows their status codes. Every answer is application/problem+json (RFC 9457)."""

import errno
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from spec.views import FieldError, Problem
from store.errors import (
    DatasetInUseError,
    DatasetNotFoundError,
    IdempotencyMismatchError,
    IllegalTransitionError,
    JobNotFoundError,
    QueueFullError,
    StoreUnavailableError,
    UploadNotFoundError,
    UploadOffsetError,
)

log = logging.getLogger(__name__)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class ApiError(Exception):
    """A request cannot be answered as it was meant."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = {}
    errors: Sequence[FieldError] = ()


class BadBodyError(ApiError):
    """The body cannot be read."""


class SlowBodyError(ApiError):
    """The body does not come."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BadKeyError(ApiError):
    """The Idempotency-Key is not one."""


class UnauthorizedError(ApiError):
    """There is no token, or not a good one."""

    status = HTTPStatus.UNAUTHORIZED
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="epochal"'}


class ForbiddenError(ApiError):
    """The token does not allow this."""

    status = HTTPStatus.FORBIDDEN


class TooManyError(ApiError):
    """Too many requests of a kind, for now."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_s)}


class BusyError(ApiError):
    """This process does as much of a kind as it can, or cannot do it now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers: Mapping[str, str] = {"Retry-After": "5"}


class UnsupportedBodyError(ApiError):
    """The body is of a kind that is not understood."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooLargeError(ApiError):
    """It is more than there is room for, or more than is done here."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NotFoundError(ApiError):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class BadFieldsError(ApiError):
    """Fields of the request are wrong."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: Sequence[FieldError]) -> None:
        first = errors[0]
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{first.path or 'The body'} {first.message}{more}.")
        self.errors = errors

    @classmethod
    def of(cls, path: str, message: str) -> "BadFieldsError":
        """One field's error."""
        return cls([FieldError(path=path, message=message)])


_STORE: Mapping[type[Exception], HTTPStatus] = {
    JobNotFoundError: HTTPStatus.NOT_FOUND,
    DatasetNotFoundError: HTTPStatus.NOT_FOUND,
    DatasetInUseError: HTTPStatus.CONFLICT,
    UploadNotFoundError: HTTPStatus.NOT_FOUND,
    UploadOffsetError: HTTPStatus.CONFLICT,
    IllegalTransitionError: HTTPStatus.CONFLICT,
    IdempotencyMismatchError: HTTPStatus.UNPROCESSABLE_ENTITY,
    QueueFullError: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What the record's errors are over HTTP."""

_RETRY_AFTER_S: Mapping[HTTPStatus, int] = {HTTPStatus.TOO_MANY_REQUESTS: 30, HTTPStatus.SERVICE_UNAVAILABLE: 5}
"""When to ask again at the earliest: a queue that is full takes longer to clear than a database to come back."""


_SENTENCES: Mapping[HTTPStatus, str] = {
    HTTPStatus.NOT_FOUND: "There is nothing here: /docs lists what there is, and a job's id is a UUID.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This method is not for this address: the header Allow names those that are.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large: at most 1 MiB, or 32 MiB for /api/v1/jobs/bulk.",
}
"""What Werkzeug's errors are in words that say what to do next."""


def problem(
    status: HTTPStatus, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """An error as every client can read it."""
    body = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        errors=list(errors),
        request_id=g.get("request_id", ""),
    )
    return Response(
        body.model_dump_json(), status=status, headers=dict(headers or {}), content_type="application/problem+json"
    )


def install(app: Flask, chance: Callable[[], float] = random.random) -> None:
    """Answer every error of `app` as a problem; `chance` is from 0 to 1, and spreads those who are to ask again."""

    @app.after_request
    def _spread(response: Response) -> Response:
        """Clients that were refused together shall not come back together: each waits up to twice as long."""
        if (wait_s := response.headers.get("Retry-After", type=int)) is not None:
            response.headers["Retry-After"] = str(wait_s + round(chance() * wait_s))
        return response

    @app.errorhandler(ApiError)
    def _api(error: ApiError) -> Response:
        return problem(error.status, str(error), errors=error.errors, headers=error.headers)

    for kind, status in _STORE.items():

        def _store(error: Exception, status: HTTPStatus = status) -> Response:
            headers = {"Retry-After": str(_RETRY_AFTER_S[status])} if status in _RETRY_AFTER_S else {}
            if status is HTTPStatus.SERVICE_UNAVAILABLE:
                log.error("request %s: %s", g.get("request_id", ""), error, exc_info=error)
            sentence = str(error) or (type(error).__doc__ or "")
            return problem(status, sentence, headers=headers)

        app.register_error_handler(kind, _store)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        headers = {}
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers["Allow"] = ", ".join(sorted(error.valid_methods))
        sentence = _SENTENCES.get(status, error.description or status.phrase)
        return problem(status, sentence, headers=headers)

    @app.errorhandler(OSError)
    def _disk(error: OSError) -> Response:
        if error.errno not in DISK_FULL:
            return _unknown(error)
        sentence = "The service has no room on its disk: tell whoever runs it."
        return problem(HTTPStatus.INSUFFICIENT_STORAGE, sentence)

    @app.errorhandler(Exception)
    def _unknown(error: Exception) -> Response:
        log.exception("request %s failed", g.get("request_id", ""))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed; the log has the request id.")

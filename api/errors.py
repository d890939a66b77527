"""Errors and their status codes, which no other module knows. Each is sent as application/problem+json (RFC 9457)."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import ClassVar

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from spec.disk import is_full
from spec.field_error import FieldError
from spec.newer import NewerReleaseError, NewerView
from spec.reading import GapWords
from spec.validation_errors import MOST
from spec.views import Problem
from store.errors import (
    BytesQuotaError,
    ClassroomFullError,
    IdempotencyMismatchError,
    NoSpaceError,
    NoSuchRecordError,
    NotAMemberError,
    NotYoursError,
    QueueFullError,
    StateForbidsError,
    StoreUnavailableError,
    in_full,
)
from store.files import FilesUnavailableError

log = logging.getLogger(__name__)


class ApiError(Exception):
    """The request cannot be carried out."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = {}
    errors: Sequence[FieldError] = ()
    na_values: GapWords | None = None


class BadBodyError(ApiError):
    """The body cannot be read."""


class SlowBodyError(ApiError):
    """The body takes too long to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BadKeyError(ApiError):
    """The Idempotency-Key is not valid."""


class UnauthorizedError(ApiError):
    """The token is missing, unknown or revoked."""

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
    """The service cannot carry out the request now; a later try may succeed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers: Mapping[str, str] = {"Retry-After": "5"}


class MlflowDownError(ApiError):
    """MLflow, which the request was passed on to, does not answer."""

    status = HTTPStatus.BAD_GATEWAY
    headers: Mapping[str, str] = {"Retry-After": "5"}


class UnsupportedBodyError(ApiError):
    """The body's media type is not supported."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooLargeError(ApiError):
    """The request exceeds a quota or a limit of size."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TusVersionError(ApiError):
    """The client sends uploads by another version of tus."""

    status = HTTPStatus.PRECONDITION_FAILED


class NotFoundError(ApiError):
    """The resource does not exist."""

    status = HTTPStatus.NOT_FOUND


class ConflictError(ApiError):
    """What the resource is forbids the request."""

    status = HTTPStatus.CONFLICT


class BadFieldsError(ApiError):
    """Fields of the request are not valid; an answer names `MOST` of them at most."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: Sequence[FieldError], *, na_values: GapWords | None = None) -> None:
        first = errors[0]
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        sentence = f"{first.path or 'The body'} {first.message}{more}"
        super().__init__(sentence if sentence.endswith("?") else f"{sentence}.")
        self.errors = errors[:MOST]
        self.na_values = na_values

    @classmethod
    def of(cls, path: str, message: str) -> "BadFieldsError":
        """One field's error."""
        return cls([FieldError(path=path, message=message)])


_STORE: Mapping[type[Exception], HTTPStatus] = {
    NoSuchRecordError: HTTPStatus.NOT_FOUND,
    StateForbidsError: HTTPStatus.CONFLICT,
    NotYoursError: HTTPStatus.FORBIDDEN,
    NotAMemberError: HTTPStatus.FORBIDDEN,
    BytesQuotaError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NoSpaceError: HTTPStatus.INSUFFICIENT_STORAGE,
    IdempotencyMismatchError: HTTPStatus.UNPROCESSABLE_ENTITY,
    QueueFullError: HTTPStatus.TOO_MANY_REQUESTS,
    ClassroomFullError: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Status codes of the record's errors, and of those that are a kind of one."""

_RETRY_AFTER_S: Mapping[HTTPStatus, int] = {HTTPStatus.TOO_MANY_REQUESTS: 30, HTTPStatus.SERVICE_UNAVAILABLE: 5}
"""Seconds to wait before the next try: a full queue takes longer to clear than a database to come back."""


_SENTENCES: Mapping[HTTPStatus, str] = {
    HTTPStatus.NOT_FOUND: "Nothing is at this address: /docs lists the routes, and the id of a job or sweep is a UUID.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "The body is too large: at most 1 MiB, or 32 MiB for jobs/bulk, jobs/cancel and predict. "
        "Upload many rows as a data set."
    ),
}
"""Werkzeug's errors as sentences that say what to do next."""


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    na_values: GapWords | None = None,
    newer: NewerView | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that describes an error."""
    body = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        errors=list(errors),
        na_values=na_values,
        newer=newer,
        request_id=g.get("request_id", ""),
    )
    return Response(
        body.model_dump_json(), status=status, headers=dict(headers or {}), content_type="application/problem+json"
    )


def _refused(error: Exception, status: HTTPStatus, sentence: str = "") -> Response:
    """The answer for an error of the record or the file store; the log has what may be the service's fault."""
    headers = {"Retry-After": str(_RETRY_AFTER_S[status])} if status in _RETRY_AFTER_S else {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.error("request %s: %s", g.get("request_id", ""), in_full(error))
    return problem(status, sentence or str(error) or type(error).__doc__ or "", headers=headers)


def install(app: Flask, chance: Callable[[], float] = random.random) -> None:
    """Answer every error of `app` as a problem; `chance`, from 0 to 1, spreads the retries of refused clients."""

    @app.after_request
    def _spread(response: Response) -> Response:
        """Make each refused client wait up to twice as long, so that they do not all come back together."""
        if (wait_s := response.headers.get("Retry-After", type=int)) is not None:
            response.headers["Retry-After"] = str(wait_s + round(chance() * wait_s))
        return response

    @app.errorhandler(ApiError)
    def _api(error: ApiError) -> Response:
        return problem(error.status, str(error), errors=error.errors, na_values=error.na_values, headers=error.headers)

    @app.errorhandler(NewerReleaseError)
    def _newer(error: NewerReleaseError) -> Response:
        return problem(HTTPStatus.NOT_IMPLEMENTED, str(error), newer=error.view)

    for kind, status in _STORE.items():
        app.register_error_handler(kind, partial(_refused, status=status))

    @app.errorhandler(FilesUnavailableError)
    def _files(error: FilesUnavailableError) -> Response:
        sentence = "The files of the service cannot be reached: try again. Its log says why."
        return _refused(error, HTTPStatus.SERVICE_UNAVAILABLE, sentence)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        sentence = _SENTENCES.get(status, error.description or status.phrase)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            allowed = ", ".join(sorted(error.valid_methods))
            return problem(status, f"This address takes other methods: {allowed}.", headers={"Allow": allowed})
        return problem(status, sentence)

    @app.errorhandler(OSError)
    def _disk(error: OSError) -> Response:
        if not is_full(error):
            return _unknown(error)
        sentence = "The disk of the service is full: tell whoever runs the service."
        return problem(HTTPStatus.INSUFFICIENT_STORAGE, sentence)

    @app.errorhandler(Exception)
    def _unknown(error: Exception) -> Response:
        log.exception("request %s failed", g.get("request_id", ""))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed; the log has the request id.")

"""Requests that are no HTTP, or too large to be read: answered as the application answers its errors."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus

from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from spec.views import Problem

from . import gunicorn

_SENTENCES: Mapping[type[Exception], tuple[HTTPStatus, str]] = {
    LimitRequestLine: (
        HTTPStatus.REQUEST_URI_TOO_LONG,
        f"The address is too long: at most {gunicorn.limit_request_line:,} bytes with its parameters. Ask for fewer at "
        "once, or by a filter; jobs/cancel takes ids in its body.",
    ),
    LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"The headers are too large: at most {gunicorn.limit_request_fields}, each of at most "
        f"{gunicorn.limit_request_field_size:,} bytes. Cookies of other programs of this host are among them.",
    ),
    ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "The header Expect may only say 100-continue."),
    UnsupportedTransferCoding: (HTTPStatus.NOT_IMPLEMENTED, "The header Transfer-Encoding may only say chunked."),
}


def answer_to(error: Exception) -> tuple[Problem, bytes]:
    """What is answered to a request at which this error was found, and the bytes of the answer."""
    status, sentence = _SENTENCES.get(type(error), (HTTPStatus.BAD_REQUEST, f"This is not valid HTTP: {error}."))
    if not isinstance(error, ParseException):
        status, sentence = HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed; the log has the request id."
    problem = Problem(
        type="about:blank", title=status.phrase, status=status, detail=sentence, request_id=str(uuid.uuid4())
    )
    body = problem.model_dump_json().encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nX-Request-Id: {problem.request_id}\r\n\r\n"
    )
    return problem, head.encode() + body

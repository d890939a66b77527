"""Request bodies: strict JSON, within limits of size and time."""

import contextlib
import json
import re
import time
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from spec.dataset import NO_TEXT
from spec.disk import is_full

from .connection import PATIENCE_S, ClientSocket
from .errors import BadBodyError, BadFieldsError, SlowBodyError, UnsupportedBodyError

MIB = 1 << 20

MOST_FIELDS = 10_000
DEEPEST = 50
"""Most objects and lists inside one another: what reads and writes values calls itself for each."""
EXACT = 2**53
"""Up to here, every whole number is a float."""

SEEN = 20
"""Characters that a message shows of what is not valid."""

CUT_OFF = "The body ended before its Content-Length, or its chunks are not valid: send all of it."
TOO_DEEP = f"The body is nested too deeply: at most {DEEPEST} objects and lists may stand inside one another."

_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON writes what `NO_TEXT` finds, and characters that it writes as a pair."""


def read_json(request: Request, *, limit: int = MIB) -> Any:
    """The body as JSON values. Raises an `ApiError` that says what is wrong with it."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedBodyError("Compressed bodies are not supported: send plain JSON.")
    if request.mimetype != "application/json":
        raise UnsupportedBodyError("The body must be JSON, with the header Content-Type: application/json.")
    request.max_content_length = limit + 1  # Werkzeug reads no more of a chunked body, without an error
    raw = _received(request, PATIENCE_S + limit / MIB)
    if len(raw) > limit:
        raise RequestEntityTooLarge
    if len(raw) < (request.content_length or 0):  # gunicorn hands over what arrived before the client hung up
        raise BadBodyError(CUT_OFF)
    if not raw.strip():
        raise BadBodyError("The body is empty: it must be a JSON object.")
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # as PowerShell 5 writes files
        raise BadBodyError("The body is UTF-16: send it as UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadBodyError(f"The body is not valid UTF-8, at byte {error.start}.") from error
    try:
        found = json.loads(text, object_pairs_hook=_no_duplicates, parse_float=_number)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        seen = text[error.pos : error.pos + SEEN]
        raise BadBodyError(
            f"The body is not valid JSON: {error.msg}, {at}{f', at {seen!r}' if seen else ''}."
        ) from error
    except RecursionError as error:
        raise BadBodyError(TOO_DEEP) from error
    except ValueError as error:  # Python refuses to read whole numbers of thousands of digits
        raise BadBodyError("The body holds a number with too many digits.") from error
    if _is_deeper(found, DEEPEST):
        raise BadBodyError(TOO_DEEP)
    if _ESCAPED.search(text):
        check_text(found)
    return found


def has_body(request: Request) -> bool:
    """Whether a body comes with the request, of a length that its head says or in chunks."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def check_text(value: Any, *path: object) -> None:
    """Raise `BadFieldsError` for a text with NUL or half a character, at any depth: no field takes one."""
    match value:
        case str() if NO_TEXT.search(value):
            at = ".".join(map(str, path)).encode(errors="backslashreplace").decode()
            raise BadFieldsError.of(at, "has NUL or half a character, which are not allowed: send Unicode text")
        case Mapping():
            for name, part in value.items():
                check_text(name, *path, name)
                check_text(part, *path, name)
        case list():
            for place, part in enumerate(value):
                check_text(part, *path, place)


def _received(request: Request, within_s: float) -> bytes:
    """The body's bytes."""
    with body_timeout(request, within_s):
        return request.get_data(cache=False)


@contextlib.contextmanager
def body_timeout(request: Request, within_s: float) -> Iterator[None]:
    """Read a body in this context: elsewhere, only what came with the head is there.

    Raises `SlowBodyError`, `BusyError`, and `BadBodyError` when the client hangs up.
    """
    connection: ClientSocket | None = request.environ.get("gunicorn.socket")
    if connection is None:
        yield
        return
    until = time.monotonic() + within_s
    try:
        with connection.reading(within_s):
            yield
    except (ClientDisconnected, OSError) as error:
        if isinstance(error, OSError) and is_full(error):  # the disk is full; the connection is fine
            raise
        if time.monotonic() < until:
            raise BadBodyError(CUT_OFF) from error
        raise SlowBodyError(f"The body took longer than {within_s:.0f} s: send it faster, or send less.") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_FIELDS:  # each could be an error of its own, and listing them takes time
        raise BadFieldsError.of("", f"has an object with {len(pairs)} fields; at most {MOST_FIELDS} are read")
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BadFieldsError.of(key.encode(errors="backslashreplace").decode(), "is given twice")
        found[key] = value
    return found


def _is_deeper(value: Any, most: int) -> bool:
    """Whether more than `most` objects and lists stand inside one another."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(most):
        parts = (one.values() if type(one) is dict else one for one in level)
        level = [part for some in parts for part in some if type(part) in (dict, list)]
    return bool(level)


def _number(text: str) -> float:
    """A number with a point or an exponent: 83.0 is the whole number 83, as JSON Schema says."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= EXACT else number

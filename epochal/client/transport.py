"""HTTP to one API: requests that are repeated where that is safe, answers as models, refusals as errors."""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Timer
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from httpx_sse import SSEError, connect_sse
from pydantic import BaseModel, ValidationError

from spec.newer import NewerView
from spec.sweep_views import SweepPage, TrialPage
from spec.views import JobPage, Problem

from ..errors import (
    AnswerError,
    BadSpecError,
    BusyError,
    ConflictError,
    NewerError,
    NotAllowedError,
    NotFoundError,
    ServerUnreachableError,
    WrongUseError,
)

log = logging.getLogger(__name__)

RETRY_WAITS_S = (0.2, 0.5, 1.0)
"""Waits between tries of a request that may be repeated."""

SILENT_S = 5.0
"""Seconds without an answer after which a warning is logged, which Python writes to standard error by itself."""

WAITING = "Waiting for %s to answer."

LARGE = 10.0
"""How many times longer the answer may take to a request about many jobs, rows or models."""

CONNECT_S = 5.0
"""How long a connection may take."""

STREAM_PATIENCE_S = 30.0
"""How long a stream tries to reconnect to a server that does not answer."""

READ_PATIENCE_S = 1900.0
"""How long the answer to a finished upload may take: the server reads the file first, a large one for minutes."""

CONNECTION_VARIABLES = frozenset(
    ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
)
"""Variables that name proxies and certificates, of any program."""

_BUSY = frozenset({408, 429, 502, 503, 504})
_REFUSALS: Mapping[int, type[AnswerError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    **dict.fromkeys(_BUSY, BusyError),
}

Body = Mapping[str, Any]
Query = Mapping[str, str | int | None]
Model = TypeVar("Model", bound=BaseModel)
ListPage = TypeVar("ListPage", JobPage, SweepPage, TrialPage)
Row = TypeVar("Row")


@dataclass(frozen=True)
class Update:
    """One event of the live stream: `kind` is state, epoch or end; `data` is its JSON."""

    kind: str
    data: Mapping[str, Any]
    id: str | None = None


class Transport:
    """Connections to one API. Thread-safe; a forked process has its own."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self.sleep = sleep
        self._clock = clock
        self._timeout_s = timeout_s
        here = is_here(url)
        self._open = partial(
            httpx.Client,
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            transport=transport,
            trust_env=not here,  # no proxy to this machine
            verify=not (here and url.startswith("http:")),  # certificates that nobody asks for take 25 ms to load
        )
        try:
            self._http, self._process = self._open(), os.getpid()
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            given = sorted(name for name in os.environ if name.upper() in CONNECTION_VARIABLES)
            raise WrongUseError(
                f"No connection to {url} can be made: {error}. "
                f"Look at what is set: {', '.join(given) or 'EPOCHAL_URL'}."
            ) from error

    @property
    def http(self) -> httpx.Client:
        """The connections of this process: those from before a fork are its parent's, who would get its answers."""
        if self._process != os.getpid():
            self._http, self._process = self._open(), os.getpid()
        return self._http

    def request(
        self,
        verb: str,
        path: str,
        *,
        query: Query | None = None,
        body: Body | None = None,
        key: str | None = None,
        repeatable: bool = False,
        large: bool = False,
    ) -> httpx.Response:
        """Send a request, and again where that is safe. Raises the error that the answer stands for.

        After a timeout it is sent again only once: the connection may be dead, as after a laptop's sleep.
        """
        repeatable = repeatable or verb == "GET" or key is not None
        timeout_s = self._timeout_s * (LARGE if large else 1.0)
        request = self.http.build_request(
            verb,
            path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            json=body,
            headers={"Idempotency-Key": key} if key is not None else None,
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
        )
        waits_s = iter(RETRY_WAITS_S)
        with self._warned():
            while True:
                wait_s = next(waits_s, None)
                again = repeatable and wait_s is not None
                try:
                    answer = self.http.send(request)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # it was never sent: any may be repeated
                    if wait_s is None:
                        raise self.unreachable(error) from error
                except httpx.TimeoutException as error:
                    if not again:
                        raise self._late(verb, timeout_s) from error
                    waits_s = iter(())
                except httpx.TransportError as error:
                    if not again:
                        raise self.unreachable(error) from error
                else:
                    if answer.status_code not in _BUSY or not again:
                        raise_for_status(answer)
                        return answer
                self.sleep(wait_s or 0.0)

    def pages(
        self,
        kind: type[ListPage],
        path: str,
        rows: Callable[[ListPage], Sequence[Row]],
        *,
        query: Query,
        limit: int | None,
        newer: list[NewerView] | None = None,
        together: int = 100,
    ) -> Iterator[Row]:
        """The rows of a list, page after page of `together`; `limit` in all. Raises as `request` does.

        Those that a newer release wrote, which the service cannot read, are added to `newer`.
        """
        left, cursor = limit, None
        while left is None or left > 0:
            asked = {**query, "cursor": cursor, "limit": together if left is None else min(left, together)}
            page = read(kind, self.request("GET", path, query=asked))
            if newer is not None:
                newer += getattr(page, "newer", ())
            found = rows(page)[:left]
            yield from found
            cursor, left = page.next, None if left is None else left - len(found)
            if cursor is None:
                return

    def send_slowly(self, verb: str, path: str, **content: Any) -> httpx.Response:
        """Send a request once, whose answer may take as long as the server reads a file. Raises as `request` does."""
        answer = self.http.request(verb, path, timeout=httpx.Timeout(READ_PATIENCE_S, connect=CONNECT_S), **content)
        raise_for_status(answer)
        return answer

    def stream(self, path: str) -> Iterator[Update]:
        """The updates of a live stream until its end. After a broken connection it resumes where it stopped."""
        last: str | None = None
        failing_since: float | None = None
        while True:
            try:
                with self._connected(path, last) as updates:
                    failing_since = None
                    for update in updates:
                        last = update.id or last
                        yield update
                        if update.kind == "end":
                            return
            except (httpx.TransportError, BusyError) as error:
                failing_since = self._clock() if failing_since is None else failing_since
                if self._clock() > failing_since + STREAM_PATIENCE_S:
                    raise self.unreachable(error) from error
            self.sleep(0.5)

    def unreachable(self, cause: Exception) -> ServerUnreachableError:
        """The error for a server that does not answer, with what was seen of that."""
        return ServerUnreachableError(
            f"No server answers at {self.url} ({str(cause) or type(cause).__name__}). Start one on this machine with "
            "`epochal up`; `epochal status` shows whether one runs. EPOCHAL_URL and EPOCHAL_TOKEN name a server on "
            "another machine."
        )

    def _late(self, verb: str, within_s: float) -> ServerUnreachableError:
        """The error for a server that took a request, and gave no answer."""
        asked = "" if verb == "GET" else " What was asked for may have been done: look before you ask again."
        return ServerUnreachableError(
            f"{self.url} did not answer within {within_s:g} s: it has too much to do, or it hangs. "
            f"`epochal doctor` says more.{asked}"
        )

    @contextmanager
    def _warned(self) -> Iterator[None]:
        """Log a warning when what happens in this context takes long."""
        warning = Timer(SILENT_S, log.warning, (WAITING, self.url))
        warning.daemon = True
        warning.start()
        try:
            yield
        finally:
            warning.cancel()

    @contextmanager
    def _connected(self, path: str, last: str | None) -> Iterator[Iterator[Update]]:
        """The updates of a stream that the server has begun to send."""
        headers = {"Last-Event-ID": last} if last is not None else {}
        with ExitStack() as connection:
            with self._warned():
                source = connection.enter_context(connect_sse(self.http, "GET", path, headers=headers))
            if not source.response.is_success:
                source.response.read()
                raise_for_status(source.response)
            try:
                yield (
                    Update(event.event, event.json(), event.id or None)
                    for event in source.iter_sse()
                    if event.data  # without data it only says when to reconnect
                )
            except SSEError as error:
                status = source.response.status_code
                raise AnswerError(f"The server sent no event stream: {error}.", status=status) from error


def is_here(url: str) -> bool:
    """Whether it is a URL of this machine. Raises `ValueError` for what is no URL."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def commas(given: str | Collection[str] | None) -> str | None:
    """One value or several, as the parameter of a list takes them."""
    return given if given is None or isinstance(given, str) else ",".join(given)


def path_of(*parts: str) -> str:
    """A path below the API's root, from its parts, which are quoted."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def read(model: type[Model], answer: httpx.Response) -> Model:
    """The answer as a model, without the fields that a newer server has added.

    Raises `AnswerError` for an answer that lacks something, or whose spec has a newer version.
    """
    try:
        return model.model_validate_json(answer.content, extra="ignore")
    except ValidationError as error:
        raise AnswerError(
            f"The server's answer does not fit this client ({error.error_count()} differences): "
            f"do they have the same version?",
            status=answer.status_code,
        ) from error


def raise_for_status(answer: httpx.Response) -> None:
    """Raise the error that `answer` stands for, if any."""
    if answer.is_success:
        return
    status = answer.status_code
    try:
        problem = Problem.model_validate_json(answer.content, extra="ignore")
    except ValidationError:
        if status in _BUSY:
            raise BusyError(
                f"{answer.url.host} answered {status} {answer.reason_phrase}: a proxy does not reach Epochal now, or "
                "one of them has too much to do. Try again.",
                status=status,
            ) from None
        if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise AnswerError(
                f"{answer.url.host} answered {status} {answer.reason_phrase}: a proxy before the API takes no body of "
                "this size. Whoever runs it must let it take 32 MiB (nginx: client_max_body_size).",
                status=status,
            ) from None
        raise AnswerError(
            f"{answer.url.host} answered {status} {answer.reason_phrase}, and not as Epochal does: "
            "look whether EPOCHAL_URL names its API, or at its log.",
            status=status,
        ) from None
    detail = problem.detail or problem.title
    if status in (400, 413, 415, 422):
        raise BadSpecError(detail, errors=problem.errors, na_values=problem.na_values, status=status)
    if problem.newer is not None:
        raise NewerError(detail, problem.newer)
    if status == 401 and "Authorization" not in answer.request.headers:
        raise NotAllowedError(
            f"No token is known for {answer.url.host}: set EPOCHAL_TOKEN, or give it to the client.", status=status
        )
    if status in _REFUSALS:
        raise _REFUSALS[status](detail, status=status)
    raise AnswerError(f"{detail} (request {problem.request_id})", status=status)

"""MLflow behind our sign-in: `/mlflow/...` is asked for of MLflow, which nobody else reaches.

Requests and answers pass through in pieces, as large as they may be. MLflow sees no cookie and no token of ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug import Response as AnyResponse
from werkzeug.datastructures import Headers

from spec.mlflow_address import MlflowAddress

from .auth import MLFLOW
from .body import body_timeout
from .connection import PATIENCE_S, SLOWEST
from .errors import BusyError, MlflowDownError, NotFoundError
from .services import service

if TYPE_CHECKING:
    import httpx

AT_ONCE = 64
"""Most requests that wait for MLflow at once: an MLflow that hangs must leave threads for everybody else."""
CONNECT_S = 2.0
ANSWER_S = 30.0
"""Longest that MLflow may be silent."""
PIECE = 1 << 16
MOST_UNANNOUNCED = 64 << 20
"""Most bytes of a body that does not say its length."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

CLOSED = frozenset(
    {"assistant", "demo", "gateway", "gateway-proxy", "invoke", "jobs", "prompt-optimization", "scorers"}
    | {"create-promptlab-run", "webhooks", "workspaces"}
)
"""Parts of MLflow that run code, call other services or keep their passwords: nothing of ours needs them."""

_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "host"}
)
_OURS = frozenset({"authorization", "cookie", "origin", "referer", "expect", "forwarded"})
"""What only this API may read: its sign-in, and where the page came from, which it has checked."""

PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self' blob: data:; object-src 'none'; "
    "frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)
"""MLflow's own page, which builds styles and charts at run time."""
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Everything else: an artifact is somebody's file, and must not act as our page when a browser opens it."""

mlflow = Blueprint("mlflow", __name__, static_folder=None)


@dataclass(frozen=True)
class MlflowServer:
    """The MLflow that requests are passed on to."""

    client: "httpx.Client | None"
    """None: there is no MLflow."""
    free: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    @classmethod
    def at(cls, setting: str) -> "MlflowServer":
        """The server that `EPOCHAL_MLFLOW_URL` names; there may be none."""
        if not setting:
            return cls(None)
        import httpx  # here: it takes a tenth of an API's start

        address = MlflowAddress.of(setting)
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)  # MLflow may close one as we use it
        secure = address.url.startswith("https:")  # certificates that nobody asks for take 25 ms to load
        transport = httpx.HTTPTransport(uds=address.socket, limits=limits, verify=secure)
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        return cls(httpx.Client(base_url=address.url, transport=transport, timeout=timeout, trust_env=False))

    def ask(
        self, method: str, path: str, query: bytes, headers: list[tuple[str, str]], body: Iterator[bytes] | None
    ) -> "httpx.Response":
        """MLflow's answer, whose body has not been read. Raises `BusyError`, `NotFoundError` and `MlflowDownError`."""
        if self.client is None:
            raise NotFoundError("This service has no MLflow: EPOCHAL_MLFLOW_URL is not set for the API.")
        if not self.free.acquire(blocking=False):
            raise BusyError("Too many requests wait for MLflow: try again in a moment.")
        import httpx

        try:
            url = httpx.URL(path=path, query=query)
            return self.client.send(self.client.build_request(method, url, headers=headers, content=body), stream=True)
        except httpx.TransportError as error:
            self.free.release()
            raise MlflowDownError(
                "MLflow does not answer. It starts some ten seconds after the API; `epochal doctor` says more."
            ) from error
        except BaseException:
            self.free.release()
            raise

    def release(self, answer: "httpx.Response") -> None:
        """Give the place of this answer back."""
        answer.close()
        self.free.release()


@mlflow.get(MLFLOW)
def enter() -> AnyResponse:
    """Lead to MLflow's page, whose links are relative."""
    return redirect(f"{MLFLOW}/")


@mlflow.route(f"{MLFLOW}/", defaults={"path": ""}, methods=METHODS)
@mlflow.route(f"{MLFLOW}/<path:path>", methods=METHODS)
def pass_on(path: str) -> Response:
    """Ask MLflow, and answer what it answers."""
    parts = path.split("/")
    if CLOSED.intersection(parts) or ".." in parts:
        raise NotFoundError("This part of MLflow is closed here.")
    server = service(MlflowServer)
    target, query = "/" + quote(path, safe="/:@!$&'()*+,;=~"), request.query_string
    length = request.content_length
    has_body = bool(length) or request.headers.get("Transfer-Encoding") is not None
    within_s = PATIENCE_S + (length or MOST_UNANNOUNCED) / SLOWEST
    request.max_content_length = (MOST_UNANNOUNCED if length is None else length) + 1
    with body_timeout(request, within_s):
        answer = server.ask(request.method, target, query, _asked(request.headers), _body() if has_body else None)
    passed = Response(status=answer.status_code, headers=Headers(_answered(answer.headers)))
    passed.headers["Content-Security-Policy"] = FILE_POLICY if path else PAGE_POLICY
    if request.method != "HEAD":
        passed.response = answer.iter_raw(PIECE)
    passed.call_on_close(partial(server.release, answer))
    return passed


def _body() -> Iterator[bytes]:
    while piece := request.stream.read(PIECE):
        yield piece


def _asked(headers: Headers) -> list[tuple[str, str]]:
    """The headers that MLflow may see."""
    kept = [(name, value) for name, value in headers if name.lower() not in _HOP | _OURS]
    if "Accept-Encoding" not in headers:  # httpx would say for itself what the client did not say
        kept.append(("accept-encoding", "identity"))
    return kept


def _answered(headers: "httpx.Headers") -> list[tuple[str, str]]:
    """The headers of an answer that are the client's."""
    return [
        (name, value)
        for name, value in headers.multi_items()
        if name.lower() not in _HOP and not name.lower().startswith(("access-control-", "set-cookie"))
    ]

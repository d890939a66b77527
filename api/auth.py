"""Authentication: a bearer token on every request to the API, or the session cookie of a browser that signed in.

A browser sends its cookie by itself, whoever made it ask. So the cookie is for our own site only (`SameSite=Strict`),
and a request that changes something must carry a header that no form and no other site can send: it makes the browser
ask for permission first, which this API never gives.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from flask import Flask, g, redirect, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug import Response

from spec.access import Role
from store.access import Access, Asker
from store.errors import StoreUnavailableError
from store.tokens import CLASSROOM, GUEST, METRICS_READ, TokenRecord, TokenStore

from .answers import PREFIX
from .errors import ForbiddenError, TooManyError, UnauthorizedError
from .services import service

COOKIE = "epochal_session"
PAGE_HEADER = "X-Epochal-Page"
"""What our page sends with every request that changes something."""

BAD_TOKENS_PER_MINUTE = 50

SESSION = f"{PREFIX}/session"
"""Whoever has a token may sign in and out with it, whatever else it allows."""

METRICS = "/metrics"
"""What Prometheus reads, with a token of its own."""

MLFLOW = "/mlflow"
"""MLflow, which is asked through this API."""
MLFLOW_READS = (
    *("/search", "/search-datasets", "/graphql", "/get-latest-versions", "/batchGetInfos", "/traces/metrics"),
    *("/calculate-filter-correlation", "/presigned-download-url", "/ui-telemetry"),
)
"""How the paths end by which MLflow's page and clients read with POST."""

GUESTS = f"{PREFIX}/guests"
"""Whoever has a classroom's token may enter as a guest with it, and nothing else."""

ALLOWED = frozenset(
    {
        "jobs.submit",
        "jobs.submit_many",
        "jobs.check",
        "jobs.cancel_many",
        "control.cancel",
        "control.pause",
        "control.resume",
        "models.predict",
        "sessions.sign_out",
    }
)
"""The views that change something and that a guest may call."""

READS = frozenset(
    {"jobs.check", "sweeps.check", "models.predict", "ensembles.predict", "sessions.sign_in", "sessions.sign_out"}
)
"""Views of other methods than GET that change nothing which is anybody's: a viewer may call them."""

LIMIT = RateLimitItemPerMinute(BAD_TOKENS_PER_MINUTE)

ADDRESSES = 1000
"""Addresses that are remembered before expired ones are dropped."""


@dataclass(frozen=True)
class Principal:
    """The authenticated user of a request."""

    owner: str
    scopes: frozenset[str]
    token_id: str
    """The token, or the session, by which it is known."""
    expires_at: datetime | None = None
    role: Role = Role.member
    projects: Mapping[str, Role] = field(default_factory=dict)
    """Its role in each project that it is a member of, by the project's id."""

    @classmethod
    def of(cls, token: TokenRecord) -> Self:
        """Whoever shows this token."""
        return cls(token.owner, token.scopes, token.id, token.expires_at, token.role, token.projects)

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything, for all owners: an administrator, by a token that says so."""
        return self.role is Role.admin and "admin" in self.scopes

    @property
    def is_viewer(self) -> bool:
        """Whether it only reads."""
        return self.role is Role.viewer

    @property
    def is_guest(self) -> bool:
        """Whether it came in by a classroom's link."""
        return GUEST in self.scopes

    @property
    def sees(self) -> Asker:
        """What this principal sees and changes: its own and its projects'; None: everybody's."""
        return None if self.is_admin else self.shared

    @property
    def manages(self) -> str | None:
        """The user whose own account, tokens, projects and webhooks it manages; None: everybody's."""
        return None if self.is_admin else self.owner

    @property
    def shared(self) -> Access:
        """Its own, and what its projects share with it: also of an administrator no more."""
        manages = frozenset(one for one, role in self.projects.items() if role is Role.admin)
        return Access(self.owner, frozenset(self.projects), manages)


class FailedLogins:
    """Bad tokens of the last minute by address, which slow down whoever tries tokens one by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._storage = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._storage)
        self._most = ADDRESSES

    def wait_s(self, address: str) -> int:
        """Seconds until this address may try again; 0 when it may now."""
        minute = self._window.get_window_stats(LIMIT, address)
        return 0 if minute.remaining else int(minute.reset_time - time.time()) + 1

    def count(self, address: str) -> None:
        """Record a bad token."""
        with self._lock:
            if len(self._storage.events) >= self._most:
                self._drop_expired()
                self._most = max(ADDRESSES, 2 * len(self._storage.events))  # many addresses are not searched each time
            self._window.hit(LIMIT, address)

    def _drop_expired(self) -> None:
        """Drop the addresses without a bad token in the last minute: the storage keeps their keys for ever."""
        for key in list(self._storage.events):
            _, tries = self._storage.get_moving_window(key, LIMIT.amount, LIMIT.get_expiry())
            if not tries:
                self._storage.clear(key)


def install(app: Flask, tokens: TokenStore, failed: FailedLogins) -> None:
    """Require a token, or a session, before every view that is guarded."""

    @app.before_request
    def _authenticate() -> Response | None:
        if not is_guarded(request.path):
            return None
        try:
            _let_in()
        except UnauthorizedError:
            if in_mlflow(request.path) and request.headers.get("Sec-Fetch-Mode") == "navigate":
                return redirect("/#/")  # a person who has not signed in
            raise
        return None

    def _let_in() -> None:
        changes = request.method not in ("GET", "HEAD", "OPTIONS")
        by_cookie = "Authorization" not in request.headers and COOKIE in request.cookies
        if by_cookie and changes:
            (_demand_mlflows_page if in_mlflow(request.path) else _demand_our_page)()
        address = request.remote_addr or ""
        found = tokens.find(_credential())
        if (connection := request.environ.get("gunicorn.socket")) is not None:
            connection.judged(found is not None)
        if found is None:
            # A valid token is accepted all the same: behind a proxy, many users may share an address with an attacker.
            if wait_s := failed.wait_s(address):
                raise TooManyError("Too many bad tokens from this address.", wait_s)
            failed.count(address)
            unknown = "This token is unknown or revoked, or its user is locked out: ask an administrator."
            raise UnauthorizedError("This session has ended: sign in again." if by_cookie else unknown)
        g.principal = Principal.of(found)
        _demand_right(g.principal, changes=changes and not _reads_by_post())


def is_guarded(path: str) -> bool:
    """Whether a view needs a token or a session: all that are neither the page nor health."""
    return path.startswith("/api/") or path == METRICS or in_mlflow(path)


def in_mlflow(path: str) -> bool:
    """Whether a request is passed on to MLflow."""
    return path == MLFLOW or path.startswith(f"{MLFLOW}/")


def bearer() -> str:
    """The token in this request's header; empty when it has none of this kind."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _credential() -> str:
    """The token or the session of this request. Raises `UnauthorizedError` when there is none."""
    if "Authorization" not in request.headers and COOKIE in request.cookies:
        return request.cookies[COOKIE]
    if not (token := bearer()):
        raise UnauthorizedError("A token is needed: send the header Authorization: Bearer TOKEN.")
    return token


def _demand_right(who: Principal, *, changes: bool) -> None:
    """Raise `ForbiddenError` unless the user, and the token that it shows, may make this request."""
    wanted = METRICS_READ if request.path == METRICS else "jobs:write" if changes else "jobs:read"
    if CLASSROOM in who.scopes:
        if request.path != GUESTS:
            raise ForbiddenError(f"The token of a classroom does one thing: POST {GUESTS}.")
    elif who.is_guest and in_mlflow(request.path):
        raise ForbiddenError("MLflow shows everybody's runs, and a guest sees its own only: ask for a token.")
    elif who.is_guest and changes:
        if request.endpoint not in ALLOWED:
            raise ForbiddenError("A guest trains and steers jobs, and does nothing else: ask for a token.")
    elif who.is_viewer and changes:
        if request.endpoint not in READS:
            raise ForbiddenError("A viewer reads, and changes nothing: ask an administrator for another role.")
    elif request.path != SESSION and wanted not in who.scopes and not who.is_admin:
        raise ForbiddenError(f"This token does not allow it: the request needs the scope {wanted}.")


def _demand_our_page() -> None:
    """Refuse a change that another site may have made a browser ask for. Raises `ForbiddenError`."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.headers.get(PAGE_HEADER) != "1" or site != "same-origin":
        raise ForbiddenError(
            f"A change by cookie must come from our page: send the header {PAGE_HEADER}: 1 from the same origin, "
            "or a token."
        )


def _demand_mlflows_page() -> None:
    """Refuse a change that another site may have made a browser ask of MLflow. Raises `ForbiddenError`.

    MLflow's page sends no header of ours, so the browser's own word must do: the site that asks, or its address.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "")
    same = site == "same-origin" if site is not None else origin.partition("://")[2] == request.host
    if not same:
        raise ForbiddenError(
            "A change by cookie must come from MLflow's page, on this site: sign in there, or send a token."
        )


def _reads_by_post() -> bool:
    """Whether this request changes nothing, though it is a POST, as many of MLflow's are."""
    path = request.path
    return (
        request.method == "POST"
        and in_mlflow(path)
        and "/mlflow-artifacts/" not in path
        and path.endswith(MLFLOW_READS)
    )


def still_let_in() -> Callable[[], bool]:
    """Whether the user of this request would be let in later, too, with the same rights: for answers without an end."""
    tokens, credential, before = service(TokenStore), _credential(), principal()

    def ask() -> bool:
        with suppress(StoreUnavailableError):  # nobody is sent away because the record is
            found = tokens.find(credential)
            return found is not None and Principal.of(found) == before
        return True

    return ask


def administrator() -> Principal:
    """The authenticated user of this request. Raises `ForbiddenError` unless it is an administrator."""
    found = principal()
    if not found.is_admin:
        raise ForbiddenError("This is for administrators: the request needs the token of one, with the scope admin.")
    return found


def principal() -> Principal:
    """The authenticated user of this request."""
    found: Principal = g.principal
    return found

"""Authentication: a bearer token on every request to the API, or the session cookie of a browser that signed in.

A browser sends its cookie by itself, whoever made it ask. So the cookie is for our own site only (`SameSite=Strict`),
and a request that changes something must carry a header that no form and no other site can send: it makes the browser
ask for permission first, which this API never gives.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, g, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from store.tokens import CLASSROOM, GUEST, TokenStore

from .answers import PREFIX
from .errors import ForbiddenError, TooManyError, UnauthorizedError

COOKIE = "epochal_session"
PAGE_HEADER = "X-Epochal-Page"
"""What our page sends with every request that changes something."""

BAD_TOKENS_PER_MINUTE = 50

SESSION = f"{PREFIX}/session"
"""Whoever has a token may sign in and out with it, whatever else it allows."""

GUESTS = f"{PREFIX}/guests"
"""Whoever has a classroom's token may enter as a guest with it, and nothing else."""

ALLOWED = frozenset(
    {
        "jobs.submit",
        "jobs.check",
        "control.cancel",
        "control.pause",
        "control.resume",
        "models.predict",
        "sessions.sign_out",
    }
)
"""The views that change something and that a guest may call."""

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

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything, for all owners."""
        return "admin" in self.scopes

    @property
    def is_guest(self) -> bool:
        """Whether it came in by a classroom's link."""
        return GUEST in self.scopes

    @property
    def sees(self) -> str | None:
        """The owner whose jobs this principal sees; None: everybody's."""
        return None if self.is_admin else self.owner


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
    """Require a token, or a session, before every view under /api/."""

    @app.before_request
    def _authenticate() -> None:
        if not request.path.startswith("/api/"):
            return
        changes = request.method not in ("GET", "HEAD", "OPTIONS")
        by_cookie = "Authorization" not in request.headers and COOKIE in request.cookies
        if by_cookie and changes:
            _demand_our_page()
        address = request.remote_addr or ""
        found = tokens.find(_shown())
        if found is None:
            # A valid token is accepted all the same: behind a proxy, many users may share an address with an attacker.
            if wait_s := failed.wait_s(address):
                raise TooManyError("Too many bad tokens from this address.", wait_s)
            failed.count(address)
            unknown = "This session has ended: sign in again." if by_cookie else "This token is unknown or revoked."
            raise UnauthorizedError(unknown)
        g.principal = Principal(found.owner, found.scopes, found.id, found.expires_at)
        wanted = "jobs:write" if changes else "jobs:read"
        if CLASSROOM in found.scopes:
            if request.path != GUESTS:
                raise ForbiddenError(f"The token of a classroom does one thing: POST {GUESTS}.")
        elif g.principal.is_guest and changes:
            if request.endpoint not in ALLOWED:
                raise ForbiddenError("A guest trains and steers jobs, and does nothing else: ask for a token.")
        elif request.path != SESSION and wanted not in found.scopes and not g.principal.is_admin:
            raise ForbiddenError(f"This token does not allow it: the request needs the scope {wanted}.")


def bearer() -> str:
    """The token in this request's header; empty when it has none of this kind."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _shown() -> str:
    """The token or the session of this request. Raises `UnauthorizedError` when there is none."""
    if "Authorization" not in request.headers and COOKIE in request.cookies:
        return request.cookies[COOKIE]
    if not request.headers.get("Authorization", "").partition(" ")[2]:
        raise UnauthorizedError("A token is needed: send the header Authorization: Bearer TOKEN.")
    return bearer()


def _demand_our_page() -> None:
    """Refuse a change that another site may have made a browser ask for. Raises `ForbiddenError`."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.headers.get(PAGE_HEADER) != "1" or site != "same-origin":
        raise ForbiddenError(
            f"A change by cookie must come from our page: send the header {PAGE_HEADER}: 1 from the same origin, "
            "or a token."
        )


def principal() -> Principal:
    """The authenticated user of this request."""
    found: Principal = g.principal
    return found

"""Authentication: a bearer token on every request to the API."""

import threading
import time
from dataclasses import dataclass

from flask import Flask, g, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from store.tokens import TokenStore

from .errors import ForbiddenError, TooManyError, UnauthorizedError

BAD_TOKENS_PER_MINUTE = 50

LIMIT = RateLimitItemPerMinute(BAD_TOKENS_PER_MINUTE)

ADDRESSES = 1000
"""Addresses that are remembered before expired ones are dropped."""


@dataclass(frozen=True)
class Principal:
    """The authenticated user of a request."""

    owner: str
    scopes: frozenset[str]

    @property
    def sees(self) -> str | None:
        """The owner whose jobs this principal sees; None: everybody's."""
        return None if "admin" in self.scopes else self.owner


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
    """Require a token before every view under /api/."""

    @app.before_request
    def _authenticate() -> None:
        if not request.path.startswith("/api/"):
            return
        address = request.remote_addr or ""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise UnauthorizedError("A token is needed: send the header Authorization: Bearer TOKEN.")
        found = tokens.find(token.strip()) if kind.lower() == "bearer" else None
        if found is None:
            # A valid token is accepted all the same: behind a proxy, many users may share an address with an attacker.
            if wait_s := failed.wait_s(address):
                raise TooManyError("Too many bad tokens from this address.", wait_s)
            failed.count(address)
            raise UnauthorizedError("This token is unknown or revoked.")
        g.principal = Principal(found.owner, found.scopes)
        wanted = "jobs:read" if request.method in ("GET", "HEAD", "OPTIONS") else "jobs:write"
        if wanted not in found.scopes and "admin" not in found.scopes:
            raise ForbiddenError(f"This token does not allow it: the request needs the scope {wanted}.")


def principal() -> Principal:
    """The authenticated user of this request."""
    found: Principal = g.principal
    return found

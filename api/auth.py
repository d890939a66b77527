"""Who is asking: a bearer token on every request to the API."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, g, request

from store.tokens import TokenStore

from .errors import ForbiddenError, TooManyError, UnauthorizedError

BAD_TOKENS_PER_MINUTE = 50

ADDRESSES = 10_000
"""Addresses that are remembered before those that gave up are forgotten."""


@dataclass(frozen=True)
class Principal:
    """Whose request it is."""

    owner: str
    scopes: frozenset[str]

    @property
    def sees(self) -> str | None:
        """Whose jobs this principal sees; None is everybody's."""
        return None if "admin" in self.scopes else self.owner


class FailedLogins:
    """Bad tokens by address, to slow down whoever tries them one by one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: dict[str, deque[float]] = {}

    def wait_s(self, address: str) -> int:
        """Seconds for which this address is not listened to; 0 when it is."""
        with self._lock:
            now = self._clock()
            tries = self._recent(address, now)
            return int(60.0 - (now - tries[0])) + 1 if len(tries) >= BAD_TOKENS_PER_MINUTE else 0

    def count(self, address: str) -> None:
        """Remember a bad token."""
        with self._lock:
            now = self._clock()
            if len(self._tries) >= ADDRESSES:
                for known in list(self._tries):
                    self._recent(known, now)
            self._tries.setdefault(address, deque(maxlen=BAD_TOKENS_PER_MINUTE)).append(now)

    def _recent(self, address: str, now: float) -> deque[float]:
        """The tries of the last minute; an address without any is forgotten."""
        tries = self._tries.get(address, deque())
        while tries and tries[0] <= now - 60.0:
            tries.popleft()
        if not tries:
            self._tries.pop(address, None)
        return tries


def install(app: Flask, tokens: TokenStore, failed: FailedLogins) -> None:
    """Ask for a token before every view under /api/."""

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
            # A good token is good all the same: many users may share an address, behind a proxy, with whoever failed.
            if wait_s := failed.wait_s(address):
                raise TooManyError("Too many bad tokens from this address.", wait_s)
            failed.count(address)
            raise UnauthorizedError("This token is not known, or no longer good.")
        g.principal = Principal(found.owner, found.scopes)
        wanted = "jobs:read" if request.method in ("GET", "HEAD", "OPTIONS") else "jobs:write"
        if wanted not in found.scopes and "admin" not in found.scopes:
            raise ForbiddenError(f"This token does not allow it: it needs the scope {wanted}.")


def principal() -> Principal:
    """Whose request this is."""
    asking: Principal = g.principal
    return asking

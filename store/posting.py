"""One signed message to one address (standardwebhooks.com), and never to an address of our own network."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from spec import VERSION

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
_WITH_IPV4 = tuple(ipaddress.IPv6Network(one) for one in ("64:ff9b::/96", "::ffff:0:0/96", "::/96"))
"""NAT64 (RFC 6052), mapped, and compatible: the last 32 bits are an IPv4 address."""
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
"""NAT64 of a network of one's own (RFC 8215)."""
_ISATAP = 0x0000_5EFE
"""What stands before the IPv4 address in RFC 5214; the bit for a global address may be set."""
_VISIBLE = re.compile(r"[!-~]+")
LIMIT_S = 10.0
"""Seconds after which a try has failed, however slowly the receiver answers."""


class BadAddressError(ValueError):
    """Nothing is sent to this URL; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What came of a try."""

    arrived: bool
    detail: str
    """HTTP 200, or why there was no answer."""


def new_secret() -> str:
    """A key for signatures: 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, at_s: int, body: str) -> str:
    """The signature of a message by the Standard Webhooks, version 1; `at_s` are seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{message_id}.{at_s}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Poster:
    """Sends messages. Private addresses are refused unless `private`: who registers a URL must not reach our network.

    A host name is resolved once for each message, and the address that was checked is the one that is connected to.
    """

    def __init__(self, *, private: bool, clock: Callable[[], float] = time.time, limit_s: float = LIMIT_S) -> None:
        self._private, self._clock, self._limit_s = private, clock, limit_s

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """What https needs, read with the first message: all authorities that this machine trusts."""
        return ssl.create_default_context()

    def address(self, url: str) -> tuple[str, int]:
        """The address and port behind a URL. Raises `BadAddressError` when nothing may be sent there."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise BadAddressError(f"{url[:200]} is no URL: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadAddressError("A webhook's URL begins with http:// or https:// and a host.")
        if not _VISIBLE.fullmatch(url):
            raise BadAddressError(
                "A URL is of visible ASCII characters: write others in its path as %C3%A4, and its host as xn--."
            )
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise BadAddressError(f"The host {parts.hostname[:200]} has no address: {error}") from error
        addresses = [str(one[4][0]) for one in found]
        if not self._private and not all(_is_public(one) for one in addresses):
            raise BadAddressError(
                f"{parts.hostname[:200]} is a private address: nothing is sent there, unless who runs the service sets "
                "EPOCHAL_WEBHOOK_PRIVATE=1."
            )
        return addresses[0], port

    def post(self, url: str, secret: str, message_id: str, body: str) -> Answer:
        """Send a message once. No redirect is followed, and of the answer only the status is read."""
        try:
            return self._post(url, secret, message_id, body)
        except BadAddressError as error:
            return Answer(False, str(error))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(False, f"no answer within {self._limit_s:g} s: {error or type(error).__name__}"[:500])

    def _post(self, url: str, secret: str, message_id: str, body: str) -> Answer:
        parts, at_s = urlsplit(url), int(self._clock())
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": f"epochal/{VERSION}",
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(secret, message_id, at_s, body),
        }
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        address = self.address(url)
        connection = http.client.HTTPConnection(*address, timeout=self._limit_s)
        with self._connected(address, parts.scheme == "https", parts.hostname or "") as wire:
            timer = threading.Timer(self._limit_s, _hang_up, [wire])
            timer.daemon = True
            timer.start()
            try:
                if isinstance(wire, ssl.SSLSocket):
                    wire.do_handshake()
                connection.sock = wire
                connection.request("POST", target, body.encode(), headers)
                with connection.getresponse() as answer:
                    return Answer(200 <= answer.status < 300, f"HTTP {answer.status}")
            finally:
                timer.cancel()

    def _connected(self, address: tuple[str, int], secure: bool, host: str) -> socket.socket:
        plain = socket.create_connection(address, timeout=self._limit_s)
        if not secure:
            return plain
        return self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and (found.is_site_local or found in _NAT64_LOCAL):
        return False
    return all(one.is_global and not one.is_multicast for one in (found, *_inside(found)))


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 address that an IPv6 address stands for: a gateway, or this machine, sends to it."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address.sixtofour is not None:
        return [address.sixtofour]
    last = int(address) & 0xFFFF_FFFF
    is_isatap = int(address) >> 32 & 0xFDFF_FFFF == _ISATAP
    return [ipaddress.IPv4Address(last)] if is_isatap or any(address in one for one in _WITH_IPV4) else []


def _hang_up(wire: socket.socket) -> None:
    """End a connection that a thread waits for."""
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)

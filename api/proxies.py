"""Who asks, behind proxies: their word, X-Forwarded-For, is taken from those only that the operator trusts."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spec.settings import networks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network


class BehindProxies:
    """A WSGI application whose REMOTE_ADDR is the client's own address, and whose scheme the client's own.

    A request for the host of a public URL with https came to a proxy where TLS ends.
    """

    def __init__(self, app: "WSGIApplication", trusted: str, public_url: str) -> None:
        self._app = app
        self._trusted = networks(trusted)
        public = urlsplit(public_url.lower())
        self._https_host = public.netloc.removesuffix(":443") if public.scheme == "https" else None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        said = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client(environ.get("REMOTE_ADDR", ""), said.split(","), self._trusted)
        if environ.get("HTTP_HOST", "").lower() == self._https_host:
            environ["wsgi.url_scheme"] = "https"
        return self._app(environ, start_response)


def client(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The last address of the chain that no trusted proxy has: whoever connected to the first of our proxies.

    Each proxy adds the address of whoever connected to it at the end. What stands before was said by the client, and
    may be made up.
    """
    last = peer
    for said in reversed(forwarded):
        before = _address(said)
        if before is None or not _is_in(last, trusted):
            break
        last = str(before)
    return last


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    found = _address(address)
    return found is not None and any(found in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 one as such; None: it is none. Some proxies add a port."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found

"""The names by which requests may call this API: a foreign page whose name leads here (DNS rebinding) gets nothing.

Werkzeug's own list of trusted hosts knows no address of IPv6: it takes a name of the list for what is before a colon.
"""

import re

from flask import Flask, request
from werkzeug.exceptions import BadRequest

from spec.settings import Settings, hosts


def install(app: Flask, settings: Settings) -> None:
    """Let `app` refuse requests by other names than localhost, its own and those of EPOCHAL_TRUSTED_HOSTS."""
    given = hosts(f"localhost,127.0.0.1,::1,{settings.host},{settings.trusted_hosts}".lower())
    names = frozenset(map(_as_sent, given))
    parents = tuple(name for name in names if name.startswith("."))

    @app.before_request
    def _refuse_other_names() -> None:
        name = re.sub(r":\d*$", "", request.host.lower())
        if name not in names and not f".{name}".endswith(parents):
            raise BadRequest(f"This API does not answer to the name {name!r}: add it to its EPOCHAL_TRUSTED_HOSTS.")


def _as_sent(name: str) -> str:
    """A name as requests have it: letters beyond ASCII are encoded (IDNA)."""
    parent = "." if name.startswith(".") else ""
    return name if name.isascii() else parent + name.removeprefix(".").encode("idna").decode("ascii")

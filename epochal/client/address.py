"""The address of the API: given, of the environment, or of the embedded stack."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spec.settings import BadSettingsError, Settings

from ..errors import ServerUnreachableError, WrongUseError

if TYPE_CHECKING:
    from ..stack.home import Endpoints


def address(url: str | None, token: str | None) -> tuple[str, str]:
    """The API's URL and token: the given ones, else those of the environment, else the embedded stack's."""
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        raise WrongUseError(f"A setting is not valid: {error}.") from error
    url, token = url or settings.url, token or settings.token
    embedded = None if url and token else _embedded(settings.home)
    if not url:
        if embedded is None:
            raise ServerUnreachableError(
                f"No server is known: start one here with `epochal up`, or set EPOCHAL_URL and EPOCHAL_TOKEN "
                f"to one that runs (no stack is up on {settings.home})."
            )
        url = embedded.api
    url = url.rstrip("/").removesuffix("/api/v1")
    if not token and embedded is not None and embedded.api == url:
        token = embedded.token
    if not url.startswith(("http://", "https://")):
        raise WrongUseError(f"The server's address, EPOCHAL_URL, must begin with http:// or https://; it is {url!r}.")
    try:
        split = urlsplit(url)
        if not split.hostname or split.port == 0:
            raise ValueError("it names no host, or the port 0")
    except ValueError as error:
        raise WrongUseError(f"The server's address, EPOCHAL_URL, is not valid: {error}; it is {url!r}.") from error
    if not (token.isascii() and token.isprintable()):
        raise WrongUseError("The token, EPOCHAL_TOKEN, has characters that no token has: copy it again.")
    return url, token


def _embedded(home: Path) -> "Endpoints | None":
    """The embedded stack that is up in this folder; None where there can be none."""
    try:
        from ..stack.home import Home
    except ImportError:  # Windows has no fcntl
        return None
    return Home(home).up()

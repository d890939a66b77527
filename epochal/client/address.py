"""The address of the API: given, of the environment, or of the embedded stack."""

from urllib.parse import urlsplit

from spec.settings import BadSettingsError, Settings

from ..errors import ServerUnreachableError, WrongUseError
from ..stack.home import Home


def address(url: str | None, token: str | None) -> tuple[str, str]:
    """The API's URL and token: the given ones, else those of the environment, else the embedded stack's."""
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        raise WrongUseError(f"A setting is not valid: {error}.") from error
    url, token = url or settings.url, token or settings.token
    embedded = None if url and token else Home(settings.home).up()
    if not url:
        if embedded is None:
            raise ServerUnreachableError(
                f"No server is known: start one here with `epochal up`, or set EPOCHAL_URL and EPOCHAL_TOKEN "
                f"to one that runs (no stack is up on {settings.home})."
            )
        url = embedded.api
    if not token and embedded is not None and embedded.api == url.rstrip("/"):
        token = embedded.token
    if not url.startswith(("http://", "https://")):
        raise WrongUseError(f"The server's address, EPOCHAL_URL, must begin with http:// or https://; it is {url!r}.")
    try:
        urlsplit(url)
    except ValueError as error:
        raise WrongUseError(f"The server's address, EPOCHAL_URL, is not valid: {error}; it is {url!r}.") from error
    if not (token.isascii() and token.isprintable()):
        raise WrongUseError("The token, EPOCHAL_TOKEN, has characters that no token has: copy it again.")
    return url.rstrip("/"), token

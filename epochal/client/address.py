"""The address of the API: given, of the environment, or of the embedded stack."""

from spec.settings import BadSettingsError, Settings

from ..errors import EpochalError, ServerUnreachableError
from ..stack.home import Home


def address(url: str | None, token: str | None) -> tuple[str, str]:
    """The API's URL and token: the given ones, else those of the environment, else the embedded stack's."""
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        raise EpochalError(str(error)) from error
    url, token = url or settings.url, token or settings.token
    embedded = Home(settings.home).endpoints()
    if not url:
        if embedded is None:
            raise ServerUnreachableError(
                f"No server is known: start one here with `epochal up`, or set EPOCHAL_URL and EPOCHAL_TOKEN "
                f"to one that runs ({Home(settings.home).endpoints_file} does not exist)."
            )
        url = embedded.api
    if not token and embedded is not None and embedded.api == url.rstrip("/"):
        token = embedded.token
    return url.rstrip("/"), token

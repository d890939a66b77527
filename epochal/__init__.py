"""The user's side of Epochal: the Python client, the `epochal` command and the embedded stack."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client
    from .errors import EpochalError

__all__ = ["Client", "EpochalError"]


def __getattr__(name: str) -> Any:
    """What users import, loaded when they ask for it: the command must be able to end before that."""
    if name == "Client":
        from .client import Client

        return Client
    if name == "EpochalError":
        from .errors import EpochalError

        return EpochalError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

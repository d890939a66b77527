"""The user's side of Epochal: the Python client, the `epochal` command and the embedded stack."""

from .client import Client
from .errors import EpochalError

__all__ = ["Client", "EpochalError"]

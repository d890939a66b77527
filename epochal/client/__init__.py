"""The Python client: `Client` for people, `Api` for programs."""

from .api import Api
from .specs import parse, parse_many
from .transport import Update

Client = Api

__all__ = ["Api", "Client", "Update", "parse", "parse_many"]

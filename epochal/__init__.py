"""The user's side of Epochal: the Python client, the `epochal` command and the embedded stack."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import client, errors
    from .client import Client
    from .errors import EpochalError

__all__ = ["Client", "EpochalError", "client", "errors"]

if not TYPE_CHECKING:  # a type checker would take any name for one that `__getattr__` knows
    _MODULES = {"Client": "client", "EpochalError": "errors", "client": "client", "errors": "errors"}

    def __getattr__(name: str) -> object:
        """What users import, loaded when they ask for it: the command must be able to end before that."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f".{_MODULES[name]}", __name__)
        return module if name == _MODULES[name] else getattr(module, name)

    def __dir__() -> list[str]:
        """Names of the module, also of what is not loaded yet: notebooks complete them."""
        return sorted({*globals(), *_MODULES})

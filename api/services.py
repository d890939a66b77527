"""The services that views work with: `create_app` makes each once, and a view finds it by its type."""

from typing import TypeVar

from flask import Flask, current_app

_Service = TypeVar("_Service")
_EXTENSION = "epochal.services"


def provide(app: Flask, *services: object) -> None:
    """Let the views of `app` find these services."""
    app.extensions.setdefault(_EXTENSION, {}).update({type(service): service for service in services})


def service(kind: type[_Service]) -> _Service:
    """The application's service of this type. For views only: what they call gets its collaborators handed over."""
    found: _Service = current_app.extensions[_EXTENSION][kind]
    return found

"""The `epochal` command: its verbs, and what they print."""

from .app import app

__all__ = ["app"]

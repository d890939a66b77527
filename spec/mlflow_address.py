"""Where MLflow listens: at a URL, or at a socket that only its owner can reach."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_SOCKET = "unix://"


@dataclass(frozen=True)
class MlflowAddress:
    """What an HTTP client needs to reach MLflow."""

    url: str
    socket: str | None = None
    """The unix socket that takes the requests, in place of the URL's host."""

    @classmethod
    def of(cls, setting: str) -> Self:
        """The address that `EPOCHAL_MLFLOW_URL` names: `http://mlflow:5000`, or `unix:///run/mlflow.sock`."""
        if setting.startswith(_SOCKET):
            return cls("http://localhost", setting.removeprefix(_SOCKET))
        return cls(setting.rstrip("/"))

    @property
    def without_password(self) -> str:
        """The address as a log may have it."""
        if self.socket is not None:
            return _SOCKET + self.socket
        url = urlsplit(self.url)
        return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))

"""The page, the API's description and its documents: files that are the same for everybody and need no token."""

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from .openapi import Description
from .services import service

WEB = Path(__file__).parent / "web"
SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-16x16.png", "favicon-32x32.png")


@dataclass(frozen=True)
class Asset:
    """A file in memory: its answers share one copy, however many clients read it slowly."""

    content: bytes
    mimetype: str
    etag: str

    @classmethod
    def of(cls, content: bytes, mimetype: str) -> "Asset":
        """An asset that browsers may keep and must ask about."""
        return cls(content, mimetype, hashlib.sha256(content).hexdigest()[:32])

    def answer(self) -> Response:
        """The file; 304 when the browser has it."""
        answer = Response(self.content, mimetype=self.mimetype, headers={"Cache-Control": "no-cache"})
        answer.set_etag(self.etag)
        answer.make_conditional(request)
        return answer


class Assets:
    """The files of the page, of the documents, and the description of the API."""

    def __init__(self, description: Description) -> None:
        self._web = _files(WEB.iterdir())
        self._docs = {**_files(SWAGGER / name for name in SWAGGER_FILES), "": self._web["docs.html"]}
        self._description = description
        self._openapi: Asset | None = None

    def web(self, name: str) -> Asset:
        """A file of the page. Raises `NotFound`."""
        return _found(self._web, name)

    def docs(self, name: str) -> Asset:
        """A file of Swagger UI; the page that shows it has an empty name. Raises `NotFound`."""
        return _found(self._docs, name)

    def openapi(self) -> Asset:
        """The description; it is made when it is first asked for, because routes are added before."""
        if self._openapi is None:
            self._openapi = Asset.of(self._description.text.encode(), "application/json")
        return self._openapi


def _files(paths: Iterable[Path]) -> Mapping[str, Asset]:
    return {
        path.name: Asset.of(path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        for path in paths
        if path.is_file()
    }


def _found(assets: Mapping[str, Asset], name: str) -> Asset:
    if name not in assets:
        raise NotFound
    return assets[name]


pages = Blueprint("pages", __name__, static_folder=None)


@pages.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI description."""
    return service(Assets).openapi().answer()


@pages.get("/")
def page() -> Response:
    """The page."""
    return service(Assets).web("index.html").answer()


@pages.get("/web/<name>")
def web(name: str) -> Response:
    """A file of the page."""
    return service(Assets).web(name).answer()


@pages.get("/docs/", defaults={"name": ""})
@pages.get("/docs/<name>")
def docs(name: str) -> Response:
    """The documents: Swagger UI, which shows the description."""
    return service(Assets).docs(name).answer()

"""The page, the API's description and its documents: files that are the same for everybody and need no token."""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from .openapi import Description
from .services import service

BUILT = Path(__file__).parent / "static"
"""The page as Vite builds it: `index.html`, and in `assets` files whose names have digests of their contents."""
PLAIN = Path(__file__).parent / "plain"
"""What needs no build: the frame of the documents, and what is said where the page is not built."""
SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-16x16.png", "favicon-32x32.png")


ENCODINGS: Mapping[str, str] = {"br": ".br", "gzip": ".gz"}
"""How a built file may be compressed, the smallest first, and what its name then ends with."""
ASK = "no-cache"
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file in memory: its answers share one copy, however many clients read it slowly."""

    content: bytes
    mimetype: str
    etag: str
    keep: str = ASK
    """How browsers may keep it: ask each time, or keep it for ever."""
    compressed: Mapping[str, bytes] = field(default_factory=dict)
    """The same by encoding."""

    @classmethod
    def of(
        cls, content: bytes, mimetype: str, keep: str = ASK, compressed: Mapping[str, bytes] | None = None
    ) -> "Asset":
        """An asset, with the digest of its content."""
        return cls(content, mimetype, hashlib.sha256(content).hexdigest()[:32], keep, compressed or {})

    def answer(self) -> Response:
        """The file, compressed where the browser takes it; 304 when the browser has it."""
        encoding = request.accept_encodings.best_match(self.compressed)
        content = self.compressed[encoding] if encoding else self.content
        answer = Response(content, mimetype=self.mimetype, headers={"Cache-Control": self.keep})
        if self.compressed:
            answer.vary.add("Accept-Encoding")
        if encoding:
            answer.content_encoding = encoding
        answer.set_etag(f"{self.etag}-{encoding}" if encoding else self.etag)
        answer.make_conditional(request)
        return answer


class Assets:
    """The files of the page, of the documents, and the description of the API."""

    def __init__(self, description: Description, built: Path = BUILT) -> None:
        self._built = _built(built)
        plain = _files(PLAIN.iterdir())
        self._index = self._built.get("index.html") or plain["unbuilt.html"]
        self._docs = {**_files(SWAGGER / name for name in SWAGGER_FILES), **plain, "": plain["docs.html"]}
        self._description = description
        self._openapi: Asset | None = None

    def index(self) -> Asset:
        """The page; without a build, how to build it."""
        return self._index

    def built(self, name: str) -> Asset:
        """A file of the built page. Raises `NotFound`."""
        return _found(self._built, name)

    def docs(self, name: str) -> Asset:
        """A file of Swagger UI; the page that shows it has an empty name. Raises `NotFound`."""
        return _found(self._docs, name)

    def openapi(self) -> Asset:
        """The description; it is made when it is first asked for, because routes are added before."""
        if self._openapi is None:
            text = self._description.text.encode()
            self._openapi = Asset.of(text, "application/json", compressed={"gzip": gzip.compress(text, mtime=0)})
        return self._openapi


def _built(folder: Path) -> Mapping[str, Asset]:
    """The files of a build by their paths; what lies beside a file in compressed form belongs to it."""
    made: dict[str, Asset] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in ENCODINGS.values()):
        name = path.relative_to(folder).as_posix()
        beside = {encoding: path.with_name(path.name + ending) for encoding, ending in ENCODINGS.items()}
        compressed = {encoding: other.read_bytes() for encoding, other in beside.items() if other.is_file()}
        keep = FOREVER if name.startswith("assets/") else ASK
        made[name] = Asset.of(path.read_bytes(), _mimetype(path), keep, compressed)
    return made


def _files(paths: Iterable[Path]) -> Mapping[str, Asset]:
    return {path.name: Asset.of(path.read_bytes(), _mimetype(path)) for path in paths if path.is_file()}


def _mimetype(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


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
    return service(Assets).index().answer()


@pages.get("/static/<path:name>")
def built(name: str) -> Response:
    """A file of the built page."""
    return service(Assets).built(name).answer()


@pages.get("/docs/", defaults={"name": ""})
@pages.get("/docs/<name>")
def docs(name: str) -> Response:
    """The documents: Swagger UI, which shows the description."""
    return service(Assets).docs(name).answer()

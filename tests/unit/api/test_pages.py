"""The built page: how its files are kept and compressed."""

import gzip
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.openapi import Description
from api.pages import Assets, pages
from api.services import provide

SCRIPT = b"export const x = 1;\n"
GZIPPED = gzip.compress(SCRIPT, mtime=0)


def client(built: Path) -> FlaskClient:
    app = Flask("pages", static_folder=None)
    provide(app, Assets(Description(app, "1"), built))
    app.register_blueprint(pages)
    return app.test_client()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A small build: a page, a script with both compressed forms beside it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>built</title>")
    script = tmp_path / "assets" / "main-a1b2.js"
    script.write_bytes(SCRIPT)
    script.with_name("main-a1b2.js.br").write_bytes(b"brotli")
    script.with_name("main-a1b2.js.gz").write_bytes(GZIPPED)
    return tmp_path


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [("", None), ("gzip, deflate", "gzip"), ("gzip, deflate, br, zstd", "br"), ("br;q=0, gzip;q=0.5", "gzip")],
)
def test_a_hashed_file_is_kept_for_ever_and_sent_compressed(built: Path, accepts: str, encoding: str | None) -> None:
    answer = client(built).get("/static/assets/main-a1b2.js", headers={"Accept-Encoding": accepts})
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.mimetype == "text/javascript"
    assert answer.data == {None: SCRIPT, "br": b"brotli", "gzip": GZIPPED}[encoding]


def test_the_page_is_asked_for_each_time_and_not_sent_twice(built: Path) -> None:
    answer = client(built).get("/")
    assert (answer.text, answer.headers["Cache-Control"]) == ("<title>built</title>", "no-cache")
    again = client(built).get("/", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_without_a_build_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    assert "make install" in client(tmp_path / "none").get("/").text
    assert client(tmp_path / "none").get("/static/assets/main-a1b2.js").status_code == 404


@pytest.mark.parametrize("path", ["../pages.py", "assets/../../pages.py", "assets/main-a1b2.js.br", "assets"])
def test_nothing_but_the_files_of_the_build_is_sent(built: Path, path: str) -> None:
    assert client(built).get(f"/static/{path}").status_code == 404

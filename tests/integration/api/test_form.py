"""Uploads over real sockets: cut off, in chunks, and while the API is killed."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from store.datasets import DatasetStore
from store.db import connect

from ...services import PATIENCE, eventually
from .conftest import NOBODY
from .test_datasets import DATASETS, IRIS, form
from .test_process import Running, answer_on, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, NOBODY) as made:
        yield made


LARGE = form(("target", None, "kind"), ("file", "f.csv", IRIS + "9,red,setosa\n" * 200_000))["data"]


def half(server: Running, share: float) -> socket.socket:
    """A line on which so large a share of an upload was sent."""
    line = server.connect()
    head = server.head(f"Content-Length: {len(LARGE)}", path=DATASETS)
    line.sendall(head.replace(b"application/json", b"multipart/form-data; boundary=b"))
    line.sendall(LARGE[: int(share * len(LARGE))])
    return line


def making(home: Path) -> list[Path]:
    """Files in the making."""
    return list((home / "files" / ".making").glob("*"))


def listed(home: Path) -> list[str]:
    """The data sets in the record."""
    engine = connect(f"sqlite:///{home}/epochal.db")
    try:
        return [dataset.id for dataset in DatasetStore(engine).newest(owner=None)]
    finally:
        engine.dispose()


@pytest.mark.thorough
def test_an_upload_that_is_cut_off_leaves_nothing_and_is_sent_again(server: Running, tmp_path: Path) -> None:
    with half(server, 0.99) as line:
        eventually(lambda: bool(making(tmp_path)), within_s=10, what="the file arrives")
        line.shutdown(socket.SHUT_WR)
        assert answer_on(line).status == 400
    eventually(lambda: not making(tmp_path), within_s=10, what="nothing is left")
    assert listed(tmp_path) == []

    chunks = (LARGE[at : at + 100_000] for at in range(0, len(LARGE), 100_000))  # of a length that nobody says
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "multipart/form-data; boundary=b"}
    url = f"http://127.0.0.1:{server.port}{DATASETS}"
    answer = httpx.post(url, content=chunks, headers=headers, timeout=60.0, trust_env=False)
    assert answer.status_code == 201, answer.text
    assert json.loads(answer.text)["rows"] == 200_040
    assert making(tmp_path) == []


@pytest.mark.thorough
def test_an_api_that_is_killed_leaves_no_half_data_set(server: Running, tmp_path: Path) -> None:
    with half(server, 0.5):
        eventually(lambda: bool(making(tmp_path)), within_s=10, what="the file arrives")
        server.process.kill()
        server.process.wait(timeout=10 * PATIENCE)
    assert listed(tmp_path) == []
    assert not (tmp_path / "files" / "datasets").exists()

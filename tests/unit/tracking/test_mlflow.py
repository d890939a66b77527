import hashlib
import json
import logging
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.services import free_port
from tracking.mlflow import Metric, Mlflow, MlflowError, MlflowMissingError, MlflowUnreachableError, Run, _run


class Recorder(ThreadingHTTPServer):
    """A server that records requests and gives prepared answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.answer = (200, b"{}")
        self.files: list[tuple[str, int, str]] = []
        """Path, size and digest of what was uploaded."""
        self.stores_s = 0.0
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def do_PUT(self) -> None:
        size, left = 0, int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while size < left and (content := self.rfile.read(min(left - size, 65_536))):
            digest.update(content)
            size += len(content)
        self.server.files.append((self.path, size, digest.hexdigest()))
        time.sleep(self.server.stores_s)
        self.do_GET()

    def do_GET(self) -> None:
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def mlflow(recorder: Recorder) -> Iterator[Mlflow]:
    with Mlflow(recorder.url) as client:
        yield client


def points(epochs: int, metrics: int) -> list[Metric]:
    return [Metric(f"m{number}", 0.5, 0, epoch) for epoch in range(1, epochs + 1) for number in range(metrics)]


def test_points_parameters_and_tags_go_in_one_call(recorder: Recorder, mlflow: Mlflow) -> None:
    mlflow.log("r", metrics=points(30, 6), params={"a": "1"}, tags={"b": "2"})
    (body,) = recorder.bodies
    assert len(body["metrics"]) == 180
    assert body["params"] == [{"key": "a", "value": "1"}]
    assert body["tags"] == [{"key": "b", "value": "2"}]


def test_calls_keep_to_the_limits_and_divide_no_epoch(recorder: Recorder, mlflow: Mlflow) -> None:
    given = points(500, 7)
    mlflow.log("r", metrics=given, params={f"p{number}": "1" for number in range(250)}, tags={"b": "2"})
    sent = [[(point["key"], point["step"]) for point in body["metrics"]] for body in recorder.bodies]
    assert [point for call in sent for point in call] == [(point.key, point.step) for point in given]
    assert all(len({step for _, step in call}) * 7 == len(call) for call in sent)
    assert sum(len(body["params"]) for body in recorder.bodies) == 250
    for body in recorder.bodies:
        assert len(body["metrics"]) + len(body["params"]) + len(body["tags"]) <= 1000
        assert len(body["params"]) <= 100


def test_parameters_without_points_go_too(recorder: Recorder, mlflow: Mlflow) -> None:
    mlflow.log("r", params={f"p{number}": "1" for number in range(101)})
    assert [len(body["params"]) for body in recorder.bodies] == [100, 1]


def test_nothing_to_log_is_no_call(recorder: Recorder, mlflow: Mlflow) -> None:
    mlflow.log("r")
    assert recorder.bodies == []


def test_a_refusal_says_what_was_refused_and_why(recorder: Recorder, mlflow: Mlflow) -> None:
    recorder.answer = (400, b'{"message": "bad key"}')
    with pytest.raises(MlflowError, match=r"runs/update: 400 .*bad key") as caught:
        mlflow.update("r", "a name", "FINISHED", 1)
    assert not isinstance(caught.value, MlflowUnreachableError)


def test_an_answer_that_is_not_json_is_an_error(recorder: Recorder, mlflow: Mlflow) -> None:
    recorder.answer = (200, b"<html>")
    with pytest.raises(MlflowError, match="not JSON"):
        mlflow.run("r")


def test_no_answer_and_a_refusal_are_different_errors() -> None:
    with Mlflow(f"http://127.0.0.1:{free_port()}") as mlflow:
        assert not mlflow.alive()
        with pytest.raises(MlflowUnreachableError, match="does not answer"):
            mlflow.experiment("p")


def test_a_server_that_answers_is_alive(recorder: Recorder, mlflow: Mlflow) -> None:
    assert mlflow.alive()
    recorder.answer = (503, b"")
    assert not mlflow.alive()


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_redirection_carries_nothing_out(recorder: Recorder, mlflow: Mlflow, status: int) -> None:
    recorder.answer = (status, b"")
    with pytest.raises(MlflowError, match=str(status)):
        mlflow.log("r", tags={"a": "1"})


def test_only_mlflow_says_that_a_run_is_missing(recorder: Recorder, mlflow: Mlflow) -> None:
    recorder.answer = (404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}')
    with pytest.raises(MlflowMissingError):
        mlflow.run("r")
    for body in (b"404 page not found", b'{"error_code": "ENDPOINT_NOT_FOUND"}', b"[]"):
        recorder.answer = (404, body)
        with pytest.raises(MlflowError) as caught:
            mlflow.run("r")
        assert type(caught.value) is MlflowError


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_a_server_is_no_answer(recorder: Recorder, mlflow: Mlflow, status: int) -> None:
    recorder.answer = (status, b"<html>")
    with pytest.raises(MlflowUnreachableError):
        mlflow.run("r")


def run(uri: str = "mlflow-artifacts:/1/r/artifacts") -> Run:
    return _run({"info": {"run_id": "r", "experiment_id": "1", "artifact_uri": uri}})


def test_a_file_is_uploaded_piece_by_piece(recorder: Recorder, mlflow: Mlflow) -> None:
    piece, count = b"p" * (1 << 20), 24
    tracemalloc.start()
    try:
        mlflow.upload_pieces(run(), "model.safetensors", (piece for _ in range(count)), count << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    path = "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/model.safetensors"
    assert recorder.files == [(path, count << 20, hashlib.sha256(piece * count).hexdigest())]
    assert peak < 4 << 20


def test_an_empty_file_is_a_file(recorder: Recorder, mlflow: Mlflow) -> None:
    mlflow.upload_pieces(run(), "empty", [], 0)
    assert [size for _, size, _ in recorder.files] == [0]


def test_a_file_that_is_gone_is_no_request(recorder: Recorder, mlflow: Mlflow) -> None:
    def gone() -> Iterator[bytes]:
        raise FileNotFoundError("it is gone")
        yield b""

    with pytest.raises(FileNotFoundError):
        mlflow.upload_pieces(run(), "model.safetensors", gone(), 5)
    assert recorder.files == []


def test_a_larger_file_may_take_longer_to_be_stored(recorder: Recorder) -> None:
    recorder.stores_s = 0.3
    with Mlflow(recorder.url, timeout_s=0.1) as mlflow:
        mlflow.upload(run(), "large", b"0" * 500_000)
        with pytest.raises(MlflowUnreachableError, match="small could not be uploaded"):
            mlflow.upload(run(), "small", b"0")


@pytest.mark.parametrize(
    ("uri", "artifacts"),
    [
        ("mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"),
        ("mlflow-artifacts://mlflow:5000/1/r/artifacts", "1/r/artifacts"),
        ("s3://bucket/1/r/artifacts", None),
        ("file:///mlruns/1/r/artifacts", None),
        ("/mlruns/1/r/artifacts", None),
    ],
)
def test_the_server_takes_files_for_its_own_root_only(uri: str, artifacts: str | None) -> None:
    assert run(uri).artifacts == artifacts


def test_files_that_the_server_does_not_take_are_one_warning(
    recorder: Recorder, mlflow: Mlflow, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b"):
        mlflow.upload(run("s3://bucket/1/r/artifacts"), name, b"1")
    assert recorder.files == []
    (warning,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert "--artifacts-destination" in warning.getMessage()

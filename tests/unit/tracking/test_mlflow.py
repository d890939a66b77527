import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.services import free_port
from tracking.mlflow import Metric, Mlflow, MlflowError, MlflowUnreachableError


class Recorder(ThreadingHTTPServer):
    """A server that records requests and gives prepared answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.answer = (200, b"{}")
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
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

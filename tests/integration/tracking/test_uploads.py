"""Files on their way to MLflow: piece by piece, and one that does not arrive concerns its own job only."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from model.drawing import Drawing
from tracking.artifacts import PIECE
from tracking.mlflow import MlflowUnreachableError, Run

from .conftest import Service, copied, curve
from .test_deleted import copied_after_failures

MODEL = "model.safetensors"


def names_of(service: Service, run_id: str) -> set[str]:
    """The files of a run in MLflow."""
    return {one["path"] for one in service.server.ask("artifacts/list", run_id=run_id).get("files", [])}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]


def test_a_large_file_is_read_and_sent_in_pieces(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(251)) * (2 * PIECE // 251 + 1)
    claim = service.run()
    service.succeed(claim, points=curve(1, 30), beside={"large.bin": content})
    sizes, get = [], service.files.get

    def read(path: str) -> bytes:
        sizes.append(len(part := get(path)))
        return part

    monkeypatch.setattr(service.files, "get", read)
    copied(service.mirror())
    stored = service.server.artifact(service.run_of(claim), "large.bin")
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()
    assert max(sizes) == PIECE


@pytest.mark.thorough
def test_an_upload_that_is_never_answered_holds_up_no_other_job(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service.submit(4)
    claims = service.claim(4)
    for claim in claims:
        service.succeed(claim, points=curve(1, 3))
    mirror = service.mirror()
    upload, tries = mirror._mlflow.upload_pieces, []

    def slow(run: Run, name: str, pieces: Iterable[bytes], size: int) -> None:
        if run.id == service.run_of(claims[0]) and name == MODEL:
            tries.append(run.id)
            raise MlflowUnreachableError("the read timed out")
        upload(run, name, pieces, size)

    monkeypatch.setattr(mirror._mlflow, "upload_pieces", slow)
    service.stop_clock()  # rounds on a busy machine take longer than its pause
    copied(mirror)
    assert len(tries) == 1  # it waits for its next try
    for claim in claims[1:]:
        assert {MODEL, "curves.png"} <= names_of(service, service.run_of(claim))
    (warning,) = warnings(caplog)
    assert claims[0].job_id in warning
    monkeypatch.undo()
    copied_after_failures(service, mirror)
    assert {MODEL, "curves.png"} <= names_of(service, service.run_of(claims[0]))


def test_a_picture_that_cannot_be_made_sends_no_file_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = service.run()
    service.succeed(claim, points=curve(1, 3))
    mirror = service.mirror()
    upload, sent, drawn = mirror._mlflow.upload_pieces, [], []

    def counted(run: Run, name: str, pieces: Iterable[bytes], size: int) -> None:
        sent.append(name)
        upload(run, name, pieces, size)

    def draw(_: Drawing) -> Mapping[str, bytes]:
        drawn.append(1)
        raise ValueError("no such font")

    monkeypatch.setattr(mirror._mlflow, "upload_pieces", counted)
    monkeypatch.setattr("tracking.mirror.drawn_here", draw)
    copied_after_failures(service, mirror)
    assert (sent.count(MODEL), len(drawn) > 2) == (1, True)
    assert mirror._failures.add(claim.job_id).in_a_row == len(drawn) + 1  # it waits longer each time


@pytest.mark.thorough
def test_an_mlflow_that_takes_no_files_has_the_rest(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere: Any = {"name": service.project, "artifact_location": "s3://bucket/somewhere"}
    service.server.post("experiments/create", elsewhere)
    claims = [service.run(), service.run(epochs=31)]
    for claim in claims:
        service.succeed(claim, points=curve(1, 30))
    mirror = service.mirror()
    copied(mirror)
    for claim in claims:
        assert (service.status_of(claim), service.epochs_of(claim)) == ("FINISHED", list(range(1, 31)))
    (warning,) = warnings(caplog)
    assert "--artifacts-destination" in warning
    assert mirror._memories == {}

"""Pictures over HTTP: drawn by a process of its own, whether or not MLflow is there."""

import threading
from collections.abc import Mapping

import numpy as np
import pytest

from api.picture_numbers import numbers_of
from api.pictures import Gallery
from model.boundary import Boundary
from model.report import ClassReport, Landscape, Report, of_classes, of_numbers
from spec.states import FailureReason, StopReason
from spec.views import Curve
from store.files import files_at
from store.records import ArtifactRecord, JobRecord, Success

from .conftest import JOBS, Service, is_problem

POINTS: Curve = {"epoch": [1, 2], "train_loss": [1.0, 0.5]}
PART = ClassReport(
    rows=4,
    accuracy=0.75,
    balanced_accuracy=0.8,
    macro_f1=0.7,
    log_loss=None,
    roc_auc=None,
    labels=("$0", "1"),
    confusion=((2, 1), (0, 1)),
)

DRAWN = of_classes(
    ("a", "b"),
    np.array([0, 1, 1, 0]),
    np.eye(2)[[0, 1, 1, 0]],
    np.array([[-1.0, 1.0, 2.0, -2.0]]),
    np.array([0, 1, 0, 1]),
)
FULL = Report(
    validation=DRAWN,
    test=of_numbers(np.array([[1.0, 4.0], [2.0, 5.0]]), np.array([[1.5, 4.0], [2.0, 6.0]]), ["kg", "euro"]),
    boundary=Boundary(
        names=("x", "y"),
        across=(0.0, 1.0),
        up=(0.0, 1.0),
        said="class",
        values=((0.0, 1.0),),
        points=((0.5, 0.5, 1.0),),
    ),
    landscape=Landscape(span=1.0, part="validation", rows=4, losses=((None, 0.5),)),
)


def succeeded(service: Service, *, lost: bool = False, **fields: object) -> str:
    """A job that left a report."""
    job_id = service.run(**fields)
    files, path = files_at(f"{service.home.as_uri()}/files"), f"jobs/{job_id}/a1/report.json"
    content = Report(validation=PART, test=PART).model_dump_json().encode()
    if not lost:
        files.put(path, content)
    left = [ArtifactRecord("report.json", files.uri(path), "0" * 64, len(content))]
    end = Success(job_id, 1, StopReason.early_stopping, best_epoch=1, best_metrics={}, points=POINTS, artifacts=left)
    service.store.succeed(end)
    return job_id


def test_each_picture_that_is_listed_is_there(api: Service) -> None:
    job_id = succeeded(api, name="$5 学习")
    job = api.ask("GET", f"{JOBS}/{job_id}").get_json()
    listed = api.ask("GET", job["links"]["pictures"]).get_json()
    assert [picture["name"] for picture in listed["pictures"]] == ["curves", "confusion", "test_confusion"]
    assert listed["why"] is None
    for picture in listed["pictures"]:
        answer = api.ask("GET", picture["href"])
        assert (answer.status_code, answer.content_type) == (200, "image/png")
        assert answer.data.startswith(b"\x89PNG")


def test_a_picture_s_numbers_are_there_too(api: Service) -> None:
    job_id = succeeded(api)
    numbers = api.ask("GET", f"{JOBS}/{job_id}/pictures/test_confusion.json").get_json()
    assert (numbers["picture"], len(numbers["labels"]), len(numbers["counts"])) == ("confusion", 2, 2)
    missing = is_problem(api.ask("GET", f"{JOBS}/{job_id}/pictures/roc.json"), 404)["detail"]
    assert "confusion, test_confusion" in missing
    assert "is queued" in is_problem(api.ask("GET", f"{JOBS}/{api.submit()}/pictures/roc.json"), 404)["detail"]


@pytest.mark.parametrize("name", ["confusion", "roc", "calibration", "residuals", "boundary", "landscape"])
def test_every_picture_of_a_report_has_numbers(name: str) -> None:
    found = numbers_of(FULL, name if name != "residuals" else "test_residuals")
    assert found is not None
    assert found.picture == name
    if found.picture == "residuals":
        assert [(one.target, one.true, one.mae) for one in found.targets] == [
            ("kg", (1.5, 2.0), 0.25),
            ("euro", (4.0, 6.0), 0.5),
        ]


def test_a_picture_that_is_not_listed_is_a_404_that_says_which_there_are(api: Service) -> None:
    path = f"{JOBS}/{succeeded(api)}/pictures/roc.png"
    assert "curves, confusion, test_confusion" in is_problem(api.ask("GET", path), 404)["detail"]


def test_a_job_without_pictures_says_why(api: Service) -> None:
    job_id = api.submit()
    listed = api.ask("GET", f"{JOBS}/{job_id}/pictures").get_json()
    assert listed["pictures"] == []
    assert listed["why"].startswith("The job is queued")
    assert "is queued" in is_problem(api.ask("GET", f"{JOBS}/{job_id}/pictures/curves.png"), 404)["detail"]
    api.store.request_cancel(job_id, owner="ann", actor="ann")
    assert "before its first epoch" in api.ask("GET", f"{JOBS}/{job_id}/pictures").get_json()["why"]


def test_a_job_that_failed_has_its_curve(api: Service) -> None:
    job_id = api.run()
    api.store.fail(job_id, 1, reason=FailureReason.diverged, message="The loss is infinite.", points=POINTS)
    (picture,) = api.ask("GET", f"{JOBS}/{job_id}/pictures").get_json()["pictures"]
    assert api.ask("GET", picture["href"]).data.startswith(b"\x89PNG")


def test_a_report_that_the_file_store_lost_leaves_the_curve(api: Service) -> None:
    listed = api.ask("GET", f"{JOBS}/{succeeded(api, lost=True)}/pictures").get_json()
    assert [picture["name"] for picture in listed["pictures"]] == ["curves"]


def test_nobody_sees_the_pictures_of_another(api: Service) -> None:
    path = f"{JOBS}/{succeeded(api)}/pictures"
    other = api.tokens.create(owner="bob")
    for one in (path, f"{path}/curves.png"):
        assert is_problem(api.ask("GET", one, token=other), 404)


@pytest.mark.thorough
def test_a_job_is_drawn_once_however_many_ask(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = api.store.get(succeeded(api), owner="ann")
    gallery = Gallery(api.store, files_at(f"{api.home.as_uri()}/files"), at_once=1)
    drawn, draw = list[str](), gallery._draw

    def counted(one: JobRecord, report: Report | None) -> Mapping[str, bytes]:
        drawn.append(one.id)
        return draw(one, report)

    monkeypatch.setattr(gallery, "_draw", counted)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(gallery.picture(job, "curves"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert drawn == [job.id]

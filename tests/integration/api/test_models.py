"""Models over HTTP: predictions, and the model itself."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from onnxruntime import InferenceSession
from safetensors.numpy import save
from werkzeug.test import TestResponse

from api.kept import Kept
from api.models import LoadedModels
from model.preprocessing import Preprocessing
from spec.cells import CellFormat
from spec.dataset import Targets
from spec.job import JobSpec
from spec.schema import Column, ColumnKind, Schema, Target
from spec.states import StopReason
from store.files import files_at
from store.records import ArtifactRecord, Success
from tests.unit.ingest.workbooks import xlsx

from .conftest import JOBS, Service, is_problem

FIELDS: dict[str, Any] = {"dataset": "xor", "architecture": "perceptron", "loss": "binary_cross_entropy"}
SCHEMA = Schema(
    columns=(Column(name="x", type=ColumnKind.number, size=2),),
    target=Target(name="y", type=Targets.classes, labels=("no", "yes")),
)


def succeeded(
    service: Service, *, without: str = "", labels: tuple[str, str] = ("no", "yes"), columns: Schema = SCHEMA
) -> str:
    """A job whose model says yes when the first number is the larger."""
    job_id = service.run(**FIELDS)
    schema = columns.model_copy(update={"target": SCHEMA.target.model_copy(update={"labels": labels})})
    prepared = Preprocessing.fit(schema, np.zeros((2, 2)), np.arange(2), standardize=False)
    weights = {
        "layers.0.weight": np.array([[1.0, -1.0]], dtype=np.float32),
        "layers.0.bias": np.zeros(1, dtype=np.float32),
    }
    contents = {
        "model.safetensors": save(weights),
        "spec.json": JobSpec.model_validate(FIELDS).model_dump_json().encode(),
        "preprocessing.json": prepared.model_dump_json().encode(),
    }
    files = files_at(f"{service.home.as_uri()}/files")
    artifacts = []
    for name, content in contents.items():
        if name != without:
            files.put(f"jobs/{job_id}/a1/{name}", content)
            artifacts.append(ArtifactRecord(name, files.uri(f"jobs/{job_id}/a1/{name}"), "0" * 64, len(content)))
    service.store.succeed(Success(job_id, 1, StopReason.max_epochs, best_epoch=1, best_metrics={}, artifacts=artifacts))
    return job_id


def test_rows_are_predicted(api: Service) -> None:
    answer = api.ask("POST", f"{JOBS}/{succeeded(api)}/predict", json={"rows": [[2, 1], {"x": [1, 4]}]})
    predicted = answer.get_json()
    assert answer.status_code == 200
    assert predicted["predictions"] == ["yes", "no"]
    assert predicted["classes"] == ["no", "yes"]
    assert predicted["probabilities"][0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])


WEIGHED = SCHEMA.model_copy(
    update={
        "columns": (
            Column(name="weight", type=ColumnKind.number, format=CellFormat(unit="kg")),
            Column(name="at", type=ColumnKind.number, format=CellFormat(date="h:mm")),
        )
    }
)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_unit_may_be_left_out_and_another_is_refused_by_its_name(api: Service, as_file: bool) -> None:
    path = f"{JOBS}/{succeeded(api, columns=WEIGHED)}/predict"

    def predicted(*weights: str) -> TestResponse:
        rows = [{"weight": weight, "at": "0:00"} for weight in weights]
        content = "".join(f"{weight},0:00\n" for weight in weights)
        how = upload_form(f"weight,at\n{content}".encode()) if as_file else {"json": {"rows": rows}}
        return api.ask("POST", path, **how)

    assert predicted("12 kg", "-12", "12kg").get_json()["predictions"] == ["yes", "no", "yes"]
    assert is_problem(predicted("12", "12 lb"), 422)["errors"] == [
        {"path": "rows.1.weight", "message": "must be a number in kg, such as 12 or 12 kg; it is '12 lb'"}
    ]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"rows": [[2, 1], [1]]}, "rows.1.x"),
        ({"rows": [{}]}, "rows.0.x"),
        ({"rows": [{"x": [1, 2], "z": 3}]}, "rows.0.z"),
        ({"rows": []}, "rows"),
        ({}, "rows"),
        ({"rows": [7]}, "rows.0"),
        ({"rows": [[1, 2]], "row": 1}, "row"),
    ],
)
def test_rows_that_do_not_fit_are_named(api: Service, body: dict[str, Any], path: str) -> None:
    problem = is_problem(api.ask("POST", f"{JOBS}/{succeeded(api)}/predict", json=body), 422)
    assert [fault["path"] for fault in problem["errors"]] == [path]


def test_the_model_is_a_zip_that_explains_itself(api: Service) -> None:
    job_id = succeeded(api)
    with api.ask("GET", f"{JOBS}/{job_id}/model") as answer:
        assert answer.headers["Content-Disposition"] == f'attachment; filename="model-{job_id}.zip"'
        assert int(answer.headers["Content-Length"]) == len(answer.data)
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert set(archive.namelist()) == {"model.safetensors", "spec.json", "preprocessing.json", "README.md"}
        assert json.loads(archive.read("preprocessing.json"))["output"]["labels"] == ["no", "yes"]
        assert "nn.Linear(2, 1)" in archive.read("README.md").decode()
    assert list((api.home / "files" / ".making").iterdir()) == []


def test_the_model_is_a_graph_for_any_runtime(api: Service) -> None:
    job_id = succeeded(api)
    answer = api.ask("GET", f"{JOBS}/{job_id}/model?format=onnx")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="model-{job_id}.onnx"'
    session = InferenceSession(answer.data, providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {"x": np.array([[2.0, 1.0], [1.0, 4.0]])})
    predicted = api.ask("POST", f"{JOBS}/{job_id}/predict", json={"rows": [[2, 1], [1, 4]]}).get_json()
    assert labels.tolist() == predicted["predictions"] == ["yes", "no"]
    np.testing.assert_allclose(probabilities, predicted["probabilities"], atol=1e-5)


def test_an_unknown_format_is_refused(api: Service) -> None:
    job_id = succeeded(api)
    problem = is_problem(api.ask("GET", f"{JOBS}/{job_id}/model?format=pickle"), 422)
    assert problem["errors"] == [{"path": "format", "message": "must be one of zip, onnx; it is 'pickle'"}]
    problem = is_problem(api.ask("GET", f"{JOBS}/{job_id}/model?form=onnx"), 422)
    assert [fault["path"] for fault in problem["errors"]] == ["form"]


@pytest.mark.parametrize(("verb", "what"), [("POST", "predict"), ("GET", "model"), ("GET", "model?format=onnx")])
def test_a_missing_model_is_an_error_with_a_sentence(api: Service, verb: str, what: str) -> None:
    body: dict[str, Any] = {"json": {"rows": [[1, 2]]}} if verb == "POST" else {}
    queued = api.submit()
    problem = is_problem(api.ask(verb, f"{JOBS}/{queued}/{what}", **body), 409)
    api.ask("POST", f"{JOBS}/{queued}/cancel")
    assert problem["detail"] == "A job that is queued cannot be asked for its model: wait until it has succeeded."
    is_problem(api.ask(verb, f"{JOBS}/{succeeded(api, without='preprocessing.json')}/{what}", **body), 404)
    job_id = succeeded(api)
    is_problem(api.ask(verb, f"{JOBS}/{job_id}/{what}", token=api.tokens.create(owner="bob"), **body), 404)
    (api.home / "files" / "jobs" / job_id / "a1" / "model.safetensors").unlink()
    is_problem(api.ask(verb, f"{JOBS}/{job_id}/{what}", **body), 404)


def test_a_large_model_is_to_be_fetched(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.models.LARGEST", 10)
    job_id = succeeded(api)
    problem = is_problem(api.ask("POST", f"{JOBS}/{job_id}/predict", json={"rows": [[1, 2]]}), 413)
    assert f"{JOBS}/{job_id}/model" in problem["detail"]
    is_problem(api.ask("GET", f"{JOBS}/{job_id}/model?format=onnx"), 413)


def test_a_body_of_rows_that_is_too_large_is_to_be_uploaded(api: Service) -> None:
    job_id = succeeded(api)
    rows = b'{"rows": [[1, 2]]}'.ljust(33 << 20)
    answer = api.ask("POST", f"{JOBS}/{job_id}/predict", data=rows, headers={"Content-Type": "application/json"})
    detail = is_problem(answer, 413)["detail"]
    assert "32 MiB for jobs/bulk, jobs/cancel and predict" in detail
    assert "Upload many rows" in detail


def test_the_models_used_last_stay_loaded(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.app.extensions["epochal.services"][LoadedModels], "_held", Kept[str, Any](1))
    one, other = succeeded(api), succeeded(api)
    for job_id in (one, one, other):
        assert api.ask("POST", f"{JOBS}/{job_id}/predict", json={"rows": [[2, 1]]}).status_code == 200
    (api.home / "files" / "jobs" / other / "a1" / "model.safetensors").unlink()
    assert api.ask("POST", f"{JOBS}/{other}/predict", json={"rows": [[2, 1]]}).status_code == 200  # it is loaded
    (api.home / "files" / "jobs" / one / "a1" / "model.safetensors").unlink()
    is_problem(api.ask("POST", f"{JOBS}/{one}/predict", json={"rows": [[2, 1]]}), 404)  # it was let go


def upload_form(content: bytes, file: str = "new.csv", **fields: str) -> dict[str, Any]:
    return {"data": {**fields, "file": (io.BytesIO(content), file)}, "content_type": "multipart/form-data"}


def test_a_file_is_predicted_as_an_upload_is_read(api: Service) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, X=np.array([[2.0, 1.0], [1.0, 4e9]]))
    path = f"{JOBS}/{succeeded(api)}/predict"
    predicted = api.ask("POST", path, **upload_form(buffer.getvalue(), "new.npz")).get_json()
    assert predicted["predictions"] == ["yes", "no"]
    assert predicted["warnings"] == [
        "Column 'x' has 2 in 2 rows, the first row 1, far outside the training rows' range, 0 to 0: the prediction may "
        "be far off."
    ]
    assert list((api.home / "files" / ".making").iterdir()) == []


def test_the_sheet_with_the_models_columns_is_predicted_or_the_one_that_is_named(api: Service) -> None:
    sheets: dict[str, list[list[Any]]] = {
        "People": [["name", "room"], ["ann", 1], ["bob", 2]],
        "New": [["weight", "at"], [12, "0:00"], [-12, "0:00"]],
        "Old": [["weight", "at"], [-12, "0:00"], [-12, "0:00"], [12, "0:00"]],
    }
    book = xlsx(sheets)
    path = f"{JOBS}/{succeeded(api, columns=WEIGHED)}/predict"
    found = api.ask("POST", path, **upload_form(book, "new.xlsx")).get_json()
    assert found["predictions"] == ["yes", "no"]
    assert found["warnings"][0] == "The sheet 'New' is read, and 'People', 'Old' not: the option sheet names another."
    named = api.ask("POST", path, **upload_form(book, "new.xlsx", sheet="Old")).get_json()
    assert named["predictions"] == ["no", "no", "yes"]


@pytest.mark.parametrize(
    ("content", "file", "fields", "path"),
    [
        (b"a,b\n1,2\n", "new.csv", {}, "file"),
        (b"PK\x03\x04", "new.npz", {}, "file"),
        (b"", "new.npz", {}, "file"),
        (b"a,b\n1,2\n", "new.csv", {"header": "perhaps"}, "header"),
        (b"a,b\n1,2\n", "new.csv", {"decimal": ","}, "decimal"),
        (b"a,b\n1,2\n", "new.csv", {"sheet": "New"}, "sheet"),
    ],
)
def test_a_file_that_cannot_be_predicted_is_refused_with_its_field(
    api: Service, content: bytes, file: str, fields: dict[str, str], path: str
) -> None:
    answer = api.ask("POST", f"{JOBS}/{succeeded(api)}/predict", **upload_form(content, file, **fields))
    assert [fault["path"] for fault in is_problem(answer, 422)["errors"]] == [path]

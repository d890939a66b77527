"""The client and the commands about data sets and models."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from epochal import Client, cli_datasets, cli_models
from epochal.dataset_tables import dataset_card, datasets_table, size
from epochal.errors import BadFileError, BadSpecError, NotFoundError, ServerUnreachableError
from spec.schema import Task
from spec.views import DatasetView, ModelFormat

from .jobs import ID, client_of, job

DATASET = f"ds_{'4' * 32}"


def dataset(**changed: Any) -> dict[str, Any]:
    """A data set, as the API answers it."""
    histogram = {"edges": [0.0, 1.0, 2.0], "counts": [1, 8]}
    number = {"name": "age", "type": "number", "min": 0.0, "max": 2.0, "mean": 1.5, "histogram": histogram}
    category = {"name": "[city]", "type": "category", "missing": 3, "values": [{"value": "Oslo", "count": 9}]}
    return {
        **{"id": DATASET, "name": "people", "version": 2, "task": "classification", "rows": 9, "features": 4},
        **{"outputs": 2, "image": None, "sha256": "0" * 64, "size_bytes": 1234, "links": {}},
        **{"created_at": "2026-01-01T00:00:00Z", "format": "csv", "columns": [number, category]},
        **{"target": {"name": "kind", "type": "category"}, "notes": ["Column 'x' is empty, and not used."]},
        **{"classes": [{"value": "a", "count": 5}, {"value": "b", "count": 4}]},
        **changed,
    }


def view(**changed: Any) -> DatasetView:
    return DatasetView.model_validate(dataset(**changed))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[httpx.Request]]:
    """Let the commands talk to a server that gives these answers; what it was asked."""

    def serve(*answers: httpx.Response) -> list[httpx.Request]:
        left, seen = iter(answers), list[httpx.Request]()

        def handle(request: httpx.Request) -> httpx.Response:
            request.read()
            seen.append(request)
            return next(left)

        for module in (cli_datasets, cli_models):
            monkeypatch.setattr(module, "Client", lambda: client_of(handle))
        return seen

    return serve


def answer(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def test_an_upload_sends_the_file_and_tells_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(b"age,kind\n" + b"1,a\n" * 50_000)
    told: list[tuple[int, int]] = []
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        asked.append(request)
        return answer(dataset(), 201)

    with client_of(handle) as client:
        made = client.upload(
            tmp_path / "people.csv",
            target="kind",
            task=Task.classification,
            tell=lambda sent, total: told.append((sent, total)),
        )
    assert made.id == DATASET
    (request,) = asked
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert int(request.headers["Content-Length"]) == len(request.content)
    assert b'name="target"\r\n\r\nkind' in request.content
    assert b'name="task"\r\n\r\nclassification' in request.content
    assert b'name="name"' not in request.content
    assert (tmp_path / "people.csv").read_bytes() in request.content
    assert told[-1] == (200_009, 200_009)
    assert len({sent for sent, _ in told}) > 1


def test_an_upload_that_cannot_be_says_why(tmp_path: Path) -> None:
    with client_of(lambda _: answer(dataset())) as client, pytest.raises(BadFileError, match="No such file"):
        client.upload(tmp_path / "nothing.csv")
    (tmp_path / "f.csv").write_text("a")
    errors = [{"path": "target", "message": "is missing"}]
    problem = {"type": "about:blank", "title": "x", "status": 422, "detail": "d", "errors": errors, "request_id": "r"}
    with client_of(lambda _: answer(problem, 422)) as client, pytest.raises(BadSpecError, match="target: is missing"):
        client.upload(tmp_path / "f.csv")

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.WriteError("gone")

    with client_of(gone) as client, pytest.raises(ServerUnreachableError):
        client.upload(tmp_path / "f.csv")


def test_the_upload_command_prints_the_id_and_what_to_know(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.csv").write_text("age,kind\n1,a\n")
    served(answer(dataset(), 201))
    cli_datasets.upload(tmp_path / "people.csv", target="kind")
    assert capsys.readouterr().out == f"{DATASET}\n"


@pytest.mark.parametrize("said", [DATASET, "people", "ds_444"])
def test_a_data_set_is_found_by_its_id_its_name_or_its_beginning(
    served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str], said: str
) -> None:
    older = dataset(id=f"ds_{'5' * 32}", version=1)
    listed = [answer({"datasets": [_summary(dataset()), _summary(older)]})] if said != DATASET else []
    asked = served(*listed, httpx.Response(204))
    cli_datasets.delete(said)
    assert (asked[-1].method, asked[-1].url.path) == ("DELETE", f"/api/v1/datasets/{DATASET}")
    assert capsys.readouterr().out == f"{DATASET} deleted\n"


def test_a_beginning_of_several_is_not_enough() -> None:
    listed = {"datasets": [_summary(dataset(id=f"ds_{end * 32}", name=end)) for end in "45"]}
    with client_of(lambda _: answer(listed)) as client:
        with pytest.raises(NotFoundError, match="2 data sets have"):
            cli_datasets.whole(client, "ds_")
        with pytest.raises(NotFoundError, match="No data set has"):
            cli_datasets.whole(client, "cats")


def _summary(full: dict[str, Any]) -> dict[str, Any]:
    inside = ("format", "columns", "target", "notes", "classes")
    return {name: value for name, value in full.items() if name not in inside}


def test_tables_of_data_sets() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(datasets_table([view()], now=view().created_at))
    console.print(dataset_card(view()))
    shown = console.export_text()
    assert "classification, 2 classes" in shown
    assert "a 5, b 4" in shown
    assert "▁█" in shown
    assert "[city]" in shown  # and no markup
    assert "Oslo 9" in shown
    assert "Column 'x' is empty" in shown


@pytest.mark.parametrize(("count", "said"), [(999, "999 B"), (1500, "1.5 kB"), (10**9, "1.0 GB")])
def test_sizes(count: int, said: str) -> None:
    assert size(count) == said


# --- models -----------------------------------------------------------------------------------------------------------

JOB = answer({"jobs": [], "next": None})


def test_rows_of_a_csv_are_predicted_in_pieces(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.csv").write_text("age;city\n" + "1;Oslo\n" * 1000 + "2;\n")
    first = {"predictions": ["a"] * 1000, "classes": ["a", "=b"], "probabilities": [[0.75, 0.25]] * 1000}
    last = {"predictions": ["=b"], "classes": ["a", "=b"], "probabilities": [[0.25, 0.75]]}
    asked = served(answer(first), answer(last))
    cli_models.predict(ID, tmp_path / "new.csv")
    rows = [json.loads(request.content)["rows"] for request in asked]
    assert [len(part) for part in rows] == [1000, 1]
    assert rows[1] == [{"age": "2", "city": ""}]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "prediction,p_a,p_=b"
    assert lines[1] == "a,0.75,0.25"
    assert lines[-1] == "'=b,0.25,0.75"  # no formula for a spreadsheet


@pytest.mark.parametrize(
    ("predictions", "text"),
    [
        ([1.5, -2.0], "prediction\n1.5\n-2.0\n"),
        ([[1.0, 2.0]], "prediction_0,prediction_1\n1.0,2.0\n"),
        (["=1+1", "@a", "b=1"], "prediction\n'=1+1\n'@a\nb=1\n"),  # labels are no formulas
    ],
)
def test_predictions_are_written_for_a_spreadsheet(
    tmp_path: Path,
    served: Callable[..., list[httpx.Request]],
    capsys: pytest.CaptureFixture[str],
    predictions: list[Any],
    text: str,
) -> None:
    (tmp_path / "rows.json").write_text(json.dumps({"rows": [[1.0]] * len(predictions)}))
    served(answer({"predictions": predictions}))
    cli_models.predict(ID, tmp_path / "rows.json")
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "a,b\n", "holds no rows"),
        ("a.csv", "a,b\n1\n", "more or fewer values than its header"),
        ("a.csv", "a,b\n1,2,3\n", "more or fewer values than its header"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "{}", "holds no rows"),
    ],
)
def test_a_file_without_rows_is_told(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadFileError, match=said):
        cli_models.predict(ID, tmp_path / name)
    with pytest.raises(BadFileError, match="No such file"):
        cli_models.predict(ID, tmp_path / "nothing.csv")


def test_a_model_is_unpacked_into_its_folder_and_nowhere_else(
    tmp_path: Path, served: Callable[..., list[httpx.Request]]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("README.md", "read me")
        archive.writestr("../../model.safetensors", "weights")
    served(httpx.Response(200, content=buffer.getvalue()))
    cli_models.download(ID, tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["README.md", "model.safetensors"]
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_a_graph_is_a_file_of_its_own(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = served(httpx.Response(200, content=b"a graph"))
    cli_models.download(ID, tmp_path, ModelFormat.onnx)
    assert seen[-1].url.query == b"format=onnx"
    assert (tmp_path / "model.onnx").read_bytes() == b"a graph"
    assert capsys.readouterr().out == f"{tmp_path / 'model.onnx'}\n"


def test_the_client_predicts() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url.path == f"/api/v1/jobs/{ID}/predict"
        return answer({"predictions": [1.5]})

    with client_of(handle) as client:
        assert isinstance(client, Client)
        assert client.predict(job().id, [[1.0]]).predictions == [1.5]

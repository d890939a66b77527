"""The client and the commands about data sets and models."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from epochal.cli import datasets as cli_datasets
from epochal.cli import models as cli_models
from epochal.cli.figures import size
from epochal.cli.render_datasets import dataset_card, datasets_table
from epochal.client import uploads
from epochal.client.find import find_dataset
from epochal.errors import AmbiguousError, BadFileError, BadSpecError, BusyError, NotFoundError, ServerUnreachableError
from spec.schema import Task
from spec.views import DatasetView, ModelFormat

from .jobs import ID, api_of, job

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
            monkeypatch.setattr(module, "Api", lambda: api_of(handle))
        return seen

    return serve


def answer(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


PEOPLE = b"age,kind\n" + b"1,a\n" * 50_000


class Taking:
    """A server that takes one upload, and answers `faults` first to what sends bytes."""

    def __init__(self, *faults: httpx.Response | Exception, there: bytes | None = None) -> None:
        self.faults, self.there = list(faults), there
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        match request.method, request.url.path.rsplit("/", 1)[-1]:
            case "POST", "finish":
                whole = self.there == PEOPLE
                return answer(dataset(), 201) if whole else problem(404 if self.there is None else 409)
            case "POST", "uploads":
                new = json.loads(request.content)
                self.there = self.there or b""
                return answer({**new, "offset": len(self.there), "links": {}}, 201)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        assert self.there is not None
        assert request.headers["Upload-Offset"] == str(len(self.there))
        assert int(request.headers["Content-Length"]) == len(request.content)
        assert request.headers["Content-Type"] == "application/offset+octet-stream"
        self.there += request.content
        return httpx.Response(204, headers={"Upload-Offset": str(len(self.there))})

    @property
    def verbs(self) -> list[str]:
        """What was asked, in short."""
        return [f"{request.method} {request.url.path.rsplit('/', 1)[-1][:8]}" for request in self.asked]


def problem(status: int, **fields: Any) -> httpx.Response:
    whole = {"type": "about:blank", "title": "x", "status": status, "detail": "d", "errors": [], "request_id": "r"}
    return answer({**whole, **fields}, status)


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of three pieces."""
    monkeypatch.setattr(uploads, "PIECE", 80_000)
    (tmp_path / "people.csv").write_bytes(PEOPLE)
    return tmp_path / "people.csv"


def test_an_upload_sends_the_file_in_pieces_and_reports_progress(people: Path) -> None:
    reported: list[tuple[int, int]] = []
    server = Taking()
    with api_of(server) as client:
        made = client.upload(
            people,
            target="kind",
            task=Task.classification,
            on_progress=lambda sent, total: reported.append((sent, total)),
        )
    assert made.id == DATASET
    sha256 = hashlib.sha256(PEOPLE).hexdigest()
    assert server.verbs == ["POST finish", "POST uploads", *[f"PATCH {sha256[:8]}"] * 3, "POST finish"]
    assert json.loads(server.asked[1].content) == {"sha256": sha256, "size": 200_009, "file": "people.csv"}
    assert json.loads(server.asked[-1].content) == {"target": "kind", "task": "classification"}
    assert reported[-1] == (200_009, 200_009)
    assert len({sent for sent, _ in reported}) > 3


def test_an_upload_goes_on_from_what_the_server_has(people: Path) -> None:
    reported: list[int] = []
    server = Taking(there=PEOPLE[:150_000])
    with api_of(server) as client:
        client.upload(people, on_progress=lambda sent, _: reported.append(sent))
    assert server.verbs.count("POST finish") == 2
    assert [len(request.content) for request in server.asked if request.method == "PATCH"] == [50_009]
    assert reported[0] == 150_000


def test_a_file_that_is_there_is_not_sent_again(people: Path) -> None:
    server = Taking(there=PEOPLE)
    with api_of(server) as client:
        client.upload(people)
    assert server.verbs == ["POST finish"]


@pytest.mark.parametrize(
    "faults",
    [
        [httpx.WriteError("cut")] * 6,
        [httpx.ReadError("cut"), httpx.ConnectError("away")],
        [503, 502, 408],
        [409, 404],
        [httpx.Response(504, text="<html>")],
    ],
)
def test_a_line_that_breaks_is_taken_up_again(people: Path, faults: list[Exception | int | httpx.Response]) -> None:
    server = Taking(*(problem(fault) if isinstance(fault, int) else fault for fault in faults))
    with api_of(server) as client:
        assert client.upload(people).id == DATASET
    assert server.there == PEOPLE


def test_an_upload_that_gets_no_further_is_given_up(people: Path) -> None:
    with api_of(Taking(*[httpx.WriteError("cut")] * 8)) as client, pytest.raises(ServerUnreachableError):
        client.upload(people)
    with api_of(Taking(*[problem(503)] * 8)) as client, pytest.raises(BusyError):
        client.upload(people)


def test_a_file_that_becomes_shorter_meanwhile_is_an_error(people: Path) -> None:
    def shorten(sent: int, total: int) -> None:
        with people.open("r+b") as file:
            file.truncate(100)

    with api_of(Taking()) as client, pytest.raises(BadFileError, match="shorter"):
        client.upload(people, on_progress=shorten)


def test_an_upload_that_cannot_be_says_why(tmp_path: Path) -> None:
    with api_of(lambda _: answer(dataset())) as client, pytest.raises(BadFileError, match="No such file"):
        client.upload(tmp_path / "nothing.csv")
    (tmp_path / "f.csv").write_text("a")
    refused = problem(422, errors=[{"path": "target", "message": "is missing"}])
    with api_of(lambda _: refused) as client, pytest.raises(BadSpecError, match="target: is missing"):
        client.upload(tmp_path / "f.csv")

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.WriteError("gone")

    with api_of(gone) as client, pytest.raises(ServerUnreachableError):
        client.upload(tmp_path / "f.csv")


def test_a_pipe_or_a_device_is_refused_before_it_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with api_of(lambda _: answer(dataset())) as client:
        for file in (tmp_path / "pipe.csv", Path(os.devnull)):
            with pytest.raises(BadFileError, match=rf"{file} is a pipe or a device.*save"):
                client.upload(file)
            with pytest.raises(BadFileError, match="pipe or a device"):
                client.predict_file(ID, file)


def test_a_file_whose_name_is_no_utf_8_is_sent_with_characters_in_place_of_bytes(people: Path) -> None:
    odd = people.rename(people.with_name(os.fsdecode(b"caf\xe9.csv")))
    server = Taking()
    with api_of(server) as client:
        assert client.upload(odd).id == DATASET
    assert json.loads(server.asked[1].content)["file"] == "caf\ufffd.csv"
    sent = list[bytes]()

    def predicted(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return answer({"predictions": ["a"]})

    with api_of(predicted) as client:
        client.predict_file(ID, odd)
    assert "caf\ufffd.csv".encode() in sent[0]


def test_the_upload_command_prints_the_id_and_what_to_know(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.csv").write_text("age,kind\n1,a\n")
    served(answer(dataset(), 201))
    cli_datasets.upload(tmp_path / "people.csv", target=["kind"])
    assert capsys.readouterr().out == f"{DATASET}\n"


@pytest.mark.parametrize("given", [DATASET, "people", "ds_444"])
def test_a_data_set_is_found_by_its_id_its_name_or_its_beginning(
    served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str], given: str
) -> None:
    older = dataset(id=f"ds_{'5' * 32}", version=1)
    listed = [answer({"datasets": [_summary(dataset()), _summary(older)]})] if given != DATASET else []
    asked = served(*listed, httpx.Response(204))
    cli_datasets.delete(given)
    assert (asked[-1].method, asked[-1].url.path) == ("DELETE", f"/api/v1/datasets/{DATASET}")
    assert capsys.readouterr().out == f"{DATASET} deleted\n"


def test_a_beginning_of_several_is_not_enough() -> None:
    listed = {"datasets": [_summary(dataset(id=f"ds_{end * 32}", name=end)) for end in "45"]}
    with api_of(lambda _: answer(listed)) as client:
        with pytest.raises(AmbiguousError, match="ds_ fits 2 data sets"):
            find_dataset(client, "ds_")
        with pytest.raises(NotFoundError, match="No data set has"):
            find_dataset(client, "cats")


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


@pytest.mark.parametrize(("count", "shown"), [(999, "999 B"), (1500, "1.5 kB"), (10**9, "1.0 GB")])
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


# --- models -----------------------------------------------------------------------------------------------------------

JOB = answer({"jobs": [], "next": None})


def test_a_file_is_predicted_as_it_is(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    content = "größe;city\n1,5;Oslo\n".encode("cp1252")
    (tmp_path / "new.csv").write_bytes(content)
    said = {"predictions": ["=b"], "classes": ["a", "=b"], "probabilities": [[0.25, 0.75]], "warnings": ["Far off."]}
    asked = served(answer(said))
    cli_models.predict(ID, tmp_path / "new.csv")
    assert asked[-1].headers["Content-Type"].startswith("multipart/form-data")
    assert content in asked[-1].content
    printed = capsys.readouterr()
    assert printed.out == "prediction,p_a,p_=b\n'=b,0.25,0.75\n"  # no formula for a spreadsheet
    assert printed.err == "Far off.\n"


def test_the_columns_of_a_file_stand_before_its_predictions(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.csv").write_text("a,b\n-1.5,=1+1\n")
    served(answer({"predictions": [2.5], "names": ["a", "b"], "input": [["-1.5", "=1+1"]]}))
    cli_models.predict(ID, tmp_path / "new.csv", with_input=True, out=tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "a,b,prediction\n-1.5,'=1+1,2.5\n"
    assert capsys.readouterr().out == ""


def test_rows_in_json_are_predicted_in_pieces(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"age": 1, "city": "Oslo"}] * 10_000 + [{"age": 2, "city": None}]
    (tmp_path / "new.json").write_text(json.dumps(rows))
    asked = served(answer({"predictions": ["a"] * 10_000}), answer({"predictions": ["b"]}))
    cli_models.predict(ID, tmp_path / "new.json", with_input=True)
    assert [len(json.loads(request.content)["rows"]) for request in asked] == [10_000, 1]
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("age,city,prediction", "1,Oslo,a", "2,,b")


def test_rows_in_json_of_two_requests_are_one_answer_whose_messages_name_the_right_row(
    tmp_path: Path, served: Callable[..., list[httpx.Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.json").write_text(json.dumps([[1.0]] * 10_002))
    first, rest = {"predictions": [1.0] * 10_000}, {"predictions": [2.0] * 2, "warnings": ["Far off."]}
    served(answer(first), answer(rest))
    cli_models.predict(ID, tmp_path / "new.json", as_json=True)
    printed = capsys.readouterr()
    assert (len(json.loads(printed.out)["predictions"]), printed.err) == (10_002, "Rows 10001 to 10002: Far off.\n")
    served(answer(first), problem(422, errors=[{"path": "rows.1.age", "message": "is missing"}]))
    with pytest.raises(BadSpecError, match=r"rows\.10001\.age: is missing"):
        cli_models.predict(ID, tmp_path / "new.json")


def test_rows_without_names_have_no_columns_to_write_before_predictions(
    tmp_path: Path, served: Callable[..., list[httpx.Request]]
) -> None:
    served()
    (tmp_path / "mixed.json").write_text(json.dumps([{"age": 1}, [2]]))
    with pytest.raises(BadFileError, match="without --with-input"):
        cli_models.predict(ID, tmp_path / "mixed.json", with_input=True)


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
    ("name", "content", "message"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"rows": []}', "holds no rows"),
    ],
)
def test_a_file_without_rows_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadFileError, match=message):
        cli_models.predict(ID, tmp_path / name)
    with pytest.raises(BadFileError, match="No such file"):
        cli_models.predict(ID, tmp_path / "nothing.json")


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

    with api_of(handle) as client:
        assert client.predict(job().id, [[1.0]]).predictions == [1.5]

"""Curves, predictions and bars: what the client makes of numbers."""

import io
import json
import math
import sys
import types
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from epochal.client.bars import shown
from epochal.client.curve import Curve
from epochal.client.frames import as_file
from epochal.client.job import Job
from epochal.client.predictions import Predictions
from epochal.client.rows import chunks, rows_of
from epochal.errors import BadFileError, BadSpecError, WrongUseError
from spec import views

from .jobs import ID, client_of, job

COLUMNS: views.Curve = {
    "epoch": [1.0, 2.0, 3.0],
    "train_loss": [3.0, 2.0, 1.0],
    "val_loss": [3.0, 2.5, None],
    "train_accuracy": [0.1, 0.5, 0.9],
    "learning_rate": [0.1, 0.1, 0.1],
}


def test_a_curve_is_arrays_by_name() -> None:
    curve = Curve(COLUMNS, best_epoch=2)
    assert curve["train_loss"].tolist() == [3.0, 2.0, 1.0]
    assert np.isnan(curve["val_loss"][2])
    assert list(curve) == list(COLUMNS)
    frame = curve.to_frame()
    assert frame.index.tolist() == [1, 2, 3]
    assert frame.loc[2, "val_loss"] == 2.5


def test_a_plot_has_both_splits_and_the_best_epoch() -> None:
    ax = Figure().add_subplot()
    Curve(COLUMNS, title="mine", best_epoch=2).plot(ax=ax)
    assert [line.get_label() for line in ax.lines] == ["training", "validation", "best epoch: 2"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3.0, 2.0, 1.0])
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("mine", "epoch", "loss")
    with pytest.raises(WrongUseError, match=r"no metric f1: it has loss, accuracy\.$"):
        Curve(COLUMNS).plot("f1")


def test_a_curve_is_shown_as_a_picture_and_a_table() -> None:
    mpl.use("agg")
    html = Curve(COLUMNS, best_epoch=2)._repr_html_()
    assert "data:image/png;base64," in html
    assert "best epoch" in html
    assert "50.0 %" in html
    assert "No epoch" in Curve({})._repr_html_()
    assert repr(Curve({})) == "<Curve of a job: 0 epochs; no columns yet>"


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ([{"a": np.float32(0.5), "b": None}], [{"a": 0.5, "b": None}]),
        ({"a": 1}, [{"a": 1}]),
        ([[1, float("nan")], (2, "x")], [[1, None], [2, "x"]]),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.zeros((1, 1, 2, 1)), [[[[0.0], [0.0]]]]),
        ([[datetime(2026, 1, 2, tzinfo=UTC), float("inf")]], [["2026-01-02T00:00:00+00:00", "inf"]]),
        (
            [[np.datetime64("2026-01-02T03:04:05.5", "ns"), np.datetime64("NaT", "ns")]],
            [["2026-01-02T03:04:05.500000", None]],
        ),
        ([[np.timedelta64(90, "s").astype("m8[ns]"), np.longdouble("0.5")]], [[90.0, 0.5]]),
        (np.array([["2026-01-02"]], dtype="M8[ns]"), [["2026-01-02T00:00:00"]]),
        (np.array([[0.5, np.nan]], dtype=np.longdouble), [[0.5, None]]),
        ([[b"x", np.bytes_(b"y"), b"\xff"]], [["x", "y", "\ufffd"]]),
        ([[Decimal("1.234"), Decimal("NaN"), Decimal("Infinity")]], [[1.234, None, "inf"]]),
        (pd.DataFrame({"d": pd.to_timedelta([90, None], unit="s")}), [{"d": 90.0}, {"d": None}]),
        (
            pd.DataFrame(
                {"a": [1.5, None], "b": ["x", None], "c": pd.to_datetime(["2026-01-02", None]), 3: [True, False]}
            ),
            [
                {"a": 1.5, "b": "x", "c": "2026-01-02T00:00:00", "3": True},
                {"a": None, "b": None, "c": None, "3": False},
            ],
        ),
    ],
)
def test_rows_are_plain_values_whatever_they_come_in(given: Any, rows: list[Any]) -> None:
    assert rows_of(given) == rows
    json.dumps(rows_of(given), allow_nan=False)


def test_a_frame_is_known_by_its_methods() -> None:
    class Frame:
        """A frame as polars has it."""

        columns = ("a",)

        def to_dicts(self) -> list[dict[str, Any]]:
            return [{"a": float("nan")}, {"a": 2}]

        def write_parquet(self, file: Path) -> None:
            file.write_bytes(b"PAR1")

    assert rows_of(Frame()) == [{"a": None}, {"a": 2}]
    with as_file(Frame()) as file:
        assert (file.name, file.read_bytes()) == ("frame.parquet", b"PAR1")
    assert not file.exists()


def test_features_and_targets_are_sent_as_arrays() -> None:
    with as_file(([[1.0, 2.0], [3.0, 4.0]], ["a", "b"])) as file, np.load(file, allow_pickle=False) as arrays:
        assert (arrays["X"].tolist(), arrays["y"].tolist()) == ([[1.0, 2.0], [3.0, 4.0]], ["a", "b"])


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pd.Series(["a", "b"], dtype=object), ["a", "b"]),
        (pd.Series([1, 2], dtype="Int64"), [1, 2]),
        (pd.Series([True, False], dtype="boolean"), [True, False]),
        (pd.Series([1, None], dtype="Int64"), [1.0, math.nan]),
        (pd.Series([np.int8(1), 0.5, None], dtype=object), [1.0, 0.5, math.nan]),
        (pd.DataFrame({"a": [1.5, 2.0], "b": [True, False]}), [[1.5, 1.0], [2.0, 0.0]]),
    ],
)
def test_texts_and_numbers_of_pandas_are_sent_as_arrays(given: Any, sent: list[Any]) -> None:
    with as_file(([[1.0]] * len(sent), given)) as file, np.load(file, allow_pickle=False) as arrays:
        np.testing.assert_equal(arrays["y"].tolist(), sent)


@pytest.mark.parametrize(
    "given",
    [["a", None], [1, "a"], [b"a", b"b"], [[1.0], [2.0]]],
    ids=["a gap", "two kinds", "bytes", "lists"],
)
def test_what_is_neither_numbers_nor_texts_is_refused_with_the_cure(given: list[Any]) -> None:
    said = "y is no array of numbers, nor one of texts without gaps: send a frame"
    with pytest.raises(BadFileError, match=said), as_file(([[1.0], [2.0]], pd.Series(given, dtype=object))):
        pass


@pytest.mark.parametrize("given", [[-1, 2**63], [2**70, 1], [None, -(2**63) - 1]])
def test_whole_numbers_that_no_file_holds_are_refused_with_the_cure(given: list[Any]) -> None:
    column = pd.Series(given, dtype=object)
    cure = r": send them as texts, astype\(str\), if they name classes or categories, or as numbers, astype\(float\)\."
    said = r" whole numbers beyond 2\^63"
    frame, pair = pd.DataFrame({"id": column, "a": [1, 2]}), ([[1.0], [2.0]], column)
    for sent, where in ((frame, f"The frame has{said} in 'id'{cure}"), (pair, f"y has{said}{cure}")):
        with pytest.raises(BadFileError, match=where), as_file(sent):
            pass


@pytest.mark.parametrize("x", [[[1.0], [1.0, 2.0]], [[{}], [{}]]], ids=["ragged", "objects"])
def test_arrays_that_are_none_are_named(x: Any) -> None:
    with pytest.raises(BadFileError, match="X is no array"), as_file((x, [0, 1])):
        pass


@pytest.mark.parametrize("stream", [io.BytesIO(b"a,b\n" * 50_000), io.StringIO("a,b\n" * 50_000)])
def test_an_open_file_is_sent_whole(stream: io.IOBase) -> None:
    with as_file(stream) as file:
        assert (file.name, file.stat().st_size) == ("upload", 200_000)


@pytest.mark.parametrize(("given", "said"), [(np.zeros(3), "has 1"), (3, "not int"), ("a,b", "not str")])
def test_what_is_no_rows_is_named(given: Any, said: str) -> None:
    with pytest.raises(WrongUseError, match=said):
        rows_of(given)


def test_wide_rows_go_in_small_parts() -> None:
    assert [(at, len(part)) for at, part in chunks([[0.0]] * 25_000)] == [(0, 10_000), (10_000, 10_000), (20_000, 5000)]
    assert [len(part) for _, part in chunks([[[0.0] * 500] * 500] * 5)] == [2, 2, 1]


def test_messages_name_a_row_among_all() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        rows = json.loads(request.content)["rows"]
        if rows[0] == [9]:
            errors = [{"path": "rows.3.age", "message": "is missing"}, {"path": "rows", "message": "x"}]
            detail = "rows.3.age is missing (1 more)."
            body = {"type": "", "title": "", "status": 422, "detail": detail, "errors": errors, "request_id": "r"}
            return httpx.Response(422, json=body)
        return httpx.Response(200, json={"predictions": [1.0] * len(rows), "warnings": ["Column 'a' is far off."]})

    client = client_of(handle)
    predicted = Job(client, ID).predict([[1]] * 10_001)
    assert len(predicted) == 10_001
    by_frame = Job(client, ID).predict(pd.DataFrame({"a": [1, 2]}, index=[7, 3])).to_frame()
    assert by_frame.index.tolist() == [7, 3]
    assert by_frame["prediction"].tolist() == [1.0, 1.0]
    assert predicted.warnings == ["Column 'a' is far off.", "Rows 10001 to 10001: Column 'a' is far off."]
    with pytest.raises(BadSpecError) as refused:
        Job(client, ID).predict([[1]] * 10_000 + [[9]] * 5)
    assert [error.path for error in refused.value.errors] == ["rows.10003.age", "rows"]
    assert "rows.10003.age: is missing" in str(refused.value)
    assert "rows.3." not in str(refused.value)
    with pytest.raises(WrongUseError, match="no rows"):
        Job(client, ID).predict([])


@pytest.mark.parametrize(
    ("classes", "values"),
    [
        (["0", "1", "10"], [10, 0]),
        (["-1", "1", "10"], [10, -1]),
        (["0.5", "1.0", "10.0"], [10.0, 0.5]),
        (["0.5", "1", "10"], [10.0, 0.5]),
        (["false", "true"], [True, False]),
        (["False", "True"], [True, False]),
        (["yes", "true"], ["true", "yes"]),
        (["00", "01", "10"], ["10", "00"]),
        (["nan", "1.0", "10.0"], ["10.0", "nan"]),
        (["no", "1", "10"], ["10", "no"]),
        (["1", str(2**70)], [2**70, 1]),
    ],
)
def test_classes_that_are_numbers_or_truths_are_predicted_as_these(classes: list[str], values: list[object]) -> None:
    found = Predictions([views.Predictions(predictions=[classes[-1], classes[0]], classes=classes)])
    assert found.values.tolist() == values
    assert type(found[0]) is type(values[0])
    assert (found.values == np.array(values)).all()
    assert found.to_frame()["prediction"].tolist() == values


def test_predictions_are_arrays_and_a_frame() -> None:
    part = {"classes": ["a", "<b>"], "warnings": ["Far off."]}
    parts = [
        views.Predictions.model_validate(part | {"predictions": ["a"], "probabilities": [[0.75, 0.25]]}),
        views.Predictions.model_validate(part | {"predictions": ["<b>"], "probabilities": [[0.5, 0.5]]}),
    ]
    found = Predictions(parts)
    assert list(found) == ["a", "<b>"] == np.asarray(found).tolist()
    assert found.probabilities is not None
    assert found.probabilities.tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert found.to_frame().columns.tolist() == ["prediction", "p_a", "p_<b>"]
    assert repr(found) == "<Predictions: a, <b>>\n  warning: Far off."
    assert "&lt;b&gt;" in found._repr_html_()
    assert "Far off." in found._repr_html_()
    numbers = Predictions([views.Predictions(predictions=[[1.0, 2.0]] * 12)])
    assert numbers.to_frame().columns.tolist() == ["prediction_0", "prediction_1"]
    assert numbers.probabilities is None
    assert numbers[11] == [1.0, 2.0]
    assert numbers.values is numbers.values
    for copied in (np.array(numbers), np.asarray(numbers)):
        copied[0] = 9.0
    assert numbers[0] == [1.0, 2.0]
    assert "and 2 more" in repr(numbers)
    assert "2 more rows" in numbers._repr_html_()


# --- bars -------------------------------------------------------------------------------------------------------------

RUNNING = job(
    status="running", name="[mine]", metrics={"train_loss": 0.5, "val_loss": 0.25},
    progress={"epoch": 40, "epochs": 100, "epochs_per_s": None, "eta_s": None},
)  # fmt: skip


def test_a_terminal_shows_a_bar_for_each_job() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with shown([ID], console) as show:
        show(RUNNING)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "4f2a91c7 [mine]" in written
    assert "40/100" in written
    assert "train 0.5  val 0.25" in written


def test_many_jobs_share_a_bar() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with shown([ID, *map(str, range(16))], console) as show:
        show(job(status="succeeded"))
    assert "1/17" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_notebook_shows_one_table_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    displayed: list[str] = []

    class Output:
        def update(self, table: str) -> None:
            displayed.append(table)

    def display(table: str, *, display_id: bool) -> Output:
        assert display_id
        displayed.append(table)
        return Output()

    module = types.ModuleType("IPython.display")
    module.HTML, module.display = str, display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    console = Console(file=io.StringIO(), force_jupyter=True)
    with shown([ID], console) as show:
        show(job())
        show(RUNNING)
    assert len(displayed) == 2
    assert '<progress value="40" max="100">' in displayed[1]

"""Files and rows that a model predicts are read as the upload was, in every way that a model is used."""

import csv
import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from ingest.errors import RefusedError
from ingest.known import read_known
from ingest.texts import days_in, numbers_in
from model.errors import RowsError
from model.finished import Model
from model.graph import graph
from model.preprocessing import Preprocessing
from model.rows import numbers_of
from spec.cells import CLOCKS, CellFormat, clean, number_pattern
from spec.currencies import SIGNS
from spec.job import JobSpec
from spec.known import KnownReading
from spec.reading import ReadingOptions, ReadingOrder
from spec.schema import ColumnKind
from tests.unit.ingest.reading import reading, table
from tracking.loader import LoadedModel

Array = npt.NDArray[Any]

COLUMNS: dict[str, list[str]] = {
    "price": ["1.200,50 €", "3,25 €", "-12,00 €", "\u22120,5 €"],
    "share": ["12,5%", "3%", "?", "100%"],
    "count": ["1.234", "2", "17", "3.000.000"],
    "plain": ["0,5", "-", "1e3", ""],
    "zip": ["01067", "10115", "01067", "99999"],
    "land": ["NA", "DE", "FR", "AT"],
    "stadt": ["Málaga", "Zürich", unicodedata.normalize("NFD", "Málaga"), "New\u00a0York"],
    "ja": ["yes", "N", "TRUE", "0"],
    "day": ["31.12.2020", "01.02.2020", "05.06.2021", "?"],
    "at": ["2020-01-01T02:00:00+02:00", "2020-06-01", "2020-01-01 10:30Z", "2021-01-01T00:00:00-05:00"],
}
ROWS = 80


def people(*, delimiter: str = ";", target: bool = True) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *(["größe"] if target else [])])
    for row in range(ROWS):
        cells = [cells[(row + row // 4 * place) % 4] for place, cells in enumerate(COLUMNS.values())]
        writer.writerow([*cells, *([f"{row * 1.5:.1f}".replace(".", ",")] if target else [])])
    return text.getvalue()


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A perceptron with weights that tell every feature of the file from the others."""
    reading(people().encode(), tmp_path, target="größe")
    x, y, schema = table(tmp_path)
    kinds = [column.type.value for column in schema.columns]
    assert kinds == [*["number"] * 4, *["category"] * 3, "boolean", "date", "date"]
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    info = schema.info(len(x))
    uploaded = {"id": "ds_" + "0" * 32, "sha256": "0" * 64, "info": info}
    spec = JobSpec.model_validate({"dataset": uploaded, "architecture": "perceptron", "loss": "mse"})
    weight = np.random.default_rng(1).normal(size=(1, info.features)).astype(np.float32)
    arrays = {"layers.0.weight": weight, "layers.0.bias": np.ones(1, dtype=np.float32)}
    written = Preprocessing.model_validate_json(prepared.model_dump_json())
    assert written == prepared
    return Model(spec, written, arrays)


def known(
    model: Model, content: bytes, folder: Path, *, name: str = "new.csv", **how: Any
) -> tuple[KnownReading, Array]:
    (folder / "new").write_bytes(content)
    (folder / "numbers").unlink(missing_ok=True)
    order = ReadingOrder(name=name, options=ReadingOptions(**how))
    found = read_known(folder / "new", order, model.preprocessing.known, folder / "numbers", with_cells=True)
    return found, np.load(folder / "numbers") if not found.faults else np.zeros(0)


def test_the_uploaded_file_gives_the_numbers_of_its_table(tmp_path: Path, model: Model) -> None:
    found, numbers = known(model, people().encode(), tmp_path)
    np.testing.assert_array_equal(numbers, table(tmp_path)[0])
    assert (found.rows, found.warnings, found.unknown) == (ROWS, [], {})
    assert found.names == [*COLUMNS, "größe"]
    assert found.cells[0][:2] == ["1.200,50 €", "12,5%"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_its_encoding_and_delimiter_may_be_others(tmp_path: Path, model: Model, encoding: str, delimiter: str) -> None:
    text = people(delimiter=delimiter, target=False).replace("\u2212", "-")
    text = unicodedata.normalize("NFC", text) if encoding == "cp1252" else text
    np.testing.assert_array_equal(known(model, text.encode(encoding), tmp_path)[1], table(tmp_path)[0])


def test_the_encoding_of_the_upload_is_remembered(tmp_path: Path, model: Model) -> None:
    text = people(target=False).replace("\u2212", "-")
    text = unicodedata.normalize("NFC", text).replace("Zürich", "Łódź")
    (tmp_path / "new").write_bytes(text.encode("cp1250"))
    knows = model.preprocessing.known.model_copy(update={"encoding": "cp1250"})
    found = read_known(tmp_path / "new", ReadingOrder(name="new.csv"), knows, tmp_path / "numbers", with_cells=False)
    assert found.unknown == {"stadt": ["Łódź"]}


def test_rows_of_text_are_read_as_the_file_is(tmp_path: Path, model: Model) -> None:
    rows = list(csv.DictReader(io.StringIO(people()), delimiter=";"))
    np.testing.assert_array_equal(numbers_of(rows, model.preprocessing), table(tmp_path)[0])
    decomposed = [{unicodedata.normalize("NFD", name): value for name, value in row.items()} for row in rows]
    np.testing.assert_array_equal(numbers_of(decomposed, model.preprocessing), table(tmp_path)[0])


def test_a_typed_file_gives_the_same_numbers(tmp_path: Path, model: Model) -> None:
    buffer = io.BytesIO()
    typed(model, table(tmp_path)[0]).to_parquet(buffer)
    found, numbers = known(model, buffer.getvalue(), tmp_path, name="new.parquet")
    np.testing.assert_allclose(numbers, table(tmp_path)[0], rtol=1e-12)
    assert found.unknown == {}


def typed(model: Model, x: Array) -> pd.DataFrame:
    """The rows as a program has them: doubles, words, truths and moments."""
    frame: dict[str, Any] = {}
    for place, column in enumerate(model.preprocessing.used):
        cells = x[:, place]
        match column.type:
            case ColumnKind.category:
                frame[column.name] = [column.categories[int(code)] for code in cells]
            case ColumnKind.boolean:
                frame[column.name] = cells == 1.0
            case ColumnKind.date:
                frame[column.name] = pd.to_datetime(cells, unit="D").astype("datetime64[us]")
            case _:
                frame[column.name] = cells
    return pd.DataFrame(frame)


def test_http_onnx_and_pyfunc_say_the_same_of_every_kind_of_column(tmp_path: Path, model: Model) -> None:
    x, rows = table(tmp_path)[0], list(csv.DictReader(io.StringIO(people()), delimiter=";"))
    ours = np.array(model.predict(rows).predictions)
    np.testing.assert_array_equal(model.predict_numbers(x, {}).predictions, ours)

    session = InferenceSession(graph(model, "people"), providers=["CPUExecutionProvider"])
    feed: dict[str, Array] = {}
    for place, column in enumerate(model.preprocessing.used):
        words = [row[column.name] for row in rows]
        is_word = column.type is ColumnKind.category
        cells = np.array([word.replace("\u00a0", " ") for word in words], dtype=object) if is_word else x[:, place]
        feed[column.name] = cells[:, None]
    (theirs,) = session.run(None, feed)
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)

    frame = typed(model, x)
    for name in ("ja", "day", "at"):
        frame[name] = [None if pd.isna(cell) else str(cell) for cell in frame[name]]
    np.testing.assert_allclose(
        LoadedModel(model).predict(frame)["prediction"].astype(float), ours, rtol=1e-5, atol=1e-5
    )


def test_what_training_did_not_see_is_told(tmp_path: Path, model: Model) -> None:
    text = people(target=False).split("\r\n")
    text[3] = "9.999.999,00 €;12,5%;2;0,5;55555;CH;Málaga;yes;31.12.2020;2095-01-01"
    found, numbers = known(model, "\r\n".join(text).encode(), tmp_path)
    assert found.unknown == {"zip": ["55555"], "land": ["CH"]}
    said = model.predict_numbers(numbers, found.unknown).warnings
    assert said == [
        "Column 'price' has 1e+07 in row 3, far outside the training rows' range, -12 to 1200.5: the prediction may be "
        "far off.",
        "Column 'zip' has '55555' in row 3, which the training rows do not have: it is treated as `other`.",
        "Column 'land' has 'CH' in row 3, which the training rows do not have: it is treated as `other`.",
        "Column 'at' has 2095-01-01T00:00:00 in row 3, far outside the training rows' range, 2020-01-01T00:00:00 to "
        "2021-01-01T05:00:00: the prediction may be far off.",
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO("\r\n".join(text)), delimiter=";"))
    assert model.predict(rows).warnings == said


def test_cells_that_cannot_be_are_named_by_row_and_column(tmp_path: Path, model: Model) -> None:
    text = people(target=False).split("\r\n")
    text[2] = "viel;12,5%;2;0,5;01067;DE;Málaga;vielleicht;31.13.2020;2020-01-01"
    text[4] = "1,00 €;12,5%;;0,5;01067;;Málaga;yes;31.12.2020;2020-01-01"
    found, _ = known(model, "\r\n".join(text).encode(), tmp_path)
    assert [(fault.path, fault.message) for fault in found.faults] == [
        ("rows.1.price", "must be a number in €, such as 12 or 12 €; it is 'viel'"),
        ("rows.3.count", "has no value, and in training every row had one"),
        ("rows.3.land", "has no value, and in training every row had one"),
        ("rows.1.ja", "must be true or false; it is 'vielleicht'"),
        ("rows.1.day", "must be a date such as 2026-11-25; it is '31.13.2020'"),
    ]


def test_a_file_without_a_column_of_the_model_is_refused(tmp_path: Path, model: Model) -> None:
    with pytest.raises(RefusedError, match="has no column 'price', 'share'"):
        known(model, b"zip,land\n01067,DE\n", tmp_path)


def test_columns_that_the_model_does_not_know_are_told(tmp_path: Path, model: Model) -> None:
    text = people().replace("größe", "sonst")
    assert known(model, text.encode(), tmp_path)[0].warnings == ["The model does not know, and does not use: 'sonst'."]


def test_a_file_without_a_header_is_predicted_by_place(tmp_path: Path) -> None:
    rows = "".join(f"{row}.5,{row % 3},{row % 2}\n" for row in range(30))
    reading(rows, tmp_path, target="2")
    x, y, schema = table(tmp_path)
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    model = Model(JobSpec.model_validate({"dataset": "xor", "architecture": "perceptron"}), prepared, {})
    for content in (rows, "0,1\n" + "".join(line[:-2] + "\n" for line in rows.splitlines())):
        np.testing.assert_array_equal(known(model, content.encode(), tmp_path)[1], x)


@pytest.mark.parametrize("last", [True, False])
def test_arrays_are_predicted_as_they_were_uploaded(tmp_path: Path, last: bool) -> None:
    images = np.random.default_rng(0).random((20, 6, 5, 3) if last else (20, 3, 6, 5))
    buffer = io.BytesIO()
    np.savez(buffer, X=images, y=np.arange(20) % 2)
    reading(buffer.getvalue(), tmp_path, name="f.npz", target=None)
    x, y, schema = table(tmp_path)
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    uploaded = {"id": "ds_" + "0" * 32, "sha256": "0" * 64, "info": schema.info(20)}
    spec = JobSpec.model_validate({"dataset": uploaded, "architecture": "perceptron"})
    weight = np.random.default_rng(1).normal(size=(2, 90)).astype(np.float32)
    model = Model(spec, prepared, {"layers.0.weight": weight, "layers.0.bias": np.ones(2, dtype=np.float32)})

    np.testing.assert_array_equal(known(model, buffer.getvalue(), tmp_path, name="new.npz")[1], x)
    likely = np.array(model.predict(images.tolist()).probabilities)
    assert prepared.shape == images.shape[1:]
    session = InferenceSession(graph(model, "images"), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == list(images.shape[1:])
    np.testing.assert_allclose(session.run(None, {"X": images})[1], likely, atol=1e-5)
    pyfunc = LoadedModel(model).predict(images)
    np.testing.assert_allclose(pyfunc[["p_0", "p_1"]].astype(float), likely, atol=1e-5)
    assert json.loads(prepared.model_dump_json())["version"] == 2


SAME: dict[str, list[str]] = {
    "unit": ["12 kg", "5.5kg", "\u22121.200 kg", "7 kg"],
    "days": ["1 day", "3 days", "2.5 days", "?"],
    "halves": ["11/25/2026 8:30 AM", "11/26/2026 9:30 PM", "12/01/2026 12:00 AM", ""],
    "short": ["25/11/26", "26/11/26", "30.12.26", "27-12-26"],
    "compact": ["20261125T083000Z", "20261126T0830", "2026-11-25 08:30 PM", "2026-11-25"],
    "minus": ["12.5-", "3", "4-", ""],
    "account": ["12.5 CR", "3DR", "4 Dr.", "-"],
    "time": ["14:30", "2:05 PM", "8:15", "?"],
    "duration": ["1:23.45", "2:03", "1:02:03", "0:59.9"],
    "month": ["2026-11", "Dec 2026", "1/2027", "-"],
    "quarter": ["2026Q3", "Q4 2026", "2027-Q1", "2027 Q2"],
}
"""Columns of one form each."""


def test_every_form_is_read_again(tmp_path: Path) -> None:
    rows = [{name: cells[row % 4] for name, cells in SAME.items()} for row in range(40)]
    text = "\n".join([";".join([*SAME, "y"]), *(";".join([*row.values(), f"{at}.5"]) for at, row in enumerate(rows))])
    reading(text, tmp_path)
    x, y, schema = table(tmp_path)
    assert {column.type for column in schema.columns} <= {ColumnKind.number, ColumnKind.date}
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    np.testing.assert_array_equal(numbers_of(rows, prepared), x)
    model = Model(JobSpec.model_validate({"dataset": "xor", "architecture": "perceptron"}), prepared, {})
    np.testing.assert_array_equal(known(model, text.encode(), tmp_path)[1], x)


GIVEN: dict[str, list[str]] = {
    "weight": ["12 kg", "7.5 kg"],
    "price": ["$12", "$3"],
    "share": ["12%", "3%"],
    "time": ["14:30", "8:15"],
    "lap": ["1:23.45", "2:03.5"],
    "day": ["25.11.2026", "26.11.2026"],
    "iso": ["2026-11-25", "2026-11-26"],
    "plain": ["1", "2.5"],
    "minus": ["12.5-", "3"],
    "account": ["12.5 CR", "3 DR"],
}
OTHERWISE: list[tuple[str, str, float | str]] = [
    ("weight", "12", 12.0),
    ("weight", "12kg", 12.0),
    ("weight", "12 lb", "must be a number in kg, such as 12 or 12 kg; it is '12 lb'"),
    ("price", "3", 3.0),
    ("price", "(3)", -3.0),
    ("price", "€3", "must be a number in $, such as 12 or 12 $; it is '€3'"),
    ("share", "12", "must be a percentage such as 12%, or in JSON the number 0.12; it is '12'"),
    ("time", "14:30:00", 52_200.0),
    ("time", "2:30 pm", 52_200.0),
    (
        "time",
        "half past two",
        "must be a time such as 14:30, or in JSON the number of its seconds; it is 'half past two'",
    ),
    ("lap", "0:01:23.5", 83.5),
    ("day", "2026-11-25", 20_782.0),
    ("day", "25 Nov 2026", 20_782.0),
    ("iso", "Nov 25, 2026", 20_782.0),
    ("iso", "12", "must be a date such as 2026-11-25; it is '12'"),
    ("plain", "12 kg", "must be a number; it is '12 kg'"),
    ("plain", '="12"', 12.0),
    ("plain", "2,5", "must have '.' as the decimal mark; it is '2,5'"),
    ("weight", "7,5 kg", "must have '.' as the decimal mark; it is '7,5 kg'"),
    ("weight", "7,5", "must have '.' as the decimal mark; it is '7,5'"),
    ("share", "2,5%", "must have '.' as the decimal mark; it is '2,5%'"),
    ("minus", "-12", -12.0),
    ("minus", "1e2-", -100.0),
    ("minus", "12 CR", "must be a number such as 12 or 12-; it is '12 CR'"),
    ("account", "12", "must be a number such as 12 CR or 12 DR; it is '12'"),
]
"""What is given to predict where the upload had another form: the number, or what is said."""


@pytest.mark.parametrize(("name", "text", "wanted"), OTHERWISE, ids=[f"{name}, {text}" for name, text, _ in OTHERWISE])
def test_what_leaves_no_doubt_is_predicted(tmp_path: Path, name: str, text: str, wanted: float | str) -> None:
    rows = [{name: cells[row % 2] for name, cells in GIVEN.items()} for row in range(40)]
    upload = pd.DataFrame(rows).assign(y=[row * 0.5 for row in range(40)])
    reading(upload.to_csv(index=False), tmp_path)
    x, y, schema = table(tmp_path)
    assert {column.type for column in schema.columns} <= {ColumnKind.number, ColumnKind.date}
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    model = Model(JobSpec.model_validate({"dataset": "xor", "architecture": "perceptron"}), prepared, {})
    asked = [rows[0], rows[1] | {name: text}]
    found, numbers = known(model, pd.DataFrame(asked).to_csv(index=False).encode(), tmp_path)
    if isinstance(wanted, str):
        assert [(fault.path, fault.message) for fault in found.faults] == [(f"rows.1.{name}", wanted)]
        with pytest.raises(RowsError) as refused:
            numbers_of(asked, prepared)
        assert refused.value.errors == found.faults
    else:
        np.testing.assert_array_equal(numbers_of(asked, prepared), numbers)
        assert numbers[1, list(GIVEN).index(name)] == wanted


# --- one meaning ------------------------------------------------------------------------------------------------------

FORMS = st.builds(
    CellFormat,
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", " ", "'"]),
    unit=st.sampled_from(["", "%", "€", "CHF", "kg", "days", "-", "CR/DR"]),
    date=st.sampled_from([None, None, *CLOCKS]),
)
WRITTEN = st.text(alphabet="0123456789.,:'  +-\u2212()eE%€CHFinfkgdaysrR", max_size=14)


@settings(deadline=None)
@given(form=FORMS, texts=st.lists(WRITTEN, min_size=1, max_size=20))
def test_many_texts_at_once_are_the_numbers_that_each_is(form: CellFormat, texts: list[str]) -> None:
    import pyarrow as pa

    cells = [clean(text) for text in texts]
    each = [form.number(cell) for cell in cells]
    wanted = [np.nan if number is None else number for number in each]
    np.testing.assert_array_equal(numbers_in(pa.array(cells, pa.string()), form), wanted)


@settings(deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False), form=FORMS)
def test_every_number_is_read_as_it_is_written(number: float, form: CellFormat) -> None:
    text = repr(number).replace(".", form.decimal)
    bare = form.model_copy(update={"unit": "", "thousands": "", "date": None})
    assert bare.number(text) == number
    assert number_pattern(form.decimal, "").fullmatch(text)


@settings(deadline=None)
@given(moment=st.datetimes())
def test_every_moment_is_read_as_it_is_written(moment: Any) -> None:
    import pyarrow as pa

    forms = [moment.isoformat(), moment.isoformat(" "), moment.isoformat() + "+00:00", moment.isoformat() + "Z"]
    found = days_in(pa.array(forms), CellFormat())
    assert len({*found.tolist()}) == 1
    assert not np.isnan(found).any()


def test_every_sign_of_a_currency_is_known() -> None:
    for sign in SIGNS:
        assert CellFormat(unit=sign).number(f"{sign}12") == CellFormat(unit=sign).number(f"12 {sign}") == 12.0


def test_a_file_with_two_columns_of_one_name_is_predicted_as_it_was_read(tmp_path: Path) -> None:
    content = "a,b,b,y\n" + "".join(f"{row},{row % 3},{row % 5}.5,{row}.25\n" for row in range(40))
    reading(content, tmp_path)
    x, y, schema = table(tmp_path)
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    read_known(tmp_path / "upload", ReadingOrder(name="f.csv"), prepared.known, tmp_path / "k.npy", with_cells=False)
    np.testing.assert_array_equal(np.load(tmp_path / "k.npy"), x)

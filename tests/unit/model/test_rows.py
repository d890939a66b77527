"""Raw rows as numbers, and what is said of rows that cannot be."""

import math
from typing import Any

import numpy as np
import pytest

from model.errors import RowsError
from model.preprocessing import Preprocessing
from model.rows import numbers_of, unknown_words
from spec.cells import CellFormat
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Schema, Target

SCHEMA = Schema(
    columns=(
        Column(name="age", type=ColumnKind.number, gaps=True),
        Column(name="remark", type=ColumnKind.text),
        Column(name="city", type=ColumnKind.category, categories=("1", "Oslo")),
        Column(name="member", type=ColumnKind.boolean),
        Column(name="born", type=ColumnKind.date),
    ),
    target=Target(name="price", type=Targets.numbers),
)
PREPARED = Preprocessing.fit(SCHEMA, np.zeros((2, 4)), np.zeros((2, 1)), standardize=True)
GOOD: dict[str, Any] = {"age": 30, "city": "Oslo", "member": True, "born": "1970-01-02"}


@pytest.mark.parametrize(
    ("changed", "numbers"),
    [
        ({}, [30, 1, 1, 1]),
        ({"age": " 3.5e1 ", "city": 1, "member": "No", "born": "1970-01-01 12:00"}, [35, 0, 0, 0.5]),
        ({"city": "Paris", "born": "1970-01-01T06:00:00Z", "remark": "x", "price": 7}, [30, 2, 1, 0.25]),
        *(({"age": gap}, [math.nan, 1, 1, 1]) for gap in (None, "", " NA ", "nan")),
    ],
)
def test_cells_are_read_as_in_a_file(changed: dict[str, Any], numbers: list[float]) -> None:
    np.testing.assert_array_equal(numbers_of([GOOD | changed], PREPARED), [numbers])


@pytest.mark.parametrize(
    ("changed", "path", "said"),
    [
        ({"agee": 3}, "rows.1.agee", "is no column of the model: it has age, city, member, born"),
        ({"age": "old"}, "rows.1.age", "must be a number; it is 'old'"),
        ({"age": True}, "rows.1.age", "must be a number; it is True"),
        ({"age": 1e999}, "rows.1.age", "must be a number; it is inf"),
        ({"age": 10**308 * 10}, "rows.1.age", "must be a number up to 1.8e308"),
        ({"age": -(10**400)}, "rows.1.age", "must be a number up to 1.8e308"),
        ({"age": [1]}, "rows.1.age", "must be a number; it is [1]"),
        ({"city": None}, "rows.1.city", "has no value, and in training every row had one"),
        ({"member": "maybe"}, "rows.1.member", "must be true or false; it is 'maybe'"),
        ({"born": "2026-06-31"}, "rows.1.born", "must be a date such as 2026-11-25; it is '2026-06-31'"),
        ({"born": 20260101}, "rows.1.born", "must be a date such as 2026-11-25; it is 20260101"),
    ],
)
def test_a_cell_that_cannot_be_is_named(changed: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(RowsError) as refused:
        numbers_of([GOOD, GOOD | changed], PREPARED)
    assert [(fault.path, fault.message) for fault in refused.value.errors] == [(path, said)]


@pytest.mark.parametrize("words", [("false", "other", "true"), ("False", "True", "other"), ("FALSE", "TRUE", "other")])
def test_a_truth_value_is_its_word_among_others_in_any_case(words: tuple[str, ...]) -> None:
    schema = Schema(columns=(Column(name="paid", type=ColumnKind.category, categories=words),), target=SCHEMA.target)
    prepared = Preprocessing.fit(schema, np.zeros((2, 1)), np.zeros((2, 1)), standardize=True)
    told = numbers_of([{"paid": True}, {"paid": False}], prepared)[:, 0].astype(int).tolist()
    assert [words[place].lower() for place in told] == ["true", "false"]


def test_names_of_columns_are_read_as_in_a_file() -> None:
    row = {f" {name} ": cell for name, cell in GOOD.items()}
    np.testing.assert_array_equal(numbers_of([row], PREPARED), numbers_of([GOOD], PREPARED))


GAPS: dict[ColumnKind, tuple[tuple[str, ...], list[Any], list[Any]]] = {
    ColumnKind.number: (("-999", "n/v"), [-999, -999.0, "-999", "-999.0", "n/v"], [0, "-998", 999.0]),
    ColumnKind.category: (("9", "7.0", "true"), [9, 9.0, "9", 7, 7.0, "7.0", True], [8, "8", "9.1", False]),
    ColumnKind.boolean: (("9", "false"), [9, 9.0, "9", False, "false"], [1, True, "yes"]),
    ColumnKind.date: (("1900-01-01", "0"), ["1900-01-01", "1900-01-01 00:00", 0], ["1900-01-02"]),
}


@pytest.mark.parametrize("kind", GAPS)
def test_a_text_for_a_missing_value_is_one_as_a_number_too(kind: ColumnKind) -> None:
    words, gaps, values = GAPS[kind]
    column = Column(name="a", type=kind, gaps=True, categories=("1",), format=CellFormat(gaps=words))
    prepared = Preprocessing.fit(
        Schema(columns=(column,), target=SCHEMA.target), np.zeros((2, 1)), np.zeros((2, 1)), standardize=True
    )
    for cells, are_gaps in ((gaps, True), (values, False)):
        found = numbers_of([{"a": cell} for cell in cells], prepared)
        assert np.isnan(found[:, 0]).tolist() == [are_gaps] * len(cells)


def test_texts_for_missing_values_are_read_once_for_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, parsed = CellFormat.number, list[str]()

    def number(form: CellFormat, text: str) -> float | None:
        parsed.append(text)
        return parse(form, text)

    monkeypatch.setattr(CellFormat, "number", number)
    columns = tuple(
        Column(name=name, type=ColumnKind.number, gaps=True, format=CellFormat(gaps=("-12345", "once")))
        for name in ("a", "b")
    )
    prepared = Preprocessing.fit(
        Schema(columns=columns, target=SCHEMA.target), np.zeros((2, 2)), np.zeros((2, 1)), standardize=True
    )
    numbers_of([[1, -12345]] * 100, prepared)
    assert parsed == ["-12345", "once"]


def test_missing_columns_and_rows_that_are_none_are_named() -> None:
    with pytest.raises(RowsError) as refused:
        numbers_of([{"age": 1, "city": "Oslo"}, [1, 2, 3], "row"], PREPARED)
    assert [(fault.path, fault.message) for fault in refused.value.errors] == [
        ("rows.0.member", "is missing"),
        ("rows.0.born", "is missing"),
        ("rows.1", "must be an object with age, city, member, born, or a list of their 4 values"),
        ("rows.2", "must be an object with age, city, member, born, or a list of their 4 values"),
    ]


def test_a_list_holds_the_values_of_the_used_columns_in_their_order() -> None:
    x = numbers_of([[30, "Paris", True, "1970-01-02"]], PREPARED)
    np.testing.assert_array_equal(x, numbers_of([GOOD | {"city": "Paris"}], PREPARED))
    assert unknown_words([[30, "Paris", True, "1970-01-02"]], PREPARED, x) == {"city": ["Paris"]}
    with pytest.raises(RowsError, match=r"rows\.0\.born must be a date"):
        numbers_of([[30, "Oslo", True, "x"]], PREPARED)


def test_an_image_whose_pixels_are_columns_is_flat_or_nested() -> None:
    pixels = tuple(Column(name=f"pixel_{place}", type=ColumnKind.number) for place in range(4))
    schema = Schema(columns=pixels, target=Target(name="y", type=Targets.numbers), image=(1, 2, 2))
    prepared = Preprocessing.fit(schema, np.zeros((2, 4)), np.zeros((2, 1)), standardize=True)
    np.testing.assert_array_equal(numbers_of([[1, 2, 3, 4], [[[1, 2], [3, 4]]]], prepared), [[1, 2, 3, 4]] * 2)
    with pytest.raises(RowsError, match="a list of their 4 values"):
        numbers_of([[[[1, 2], [3]]]], prepared)


def test_of_many_faults_a_hundred_are_told() -> None:
    with pytest.raises(RowsError) as refused:
        numbers_of([{}] * 1000, PREPARED)
    assert len(refused.value.errors) == 100


ARRAY = Preprocessing.fit(
    Schema(columns=(Column(name="x", type=ColumnKind.number, size=4),), target=Target(name="y", type=Targets.numbers)),
    np.zeros((2, 4)),
    np.zeros((2, 1)),
    standardize=False,
)


def test_rows_without_names_are_lists() -> None:
    rows: list[Any] = [[1, 2, 3, 4], {"x": [[1, 2], [3, 4]]}]
    np.testing.assert_array_equal(numbers_of(rows, ARRAY), [[1, 2, 3, 4]] * 2)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2, 3], "must be 4 numbers; it has 3"),
        ("text", "must be 4 numbers"),
        ([1, 2, 3, "a"], "must be 4 numbers"),
        ([1, 2, [3], 4], "must be 4 numbers"),
        ([1, 2, 3, None], "must be finite numbers"),
        ([1, 2, 3, 1e999], "must be finite numbers"),
        ([1, 2, 3, 10**400], "must be finite numbers"),
    ],
)
def test_an_array_that_cannot_be_is_named(value: Any, said: str) -> None:
    with pytest.raises(RowsError) as refused:
        numbers_of([{"x": value}], ARRAY)
    assert [fault.message for fault in refused.value.errors] == [said]


@pytest.mark.parametrize("last", [False, True])
def test_the_shape_of_an_image_tells_where_its_channels_are(last: bool) -> None:
    column = Column(name="x", type=ColumnKind.number, size=24, channels_last=last)
    schema = Schema(columns=(column,), target=SCHEMA.target, image=(3, 2, 4))
    prepared = Preprocessing.fit(schema, np.zeros((2, 24)), np.zeros((2, 1)), standardize=False)
    planes = np.arange(24.0).reshape(3, 2, 4)
    pixels = np.moveaxis(planes, 0, -1)
    flat = (pixels if last else planes).ravel()
    rows = [image.tolist() for image in (planes, pixels, pixels[None], flat)]
    np.testing.assert_array_equal(numbers_of(rows, prepared), [planes.ravel()] * 4)
    with pytest.raises(RowsError, match=r"shape \(3, 2, 4\) or \(2, 4, 3\); its shape is \(3, 4, 2\)"):
        numbers_of([planes.swapaxes(1, 2).tolist()], prepared)


def test_of_an_image_as_wide_as_it_has_channels_the_file_tells_where_they_are() -> None:
    column = Column(name="x", type=ColumnKind.number, size=8, channels_last=True)
    schema = Schema(columns=(column,), target=SCHEMA.target, image=(2, 2, 2))
    prepared = Preprocessing.fit(schema, np.zeros((2, 8)), np.zeros((2, 1)), standardize=False)
    pixels = np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(numbers_of([pixels.tolist()], prepared), [np.moveaxis(pixels, -1, 0).ravel()])


def test_a_gap_of_an_image_is_filled() -> None:
    column = Column(name="x", type=ColumnKind.number, size=4)
    schema = Schema(columns=(column,), target=SCHEMA.target, image=(1, 2, 2))
    prepared = Preprocessing.fit(schema, np.ones((2, 4)), np.zeros((2, 1)), standardize=False)
    x = numbers_of([[[1, None], [3, 4]]], prepared)
    np.testing.assert_array_equal(x, [[1.0, math.nan, 3.0, 4.0]])
    np.testing.assert_array_equal(prepared.features(x), [[1.0, 1.0, 3.0, 4.0]])

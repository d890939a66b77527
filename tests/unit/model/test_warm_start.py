"""Rows of another table become the rows of a network: columns by name, categories and classes by their words."""

from typing import Any

import numpy as np
import pytest

from model.preprocessing import Preprocessing
from model.rows import numbers_of
from model.warm_start import difference, reclassed, recoded, rewritten
from spec.cells import CellFormat
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Role, Schema, Target

AGE = Column(name="age", type=ColumnKind.number, gaps=True)
CITY = Column(name="city", type=ColumnKind.category, categories=("Oslo", "Rome"))
SHARE = Column(name="share", type=ColumnKind.number, format=CellFormat(unit="%"))
NOTE = Column(name="note", type=ColumnKind.text)
TARGET = Target(name="risk", type=Targets.classes, labels=("high", "low"))
SCHEMA = Schema(columns=(AGE, CITY, SHARE, NOTE), target=TARGET)
X = np.array([[30.0, 0, 0.1], [np.nan, 1, 0.2], [50.0, 0, 0.3]])
PREPARED = Preprocessing.fit(SCHEMA, X, np.array([0, 1, 0]), standardize=True)


def schema(*columns: Column, **fields: Any) -> Schema:
    return SCHEMA.model_copy(update={"columns": columns or SCHEMA.columns, **fields})


def changed(column: Column, **fields: Any) -> Column:
    return column.model_copy(update=fields)


def test_the_same_columns_are_left_as_they_are() -> None:
    assert difference(PREPARED, SCHEMA) is None
    assert recoded(PREPARED, SCHEMA, X) is X


def test_columns_are_found_by_name_and_categories_by_word() -> None:
    city = changed(CITY, categories=("Bergen", "Rome", "Oslo"), gaps=True)
    other = schema(SHARE, changed(NOTE, role=Role.unused), city, changed(AGE, gaps=False))
    assert difference(PREPARED, other) is None
    rows = np.array([[0.1, 2, 30.0], [0.2, 1, 40.0], [0.3, 0, 50.0], [0.3, np.nan, 50.0], [0.3, 3, 50.0]])
    found = recoded(PREPARED, other, rows)
    np.testing.assert_array_equal(
        found, [[30.0, 0, 0.1], [40.0, 1, 0.2], [50.0, 2, 0.3], [50.0, np.nan, 0.3], [50.0, 2, 0.3]]
    )
    features = PREPARED.features(found)
    assert features.shape == (5, sum(column.width for column in SCHEMA.columns))
    np.testing.assert_array_equal(features[0], PREPARED.features(X)[0])
    np.testing.assert_array_equal(features[2:, 2:5], [[0, 0, 1]] * 3)  # unknown, missing and other words are `other`


def test_classes_keep_their_words() -> None:
    other = schema(target=TARGET.model_copy(update={"labels": ("low", "high")}))
    assert difference(PREPARED, other) is None
    np.testing.assert_array_equal(reclassed(PREPARED, other, np.array([0, 1, 1])), [1, 0, 0])
    np.testing.assert_array_equal(reclassed(PREPARED, SCHEMA, np.array([0, 1, 1])), [0, 1, 1])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (schema(CITY, SHARE), "on a column age, and this data set has none"),
        (
            schema(changed(AGE, role=Role.unused), CITY, SHARE),
            "on a column age, and this data set has none",
        ),
        (schema(AGE, CITY, SHARE, changed(AGE, name="iq")), "was not trained on the column iq of this data set"),
        (
            schema(changed(AGE, type=ColumnKind.date), CITY, SHARE),
            "a column age of type number, and this",
        ),
        (schema(changed(AGE, size=2), CITY, SHARE), "a column age of 1 numbers a row, and this data set's has 2"),
        (
            schema(AGE, CITY, changed(SHARE, format=CellFormat())),
            "a column share of percent, and this",
        ),
        (schema(image=(1, 2, 2)), "was trained on rows without images, and this data set has images of 1 channels"),
        (schema(target=TARGET.model_copy(update={"name": "cost"})), "was trained on the target risk, and this data"),
        (
            schema(target=TARGET.model_copy(update={"labels": ("high", "low", "none")})),
            "was trained on the classes high, low, and this data set has high, low, none",
        ),
        (
            schema(target=Target(name="risk", type=Targets.numbers)),
            "was trained on targets that are classes, and this data set's are numbers",
        ),
    ],
)
def test_what_differs_is_named(other: Schema, said: str) -> None:
    found = difference(PREPARED, other)
    assert found is not None
    assert said in found


AGED = Schema(columns=(changed(AGE, format=CellFormat(unit="days")),), target=TARGET)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            CellFormat(unit="h"),
            "was trained on a column age of numbers in days, and this data set's is of numbers in h",
        ),
        (CellFormat(unit="%"), "was trained on a column age of numbers in days, and this data set's is of percent"),
        (CellFormat(date="h:mm"), "was trained on a column age of numbers in days, and this data set's is of times"),
        (CellFormat(unit="day"), None),
        (CellFormat(), None),
        (CellFormat(unit="days", decimal=","), None),
    ],
)
def test_numbers_of_another_unit_are_named(form: CellFormat, said: str | None) -> None:
    prepared = Preprocessing.fit(AGED, np.array([[1.0], [2.0]]), np.array([0, 1]), standardize=True)
    assert difference(prepared, schema(changed(AGE, format=form))) == said


def test_rows_are_read_as_those_of_the_other_file_are_written() -> None:
    age = changed(AGE, gaps=False, format=CellFormat(decimal=",", thousands=".", gaps=("-999",)))
    other = schema(age, CITY, changed(SHARE, gaps=True), NOTE, Column(name="id", type=ColumnKind.text))
    assert rewritten(PREPARED, SCHEMA) is PREPARED
    found = rewritten(PREPARED, other)
    assert [column.gaps for column in found.known.columns] == [True, False, True, False, False]
    assert Preprocessing.model_validate_json(found.as_json) == found
    assert ("filled" in PREPARED.as_json, "filled" in found.as_json) == (False, True)  # an earlier release reads it
    rows = [
        {"age": "1.234,5", "city": "Rome", "share": None, "id": "7"},
        {"age": -999, "city": "Oslo", "share": "10%", "note": "n"},
    ]
    x = numbers_of(rows, found)
    np.testing.assert_array_equal(x, [[1234.5, 1, np.nan], [np.nan, 0, 0.1]])
    features = found.features(x)
    assert features.shape[1] == PREPARED.features(X).shape[1]
    assert features[0, -1] == 0.0  # the mean
    assert rewritten(found, schema(AGE, CITY, SHARE)).used[2].takes_gaps


def test_a_unit_that_the_other_file_leaves_out_may_be_given() -> None:
    prepared = Preprocessing.fit(AGED, np.array([[1.0], [2.0]]), np.array([0, 1]), standardize=True)
    found = rewritten(prepared, schema(changed(AGE, format=CellFormat(decimal=","))))
    np.testing.assert_array_equal(numbers_of([{"age": "1,5"}, {"age": "1,5 days"}], found), [[1.5], [1.5]])


def test_augmentation_needs_a_mean_for_each_channel() -> None:
    images = Schema(columns=(Column(name="x", type=ColumnKind.number, size=4),), target=TARGET, image=(1, 2, 2))
    pixels, y = np.arange(12.0).reshape(3, 4), np.array([0, 1, 0])
    by_pixel = Preprocessing.fit(images, pixels, y, standardize=True)
    by_channel = Preprocessing.fit(images, pixels, y, standardize=True, by_channel=True)
    assert "augmentation needs one for each channel" in (difference(by_pixel, images, by_channel=True) or "")
    assert difference(by_channel, images, by_channel=True) is None
    assert difference(by_pixel, images) is None


KG = Target(name="mass", type=Targets.numbers, formats=(CellFormat(unit="kg"),))


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (
            (CellFormat(unit="g"),),
            "was trained on the target mass of numbers in kg, and this data set's is of numbers in g",
        ),
        ((CellFormat(unit="%"),), "was trained on the target mass of numbers in kg, and this data set's is of percent"),
        (
            (CellFormat(date="h:mm"),),
            "was trained on the target mass of numbers in kg, and this data set's is of times",
        ),
        ((CellFormat(unit="kg"),), None),
        ((), None),  # 12 is 12 kg
    ],
)
def test_targets_of_another_unit_are_named(formats: tuple[CellFormat, ...], said: str | None) -> None:
    prepared = Preprocessing.fit(schema(target=KG), X, np.array([[1.0], [2.0], [3.0]]), standardize=True)
    assert difference(prepared, schema(target=KG.model_copy(update={"formats": formats}))) == said


def test_one_of_several_targets_of_another_unit_is_named() -> None:
    two = Target(name="a, b", type=Targets.numbers, outputs=2, columns=("a", "b"))
    prepared = Preprocessing.fit(schema(target=two), X, np.ones((3, 2)), standardize=True)
    other = two.model_copy(update={"formats": (CellFormat(), CellFormat(unit="%"))})
    assert difference(prepared, schema(target=two)) is None
    said = "was trained on the target b of numbers, and this data set's is of percent"
    assert difference(prepared, schema(target=other)) == said

"""What is said of values that training did not see."""

import math
from typing import Any

import numpy as np
import pytest

from model.errors import RowsError
from model.finished import Model
from model.preprocessing import Preprocessing
from model.unseen import MOST, warnings_of
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Schema, Target

from .test_graph import table

SCHEMA = Schema(
    columns=(
        Column(name="age", type=ColumnKind.number, gaps=True),
        Column(name="city", type=ColumnKind.category, categories=("Oslo", "Paris", "Rome"), gaps=True),
        Column(name="born", type=ColumnKind.date),
    ),
    target=Target(name="price", type=Targets.numbers),
)
X = np.array([[10.0, 0.0, 100.0], [30.0, 2.0, 300.0]])  # nobody from Paris
PREPARED = Preprocessing.fit(SCHEMA, X, np.ones((2, 1)), standardize=True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([20, 0, 200], []),
        ([50, 0, 500], []),  # outside, and not far
        ([math.nan, math.nan, 200], []),
        ([51, 0, 200], ["Column 'age' has 51 in row 2, far outside the training rows' range, 10 to 30: "]),
        ([-11, 0, 200], ["Column 'age' has -11 in row 2, far outside the training rows' range, 10 to 30: "]),
        ([20, 1, 200], ["Column 'city' has 'Paris' in row 2, which the training rows do not have: it is "]),
        ([20, 3, 200], ["Column 'city' has 'Bonn' in row 2, which the training rows do not have: it is "]),
        ([20, 0, 1000], ["Column 'born' has 1972-09-27T00:00:00 in row 2, far outside the training rows' range, "]),
    ],
)
def test_what_is_far_or_unseen_is_told(row: list[float], said: list[str]) -> None:
    found = warnings_of(PREPARED, np.array([[20.0, 0.0, 200.0], row]), {"city": ["Bonn"]} if row[1] == 3 else {})
    assert [one[: len(start)] for one, start in zip(found, said, strict=True)] == said


def test_rows_are_counted() -> None:
    (said,) = warnings_of(PREPARED, np.array([[20.0, 3.0, 200.0]] * 5), {"city": ["Bonn", "Bern"]})
    assert said.startswith(
        "Column 'city' has 'Bonn', 'Bern' in 5 rows, the first row 1, which the training rows do not have"
    )


def test_of_many_columns_some_are_told() -> None:
    columns = tuple(Column(name=f"c{place}", type=ColumnKind.number) for place in range(MOST + 5))
    schema = Schema(columns=columns, target=Target(name="y", type=Targets.numbers))
    prepared = Preprocessing.fit(schema, np.zeros((2, MOST + 5)), np.ones((2, 1)), standardize=True)
    said = warnings_of(prepared, np.ones((1, MOST + 5)), {})
    assert (len(said), said[-1]) == (MOST + 1, "5 more columns have such values.")


def test_a_row_without_a_finite_prediction_is_named() -> None:
    column = Column(name="a", type=ColumnKind.number)
    x = X[:, :1].repeat(5, axis=0)
    model = table([column], x, Target(name="price", type=Targets.numbers))
    rows: list[Any] = [{"a": 1.0}, {"a": 1.7e308}]
    with pytest.raises(RowsError) as refused:
        Model(model.spec, model.preprocessing, {n: v * np.float32(1e30) for n, v in model.arrays.items()}).predict(rows)
    assert [fault.path for fault in refused.value.errors] == ["rows.1"]

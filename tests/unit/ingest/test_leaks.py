"""A column that tells the target exactly is said; honest data have no such note."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from spec.dataset import Targets

from .reading import reading

ROWS = 200
RANDOM = np.random.default_rng(0)
SIZE, SHAPE = RANDOM.normal(size=ROWS), RANDOM.normal(size=ROWS)
KINDS = np.where(SIZE + SHAPE > 0.5, "large", np.where(SIZE > 0, "middle", "small"))
PRICE = np.round(np.exp(SIZE + SHAPE) * 100, 2)


def leaks(folder: Path, columns: Mapping[str, object], task: Targets | None = None, **options: Any) -> list[str]:
    """The columns of which a note says that they tell the target."""
    text = pd.DataFrame(columns).to_csv(index=False)
    found = reading(text, folder, task=task, **options)
    return [note for note in found.profile.notes if "tells the target" in note]


def names(folder: Path, columns: Mapping[str, object], **how: Any) -> list[str]:
    return [note.split("'")[1] for note in leaks(folder, columns, **how)]


def test_a_leak_is_a_note_with_what_to_do(tmp_path: Path) -> None:
    columns = {"size": SIZE, "shape": SHAPE, "kind": KINDS, "y": KINDS}
    assert leaks(tmp_path, columns) == [
        "Column 'kind' tells the target exactly: leave it out, columns=-kind, if it is not known when predicting."
    ]
    assert leaks(tmp_path, columns, types={"kind": "text"}) == []


CODES = np.unique(KINDS, return_inverse=True)[1]
OF_CLASSES: dict[str, object] = {
    "codes": CODES * 10,
    "other words": np.array(["A", "B", "C"])[CODES],
    "finer words": [f"{kind[0]}{row % 4}" for row, kind in enumerate(KINDS)],
    "with a value for gaps": np.where(CODES == 0, "", CODES.astype(str)),
}


@pytest.mark.parametrize("kind", OF_CLASSES)
def test_values_that_have_one_class_each_tell_it(tmp_path: Path, kind: str) -> None:
    assert names(tmp_path, {"size": SIZE, "leak": OF_CLASSES[kind], "y": KINDS}) == ["leak"]


def test_gaps_may_tell_a_class(tmp_path: Path) -> None:
    ended = np.where(SIZE > 0, "", np.round(np.abs(SHAPE), 3).astype(str))
    (note,) = leaks(tmp_path, {"shape": SHAPE, "ended": ended, "y": SIZE > 0})
    assert note.startswith("Whether column 'ended' has a value tells the target exactly: leave it out")


def test_a_rare_class_may_be_told(tmp_path: Path) -> None:
    rare = np.arange(ROWS) % 40 == 7
    assert names(tmp_path, {"size": SIZE, "flag": rare, "y": np.where(rare, "yes", "no")}) == ["flag"]


OF_NUMBERS: dict[str, object] = {
    "a copy": PRICE,
    "another unit, rounded": np.round(PRICE * 0.92, 1),
    "a logarithm": np.log(PRICE),
    "the other way": 1.0 / PRICE,
    "with gaps": np.where(np.arange(ROWS) % 5, PRICE, np.nan),
}


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_numbers_in_the_order_of_the_target_tell_it(tmp_path: Path, kind: str) -> None:
    assert names(tmp_path, {"size": SIZE, "leak": OF_NUMBERS[kind], "y": PRICE}) == ["leak"]


def test_all_rows_are_looked_at(tmp_path: Path) -> None:
    y = RANDOM.integers(0, 1 << 40, 3000) / 1024.0
    leak = y * 2.0
    assert names(tmp_path, {"a": RANDOM.random(3000), "b": leak, "y": y}) == ["b"]
    leak[2990] = 0.25
    assert names(tmp_path, {"a": RANDOM.random(3000), "b": leak, "y": y}) == []
    kinds = np.arange(3000) % 3
    assert names(tmp_path, {"a": RANDOM.random(3000), "b": kinds, "y": kinds}) == ["b"]
    assert names(tmp_path, {"a": RANDOM.random(3000), "b": [*kinds[:-1], 0], "y": kinds}) == []


HONEST: dict[str, dict[str, object]] = {
    "an id of rows sorted by class": {"id": np.arange(ROWS), "size": SIZE, "y": np.sort(KINDS)},
    "an id of rows sorted by number": {"id": np.arange(ROWS), "size": SIZE, "y": np.sort(PRICE)},
    "ids as words": {"id": [f"p{row // 2}" for row in range(ROWS)], "size": SIZE, "y": KINDS},
    "a count that rises with the days": {
        "day": np.arange(ROWS) + np.arange(ROWS) // 7 * 2,
        "size": SIZE,
        "y": np.cumsum(PRICE),
    },
    "a sum of columns": {"a": SIZE, "b": SHAPE, "y": SIZE + SHAPE},
    "a truth of two columns": {"a": SIZE > 0, "b": SHAPE > 0, "y": (SIZE > 0) ^ (SHAPE > 0)},
    "a threshold": {"a": np.round(SIZE, 1), "b": SHAPE, "y": SIZE > 0},
    "few rows": {"a": [True, False] * 5, "b": range(10), "y": ["yes", "no"] * 5},
    "the only column": {"a": SIZE, "y": SIZE * 2},
    "a step of the target": {"a": SIZE, "b": np.floor(PRICE / 40), "y": PRICE},
    "the same in each row": {"a": 1, "b": SIZE, "y": KINDS},
    "rare gaps": {"a": np.where(np.arange(ROWS) == 3, np.nan, SIZE), "b": SHAPE, "y": np.arange(ROWS) == 3},
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_data_have_no_such_note(tmp_path: Path, kind: str) -> None:
    assert leaks(tmp_path, HONEST[kind]) == []


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_known_data_have_no_such_note(tmp_path: Path, name: str) -> None:
    bunch = getattr(datasets, f"load_{name}")()
    columns = {f"c{place}": values for place, values in enumerate(bunch.data.T)}
    assert leaks(tmp_path, {**columns, "y": bunch.target}) == []


def test_a_leak_in_parquet_is_said(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pd.DataFrame({"a": SIZE, "b": pd.Categorical(KINDS), "y": KINDS}).to_parquet(buffer)
    notes = reading(buffer.getvalue(), tmp_path, name="f.parquet").profile.notes
    assert [note.split(":")[0] for note in notes] == ["Column 'b' tells the target exactly"]


def test_one_of_several_targets_may_be_told(tmp_path: Path) -> None:
    other = np.round(np.exp(SIZE - SHAPE), 4)
    columns = {"size": SIZE, "gross": PRICE * 1.19, "price": PRICE, "weight": other}
    found = reading(pd.DataFrame(columns).to_csv(index=False), tmp_path, target=("price", "weight"))
    assert [note for note in found.profile.notes if "tells" in note] == [
        "Column 'gross' tells the target 'price' exactly: leave it out, columns=-gross, if it is not known when "
        "predicting."
    ]
    columns["weight"] = PRICE * 2.0
    found = reading(pd.DataFrame(columns).to_csv(index=False), tmp_path, target=("price", "weight"))
    assert "Column 'gross' tells the targets 'price', 'weight' exactly" in " ".join(found.profile.notes)


def of_arrays(folder: Path, x: object, y: object) -> list[str]:
    buffer = io.BytesIO()
    np.savez(buffer, X=np.asarray(x), y=np.asarray(y))
    notes = reading(buffer.getvalue(), folder, name="f.npz", target=None).profile.notes
    return [note for note in notes if "tells the target" in note]


def test_a_column_of_an_array_may_tell_the_target(tmp_path: Path) -> None:
    assert of_arrays(tmp_path, np.column_stack((SIZE, SHAPE, CODES * 10)), KINDS) == [
        "Column 'X[2]' tells the target exactly: leave it out, np.delete(X, 2, axis=1), if it is not known when "
        "predicting."
    ]
    (note,) = of_arrays(tmp_path, np.column_stack((SIZE, PRICE / 3.0)), PRICE)
    assert note.startswith("Column 'X[1]' tells the target exactly")
    (note,) = of_arrays(tmp_path, np.column_stack((SIZE, PRICE / 3.0)), np.column_stack((SHAPE, PRICE)))
    assert note.startswith("Column 'X[1]' tells the target 'y[1]' exactly")
    gaps = np.where(SIZE > 0, np.nan, SHAPE)
    (note,) = of_arrays(tmp_path, np.column_stack((SHAPE, gaps)), SIZE > 0)
    assert note.startswith("Whether column 'X[1]' has a value tells the target exactly")


def test_a_value_of_an_array_that_comes_late_is_counted(tmp_path: Path) -> None:
    kinds = np.sort(np.arange(6_000) % 3)
    noise = RANDOM.normal(size=6_000)
    assert len(of_arrays(tmp_path, np.column_stack((noise, kinds)), kinds)) == 1
    assert of_arrays(tmp_path, np.column_stack((noise, np.where(np.arange(6_000) == 5_990, 0, kinds))), kinds) == []


def test_honest_arrays_have_no_such_note(tmp_path: Path) -> None:
    digits = datasets.load_digits()
    assert of_arrays(tmp_path, digits.data, digits.target) == []
    assert of_arrays(tmp_path, digits.images[:, None], digits.target) == []
    assert of_arrays(tmp_path, SIZE[:, None], SIZE * 2.0) == []
    falling = np.arange(ROWS)[::-1].astype(np.uint8)  # the number of the row, from the last one on
    assert of_arrays(tmp_path, np.column_stack((falling, falling % 7)), np.sort(PRICE)) == []
    assert of_arrays(tmp_path, np.column_stack((SIZE, SHAPE)), SIZE + SHAPE) == []

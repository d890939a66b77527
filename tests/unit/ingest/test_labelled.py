"""Rows without a target are left out, and a note says how many."""

import io
from pathlib import Path

import pandas as pd
import pytest

from spec.schema import ColumnKind

from .reading import reading, refusal, table

ROWS = [f"{row},{row % 7}.5,{'ab'[row % 2]}" for row in range(40)]


def without(*places: int, word: str = "", rows: list[str] = ROWS, head: str = "a,b,y") -> str:
    """A file whose rows at these places have this for a target."""
    cells = [row.rpartition(",")[0] + "," + word if place in places else row for place, row in enumerate(rows)]
    return "\n".join([head, *cells]) + "\n"


def test_rows_without_a_class_are_left_out_with_a_note(tmp_path: Path) -> None:
    found = reading(without(3, 5, 38), tmp_path)
    assert found.rows == 37
    assert found.profile.notes[0] == "3 of 40 rows have no target, the first of them row 4: left out, and not counted."
    assert [(one.value, one.count) for one in found.profile.classes] == [("a", 19), ("b", 18)]
    x, y, _ = table(tmp_path)
    assert x[:5, 0].tolist() == [0, 1, 2, 4, 6]
    assert y[:5].tolist() == [0, 1, 0, 0, 0]
    assert len(x) == len(y) == 37


@pytest.mark.parametrize("word", ["", "NA", "NaN", "-", "#N/A"])
def test_rows_without_a_number_are_left_out_however_that_is_written(tmp_path: Path, word: str) -> None:
    rows = [f"{row % 9},{row % 7}.5,{row}.25" for row in range(40)]
    found = reading(without(0, word=word, rows=rows), tmp_path)
    assert found.profile.notes[0] == "1 row has no target, the first of them row 1: left out, and not counted."
    assert (found.rows, found.table.target.range) == (39, (1.25, 39.25))


def test_what_is_left_out_says_nothing_of_the_other_columns(tmp_path: Path) -> None:
    rows = [f"{row},{'' if row == 5 else row % 2},{'z' if row == 5 else 'uv'[row % 2]},{row % 3}" for row in range(40)]
    found = reading(without(5, rows=rows, head="a,b,c,y"), tmp_path)
    assert [column.gaps for column in found.table.columns] == [False] * 3
    assert found.table.columns[2].categories == ("u", "v")


def test_columns_with_a_role_lose_the_same_rows(tmp_path: Path) -> None:
    rows = [
        f"{row},{'' if row == 7 else row % 3},g{row % 4},{'train' if row % 5 else 'test'},{row % 2}"
        for row in range(40)
    ]
    text = without(7, 10, rows=rows, head="a,w,g,s,y")
    found = reading(text, tmp_path, weight="w", group="g", split="s")
    assert (found.rows, found.table.split_rows, found.table.groups) == (38, (31, 0, 7), 4)


def test_several_targets_need_all_their_numbers(tmp_path: Path) -> None:
    rows = [f"{row % 5},{'' if row in (2, 9) else row},{'' if row in (9, 11) else row * 2}" for row in range(40)]
    assert reading("a,y,z\n" + "\n".join(rows), tmp_path, target=("y", "z")).rows == 37


@pytest.mark.parametrize("word", ["None", "NA", "?"])
def test_a_word_that_may_be_a_class_is_asked_for(tmp_path: Path, word: str) -> None:
    text = without(3, 5, word=word)
    if word != "?":  # which is a word among words
        assert refusal(text, tmp_path) == (
            f"target has no value ('{word}') in 2 rows, the first of them row 4: na_values={word} leaves these rows "
            "out, keep_default_na=false reads a class"
        )
    assert reading(text, tmp_path, na_values=word).rows == 38
    assert len(reading(text, tmp_path, keep_default_na=False).profile.classes) == 3


def test_nulls_of_parquet_are_rows_without_a_target(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(40), "y": pd.array([None, 1, 0, 1] * 10, dtype="Int64")})
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    found = reading(buffer.getvalue(), tmp_path, name="f.parquet")
    assert (found.rows, found.table.target.labels, found.table.columns[0].type) == (30, ("0", "1"), ColumnKind.number)


def test_a_file_most_of_whose_rows_have_no_target_is_refused(tmp_path: Path) -> None:
    assert refusal(without(*range(3, 30)), tmp_path) == (
        "target has no value in 27 of 40 rows, the first of them row 4: leave these rows out; a model of the others "
        "predicts them"
    )


def test_what_is_left_must_be_something_to_learn(tmp_path: Path) -> None:
    said = "target has one class only, 'a': there is nothing to tell apart (rows without a target are not counted)"
    assert refusal(without(*range(1, 40, 2)), tmp_path) == said

"""Guesses that a note names, and plain columns that have none."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.errors import RefusedError

from .reading import reading

ROWS = range(60)


def notes_of(cell: Callable[[int], Any], folder: Path, *, name: str = "v", mark: str = ",", **options: Any) -> str:
    """The notes of a file whose column `v` has these cells."""
    rows = "".join(f"{cell(row)}{mark}{row * 7 % 11}{mark}{row % 2}\n" for row in ROWS)
    return " ".join(reading(f"{name}{mark}a{mark}y\n{rows}", folder, **options).profile.notes)


@pytest.mark.parametrize(
    ("cell", "name", "said"),
    [
        (lambda row: "824" if row % 4 == 0 else f"{1 + row}.{100 + row}", "v", "is read as 2.101; thousands=. reads"),
        (lambda row: ["NA", "EMEA", "APAC"][row % 3], "v", "'NA' is read as a missing value; keep_default_na=false"),
        (lambda row: ["None", "Apnea", "Insomnia"][row % 3], "v", "'None' is read as a missing value"),
        (lambda row: "1900-01-01" if row % 7 == 0 else f"2021-01-{1 + row % 28:02}", "v", "na_values=1900-01-01"),
        (lambda row: "2099-12-31" if row % 7 == 0 else f"2021-01-{1 + row % 28:02}", "v", "ends at 2099-12-31, far"),
        (lambda row: f"{1 + row % 28:02}-Mar-{(52 + row) % 100:02}", "v", "is 2068-03-17; write years of four digits"),
        (lambda row: f"{1 + row % 28:02}-03-{(52 + row) % 100:02}", "v", "is 2068-03-17"),
        (lambda row: ["TP53", "1-Mar", "BRCA1", "EGFR"][row % 4], "v", "other words, such as '1-Mar': if a spread"),
        (
            lambda row: f"2021-01-{1 + row % 12:02}" if row % 2 else f"{13 + row % 9}/01/2021",
            "v",
            "dayfirst=true reads",
        ),
        (lambda row: "-" if row % 9 == 0 else ["13/01/2021", "5 Jan 2021"][row % 2], "v", "write all of them as 2026"),
        (lambda row: f"{row}{['', '*', '**'][row % 3]}" if row % 9 else f"{row}*", "v", "texts such as '0*'"),
        (lambda row: 201900 + row // 12 * 100 + 1 + row % 12, "v", "date_format=%Y%m read them so"),
        (lambda row: f"612 {100 + row * 7} {200 + row}", "v", "' ' as the thousands separator"),
        (
            lambda row: ["yes", "none"][row % 2],
            "v",
            "'none' is read as a missing value; keep_default_na=false reads it",
        ),
        (lambda row: "Y", "v", "The value is the same in every row of column 'v'"),
        (lambda row: 1 + row * 3, "EmployeeNumber", "if it is an id or a code"),
        (lambda row: 5551230000 + row * 7, "phone", "if it is an id or a code"),
        (lambda row: ["5-9", "9-May", "15-19"][row % 3], "v", "such as '9-May': if a spreadsheet made them"),
        (lambda row: 15600000 + row * 7, "customerid", "if it is an id or a code"),
    ],
)
def test_a_guess_is_said(cell: Callable[[int], Any], name: str, said: str, tmp_path: Path) -> None:
    notes = notes_of(cell, tmp_path, name=name)
    assert said in notes, notes


@pytest.mark.parametrize(
    "cell",
    [
        lambda row: f"{1 + row}.{100 + row}",
        lambda row: ["NA", "red", "blue"][row % 3],
        lambda row: ["NA", "LOW", "MID", "HIGH", "MAX"][row % 5],
        lambda row: f"{row % 28 + 1:02}-Mar-{20 + row % 5}",
        lambda row: "0" if row % 9 == 0 else f"{row / 61:.3f}",
        lambda row: f"{1950 + row}-01-05",
        lambda row: f"{25 * row % 28 + 1:02}-Mar-2021",
        lambda row: 2021086 + row,
        lambda row: f"2021-01-{1 + row % 28:02}",
    ],
)
def test_what_is_plain_has_no_note(cell: Callable[[int], Any], tmp_path: Path) -> None:
    assert notes_of(cell, tmp_path) == ""


@pytest.mark.parametrize("target", [True, False])
def test_a_missing_value_that_parquet_has_as_text_is_said(target: bool, tmp_path: Path) -> None:
    words = ["nan" if row % 9 == 0 else "ab"[row % 2] for row in ROWS]
    columns = {"a": [float(row) for row in ROWS], "v": words, "y": [row % 2 for row in ROWS]}
    if target:
        columns = {"a": columns["a"], "y": words}
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    content = (tmp_path / "f.parquet").read_bytes()
    notes = reading(content, tmp_path, name="f.parquet").profile.notes
    assert any("'nan' is read as a word (7 of 60 rows); na_values=nan reads" in note for note in notes), notes
    notes = reading(content, tmp_path, name="f.parquet", na_values=["nan"]).profile.notes
    assert not any("is read as a word" in note for note in notes)


def test_a_refusal_names_the_first_column(tmp_path: Path) -> None:
    rows = "".join(f"{'7x' if row == 7 else row},{'7z' if row == 7 else row},{row}\n" for row in ROWS)
    with pytest.raises(RefusedError) as refused:
        reading("a,b,y\n" + rows, tmp_path, na_values={"b": ("-",)})
    assert "column 'a'" in str(refused.value)
    assert str(refused.value).endswith("; such words are in column 'b', too")
    assert refused.value.na_values == {"b": ("-", "7z"), "a": ("7x",)}


def test_mistakes_of_first_and_of_late_rows_are_refused_together(tmp_path: Path) -> None:
    rows = "".join(f"{'7x' if row == 7 else row},{'9z' if row == 2500 else row},{row}\n" for row in range(3000))
    with pytest.raises(RefusedError) as refused:
        reading("a,b,y\n" + rows, tmp_path)
    assert "has '7x' in row 8 of column 'a'" in str(refused.value)
    assert refused.value.na_values == {"a": ("7x",), "b": ("9z",)}


def test_ids_some_of_which_have_letters_are_words(tmp_path: Path) -> None:
    rows = "".join(f"{'1103F' if row == 7 else 1000 + row},{row},{row}\n" for row in ROWS)
    notes = reading("Provider ID,a,y\n" + rows, tmp_path).profile.notes
    assert "Column 'Provider ID' has ids that are no numbers, such as '1103F', and is read as texts." in notes


@pytest.mark.parametrize(("target", "add", "word"), [("y", 0.5, "12.3.4"), ("y", 0, "<5"), ("code", 0, "1O4")])
def test_odd_words_in_a_column_called_like_ids_are_refused_where_they_may_be_mistakes(
    tmp_path: Path, target: str, add: float, word: str
) -> None:
    rows = "".join(f"{word if row == 7 else row + add},{row},{row}\n" for row in ROWS)
    with pytest.raises(RefusedError, match=f"has '{re.escape(word)}' in row 8 of column 'code'"):
        reading("code,a,y\n" + rows, tmp_path, target=target)

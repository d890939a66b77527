"""What a user says of a file, or a note proposes, does what it says."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spec.schema import ColumnKind

from .reading import reading, refusal, table
from .workbooks import xlsx

ROWS = range(60)


def column(folder: Path, place: int = 0) -> list[float]:
    return [float(number) for number in table(folder)[0][:, place]]


def test_na_values_leave_questions_and_units_above_the_numbers(tmp_path: Path) -> None:
    survey = "Progress,Duration,y\nProgress,Duration (in seconds),Will you?\n"
    rows = "".join(f"{-99 if row == 7 else row},{row * 3},{row % 2}\n" for row in ROWS)
    assert reading(survey + rows, tmp_path, na_values=["-99"]).rows == 60
    units = "id,a,y\nnr,m/s,W\n" + "".join(f"{row},{row * 3},{row % 2}\n" for row in ROWS)
    assert reading(units, tmp_path, types={"id": "category"}).rows == 60


def test_na_values_are_meant_however_a_value_is_written(tmp_path: Path) -> None:
    texts = "d,y\n" + "".join(
        f"{'9999-12-31 00:00:00' if row == 7 else f'2026-01-{1 + row % 28:02}'},{row}\n" for row in ROWS
    )
    reading(texts, tmp_path, na_values=["9999-12-31"])
    assert np.isnan(column(tmp_path)[7])
    frame = pd.DataFrame({"d": [date(9999, 12, 31), *[date(2026, 1, 1)] * 59], "y": [*ROWS]})
    frame.to_parquet(tmp_path / "f.parquet")
    reading((tmp_path / "f.parquet").read_bytes(), tmp_path, name="f.parquet", na_values=["9999-12-31"])
    assert np.isnan(column(tmp_path)[0])
    commas = "a;b;y\n" + "".join(f"{'-999,0' if row == 7 else f'{row},5'};{row};{row % 2}\n" for row in ROWS)
    reading(commas, tmp_path, na_values=["-999"])
    assert np.isnan(column(tmp_path)[7])


def test_a_time_that_is_read_as_words_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"0{1 + row % 9}/0{1 + row % 7}/2000,{row},{row % 2}\n" for row in ROWS)
    said = refusal("d,a,y\n" + rows, tmp_path, time="d")
    assert said.startswith("time is column 'd', which is read as words: date_format, or dayfirst")


def test_the_word_that_keeps_a_column_from_being_dates_is_named(tmp_path: Path) -> None:
    rows = "".join(f"{'0000-00-00' if row == 7 else f'2026-01-{1 + row % 28:02}'},{row % 2}\n" for row in ROWS)
    notes = reading("d,y\n" + rows, tmp_path).profile.notes
    assert any("has dates, and '0000-00-00' among them" in note and "na_values" in note for note in notes), notes


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("TFN", ColumnKind.category),
        ("FN", ColumnKind.category),
        ("TF", ColumnKind.boolean),
        ("YN", ColumnKind.boolean),
        (["yes", "Y", "N", "no"], ColumnKind.boolean),
    ],
)
def test_letters_of_yes_and_no_beside_those_of_true_and_false_are_codes(
    tmp_path: Path, words: list[str] | str, kind: ColumnKind
) -> None:
    reading("c,y\n" + "".join(f"{words[row % len(words)]},{row % 3}\n" for row in ROWS), tmp_path)
    assert table(tmp_path)[2].columns[0].type is kind


def test_a_number_in_brackets_is_said_to_be_below_zero(tmp_path: Path) -> None:
    notes = reading("a,y\n" + "".join(f"({row}),{row % 2}\n" for row in ROWS), tmp_path).profile.notes
    assert any("in brackets are below 0: '(0)' is -0." in note or "'(1)' is -1" in note for note in notes), notes


def test_two_tabs_between_some_cells_and_rules_of_dashes_are_no_cells(tmp_path: Path) -> None:
    tabs = "a\tb\ty\n" + "".join(f"{row}.5\t{chr(9) * (row % 9 == 8)}{row}\t{row % 2}\n" for row in ROWS)
    assert reading(tabs, tmp_path).rows == 60
    rule = "-" * 24 + "\n"
    listed = "".join(f"|{row:06}|{row + 1}.001,50-|{row % 2}|\n" for row in ROWS)
    assert reading(f"{rule}|Matnr |Menge    |y|\n{rule}{listed}{rule}", tmp_path).rows == 60


def test_durations_of_a_workbook_keep_their_milliseconds(tmp_path: Path) -> None:
    cells: list[list[Any]] = [["d", "y"], *[[timedelta(seconds=83.45 + row / 100), row % 2] for row in ROWS]]
    reading(xlsx({"s": cells}), tmp_path, name="f.xlsx")
    assert column(tmp_path)[:3] == pytest.approx([83.45, 83.46, 83.47])


def test_an_encoding_is_found_by_all_letters_of_a_file(tmp_path: Path) -> None:
    filler = "".join(f"Oslo,{row % 2}\n" for row in range(200_000))
    late = ("c,y\nJos\xe9,1\n" + filler).encode("latin-1") + "O\u2019Neil,0\n".encode("cp1252")
    reading(late, tmp_path)
    assert "O\u2019Neil" in str(table(tmp_path)[2].columns[0].categories)


def test_the_first_line_of_a_logger_may_be_wider_than_its_table(tmp_path: Path) -> None:
    above = '"TOA5","CR1000","CR1000","1234","OS","CPU:prog","5678","Table"\n'
    table_ = '"TIMESTAMP","RECORD","T","RH","y"\n' + "".join(
        f'"2026-01-01 00:{row:02}:00",{row},{row}.5,{"NAN" if row == 7 else row},{row % 2}\n' for row in ROWS
    )
    found = reading(above + table_, tmp_path)
    assert found.rows == 60


def test_a_date_that_nobody_set_is_a_note(tmp_path: Path) -> None:
    rows = "".join(f"{'0001-01-01' if row == 7 else f'2026-01-{1 + row % 28:02}'},{row % 2}\n" for row in ROWS)
    notes = reading("d,y\n" + rows, tmp_path).profile.notes
    assert any("begins at 0001-01-01" in note for note in notes), notes
    assert not any("0001" in note for note in reading("d,y\n" + rows, tmp_path, na_values=["0001-01-01"]).profile.notes)


def test_arrays_of_a_test_beside_x_and_y_are_its_rows(tmp_path: Path) -> None:
    x, y = np.arange(60.0).reshape(-1, 1), np.arange(60) % 2
    np.savez(tmp_path / "f.npz", X=x, y=y, X_test=x[:20], y_test=y[:20])
    found = reading((tmp_path / "f.npz").read_bytes(), tmp_path, name="f.npz", target=None)
    assert found.rows == 80
    with np.load(tmp_path / "table.npz") as arrays:
        assert list(np.bincount(arrays["split"])) == [60, 0, 20]


def test_a_class_with_a_zero_byte_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [*ROWS], "y": ["a\0b", "c"] * 30}).to_parquet(tmp_path / "f.parquet")
    said = refusal((tmp_path / "f.parquet").read_bytes(), tmp_path, name="f.parquet")
    assert said == "target has a class with the character NUL, which is none of a text"

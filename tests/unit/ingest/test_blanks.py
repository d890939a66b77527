"""Cells with blanks between them are read as programs for science write them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest.blanks import squeezed, without_blanks
from ingest.changed import Changed

from .reading import reading, refusal, table

ROWS = range(40)


@pytest.mark.parametrize(
    ("content", "target", "row"),
    [
        ("a b y\n" + "".join(f"{row} {row % 5} {row * 2}\n" for row in ROWS), "y", [3, 3]),
        ("  a   b      y\r\n" + "".join(f" {row:4}   {row % 5:3} \t {row * 2}  \r\n" for row in ROWS), "y", [3, 3]),
        ("".join(f" {row}.5   {row % 5}    {row * 2}\n" for row in ROWS), "2", [3.5, 3]),
        ("".join(f'{row * 2}.   8  {row}.5   1\t"a  car {row % 2}"\n' for row in ROWS), "0", [8, 3.5, 1, 1]),
        ("# a b y\n" + "".join(f"{row}.0e+00 {row % 5} {row * 2}\n" for row in ROWS), "y", [3, 3]),
        ("# by a logger\n# a b y\n" + "".join(f"{row} {row % 5} {row * 2}\n" for row in ROWS), "y", [3, 3]),
        ("# from a logger\na b y\n" + "".join(f"{row} {row % 5} {row * 2}\n" for row in ROWS), "y", [3, 3]),
    ],
)
def test_any_number_of_blanks_divides(tmp_path: Path, content: str, target: str, row: list[float]) -> None:
    found = reading(content, tmp_path, target=target, types={"4": "category"} if '"' in content else {})
    assert found.profile.delimiter == " "
    assert found.rows == len(ROWS)
    assert np.nan_to_num(table(tmp_path)[0][3]).tolist() == row


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("when,y\n" + "".join(f"2026-01-01 10:00:{row:02},{row}\n" for row in ROWS), ","),
        ("city;y\n" + "".join(f"New  York;{row}\n" for row in ROWS), ";"),
        ("a,y\n" + "".join(f"{row}, {row}\n" for row in ROWS), ","),
    ],
)
def test_blanks_within_cells_divide_nothing(tmp_path: Path, content: str, delimiter: str) -> None:
    assert reading(content, tmp_path).profile.delimiter == delimiter


def test_a_column_whose_name_is_a_mark_of_comments_stays_where_cells_have_a_delimiter(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row % 5},{row}\n" for row in ROWS)
    assert reading("#,a,y\n" + rows, tmp_path).profile.names == ["#", "a", "y"]
    assert "has 3 values in line 2, where the header has 4" in refusal("#,a,b,y\n" + rows, tmp_path)


FIXED = {
    "names of one and two words": "name          age  y\n" + "New York      12   0\nOslo          13   1\n" * 20,
    "names of two words": "name          age  y\n" + "New York      12   0\nSan Jose      15   1\n" * 20,
    "a header of two words": "first name    age  y\n" + "Anna          12   0\nMaria         15   1\n" * 20,
    "commas in cells": "name          age  y\n" + "York, New     12   0\nOslo          15   1\n" * 20,
}


@pytest.mark.parametrize("kind", FIXED)
def test_two_blanks_divide_cells_where_one_is_within(tmp_path: Path, kind: str) -> None:
    found = reading(FIXED[kind], tmp_path)
    name, *cities = (line.rsplit(maxsplit=2)[0].strip() for line in FIXED[kind].splitlines()[:3])
    assert [column.name for column in found.table.columns] == [name, "age"]
    assert set(found.table.columns[0].categories) == set(cities)
    assert found.rows == 40
    assert found.profile.notes[0] == "Two or more blanks are between cells, and one may be within a cell."


def test_what_pandas_prints_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"city": ["New York", "Rome"] * 20, "age": range(40), "y": [0.5, 1.5] * 20})
    found = reading(frame.to_string(), tmp_path)
    assert found.table.columns[1].categories == ("New York", "Rome")
    assert table(tmp_path)[0][:, 1].tolist() == list(range(40))


def test_a_cell_without_a_value_between_blanks_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{'San Jose' if row % 2 else 'Oslo':<14}{row:<5}1.5  {row % 2}\n" for row in range(60))
    late = f"name          age  x    y\n{rows}{'':<14}60   1.5  0\n"
    said = refusal(late, tmp_path)
    assert said.startswith("file has 3 values in line 62, where the header has 4")
    assert "where cells have no value, write NA" in said
    early = f"name          age  x    y\n{'':<14}60   1.5  0\n{rows}"
    assert "has columns of a fixed width, and blanks where a cell has no value" in refusal(early, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "a   b y\n" + "1.5   2 0\n1.7  13  1\n" * 20,
        "when,what  y\n" + "a  b,c d\na  b,1\n" * 20,
        "      mpg  cyl   y\n" + "Audi  21  6  0\nFord  22  4  1\n" * 20,
    ],
)
def test_other_files_with_two_blanks_are_read(tmp_path: Path, content: str) -> None:
    assert reading(content, tmp_path, target="what  y" if "what" in content else "y").rows == 40


def test_blanks_can_be_asked_for(tmp_path: Path) -> None:
    content = "a,b y\n" + "".join(f"{row},5 {row}\n" for row in ROWS)
    assert reading(content, tmp_path, delimiter="space").table.columns[0].name == "a,b"
    assert "save the file as UTF-8" in refusal(content.encode("utf-16"), tmp_path, delimiter="space")


def test_a_large_file_comes_as_it_would_at_once(tmp_path: Path) -> None:
    content = b"".join(b" %d \t %d  %d\n" % (row, row % 7, row * 2) for row in range(90_000)) + b"1  2   3"
    (tmp_path / "file").write_bytes(content)
    with Changed(tmp_path / "file", squeezed) as stream:
        assert stream.read() == squeezed(content)


def test_a_quote_after_a_blank_begins_a_cell(tmp_path: Path) -> None:
    text = "a, b, y\n" + "".join(f'{row}, "x, {row % 3}", "{row}.5"\n' for row in ROWS)
    found = reading(text, tmp_path)
    assert [column.name for column in found.table.columns] == ["a", "b"]
    assert found.table.columns[1].categories == ("x, 0", "x, 1", "x, 2")
    assert found.table.target.range == (0.5, len(ROWS) - 0.5)


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ('1, "a", 2', '1,"a", 2'),
        ('1,  "a, ""b"""', '1,"a, ""b"""'),
        ('1, "", "x"', '1,"","x"'),
        ('1, ""', '1,""'),
        ('"a, ""b"" c",2', '"a, ""b"" c",2'),
        ('1, a "b"', '1, a "b"'),
    ],
)
def test_only_blanks_between_a_delimiter_and_a_quote_are_left_out(line: str, changed: str) -> None:
    assert without_blanks(line.encode(), ",") == changed.encode()

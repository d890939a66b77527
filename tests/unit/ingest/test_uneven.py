"""Files whose lines are not all rows of one width are read with notes; a whole file is read as it is."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.csv import CsvFile
from ingest.known import read_known
from spec.cells import clean
from spec.known import KnownColumns
from spec.reading import ReadingOptions, ReadingOrder

from .reading import reading, refusal, table

COUNT = 60
HEADER = "a,b,y\n"


def rows(count: int = COUNT, first: int = 0) -> str:
    return "".join(f"{row},{row * row % 7},{row * 2}\n" for row in range(first, first + count))


READ: dict[str, tuple[str, str]] = {
    # the file, whose rows are those of `rows`, and what the first note says
    "joined files": (HEADER + rows(30) + HEADER + rows(30, 30), "The header comes once more among the rows"),
    "joined files, each with a mark": (
        f"\ufeff{HEADER}{rows(30)}\ufeff{HEADER}{rows(30, 30)}",
        "The header comes once more among the rows",
    ),
    "joined files, the first short": (HEADER + rows(1) + HEADER + rows(59, 1), "The header comes once more"),
    "units": (HEADER + "s,m/s,kg\n" + rows(), "The line below the names is not read: words on the columns"),
    "units in brackets": (HEADER + "[s],,[kg]\n" + rows(), "The line below the names is not read"),
    "a survey's questions": (
        HEADER + '"How old, in years?",How tall?,Rate us\n{Id:QID1},{Id:QID2},{Id:QID3}\n' + rows(),
        "The 2 lines below the names are not read",
    ),
    "sources": (
        HEADER + rows() + "\nSource: World Bank\nUpdated: 2024-01-02\n",
        "The last 2 lines, from 'Source: World Bank' on, are below the table",
    ),
    "a source, with delimiters": (HEADER + rows() + ",,\nSource: WDI,,\n", "The last 2 lines, from 'Source: WDI,,' on"),
    "a note with commas": (
        HEADER + rows() + "\nNote: see page 3, the annex, and others\n",
        "The last line, 'Note: see",
    ),
    "a count of rows": (HEADER + rows() + "\n(60 rows affected)\n", "The last line, '(60 rows affected)', is below"),
    "a total among numbers": (HEADER + rows() + "Total,200,3540\n", "The last line, 'Total,200,3540', is below"),
    "empty lines of a sheet": (HEADER + rows() + ",,\n" * 90, "The last 90 lines have no values, and are not read."),
    "comments": (HEADER + rows(30) + "# part two\n" + rows(30, 30), "A line, '# part two', is among the rows"),
    "titles and joined files": (
        f"Report A\n{HEADER}{rows(30)}\nReport B\n{HEADER}{rows(30, 30)}",
        "The first line, 'Report A', is above the table",
    ),
    "a table of psql": (
        " a | b | y\n---+---+---\n" + rows().replace(",", " | ") + "(60 rows)\n",
        "The last line, '(60 rows)', is below the table",
    ),
    "a delimiter of two characters": ((HEADER + rows()).replace(",", "::"), ""),
    "carets": ((HEADER + rows()).replace(",", "^"), ""),
    "a header as numpy.savetxt writes it": (
        "# a,b,y\n" + "".join(f"{row:.18e},{row * row % 7:.18e},{row * 2:.18e}\n" for row in range(COUNT)),
        "The header begins with '#', which is no part of the name 'a'.",
    ),
    "lines in quotes": (
        "".join(f'"{line}"\n' for line in (HEADER + rows()).splitlines()),
        "Each line is in quotes as a whole",
    ),
    "a delimiter that only the header has": ("a,b,y,\n" + rows(), "The header ends with a delimiter that no row has"),
    "delimiters that only some rows have": (
        HEADER + rows(30) + rows(29, 30).replace("\n", ",,\n") + rows(1, 59),
        "29 rows end with delimiters that the header has not, which are left out.",
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_lines_that_are_no_rows_are_left_out_with_a_note(tmp_path: Path, kind: str) -> None:
    text, said = READ[kind]
    found = reading(text, tmp_path)
    assert found.profile.names == ["a", "b", "y"]
    x, y, _ = table(tmp_path)
    assert x.tolist() == [[row, row * row % 7] for row in range(COUNT)]
    assert y[:, 0].tolist() == [row * 2 for row in range(COUNT)]
    assert not said or found.profile.notes[0].startswith(said)


def test_a_header_that_comes_again_among_words_is_no_class(tmp_path: Path) -> None:
    words = "".join(f"{'xyz'[row % 3]},{'uv'[row % 2]},{['no', 'yes'][row * row % 7 % 2]}\n" for row in range(30))
    assert reading(f"a,b,y\n{words}a,b,y\n{words}", tmp_path).rows == 60


def test_cells_left_out_at_the_end_of_rows_are_gaps(tmp_path: Path) -> None:
    text = "a,y,b,c\n" + "".join(f"{row},{row * 2}" + ("" if row % 4 else f",{row},x") + "\n" for row in range(COUNT))
    found = reading(text, tmp_path)
    assert table(tmp_path)[0][:, 0].tolist() == list(range(COUNT))
    assert np.isnan(table(tmp_path)[0][:, 1]).tolist() == [bool(row % 4) for row in range(COUNT)]
    assert found.profile.notes[0] == (
        "45 rows have fewer cells than the header has names, the first in line 3: the last ones are read as missing "
        "values."
    )


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_short_row_between_quotes_may_be_the_last(tmp_path: Path, end: str) -> None:
    words = "".join(f'"w{row % 3}","{row}","{"xz"[row % 2]}"\n' for row in range(COUNT - 2))
    found = reading(f'"a","y","b"\n{words}"w1","{COUNT - 2}",""\n"w2","{COUNT - 1}"{end}', tmp_path)
    assert table(tmp_path)[1][:, 0].tolist() == [*range(COUNT)]
    assert found.profile.notes[0].startswith(
        f"1 row has fewer cells than the header has names, the first in line {COUNT + 1}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,w,b,y\n" + "1,n,3,4\n\n" * 9 + "31,New\nYork,5,62\n" + "1,n,3,4\n" * 9, "has 2 values in line 20, where"),
        ("a,b,y\nNorth\n" + rows() + "South\n" + rows(), "has 1 value in line 2, where the header has 3: 'North'"),
        ("a,b,y\n" + rows(9) + "1,2,3,4\n" + rows(9), "has 4 values in line 11, where the header has 3: a cell that"),
        (HEADER + rows(10) + "1,2o,3,\n" + rows(10), "has '2o' in row 11 of column 'b', which is"),
    ],
)
def test_a_line_that_may_be_anything_is_refused_with_its_number(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(text, tmp_path)


def test_a_file_to_predict_is_read_the_same(tmp_path: Path) -> None:
    found = reading(HEADER + rows(), tmp_path)
    (tmp_path / "new").write_text(READ["joined files"][0] + "\nSource: us\n")
    known = KnownColumns(columns=found.table.columns, target=("y",))
    answer = read_known(tmp_path / "new", ReadingOrder(name="new.csv"), known, tmp_path / "numbers", with_cells=False)
    assert answer.rows == COUNT
    assert [said.split(",")[0] for said in answer.warnings] == [
        "The last line",
        "The header comes once more among the rows",
    ]


def test_names_that_two_columns_have_are_told_apart(tmp_path: Path) -> None:
    found = reading(
        'a,a,"c\n(cm)",y\n' + "".join(f"{row},{row % 3},{row % 5},{row * 2}\n" for row in range(30)), tmp_path
    )
    assert found.profile.names == ["a", "a.1", "c (cm)", "y"]
    assert "Column 2 has the name 'a' of another, and is called 'a.1'." in found.profile.notes


def test_quotes_are_read_as_their_program_means_them(tmp_path: Path) -> None:
    escaped = "".join(f'"say \\"hi, {row % 3}\\", ok",{row},{row * 2}\n' for row in range(30))
    assert reading(HEADER + escaped, tmp_path).table.columns[0].categories[0] == 'say "hi, 0", ok'
    begun = "".join(('"' if row % 7 == 3 else "") + f"w{row % 2}\t{row}\t{row * 2}\n" for row in range(30))
    found = reading("a\tb\ty\n" + begun, tmp_path)
    assert (found.rows, found.table.columns[0].categories) == (30, ('"w0', '"w1', "w0", "w1"))


WORD = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=8).filter(
    lambda w: '\\"' not in w
)
CELL = st.one_of(st.integers().map(str), st.floats(allow_nan=False).map(repr), WORD, st.just(""))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 999).map(str), CELL, CELL, st.integers(0, 9).map(str)), min_size=2, max_size=30)
)
def test_a_whole_file_is_read_as_it_is_written(tmp_path: Path, cells: list[tuple[str, ...]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("num", "one", "two", "y"), *cells])
    (tmp_path / "file").write_text(buffer.getvalue(), newline="")
    options = ReadingOptions(header=True, delimiter=",", encoding="utf-8")
    source = CsvFile(tmp_path / "file", options, ["y"])
    read = [row for batch in source.batches() for row in zip(*(column.to_pylist() for column in batch), strict=True)]
    assert [[clean(cell or "") for cell in row] for row in read] == [[clean(cell) for cell in row] for row in cells]
    assert (source.remarks, source.notes) == ([], [])

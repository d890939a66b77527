"""Sheets of workbooks are read as the CSV of the same table."""

import csv
import io
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import sheets
from spec.reading import ReadingOptions
from spec.schema import ColumnKind

from .reading import reading, refusal, table
from .workbooks import Raw, ods, xlsx, zipped

NAMES = ["age", "city", "since", "member", "share", "y"]
ROWS = [
    [20 + row % 7, ["Rome", "Oslo"][row % 2], date(2026, 1, 1 + row), row % 3 == 0, row / 8 or None, row % 2]
    for row in range(20)
]
TABLE: list[list[Any]] = [NAMES, *ROWS]


def as_csv(rows: list[list[Any]]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


SAME: dict[str, bytes] = {
    "xlsx": xlsx({"Sheet1": TABLE}),
    "ods": ods(TABLE),
    "below a title, with empty rows and columns": xlsx(
        {"Sheet1": [[], [None, "Members of 2026"], [], *([None, *row, None] for row in TABLE)]}
    ),
    "in the second sheet, the one with the target": xlsx({"Info": [["key", "what"], ["y", 3]], "Data": TABLE}),
    "behind a hidden sheet": xlsx({"Old": TABLE[:5], "Data": TABLE}, hidden=["Old"]),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_sheet_is_read_as_the_csv_of_the_same_table(tmp_path: Path, kind: str) -> None:
    wanted = reading(as_csv(TABLE), tmp_path)
    x, y, schema = table(tmp_path)
    found = reading(SAME[kind], tmp_path, name="f.xlsx")
    assert found.profile.format == ("ods" if kind == "ods" else "xlsx")
    assert found.table == wanted.table
    assert found.profile.columns == wanted.profile.columns
    for one, other in zip((x, y), table(tmp_path)[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert table(tmp_path)[2] == schema


def test_the_content_and_not_the_name_says_what_a_file_is(tmp_path: Path) -> None:
    assert reading(xlsx({"Sheet1": TABLE}), tmp_path, name="f.csv").rows == 20
    assert reading(as_csv(TABLE), tmp_path, name="f.xlsx").rows == 20


def test_cells_are_read_as_what_they_hold(tmp_path: Path) -> None:
    cells = [datetime(2026, 1, 2, 8, 30), time(14, 30), timedelta(hours=30), 0.5, "1,5", "007", "x"]  # noqa: DTZ001
    rows = [[*cells, row] for row in range(20)]
    found = reading(xlsx({"S": [["at", "clock", "took", "half", "comma", "code", "word", "y"], *rows]}), tmp_path)
    assert found.profile.preview[0] == ["2026-01-02 08:30:00", "14:30:00", "30:00:00", "0.5", "1,5", "007", "x", "0"]
    kinds = {column.name: column.type for column in found.table.columns}
    assert kinds["at"] is ColumnKind.date
    assert [kinds[name] for name in ("clock", "took", "half", "comma")] == [ColumnKind.number] * 4
    assert table(tmp_path)[0][0, 1:5].tolist() == [52_200.0, 108_000.0, 0.5, 1.5]


def test_numbers_have_the_mark_and_dates_the_format_that_is_asked(tmp_path: Path) -> None:
    rows = [[row / 4, date(2026, 1, 1 + row), "1,25", row] for row in range(20)]
    options: dict[str, Any] = {"decimal": ",", "date_format": "%d.%m.%Y"}
    reading(xlsx({"S": [["a", "day", "text", "y"], *rows]}), tmp_path, **options)
    x = table(tmp_path)[0]
    assert x[:3, 0].tolist() == [0.0, 0.25, 0.5]
    assert x[1, 1] - x[0, 1] == 1.0
    assert x[0, 2] == 1.25


def test_notes_say_what_is_not_as_it_looks(tmp_path: Path) -> None:
    rows = [[Raw(' t="e"><v>#N/A</v>') if row == 3 else row, ["a", None][row % 2], row] for row in range(20)]
    sheet: list[list[Any]] = [["a", "kind", "y"], *rows]
    found = reading(xlsx({"One": sheet, "Two": sheet}, merged="B2:B3"), tmp_path)
    assert "The sheet 'One' is read, and 'Two' not: the option sheet names another." in found.profile.notes
    assert any("has 1 cell with an error" in note for note in found.profile.notes)
    assert any(note.startswith("Cells are merged over rows, from 'B2' on") for note in found.profile.notes)
    assert np.isnan(table(tmp_path)[0][3, 0])


def test_what_is_hidden_is_read_and_said(tmp_path: Path) -> None:
    beyond = '<col min="2" max="2" hidden="1" width="9"/><col width="9" min="7" max="16384" hidden="true"/>'
    both = xlsx({"S": TABLE}, hidden_rows=(3, 5, 99), hidden_columns=beyond)
    found = reading(both, tmp_path)
    assert found.rows == 20
    (note,) = [note for note in found.profile.notes if "hides" in note]
    assert note.startswith("The sheet hides 2 rows and the column 'B', such as by a filter: they are read like the")
    only = xlsx({"S": TABLE}, hidden_rows=(7,))
    assert any("hides 1 row, such as" in note for note in reading(only, tmp_path).profile.notes)
    aside = xlsx({"S": TABLE}, hidden_columns='<col min="7" max="16384" hidden="1"/>')
    assert not any("hides" in note for note in reading(aside, tmp_path).profile.notes)


def test_a_sheet_may_be_named(tmp_path: Path) -> None:
    book = xlsx({"One": TABLE[:9], "Two": TABLE}, hidden=["Two"])
    assert reading(book, tmp_path, sheet="Two").rows == 20
    assert "sheet is no sheet of the file: 'two'; it has 'One', 'Two'" in refusal(book, tmp_path, sheet="two")
    assert "sheet is said of a file that is no workbook" in refusal(as_csv(TABLE), tmp_path, sheet="Two")


def with_formula(value: str) -> list[list[Any]]:
    return [["a", "b", "y"], *([row, Raw(f"><f>A{row + 2}*2</f>{value}"), row] for row in range(20))]


def test_formulas_have_their_saved_values(tmp_path: Path) -> None:
    reading(xlsx({"S": with_formula("<v>7</v>")}, is_recalculated=True), tmp_path)
    assert table(tmp_path)[0][0].tolist() == [0.0, 7.0]
    assert reading(xlsx({"S": with_formula("<v>0</v>")}), tmp_path).rows == 20


FAR: list[list[Any]] = [*TABLE, [Raw('><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v>')]]
BAD = {
    "formulas without values": (xlsx({"S": with_formula("<v/>")}), "has formulas whose values are not saved, such as"),
    "formulas as XlsxWriter writes them": (
        xlsx({"S": with_formula("<v>0</v>")}, is_recalculated=True),
        "has formulas, and 0 for the value of each",
    ),
    "no table": (xlsx({"S": [["only a word"]], "T": []}), "has no table in its sheets, 'S', 'T'"),
    "a cell far away": (xlsx({"S": FAR}), "has a sheet that ends at XFD1048576, 17,179,869,184 cells; at most"),
    "a bomb": (zipped({"xl/workbook.xml": " " * (65 << 20)}), "unpacks to 68,157,440 bytes, from"),
    "cut short": (xlsx({"S": TABLE})[:-60], "is a zip archive that is broken or cut short"),
    "no workbook": (sheets.OLD + bytes(2000), "is no workbook that can be read, or broken"),
    "a password, as Excel encrypts": (
        sheets.OLD + bytes(2000) + sheets.LOCKED + bytes(2000),
        "is protected by a password: save it without one",
    ),
    "broken XML": (zipped({"xl/workbook.xml": "<workbook", "xl/_rels/workbook.xml.rels": ""}), "broken or cut short"),
}


@pytest.mark.parametrize("kind", BAD)
def test_other_workbooks_are_refused(tmp_path: Path, kind: str) -> None:
    content, said = BAD[kind]
    assert said in refusal(content, tmp_path, name="f.xlsx")


def test_a_panic_of_the_library_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(*_: object) -> None:
        raise PanicException("range end index 4 out of range for slice of length 3")

    monkeypatch.setattr(sheets, "_chosen", panic)
    assert "is a workbook that is broken (range end index 4" in refusal(SAME["xlsx"], tmp_path)


def test_letters_of_an_old_workbook_that_were_read_as_bytes_have_no_nul_between_them() -> None:
    texts = sheets._Texts(ReadingOptions(), ())
    assert texts.of(["M\0\u00fc\0n\0", 1.0]) == ["M\u00fcn", "1"]

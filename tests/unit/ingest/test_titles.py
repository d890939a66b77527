"""Lines above a table are no rows, and a note says so; whatever else comes first is the table."""

from pathlib import Path

import pytest

from .reading import reading, refusal

ROWS = "".join(f"{row},{row % 5},{row * 2}\n" for row in range(30))


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("Sales report 2024\n", "The first line, 'Sales report 2024', is"),
        ("Sales report 2024,,\n", "The first line, 'Sales report 2024', is"),
        ("Sales report 2024\n\n", "The first line, 'Sales report 2024', is"),
        (",,\n", "The first line, without values, is"),
        ("Sales,2024,\nCreated:,2024-05-01\n\n,,\n", "The first 3 lines, from 'Sales' on, are"),
        ("# made by a logger\n# 2024, in volts\n", "The first 2 lines, from '# made by a logger' on, are"),
        ('"A title\nof two lines"\n', "The first line, 'A title"),
        ("World Bank\nSource,WDI\nUpdated,2024-01-02\n,,\n", "The first 4 lines, from 'World Bank' on, are"),
    ],
)
def test_what_stands_above_a_table_is_no_row(tmp_path: Path, above: str, said: str) -> None:
    found = reading(f"{above}a,b,y\n{ROWS}", tmp_path)
    assert found.rows == 30
    assert [column.name for column in found.table.columns] == ["a", "b"]
    assert found.profile.notes[0].startswith(said)
    assert found.profile.notes[0].endswith("above the table, and not read.")


def test_the_delimiter_is_that_of_the_table(tmp_path: Path) -> None:
    found = reading("Sales, by region, in euros\na;b;y\n" + ROWS.replace(",", ";"), tmp_path)
    assert (found.rows, found.profile.delimiter) == (30, ";")
    assert found.profile.notes[0].startswith("The first line, 'Sales, by region, in euros', is")


def test_a_file_with_a_header_may_have_lines_above_it(tmp_path: Path) -> None:
    found = reading(f"Sales report 2024,,\na,b,y\n{ROWS}", tmp_path, header=True)
    assert (found.rows, found.profile.names) == (30, ["a", "b", "y"])


def test_the_first_line_is_the_header_where_somebody_names_a_column_of_it(tmp_path: Path) -> None:
    found = reading(f"Sales report 2024,,\n{ROWS}", tmp_path, target="Sales report 2024", header=True)
    assert (found.rows, found.profile.names) == (30, ["Sales report 2024", "Unnamed: 1", "Unnamed: 2"])


@pytest.mark.parametrize("header", ["a,b,y", ",b,y", "#id,,y"])
def test_a_header_with_gaps_is_a_header(tmp_path: Path, header: str) -> None:
    found = reading(f"{header}\n{ROWS}", tmp_path)
    assert not any("above the table" in note for note in found.profile.notes)


def test_a_fault_below_a_title_names_its_line(tmp_path: Path) -> None:
    assert "has 4 values in line 6" in refusal("A title\n\na,b,y\n1,2,3\n4,5,6\n1,2,3,4\n7,8,9\n", tmp_path)


def test_years_name_columns_below_a_title(tmp_path: Path) -> None:
    rows = "".join(f'"Land {row}","L{row % 7}","{row * 1.5}","{row % 5}.5",\n' for row in range(30))
    found = reading(
        f'"Data Source","World Indicators",\n\n"Land","Code","2019","2020",\n{rows}', tmp_path, target="2020"
    )
    assert (found.rows, found.profile.names[:4]) == (30, ["Land", "Code", "2019", "2020"])


@pytest.mark.parametrize("remark", ["|1x3 Cross validator", "# made by us", "% 1998"])
def test_a_remark_may_stand_above_rows_without_names(tmp_path: Path, remark: str) -> None:
    rows = "".join(f"{row}, Private, {row % 3}, {'>50K' if row % 2 else '<=50K'}.\n" for row in range(30))
    found = reading(f"{remark}\n{rows}", tmp_path, target="3")
    assert (found.rows, found.table.target.labels) == (30, ("<=50K.", ">50K."))


def test_a_table_that_a_database_draws_is_read(tmp_path: Path) -> None:
    rule = "+---+---+---+\n"
    rows = "".join(f"| {row} | {row % 3} | {row % 2} |\n" for row in range(30))
    found = reading(f"{rule}| a | b | y |\n{rule}{rows}{rule}", tmp_path)
    assert found.rows == 30
    assert [column.name for column in found.table.columns if column.is_feature] == ["a", "b"]


@pytest.mark.parametrize("groups", ["wheel,wheel,car\n", "wheel,,car\n"])
def test_a_row_that_groups_the_columns_is_none_of_names(tmp_path: Path, groups: str) -> None:
    """As pandas writes a frame whose columns have two levels."""
    found = reading(f"{groups}a,b,y\n{ROWS}", tmp_path)
    assert (found.rows, found.profile.names) == (30, ["a", "b", "y"])
    assert found.profile.notes[0] == "The first line, 'wheel', is above the table, and not read."


def test_a_first_row_of_names_groups_no_columns(tmp_path: Path) -> None:
    rows = "a,b,y\n" + "".join(f"{'pq'[row % 2]},y,{'uv'[row // 2 % 2]}\n" for row in range(30))
    assert reading(rows, tmp_path).profile.names == ["a", "b", "y"]
    assert "is no column of the file: 'p'" in refusal(rows.replace("\np,y,v", "\n1,y,v"), tmp_path, target="p")


def test_a_header_with_empty_cells_is_found_below_titles_by_a_name_that_is_spoken_of(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row % 5},,{row * 2},,\n" for row in range(30))
    found = reading(f"A council,,,,,\n,,,,,\na,b,,y,,\n{rows}", tmp_path)
    assert (found.rows, found.profile.names[:2]) == (30, ["a", "b"])
    assert found.profile.notes[0] == "The first 2 lines, from 'A council' on, are above the table, and not read."


def test_a_word_of_a_row_is_no_name(tmp_path: Path) -> None:
    rows = "".join(f"{row},,{row % 7}\n" for row in range(20))
    assert "no column of the file: 'b'" in refusal(f"1,,5\n2,b,3\n{rows}", tmp_path, target="b")

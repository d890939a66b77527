"""Headers that are one cell short, as R writes them or before a delimiter at each end; what surveys have below them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.known import read_known
from spec.dataset import Targets
from spec.known import KnownColumns
from spec.reading import ReadingOrder

from .reading import reading, refusal

CARS = ["Mazda RX4", "Datsun 710", "Hornet 4", "Valiant", "Duster 360", "Merc 240"]


@pytest.mark.parametrize(("delimiter", "quote"), [(" ", '"'), (",", ""), ("\t", "")])
def test_the_names_of_rows_need_no_name(tmp_path: Path, delimiter: str, quote: str) -> None:
    rows = [[f"{quote}{car}{quote}", str(20 + place), str(place % 3)] for place, car in enumerate(CARS * 3)]
    lines = [["mpg", "cyl"], *rows]
    found = reading("".join(delimiter.join(line) + "\n" for line in lines), tmp_path, target="cyl")
    assert [column.name for column in found.table.columns if column.is_feature] == ["mpg"]
    assert "Column 'Unnamed: 0' has the names of the rows, and is not used, unless it is named in columns." in (
        found.profile.notes
    )


def test_a_delimiter_at_the_end_of_each_row_begins_no_column(tmp_path: Path) -> None:
    found = reading("a,y\n" + "".join(f"{row},{row * 2},\n" for row in range(30)), tmp_path)
    assert [column.name for column in found.table.columns if column.is_feature] == ["a"]
    assert found.profile.notes == ["Column 3 has no name and no values, and is not used."]


def test_rows_of_several_lengths_are_refused(tmp_path: Path) -> None:
    assert "has 3 values in line 3, where the header has 2" in refusal("a,y\n1,2\n1,2,3\n", tmp_path)


def test_an_index_that_was_written_twice_is_no_feature(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row},{row % 7},{row % 2}\n" for row in range(30))
    found = reading(f",Unnamed: 0,a,y\n{rows}", tmp_path)
    assert [column.name for column in found.table.columns if column.is_feature] == ["a"]


def test_the_lines_of_qualtrics_and_surveymonkey_are_no_rows(tmp_path: Path) -> None:
    ids = ",".join(f'"{{""ImportId"":""QID{place}""}}"' for place in range(3))
    rows = "".join(f"{1000 + row},{['Agree', 'No'][row % 2]},{['Yes', 'No'][row // 2 % 2]}\n" for row in range(60))
    for below in (f"Start,How?,Will you?\n{ids}\n", ",Response,Response\n", ",Response,Open-Ended Response\n"):
        found = reading(f"id,q,y\n{below}{rows}", tmp_path)
        assert found.rows == 60
        assert any("words on the columns, such as units or questions" in note for note in found.profile.notes)
        assert [one.value for one in found.profile.classes] == ["No", "Yes"]


def test_the_points_of_a_grade_book_of_canvas_are_no_row(tmp_path: Path) -> None:
    rows = "".join(f'"Doe, S{row}",{1000 + row},{row % 5},{row % 30}\n' for row in range(60))
    points = "    Points Possible,,10,(read only)\n"
    for below in (points, f",,Manual Posting,\n{points}"):
        found = reading(f"Student,ID,Quiz,Final\n{below}{rows}", tmp_path, target="Final", task=Targets.numbers)
        assert (found.rows, found.profile.target.max) == (60, 29)
    words = rows.replace("Doe, S0", "Points Possible")  # and in another table it is a word
    assert reading(f"Person,ID,Quiz,Final\n{words}", tmp_path, target="Final").rows == 60


def test_the_lines_of_a_frame_with_several_rows_of_names_are_no_rows(tmp_path: Path) -> None:
    head = "Price,Close,High,Volume\nTicker,AAPL,AAPL,AAPL\nDate,,,\n"  # as yfinance gives it
    rows = "".join(f"2026-01-{day:02},{day}.5,{day + 1},{100 * day}\n" for day in range(1, 29))
    found = reading(head + rows, tmp_path, target="Volume")
    assert (found.rows, [column.type.value for column in found.table.columns]) == (28, ["date", "number", "number"])
    assert any(note.startswith("The 2 lines below the names are not read") for note in found.profile.notes)


def test_a_word_alone_below_one_row_of_names_is_a_mistake_and_no_index(tmp_path: Path) -> None:
    rows = "".join(f"{row + 0.5},{row},{row % 2}\n" for row in range(30))
    assert "has 'unknown' in row 1 of column 'weight'" in refusal("weight,a,y\nunknown,,\n" + rows, tmp_path)


def test_a_word_alone_is_a_row_where_its_column_has_words(tmp_path: Path) -> None:
    rows = "".join(f"{'ab'[row % 2]},{row},{row * 3 % 7}\n" for row in range(28))
    assert reading("kind,x,z\nc,,\nc,,\n" + rows, tmp_path, target="kind").rows == 30


def test_the_line_that_qualtrics_wrote_before_is_no_row(tmp_path: Path) -> None:
    rows = "".join(f"R_{1000 + row},{row % 5},{row % 2}\n" for row in range(60))
    found = reading(f"V1,Q1,Q2\nResponseID,How?,Will you?\n{rows}", tmp_path, target="Q2")
    assert (found.rows, [one.value for one in found.profile.classes]) == (60, ["0", "1"])


ORANGE = [
    "continuous\tdiscrete\tdiscrete\n\t\tclass\n",
    "c\td\td\n\tmeta\tclass\n",
    "continuous\tred blue\tno yes\n\t\tclass\n",
    "continuous\tdiscrete\tdiscrete\n\t\t\n",
    "numeric\tstring\tdiscrete\n\tmeta\tclass color=red\n",
    "c\td\tno yes maybe\\ not\n\tmeta\tclass\n",
]


@pytest.mark.parametrize("below", ORANGE)
@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_the_lines_of_orange_are_no_rows(tmp_path: Path, below: str, delimiter: str) -> None:
    rows = "".join(f"{row * 1.5}\t{['red', 'blue'][row % 2]}\t{['no', 'yes'][row // 3 % 2]}\n" for row in range(30))
    text = f"size\tcolour\ty\n{below}{rows}".replace("\t", delimiter)
    found = reading(text, tmp_path)
    assert (found.rows, [one.value for one in found.profile.classes]) == (30, ["no", "yes"])
    assert "The 2 lines below the names are not read" in found.profile.notes[0]
    known = KnownColumns(columns=found.table.columns, target=("y",))
    (tmp_path / "new").write_text(text)
    order = ReadingOrder(name="new.csv")
    assert read_known(tmp_path / "new", order, known, tmp_path / "numbers", with_cells=False).rows == 30


def test_the_line_of_types_that_orange_wrote_above_an_empty_one_is_no_row(tmp_path: Path) -> None:
    rows = "".join(f"{['red', 'blue'][row % 2]}\t{['no', 'yes'][row // 3 % 2]}\n" for row in range(30))
    assert reading(f"colour\ty\nstring\tdiscrete\n\n{rows}", tmp_path).rows == 30


@pytest.mark.parametrize("rows", ["time,text\ntext,time\n" * 9, "c,d\nd,c\ns,t\n" * 9, "class,d\n,c\nc,d\nd,c\n" * 9])
def test_rows_of_letters_and_gaps_are_rows(tmp_path: Path, rows: str) -> None:
    found = reading(f"a,y\n{rows}", tmp_path)
    assert found.rows == rows.count("\n")


@pytest.mark.parametrize(
    "rows",
    ["continuous,c\ndiscrete,d\ntime,t\ntext,x\n", "text,\n,\n" + "u,time\nv,text\n" * 9],
    ids=["a table of types", "gaps"],
)
def test_words_of_orange_that_their_columns_do_not_bear_out_are_rows(tmp_path: Path, rows: str) -> None:
    found = reading(f"kind,y\n{rows}", tmp_path)
    assert not any("below the names" in note for note in found.profile.notes)


def test_types_that_a_model_can_read_are_a_row(tmp_path: Path) -> None:
    kinds = [("string", "text", 0), ("time", "discrete", 1), ("numeric", "ignore", 0), ("meta", "time", 1)]
    trained = "".join(f"{a},{b},{y}\n" for a, b, y in kinds * 5)
    columns = reading(f"a,b,y\n{trained}", tmp_path).table.columns
    (tmp_path / "new").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b, _ in kinds))
    known = KnownColumns(columns=columns, target=("y",))
    found = read_known(tmp_path / "new", ReadingOrder(name="new.csv"), known, tmp_path / "numbers", with_cells=False)
    assert (found.rows, found.warnings) == (4, [])


@pytest.mark.parametrize("first", [0, 1000])
def test_the_index_of_a_frame_whose_rows_were_mixed_or_left_out_is_no_feature(tmp_path: Path, first: int) -> None:
    rows = "".join(f"{first + row * 37 % 101},{row % 7},{row % 2}\n" for row in range(30))
    found = reading(f"Unnamed: 0,a,y\n{rows}", tmp_path)
    assert [column.name for column in found.table.columns if column.is_feature] == ["a"]
    assert found.profile.notes[0].startswith("Column 'Unnamed: 0' is pandas' index, and is not used")


def test_names_as_long_as_a_survey_has_them_are_cut(tmp_path: Path) -> None:
    question = "Which of these? " * 15
    rows = "".join(f"{row * 5 % 7},{row % 5},{row % 2}\n" for row in range(30))
    content = f"{question}One,{question}Two,y\n{rows}"
    found = reading(content, tmp_path)
    names = [question[:200].rstrip(), question[:198] + ".1"]
    assert [column.name for column in found.table.columns] == names
    assert found.profile.notes[0].startswith("Names of more than 200 characters are cut: 'Which of these? Which")
    (tmp_path / "new").write_text(content)
    known = KnownColumns(columns=found.table.columns, target=("y",))
    answer = read_known(tmp_path / "new", ReadingOrder(name="new.csv"), known, tmp_path / "numbers", with_cells=False)
    assert (answer.rows, answer.warnings) == (30, [])


def test_a_name_that_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    assert "has a name with characters that cannot be shown, 'a\\x1b[0m': write it anew" in refusal(
        "a\x1b[0m,y\n1,2\n3,4\n", tmp_path
    )


@pytest.mark.parametrize(
    ("names", "rule", "delimiter"),
    [
        ("| a | b | y |", "|---|:--|--:|", "|"),
        ("a,b,y", "--,---,-", ","),
        ("a\tb\ty", "----\t----\t----", "\t"),
        ("a    b    y", "---- ---- ----", " "),
    ],
    ids=["markdown", "sqlcmd", "tabs", "blanks"],
)
def test_a_line_of_dashes_below_the_names_is_no_row(tmp_path: Path, names: str, rule: str, delimiter: str) -> None:
    edge = "|" if names.startswith("|") else ""
    rows = "".join(
        f"{edge}{delimiter.join((str(row), 'pq'[row % 2], 'uv'[row // 2 % 2]))}{edge}\n" for row in range(30)
    )
    found = reading(f"{names}\n{rule}\n{rows}", tmp_path)
    assert found.rows == 30
    assert "The line of dashes below the names is not read." in found.profile.notes
    (column,) = (column for column in found.table.columns if column.name == "b")
    assert (column.categories, found.table.target.labels) == (("p", "q"), ("u", "v"))
    (tmp_path / "new").write_text(f"{names}\n{rule}\n{rows}")
    known = KnownColumns(columns=found.table.columns, target=("y",))
    order = ReadingOrder(name="new.csv")
    assert read_known(tmp_path / "new", order, known, tmp_path / "numbers", with_cells=False).rows == 30


@pytest.mark.parametrize(
    ("upload", "new", "expected"),
    [
        ("x,y\n?,0\n5,1\n6,0\n", "x\n--\n5\n6\n", [[np.nan], [5], [6]]),
        ("x,y\n?,0\n5,1\n6,0\n", "x\n---\n5\n6\n", [[np.nan], [5], [6]]),
        ("x,y\n4,0\n5,1\n6,0\n", "x\n---\n5\n6\n", [[5], [6]]),
        ("taste,smell,y\n--,-,0\n++,+,1\n+,+,0\n", "taste,smell\n--,-\n++,+\n+,+\n", [[2, 1], [1, 0], [0, 0]]),
        ("taste,smell,y\n---,-,0\n+,+,1\n", "taste,smell\n---,-\n+,+\n+,+\n", [[1, 1], [0, 0], [0, 0]]),
        ("taste,y\n---,0\n+,1\n", "taste\n---\n", [[1]]),
    ],
    ids=["two dashes", "gap", "no gap", "signs", "category", "one row"],
)
def test_dashes_that_a_model_can_read_are_a_row(tmp_path: Path, upload: str, new: str, expected: list[Any]) -> None:
    names, _, rows = upload.partition("\n")
    columns = reading(f"{names}\n{rows * 9}", tmp_path).table.columns
    (tmp_path / "new").write_text(new)
    known = KnownColumns(columns=columns, target=("y",))
    found = read_known(tmp_path / "new", ReadingOrder(name="new.csv"), known, tmp_path / "numbers", with_cells=False)
    assert found.faults == []
    np.testing.assert_array_equal(np.load(tmp_path / "numbers"), expected)


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ("--,-,0\n++,+,1\n", {}),
        ("---,-,0\n++,+,1\n", {}),
        ("---,---,---\n++,+,1\n-,+,0\n", {"na_values": ["---"]}),
    ],
)
def test_dashes_that_come_again_or_are_said_to_be_gaps_are_rows(tmp_path: Path, rows: str, options: Any) -> None:
    found = reading(f"taste,smell,y\n{rows}" + "++,+,1\n--,-,0\n" * 9, tmp_path, **options)
    assert not any("line of dashes" in note for note in found.profile.notes)


@pytest.mark.parametrize("index", ["r{}", "{}", "2024-01-{:02}"])
def test_a_series_of_pandas_has_a_header(tmp_path: Path, index: str) -> None:
    rows = "".join(f"{index.format(row)},{row * 0.25}\n" for row in range(1, 29))
    found = reading(f",0\n{rows}", tmp_path, target="0", columns=("Unnamed: 0",), types={"Unnamed: 0": "category"})
    assert (found.rows, found.profile.names) == (28, ["Unnamed: 0", "0"])


def test_the_index_of_a_series_is_named_where_it_is_all_that_there_is(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-{row:02},{row * 0.25}\n" for row in range(1, 29))
    said = refusal(f",price\n{rows}", tmp_path, target="price")
    assert "'Unnamed: 0' is pandas' index, and is not used, unless it is named in columns." in said


def test_years_name_columns_beside_a_column_without_a_name(tmp_path: Path) -> None:
    rows = "".join(f"Land {row},{row * 1.5},{row * 7 % 5},{row % 3}.5\n" for row in range(20))
    found = reading(f",1985,1993,2000\n{rows}", tmp_path, target="2000")
    assert (found.rows, found.profile.names) == (20, ["Unnamed: 0", "1985", "1993", "2000"])


def test_years_among_years_are_a_row(tmp_path: Path) -> None:
    rows = "".join(f"a{row},{1950 + row * 7 % 50},{1960 + row % 60}\n" for row in range(20))
    found = reading(f",1985,1993\n{rows}", tmp_path, target="2")
    assert (found.rows, found.profile.header) == (21, False)


@pytest.mark.parametrize("first", [",0", ",1985,1993"])
def test_a_first_row_without_its_first_value_is_data_where_a_column_is_named_by_its_place(
    tmp_path: Path, first: str
) -> None:
    width = first.count(",")
    rows = "".join(f"{row}.5{f',{row % 2}' * width}\n" for row in range(20))
    found = reading(f"{first}\n{rows}", tmp_path, target=str(width))
    assert (found.rows, found.profile.header) == (21, False)


def test_words_are_a_row_where_a_column_is_named_by_its_place(tmp_path: Path) -> None:
    rows = "".join(f"{'ham' if row % 3 else 'spam'},{'ab'[row % 2]}\n" for row in range(30))
    found = reading("ham,c\n" + rows, tmp_path, target="0")
    assert (found.rows, found.profile.header) == (31, False)


def test_control_characters_of_names_are_letters(tmp_path: Path) -> None:
    rows = "".join(f"{row % 7},{row % 2}\n" for row in range(30))
    found = reading(f"no \x96 it\x92s,y\n{rows}", tmp_path)
    assert found.profile.names == ["no \u2013 it\u2019s", "y"]
    assert "are read as the letters of Windows-1252: 'no \u2013 it\u2019s'." in found.profile.notes[0]


def test_many_columns_without_a_name_of_their_own_are_one_note(tmp_path: Path) -> None:
    rows = "".join(f"{row % 7}," * 9 + f"{row % 2}\n" for row in range(30))
    (alike,) = [note for note in reading(f"{'x,' * 9}y\n{rows}", tmp_path).profile.notes if "name of another" in note]
    assert alike == "8 columns have the name of another, and are called 'x.1', 'x.2', 'x.3', 'x.4', 'x.5' ...."
    unnamed = reading(f"x{',' * 9}y\n{rows}", tmp_path).profile.notes[0]
    assert unnamed == "8 columns have no name, and are called 'Unnamed: ' and their number, from 0 on."

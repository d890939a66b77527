"""CSV files, good and bad."""

import io
import math
from pathlib import Path

import numpy as np
import pytest

from ingest import limits
from spec.dataset import Targets
from spec.schema import ColumnKind

from .reading import reading, refusal, table

GOOD = "a,b,y\n1,2,x\n3,4,z\n5,6,x\n"


def test_a_table_is_the_file_in_numbers(tmp_path: Path) -> None:
    found = reading(GOOD, tmp_path)
    x, y, schema = table(tmp_path)
    assert x.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert y.tolist() == [0, 1, 0]
    assert schema == found.table
    assert schema.target.labels == ("x", "z")
    assert (found.rows, found.profile.format, found.profile.delimiter) == (3, "csv", ",")
    assert found.profile.preview[0] == ["1", "2", "x"]
    assert [(one.value, one.count) for one in found.profile.classes] == [("x", 2), ("z", 1)]


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    assert reading(GOOD, tmp_path).sha256 == reading(GOOD, tmp_path).sha256


def test_columns_are_what_they_look_like(tmp_path: Path) -> None:
    rows = [
        f"{row / 4},{row % 2 == 0},{['Oslo', ' Rome', ''][row % 3]},2026-11-{row % 9 + 1:02},free text {row},,{row % 2}"
        for row in range(60)
    ]
    found = reading("number,truth,city,day,remark,empty,y\n" + "\n".join(rows), tmp_path)
    kinds = {column.name: (column.type.value, column.gaps) for column in found.table.columns}
    assert kinds == {
        "number": ("number", False),
        "truth": ("boolean", False),
        "city": ("category", True),
        "day": ("date", False),
        "remark": ("text", False),
        "empty": ("text", True),
    }
    x, _, schema = table(tmp_path)
    assert x[:2].tolist() == [[0.0, 1.0, 0.0, 20758.0], [0.25, 0.0, 1.0, 20759.0]]  # 2026-11-01 is day 20758
    assert math.isnan(x[2, 2])
    assert schema.columns[2].categories == ("Oslo", "Rome")
    assert schema.info(found.rows).features == 1 + 1 + (2 + 1 + 1) + 1
    assert [note.split("'")[1] for note in found.profile.notes] == ["remark", "empty", "truth"]
    city = found.profile.columns[2]
    assert (city.missing, city.distinct, city.values[0].count) == (20, 2, 20)
    number = found.profile.columns[0]
    assert [number.min, number.max, number.mean] == pytest.approx([0.0, 14.75, 7.375])
    assert number.histogram is not None
    assert sum(number.histogram.counts) == 60


def test_of_many_categories_the_frequent_ones_are_told_apart(tmp_path: Path) -> None:
    rows = [f"c{number},{number % 2}" for number in range(150) for _ in range(1 + 2 * (number < 100))]
    found = reading("c,y\n" + "\n".join(rows), tmp_path)
    assert set(found.table.columns[0].categories) == {f"c{number}" for number in range(100)}
    assert "150 categories" in found.profile.notes[0]
    x, _, _ = table(tmp_path)
    assert x[-1, 0] == 100.0  # any other


def test_numbers_that_turn_into_words_late_are_counted_from_the_start(tmp_path: Path) -> None:
    many = "\n".join(f"{row % 7},{row % 2}" for row in range(50_000))
    words = "\n".join(f"w{row % 3},{row % 2}" for row in range(600_000))
    found = reading(f"c,y\n{many}\n{words}", tmp_path)
    assert found.table.columns[0].type is ColumnKind.category
    assert set(found.table.columns[0].categories) == {*"0123456", "w0", "w1", "w2"}


@pytest.mark.parametrize(
    ("column", "task", "kind", "labels"),
    [
        ("015150", None, Targets.classes, ("0", "1", "5")),
        ("159159", None, Targets.classes, ("1", "5", "9")),
        ("159159", Targets.numbers, Targets.numbers, ()),
        (["1.5", "2.5", "1.5", "3", "4", "5"], None, Targets.numbers, ()),
        (["1.5", "2.5", "1.5", "2.5", "1.5", "2.5"], Targets.classes, Targets.classes, ("1.5", "2.5")),
        (["yes", "no", "no", "yes", "no", "no"], None, Targets.classes, ("no", "yes")),
        (["1", "1.0", "2", "2", "1", "1"], None, Targets.classes, ("1", "1.0", "2")),
    ],
)
def test_targets_are_classes_or_numbers(
    tmp_path: Path, column: list[str], task: Targets | None, kind: Targets, labels: tuple[str, ...]
) -> None:
    content = "a,y\n" + "\n".join(f"{row},{value}" for row, value in enumerate(column))
    assert reading(content, tmp_path, task=task).table.target.type is kind
    _, y, schema = table(tmp_path)
    assert schema.target.labels == labels
    if kind is Targets.classes:
        assert [labels[code] for code in y] == list(column)
    else:
        assert y.shape == (6, 1)


@pytest.mark.parametrize("name", ["f.csv", "f.npz"])
def test_whole_numbers_that_are_classes_are_said_to_be(tmp_path: Path, name: str) -> None:
    rows = range(60)
    said = "The target has 6 different whole numbers, so they are classes; task=regression reads numbers."

    def notes(classes: int, task: Targets | None = None) -> list[str]:
        y = [row % classes for row in rows]
        text = "a,y\n" + "".join(f"{row**0.5},{row % classes}\n" for row in rows)
        buffer = io.BytesIO()
        np.savez(buffer, X=np.sqrt(np.arange(60.0))[:, None], y=np.array(y))
        content, target = (text, "y") if name == "f.csv" else (buffer.getvalue(), None)
        return reading(content, tmp_path, name=name, target=target, task=task).profile.notes

    assert said in notes(6)
    assert said not in notes(6, Targets.classes)
    assert not any("whole numbers" in note for note in notes(2))


def test_many_whole_numbers_are_numbers(tmp_path: Path) -> None:
    content = "a,y\n" + "\n".join(f"{row},{row}" for row in range(21))
    assert reading(content, tmp_path).table.target.type is Targets.numbers


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    content = "größe,stadt,y\n1,Zürich,a\n2,Málaga,b\n3,Zürich,a\n".encode(encoding)
    found = reading(content, tmp_path)
    assert [column.name for column in found.table.columns] == ["größe", "stadt"]
    assert found.table.columns[1].categories == ("Málaga", "Zürich")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path: Path, delimiter: str) -> None:
    content = GOOD.replace(",", delimiter).replace("1" + delimiter, f'"1{delimiter}5; 2, 3"{delimiter}')
    found = reading(content, tmp_path)
    assert found.profile.delimiter == delimiter
    assert [column.name for column in found.table.columns] == ["a", "b"]


def test_a_quoted_cell_may_hold_line_breaks_quotes_and_formulas(tmp_path: Path) -> None:
    content = 'a,y\n"two\nlines",x\n"=1+1",y\n"say ""no""",x\n"=1+1","y"\n'
    assert reading(content, tmp_path).table.columns[0].categories == ("=1+1", 'say "no"', "two\nlines")


def test_the_words_for_nothing_are_gaps(tmp_path: Path) -> None:
    content = "a,y\n" + "\n".join(
        f"{word},{row % 2}" for row, word in enumerate(["1", "NA", "nan", "null", "", "2", " "])
    )
    found = reading(content, tmp_path)
    assert found.profile.columns[0].missing == 5
    x, _, _ = table(tmp_path)
    assert np.isnan(x[:, 0]).tolist() == [False, True, True, True, True, False, True]


def test_a_class_with_one_row_is_told(tmp_path: Path) -> None:
    found = reading("a,y\n1,x\n2,x\n3,z\n", tmp_path)
    assert found.profile.notes == ["Only one row each has the class 'z': it is trained on, and never validated."]


def rows(count: int, last: str) -> str:
    return "a,b,y\n" + "".join(f"{row},2,{row % 2}\n" for row in range(count)) + last


BAD: dict[str, tuple[bytes | str, str]] = {
    "empty": (b"", "file is empty"),
    "blank": (b"\n\n", "file holds nothing but blank lines"),
    "header only": (b"a,y\n", "file has a header and no rows"),
    "ragged": (b"a,b,y\n1,2\n3,4\n", "file has 2 values in line 2, where the header has 3: '1,2'; complete the line"),
    "too many values": (b"a,b,y\n1,2,0\n1,2,1\n1,2,3,4\n", "file has 4 values in line 4, where the header has 3"),
    "a target by a name of two columns": (b"a,y,y\n1,2,3\n", "file has two columns named 'y'"),
    "cut within a character": ("ä,y\n1,ö\n2,ü".encode()[:-1], "file ends within a character: it is cut short"),
    "a mistake among numbers": (rows(20, "1o,2,1\n").encode(), "file has '1o' in row 21 of column 'a'"),
    "a long word": (
        rows(20, "z" * 99 + ",2,1\n").encode(),
        "file has 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz...' in",
    ),
    "infinite feature": (b"a,y\n1,0\ninf,1\n-inf,0\n", "file has 2 infinite numbers in column 'a', the first in row 2"),
    "infinite target": (b"a,y\n1,0\n2,inf\n3,4\n", "target has 1 infinite numbers in column 'y', the first in row 2"),
    "target missing in rows": (
        b"a,y\n1,0\n2,\n3,NaN\n",
        "target has no value in 2 of 3 rows, the first of them row 2: leave these rows out",
    ),
    "no such target": (b"a,b\n1,0\n", "target is no column of the file: 'y'; it has a, b"),
    "nothing but the target": (b"y\n1\n2\n", "file has the column 'y' only"),
    "constant target": (b"a,y\n1,7.5\n2,7.5\n", "target is the same in every row"),
    "one class": (b"a,y\n1,x\n2,x\n", "target has one class only, 'x'"),
    "dates as target": (b"a,y\n1,2026-01-01\n2,2026-01-02\n", "target is a column of dates"),
    "ids": (b"a,y\n9007199254740993,0\n1,1\n", "file has whole numbers beyond 2^53 in column 'a', the first in row 1"),
    "a long label": (f"a,y\n1,{'x' * 300}\n2,b\n", "target has a label of 300 characters: 'xxx"),
    "long texts only": (f"a,y\n{'x' * 300},0\nb,1\n", "file has no column that can be"),
    "NUL": (b"a,y\n1,0\n\0,1\n", "file holds a NUL byte, near byte 8"),
    "open quote": (b'a,y\n1,0\n2,"1\n3,0\n', "file has a quote that is never closed, before '1'"),
    "open quote at the end": (b'a,y\n1,0\n2,"1', "file has a quote that is never closed, before '1'"),
    "a document in a cell": (b"a,y\n1,0\n" + b"x" * 1_000_000 + b",1\n", "file has a value of 1,000,000 bytes"),
    "a line without an end": (b"a,y\n1,0\n" + b"x" * 20_000_000 + b",1\n", "file has a row of more than 8 MiB"),
    "a PNG": (b"\x89PNG\r\n\x1a\n....", "file is one image: send a zip with a folder of images for each class"),
    "xz": (
        b"\xfd7zXZ\0....",
        "file is compressed with xz; CSV, Excel, JSON, Parquet, NPZ and ARFF are read, also as gzip or",
    ),
    "only texts": ("a,y\n" + "".join(f"text {row},{row % 2}\n" for row in range(60)), "file has no column that can be"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    content, said = BAD[name]
    assert refusal(content, tmp_path).startswith(said)


def test_many_columns_are_refused(tmp_path: Path) -> None:
    content = ",".join(f"c{number}" for number in range(20_000)) + "\n"
    assert refusal(content, tmp_path) == "file has 20,000 columns; at most 10,000 are read"


def test_a_target_is_asked_for(tmp_path: Path) -> None:
    assert refusal(GOOD, tmp_path, target=None) == "target is missing: name one of the columns a, b, y"


def test_words_are_no_regression(tmp_path: Path) -> None:
    assert refusal(GOOD, tmp_path, task=Targets.numbers) == "target has 'x' in row 1, and a regression needs numbers"


@pytest.mark.parametrize(
    ("label", "task", "said"),
    [
        ("id-{}", None, "target has more than 1,000 different labels"),
        ("{}.5", Targets.classes, "target has more than 1,000 different values, too many for classes"),
    ],
)
def test_more_labels_than_classes_are_refused(tmp_path: Path, label: str, task: Targets | None, said: str) -> None:
    content = "a,y\n" + "".join(f"{row},{label.format(row)}\n" for row in range(limits.CLASSES + 1))
    assert refusal(content, tmp_path, task=task).startswith(said)


def test_more_values_than_the_budget_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CELLS", 5)
    assert refusal(GOOD, tmp_path) == "file has 9 values; at most 5 are read"


def test_a_name_that_is_not_what_the_file_is(tmp_path: Path) -> None:
    assert refusal(GOOD, tmp_path, name="f.parquet").startswith("file is named .parquet and is text")


@pytest.mark.parametrize(
    ("target", "asked"), [("species", " (is it 'Species'?)"), ("SPECIS", " (is it 'Species'?)"), ("y", "")]
)
def test_a_column_that_is_not_there_is_answered_with_the_one_like_it(tmp_path: Path, target: str, asked: str) -> None:
    said = refusal("a,Species\n1,x\n2,z\n", tmp_path, target=target)
    assert said == f"target is no column of the file: '{target}'{asked}; it has a, Species"


def test_classes_that_differ_in_capital_letters_are_said(tmp_path: Path) -> None:
    found = reading("a,y\n1,Cat\n2,cat\n3,dog\n", tmp_path)
    assert found.profile.notes[0] == "Classes are told apart by capital letters: 'Cat', 'cat' are two. Are they one?"


def test_cells_in_single_quotes_are_cells(tmp_path: Path) -> None:
    rows = "".join(f"'{row}.5';'it''s; {row % 3}';'{'ab'[row * row % 7 % 2]}'\n" for row in range(40))
    found = reading("'a';'b';'y'\n" + rows, tmp_path)
    assert [column.name for column in found.table.columns] == ["a", "b"]
    assert found.table.columns[1].categories == ("it's; 0", "it's; 1", "it's; 2")
    assert table(tmp_path)[0][3, 0] == 3.5
    assert found.profile.notes == ["Cells are in single quotes, which are left out."]


def test_single_quotes_of_some_cells_are_letters(tmp_path: Path) -> None:
    """Of a later row, an apostrophe would begin a cell that goes on over many lines."""
    words = ["'one'", "two"] * 30 + ["'90s", "x"] * 10
    found = reading("a,b,y\n" + "".join(f"{row},{word},{row % 2}\n" for row, word in enumerate(words)), tmp_path)
    assert found.rows == 80
    assert found.table.columns[1].categories == ("'90s", "'one'", "two", "x")


def test_a_delimiter_within_quotes_divides_nothing(tmp_path: Path) -> None:
    rows = "".join(f'"id{row}","a;b{row % 3};c","{row % 7}","{row % 2}"\n' for row in range(30))
    assert "has 4 values in line 2, where the header has 6" in refusal(
        f'"id","t","n","y","more","end"\n{rows}', tmp_path
    )
    odd = rows.replace('"id7","a', '"id7","a ""x"", "b", a')
    assert reading(f'"id","t","n","y"\n{rows}', tmp_path).profile.delimiter == ","
    assert "in line 9, where the header has 4" in refusal(f'"id","t","n","y"\n{odd}', tmp_path)


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_line_alone_is_a_header(tmp_path: Path, end: str) -> None:
    assert "has a header and no rows" in refusal(f"One line,y{end}", tmp_path)

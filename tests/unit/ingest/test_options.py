"""What was guessed can be overruled, column by column; a choice that cannot be is refused with its field."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from spec.reading import ReadingOptions
from spec.schema import ColumnKind, Role

from .reading import reading, refusal, table

ROWS = 40


def file(**cells: list[str]) -> str:
    """A file with these columns, between semicolons, and a class."""
    columns = {**cells, "y": ["0", "1"]}
    rows = (";".join(values[row % len(values)] for values in columns.values()) for row in range(ROWS))
    return ";".join(columns) + "\n" + "\n".join(rows) + "\n"


NAN = float("nan")
READ: dict[str, tuple[str, dict[str, Any], list[float]]] = {
    "a decimal point that looks like thousands": (file(a=["1.100"], b=["2,5"]), {"decimal": "."}, [1.1]),
    "a decimal comma that looks like thousands": (file(a=["1,100", "2,200"]), {"decimal": ","}, [1.1, 2.2]),
    "thousands that look like decimals": (file(a=["1.100", "2.200"]), {"thousands": "."}, [1100, 2200]),
    "thousands by commas": (file(a=["1,100", "2,200"]), {"thousands": ","}, [1100, 2200]),
    "no thousands": (file(a=["1,100", "2,5"]), {"thousands": "none"}, [1.1, 2.5]),
    "thousands by underscores": (file(a=["1_100", "2_200.5"]), {"thousands": "_"}, [1100, 2200.5]),
    "thousands by spaces": (file(a=["1 100", "2 200,5"]), {"thousands": "space", "decimal": ","}, [1100, 2200.5]),
    "words for gaps": (file(a=["1", "missing", "-999"]), {"na_values": "missing,-999"}, [1, NAN, NAN]),
    "words for gaps, as JSON": (file(a=["1", "a,b"]), {"na_values": '["a,b"]'}, [1, NAN]),
    "words for gaps of a column": (file(a=["1", "0"]), {"na_values": {"a": ["0"]}}, [1, NAN]),
    "a number for gaps, however written": (file(a=["1.5", "-999.0"]), {"na_values": "-999.0"}, [1.5, NAN]),
    "days first": (file(a=["03/04/2020", "04/03/2020"]), {"dayfirst": True}, [18355, 18325]),
    "months first": (file(a=["03/04/2020", "04/03/2020"]), {"dayfirst": False}, [18325, 18355]),
    "days first, short years": (file(a=["3/4/20", "4/3/20"]), {"dayfirst": "true"}, [18355, 18325]),
    "days first, and a time": (file(a=["03/04/2020 12:00"]), {"dayfirst": True}, [18355.5]),
    "rupees": (file(a=["Rs. 1,200.50", "Rs. 90"]), {}, [1200.5, 90]),
    "crowns, with a point and no blank": (file(a=["kr.12", "kr.13"]), {}, [12, 13]),
    "months by name": (file(a=["Mar 4, 2020", "3 Apr 2020"]), {}, [18325, 18355]),
    "months by name, days first": (file(a=["4-Mar-20", "3-Apr-20"]), {"dayfirst": True}, [18325, 18355]),
    "days first, dashes": (file(a=["03-04-2020"]), {"dayfirst": True}, [18355]),
    "a format of dates": (file(a=["3. April 2020"]), {"date_format": "%d. %B %Y"}, [18355]),
    "a format of dates without marks": (file(a=["20200403"]), {"date_format": "%Y%m%d", "types": "a=date"}, [18355]),
    "a format of months": (file(a=["Apr-20"]), {"date_format": "%b-%y"}, [18353]),
    "a format of dates, year first": (file(a=["20-04-03", "20-04-05"]), {"date_format": "%y-%m-%d"}, [18355, 18357]),
    "a format of dates, year last": (file(a=["04-03-2020"]), {"date_format": "%m-%d-%Y"}, [18355]),
    "numbers with zeros before": (file(a=["007", "07"]), {"types": "a=number"}, [7, 7]),
    "truths of numbers": (file(a=["1", "0"]), {"types": {"a": "boolean"}}, [1, 0]),
    "an encoding": (file(a=["1,5"]), {"encoding": "cp1250"}, [1.5]),
    "a delimiter": ("a,x;y\n" + "1,5;0\n2,5;1\n" * 9, {"delimiter": ";", "types": {"a,x": "number"}}, [1.5, 2.5]),
    "a delimiter by its name": ("a\ty\n" + "1\t0\n2\t1\n" * 9, {"delimiter": "tab"}, [1, 2]),
    "a format with an offset": (file(a=["3 Apr 20 14:00 +0200"]), {"date_format": "%d %b %y %H:%M %z"}, [18355.5]),
    "no header": ("a;y\n" + "1;0\n" * 9, {"header": True}, [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_guess_is_overruled(tmp_path: Path, name: str) -> None:
    content, options, wanted = READ[name]
    if name == "no header":
        content = "1;0\n2;1\n" * 9
        options, wanted = {"header": False}, [1, 2]
    reading(content, tmp_path, target="1" if name == "no header" else "y", **options)
    np.testing.assert_array_equal(table(tmp_path)[0][: len(wanted), 0], wanted)


WORDS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "numbers as categories": (file(a=["1", "2", "10"]), {"types": "a=category"}, ("1", "10", "2")),
    "truths as categories": (file(a=["yes", "no"]), {"types": "a=category"}, ("no", "yes")),
    "quarters as categories": (file(a=["2020Q1", "2020Q2"]), {"types": "a=category"}, ("2020Q1", "2020Q2")),
    "numbers with units as categories": (file(a=["12 kg", "7 kg"]), {"types": "a=category"}, ("12 kg", "7 kg")),
    "dates as categories": (file(a=["2020-01-01"]), {"types": "a=category"}, ("2020-01-01",)),
    "no gaps but named ones": (file(a=["NA", "None", "x"]), {"keep_default_na": "false"}, ("NA", "None", "x")),
    "no gaps, ? a word": (file(a=["?", "x", "z"]), {"keep_default_na": False, "na_values": "z"}, ("?", "x")),
    "Namibia a gap": (file(a=["NA", "DE", "FR"]), {"na_values": "NA"}, ("DE", "FR")),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words_are_what_is_asked(tmp_path: Path, name: str) -> None:
    content, options, wanted = WORDS[name]
    found = reading(content, tmp_path, **options)
    assert (found.table.columns[0].type, found.table.columns[0].categories) == (ColumnKind.category, wanted)


def test_a_typed_column_is_what_is_asked(tmp_path: Path) -> None:
    import io

    import pandas as pd

    buffer = io.BytesIO()
    frame = pd.DataFrame({"n": [1, 2, 3] * 10, "s": ["1,5", "2,5", "?"] * 10, "y": [0, 1] * 15})
    frame.to_parquet(buffer)
    types = {"n": "category", "s": "number"}
    found = reading(buffer.getvalue(), tmp_path, name="f.parquet", types=types, decimal=",")
    assert found.table.columns[0].categories == ("1", "2", "3")
    np.testing.assert_array_equal(table(tmp_path)[0][:3], [[0, 1.5], [1, 2.5], [2, np.nan]])


def test_dates_that_are_none_as_asked_are_told(tmp_path: Path) -> None:
    found = reading(file(a=["12/31/2020", "11/30/2020"]), tmp_path, dayfirst=True)
    assert found.profile.notes == ["Column 'a' has values such as '12/31/2020', and is not one of dates as asked."]


@pytest.mark.parametrize(
    ("columns", "features"),
    [
        ("a,b", ["a", "b"]),
        (("b",), ["b"]),
        ('["a"]', ["a"]),
        ("-c", ["a", "b"]),
        ("-a,-c", ["b"]),
        (("-a",), ["b", "c"]),
        ("a,y", ["a"]),
    ],
)
def test_columns_are_kept_or_left_out(tmp_path: Path, columns: Any, features: list[str]) -> None:
    content = file(a=["1", "2"], b=["3", "4"], c=["x", "z"])
    found = reading(content, tmp_path, columns=columns)
    assert [one.name for one in found.table.columns if one.is_feature] == features
    assert [one.name for one in found.table.columns] == ["a", "b", "c"]  # prediction may be given all of them
    assert table(tmp_path)[0].shape[1] == len(features)


def test_a_column_that_is_left_out_may_hold_anything(tmp_path: Path) -> None:
    content = file(a=["1", "2"], b=[*["3"] * 39, "oops"], c=["inf"])
    assert reading(content, tmp_path, columns="-b,-c").table.columns[1].role is Role.unused


def test_a_column_with_a_document_in_a_cell_may_be_left_out(tmp_path: Path) -> None:
    content = file(a=["1", "2"], geo=["x" * 70_000, *["p"] * (ROWS - 1)])
    assert refusal(content, tmp_path) == (
        "file has a value of 70,000 bytes in column 'geo'; at most 65,536 are read: columns=-geo leaves the column out"
    )
    assert reading(content, tmp_path, columns="-geo").table.columns[1].role is Role.unused


def test_columns_with_a_role_are_no_features(tmp_path: Path) -> None:
    content = file(
        a=["1", "2"],
        w=["0,5", "1", "2"],
        who=["x", "z", "x"],
        part=["train", "Test", "val"],
        at=["2020-01-01", "2020-01-02"],
    )
    found = reading(content, tmp_path, weight="w", group="who", split="part", time="at")
    assert [(one.name, one.role.value) for one in found.table.columns] == [
        ("a", "feature"), ("w", "weight"), ("who", "group"), ("part", "split"), ("at", "time"),
    ]  # fmt: skip
    info = found.table.info(ROWS)
    assert (info.features, info.groups, info.split_rows, info.timed) == (1, 2, (14, 13, 13), True)
    with np.load(tmp_path / "table.npz") as arrays:
        assert arrays["weight"][:3].tolist() == [0.5, 1.0, 2.0]
        assert arrays["group"][:3].tolist() == [0, 1, 0]
        assert arrays["split"][:3].tolist() == [0, 2, 1]
        assert arrays["time"][:2].tolist() == [18262.0, 18263.0]


def test_weights_that_are_all_0_are_refused(tmp_path: Path) -> None:
    assert refusal(file(a=["1", "2"], w=["0"]), tmp_path, weight="w").startswith("weight is 0 in every row")
    assert reading(file(a=["1", "2"], w=["0", "3"]), tmp_path, weight="w").table.info(ROWS).weighted


GOOD = file(a=["1", "2"], b=["x", "z"], w=["1", "-1"], gap=["1", ""])
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": ({"columns": "a,q"}, "columns is no column of the file: 'q'; it has a, b, w, gap, y"),
    "kept and left out": ({"columns": "a,-b"}, "columns names columns to use and, with a minus, columns to leave out"),
    "no such type's column": ({"types": "q=number"}, "types is no column of the file: 'q'"),
    "no such gap's column": ({"na_values": {"q": ["1"]}}, "na_values is no column of the file: 'q'"),
    "words as numbers": ({"types": "b=number"}, "types says number of column 'b', which has 'x', 'z'"),
    "words as dates": ({"types": "b=date"}, "types says date of column 'b', which has 'x', 'z'"),
    "words as truths": ({"types": "b=boolean"}, "types says boolean of column 'b', which has 'x', 'z'"),
    "no such weight": ({"weight": "q"}, "weight is no column of the file: 'q'"),
    "the target as weight": ({"weight": "y"}, "weight is the target already: 'y'"),
    "words as weights": ({"weight": "b"}, "weight says number of column 'b'"),
    "negative weights": ({"weight": "w"}, "weight is negative in row 2"),
    "weights missing": ({"weight": "gap"}, "weight has no value in row 2"),
    "groups missing": ({"group": "gap"}, "group has no value in row 2"),
    "another split": ({"split": "b"}, "split has 'x' in row 1: it must be train, validation or test"),
    "two roles": ({"weight": "a", "group": "a"}, "group is the column of weight already: 'a'"),
    "no such encoding": ({"encoding": "utf-99"}, "encoding is no encoding of text: 'utf-99'"),
    "no text encoding": ({"encoding": "rot13"}, "encoding is no encoding of text: 'rot13'"),
    "nothing left": ({"columns": "-a,-b,-w,-gap"}, "file has no column that can be used beside the target"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_choice_that_cannot_be_is_refused_with_its_field(tmp_path: Path, name: str) -> None:
    options, said = BAD[name]
    assert refusal(GOOD, tmp_path, **options).startswith(said)


def test_another_encoding_than_the_file_has_is_refused(tmp_path: Path) -> None:
    content = "größe;y\n1;0\n2;1\n".encode("cp1252")
    assert refusal(content, tmp_path, encoding="utf-8") == "encoding is not that of the file: utf8"


@pytest.mark.parametrize(
    "options",
    [
        {"decimal": "x"},
        {"thousands": "xx"},
        {"decimal": ",", "thousands": ","},
        {"date_format": "dd.mm.yyyy"},
        {"date_format": "%d.%Q.%Y"},
        {"date_format": "%d.%"},
        {"date_format": "%d", "dayfirst": True},
        {"header": "perhaps"},
        {"types": "a=colour"},
        {"types": "a"},
        {"columns": [""]},
        {"weight": ""},
        {"delimiter": "#"},
        {"encoding": "../x"},
        {"na_values": 5},
        {"page": "1"},
    ],
)
def test_an_option_that_says_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadingOptions.model_validate(options)

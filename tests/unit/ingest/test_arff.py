"""ARFF files are read as their headers say."""

from pathlib import Path

import numpy as np
import pytest

from ingest import limits
from ingest.arff import _Header
from ingest.typed import TypedNumbers
from spec.dataset import Targets
from spec.reading import ReadingOptions
from spec.schema import ColumnKind

from .reading import reading, refusal, table

HEAD = """% 1. Title: pets
@RELATION 'the pets'

@ATTRIBUTE 'body weight' REAL
@attribute kind {cat, 'guinea pig', "big dog"}
@ATTRIBUTE code {1,2}
@ATTRIBUTE tame {yes,no}
@ATTRIBUTE y NUMERIC

@DATA
"""
ROWS = (
    "0.5,cat,1,yes,1.5\n?, 'guinea pig' ,2,no,2.5\n% a remark\n\n3.5,\"big dog\",?,yes,3.5\n" + "4,cat,1,no,4.25\n" * 9
)


def test_attributes_name_the_columns_and_say_what_they_are(tmp_path: Path) -> None:
    found = reading(HEAD + ROWS, tmp_path, name="pets.arff")
    kinds = {column.name: column.type for column in found.table.columns}
    assert kinds == {
        "body weight": ColumnKind.number,
        "kind": ColumnKind.category,
        "code": ColumnKind.category,
        "tame": ColumnKind.boolean,
    }
    assert found.table.columns[1].categories == ("big dog", "cat", "guinea pig")
    x, y, _ = table(tmp_path)
    assert np.isnan(x[1, 0])
    assert np.isnan(x[2, 2])
    assert y[:4, 0].tolist() == [1.5, 2.5, 3.5, 4.25]
    assert found.rows == 12


def test_a_nominal_target_is_of_classes(tmp_path: Path) -> None:
    assert reading(HEAD + ROWS, tmp_path, target="kind").table.target.labels == ("big dog", "cat", "guinea pig")
    found = reading(HEAD + ROWS.replace("?", "1"), tmp_path, target="code")
    assert found.table.target.labels == ("1", "2")
    found = reading(HEAD + ROWS.replace("?", "1"), tmp_path, target="code", task=Targets.numbers)
    assert found.table.target.type is Targets.numbers


def test_letters_of_an_old_file_are_kept(tmp_path: Path) -> None:
    found = reading((HEAD + ROWS).replace("big dog", "gro\u00dfer Hund").encode("cp1252"), tmp_path)
    assert "gro\u00dfer Hund" in found.table.columns[1].categories


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,cat,1,yes\n", "has 4 values in line 11, where the header has 5"),
        ("{0 1.5, 5 2}\n", "has a sparse row in line 11 that is none: '{0 1.5, 5 2}'; correct the line"),
        ("{0 1.5, 4 2\n", "has a sparse row in line 11 that is none"),
        ("1,cat,1,yes,2,{5}\n", "has the weight of a row behind it in line 11, '{5}': write weights as an attribute"),
        ("1 cat 1 yes\n", "has 4 values in line 11, where the header has 5"),
        ("1,'cat,1,yes,2\n", "has a quote that is never closed"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    assert said in refusal(HEAD + rows, tmp_path)


def test_a_file_without_data_is_refused(tmp_path: Path) -> None:
    assert "without @data" in refusal(HEAD.replace("@DATA", ""), tmp_path)


def test_attributes_are_called_as_the_columns_of_a_csv_are(tmp_path: Path) -> None:
    question = "Which of these? " * 15
    names = f"'{question}One'", f"'{question}Two'", "kind", "kind", "'a\tb'"
    attributes = "".join(f"@attribute {name} {{u,v}}\n" for name in names)
    rows = "".join(f"{'uv'[row % 2]},{'uv'[row // 2 % 2]},u,v,u,{row % 3}\n" for row in range(12))
    found = reading(f"@relation r\n{attributes}@attribute y numeric\n@data\n{rows}", tmp_path)
    cut = [question[:200].rstrip(), question[:198] + ".1"]
    assert [column.name for column in found.table.columns] == [*cut, "kind", "kind.1", "a b"]
    assert {column.type for column in found.table.columns} == {ColumnKind.category}
    assert [note.split(":")[0] for note in found.profile.notes[:2]] == [
        "Line breaks and tabs in names are read as spaces",
        "Names of more than 200 characters are cut",
    ]


def test_a_sparse_file_leaves_out_zeros_and_first_words(tmp_path: Path) -> None:
    dense = HEAD + "0,cat,1,yes,1.5\n0.5,'guinea pig',2,no,2.5\n?,big dog,1,no,0\n0,cat,1,yes,0\n" * 3
    sparse = HEAD + "{4 1.5}\n{0 0.5, 1 'guinea pig',2 2, 3 no, 4 2.5}\n{0 ?,1 \"big dog\",3 no}\n{ }\n" * 3
    tables = []
    for content in (dense, sparse):
        found = reading(content, tmp_path)
        tables.append((found.table, *(values.tolist() for values in table(tmp_path)[:2])))
    np.testing.assert_equal(tables[0], tables[1])


def test_a_sparse_file_whose_table_is_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPARSE_CELLS", 5 * 11)
    assert reading(HEAD + "{4 1.5}\n{4 2.5}\n" * 5, tmp_path).rows == 10
    said = refusal(HEAD + "{4 1.5}\n{4 2.5}\n" * 6, tmp_path)
    assert "is a sparse ARFF file of more than 55 values with its zeros: write the table as NPZ" in said
    assert reading(HEAD + ROWS, tmp_path).rows == 12


def test_zeros_of_a_sparse_row_are_written_once_for_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    header = _Header(tuple("abcdef"), ("numeric",) * 6, TypedNumbers(ReadingOptions()))
    assert header.sparse("{1 2}", 1, 1) == ["0", "2", "0", "0", "0", "0"]
    asked = list[int]()

    def text(_: TypedNumbers, number: str, place: int) -> str:
        asked.append(place)
        return number

    monkeypatch.setattr(TypedNumbers, "text", text)
    for row in range(3):
        assert header.sparse(f"{{{row} 0.5}}", 1, 1).count("0") == 5
    assert asked == [0, 1, 2]


def test_a_sparse_row_without_a_text_is_refused(tmp_path: Path) -> None:
    head = "@relation r\n@attribute note string\n@attribute y numeric\n@data\n"
    assert "line 5 has no value of 'note', which is no number" in refusal(head + "{1 2}\n", tmp_path)


def test_blanks_may_divide_values(tmp_path: Path) -> None:
    found = reading(HEAD + ROWS.replace("big dog", "bigdog").replace(",", "\t"), tmp_path)
    assert found.table == reading(HEAD + ROWS.replace("big dog", "bigdog"), tmp_path).table


def test_a_row_with_a_text_alone_is_a_row(tmp_path: Path) -> None:
    rows = "".join(f"'city {row % 3}',{row},{'ab'[row % 2]}\n" for row in range(20))
    head = "@relation r\n@attribute city string\n@attribute n numeric\n@attribute y {a,b}\n@data\n"
    found = reading(f"{head}{rows}'New York',?,?\n", tmp_path, name="f.arff")
    assert "1 row has no target, the first of them row 21: left out, and not counted." in found.profile.notes


@pytest.mark.parametrize(
    ("form", "cell"),
    [
        ("yyMMdd", "261125"),
        ("'dd/MM/yyyy'", "25/11/2026"),
        ('"MM-dd-yyyy HH:mm"', "'11-25-2026 00:00'"),
        ("\"yyyy-MM-dd'T'HH:mm:ss\"", '"2026-11-25T00:00:00"'),
        ('"MMM d, yyyy"', "'Nov 25, 2026'"),
    ],
)
def test_dates_are_read_by_the_format_that_the_header_says(tmp_path: Path, form: str, cell: str) -> None:
    rows = "".join(f"{cell},{row}\n" for row in range(12)) + "?,12\n"
    found = reading(f"@relation r\n@attribute day DATE {form}\n@attribute y real\n@data\n{rows}", tmp_path)
    assert found.table.columns[0].type is ColumnKind.date
    assert table(tmp_path)[0][0, 0] == 20_782.0


@pytest.mark.parametrize("form", ["HH:mm", "yyyy-'W'ww"])
def test_a_format_of_dates_without_a_year_or_with_other_letters_says_nothing(tmp_path: Path, form: str) -> None:
    rows = "".join(f"0{row}:30,{row}\n" for row in range(9))
    found = reading(f'@relation r\n@attribute at DATE "{form}"\n@attribute y real\n@data\n{rows}', tmp_path)
    assert table(tmp_path)[0][1, 0] == 5400.0
    assert found.table.columns[0].type is ColumnKind.number

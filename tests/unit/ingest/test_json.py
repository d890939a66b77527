"""JSON is read as the CSV of the same table."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.conversion import converted
from ingest.known import read_known
from spec.known import KnownColumns
from spec.reading import ReadingOrder

from .reading import reading, refusal, table

NAMES = ["age", "city", "share", "member", "y"]
ROWS: list[list[Any]] = [
    [20 + row % 7, ["Rome", "\u014csaka"][row % 2], row / 8 or None, row % 3 == 0, row % 2] for row in range(20)
]
CSV = "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in [NAMES, *ROWS])
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
INDEXED = {str(place): record for place, record in enumerate(RECORDS)}
BY_COLUMN = {name: {label: record[name] for label, record in INDEXED.items()} for name in NAMES}
SAME: dict[str, str | bytes] = {
    "records": json.dumps(RECORDS),
    "records without their gaps": json.dumps([{k: v for k, v in one.items() if v is not None} for one in RECORDS[1:]]),
    "a record a line": "\n".join(map(json.dumps, RECORDS)) + "\n",
    "records one after the other": "\n".join(json.dumps(one, indent=1) for one in RECORDS),
    "columns": json.dumps(BY_COLUMN),
    "columns of labelled rows": json.dumps({k: {f"r{n}": v for n, v in of.items()} for k, of in BY_COLUMN.items()}),
    "index": json.dumps(INDEXED),
    "index of labels": json.dumps({f"r{label}": record for label, record in INDEXED.items()}),
    "list": json.dumps({name: list(of.values()) for name, of in BY_COLUMN.items()}),
    "split": json.dumps({"columns": NAMES, "index": list(range(20)), "data": ROWS}),
    "values": json.dumps([NAMES, *ROWS]),
    "table": json.dumps({"schema": {"fields": [{"name": "age"}]}, "data": RECORDS}),
    "within an object": json.dumps({"page": 1, "result": {"items": RECORDS}}),
    "NaN": json.dumps(RECORDS).replace("null", "NaN"),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + json.dumps(RECORDS, ensure_ascii=False).encode(),
    "UTF-16": json.dumps(RECORDS, ensure_ascii=False).encode("utf-16"),
}


@pytest.mark.parametrize("kind", SAME)
def test_json_is_read_as_the_csv_of_the_same_table(tmp_path: Path, kind: str) -> None:
    rows = CSV.splitlines()
    wanted = reading("\n".join(rows[:1] + rows[2:] if "without" in kind else rows), tmp_path)
    x, y, schema = table(tmp_path)
    found = reading(SAME[kind], tmp_path, name="f.json")
    assert found.table == wanted.table
    for one, other in zip((x, y), table(tmp_path)[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert table(tmp_path)[2] == schema


def test_objects_within_records_are_columns_and_arrays_are_left_out(tmp_path: Path) -> None:
    features = [
        {"type": "Feature", "geometry": {"coordinates": [1, 2]}, "properties": {"a": row, "y": row}}
        for row in range(20)
    ]
    found = reading(json.dumps({"type": "FeatureCollection", "features": features}), tmp_path, target="properties.y")
    assert [column.name for column in found.table.columns] == ["type", "properties.a"]
    assert "The array 'features' is read as the table; beside it, 'type' is not." in found.profile.notes
    assert any("not read: 'geometry.coordinates'" in note for note in found.profile.notes)


def test_numbers_are_as_they_are_written(tmp_path: Path) -> None:
    rows = ",".join(f'{{"id": 1234567890123456789{row}, "a": {row}.50, "y": {row}}}' for row in range(10))
    found = reading(f"[{rows}]", tmp_path, columns="-id", decimal=",")
    assert found.profile.preview[1] == ["12345678901234567891", "1,50", "1"]
    assert table(tmp_path)[0][1].tolist() == [1.5]


def test_milliseconds_may_be_dates(tmp_path: Path) -> None:
    day = 86_400_000
    rows = [
        {"day": None if row == 3 else 20_000 * day + row * day, "a": row or 20_000 * day, "y": row} for row in range(20)
    ]
    found = reading(json.dumps(rows), tmp_path)
    assert found.profile.format == "json"
    assert found.profile.notes[0].startswith("The numbers of 'day' may be milliseconds since 1970")


def test_a_csv_with_brackets_around_names_is_no_json(tmp_path: Path) -> None:
    assert reading("[a],[y]\n" + "1,2\n2,3\n3,4\n" * 9, tmp_path, target="[y]").rows == 27


BAD = {
    "cut short": (json.dumps(RECORDS)[:-20], "is no JSON, at line 1, column"),
    "single quotes": ("{'a': 1, 'y': 2}", "is no JSON, at line 1, column 2: Expecting property name"),
    "a name twice": ('[{"a": 1, "a": 2, "y": 3}]', "has an object with the name 'a' twice"),
    "a name twice by an object": ('[{"a.b": 1, "a": {"b": 2}, "y": 3}]', "has two values named 'a.b' in one record"),
    "columns of different lengths": ('{"a": [1, 2], "y": [1]}', "different numbers of values: a 2, y 1"),
    "rows of different lengths": ('{"columns": ["a", "y"], "data": [[1, 2], [1]]}', "has 1 values in row 1 of data"),
    "several arrays": ('{"a": [{"b": 1}], "c": {"d": [{"b": 2}]}}', "has 2 arrays of records, 'a', 'c.d': send one"),
    "no array": ('{"a": [1, 2], "n": 2}', "has an object, 'a', 'n', without an array of records"),
    "numbers": ("[1, 2, 3]", "has an array whose value 1 is no record; an array of records"),
    "objects in rows": ('[["a", "y"], [1, {"b": 2}]]', "has an array or object in row 1, place 1"),
    "nothing": ("[]", "has an array without values"),
    "empty records": ("[{}, {}]", "has records without a single value"),
    "a bomb": ("[" * 100_000, "has arrays or objects within each other, too many"),
    "a bomb of objects": ('{"a":' * 100_000, "has arrays or objects within each other, too many"),
    "NUL": ('[{"a": "\\u0000", "y": 1}]', "has the character \\u0000"),
    "an endless number": (json.dumps(RECORDS).replace("20", "Infinity"), "has 3 infinite numbers in column 'age'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_other_json_is_refused(tmp_path: Path, kind: str) -> None:
    content, said = BAD[kind]
    assert said in refusal(content, tmp_path, name="f.json")


def test_half_a_character_is_none(tmp_path: Path) -> None:
    rows = [{"a\ud800": "\udc80", "b": row, "y": row} for row in range(10)]
    assert reading(json.dumps(rows), tmp_path).profile.preview[0] == ["?", "0", "0"]


def test_a_record_with_a_text_alone_is_a_row(tmp_path: Path) -> None:
    records = [{"city": "A title: of none"}, *RECORDS, {"city": "New York", "y": None}, {"city": "Total"}]
    found = reading(json.dumps(records), tmp_path, name="f.json")
    assert found.rows == 20
    assert "3 of 23 rows have no target, the first of them row 1: left out, and not counted." in found.profile.notes
    new = json.dumps([{"city": "A title: of none"}, *RECORDS, {"city": "New York"}])
    (tmp_path / "new.json").write_text(new)
    known = KnownColumns(columns=found.table.columns, target=("y",))
    order = ReadingOrder(name="new.json", target=tuple(NAMES[:-1]))
    with converted(tmp_path / "new.json", order, tmp_path, found.table.columns) as made:
        answer = read_known(
            made.file, made.order, known, tmp_path / "numbers", with_cells=True, only_rows=made.only_rows
        )
    assert answer.cells[-1][answer.names.index("city")] == "New York"
    assert len(answer.cells) == 22

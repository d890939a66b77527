"""Numbers that a file to predict holds as numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.__main__ import _as_known
from ingest.conversion import converted
from ingest.known import read_known
from spec.known import KnownColumns
from spec.reading import ReadingOrder

from .reading import reading
from .workbooks import xlsx


def predicted(tmp_path: Path, upload: str, name: str, new: bytes, **how: Any) -> list[list[float]]:
    """The numbers that a model of an upload reads in a file to predict."""
    table = reading(upload, tmp_path, **how).table
    known = KnownColumns(columns=table.columns, target=("y",))
    (tmp_path / name).write_bytes(new)
    order = _as_known(ReadingOrder(name=name), known)
    columns = [column for column in table.columns if column.is_feature]
    with converted(tmp_path / name, order, tmp_path, columns) as made:
        found = read_known(made.file, made.order, known, tmp_path / "numbers", with_cells=False)
    assert found.faults == []
    rows: list[list[float]] = np.load(tmp_path / "numbers").tolist()
    return rows


BY_PLACE: dict[str, bytes] = {
    "names.xlsx": xlsx({"New": [[0, 1], [3, 0.12], [1, 0], [2, 0.5]]}),
    "names.json": b"[[0, 1], [3, 0.12], [1, 0], [2, 0.5]]",
    "rows.xlsx": xlsx({"New": [[3, 0.12], [1, 0], [2, 0.5]]}),
    "rows.json": b"[[3, 0.12], [1, 0], [2, 0.5]]",
}


@pytest.mark.parametrize("name", BY_PLACE)
def test_a_model_of_places_reads_names_that_are_numbers_and_rows_without(tmp_path: Path, name: str) -> None:
    upload = "3,12%,p\n4,5%,q\n5,7%,p\n" * 10
    assert predicted(tmp_path, upload, name, BY_PLACE[name], target="2") == [[3.0, 0.12], [1.0, 0.0], [2.0, 0.5]]


def test_a_row_of_places_in_another_order_is_none_of_names(tmp_path: Path) -> None:
    upload = "1,25;0.5;p\n2,75;1.5;q\n5,5;7.25;p\n" * 10
    for rows in ([[1.0, 0.0], [1.5, 0.25]], [[3.5, 0.5], [1.0, 0.0], [1.5, 0.25]]):
        new = str(rows).replace("1.0, 0.0", "1, 0").encode()
        assert predicted(tmp_path, upload, "f.json", new, target="2") == rows


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("f.json", b'[{"size": 1.5, "n": 0.5}, {"size": 2, "n": 1.5}]'),
        ("f.xlsx", xlsx({"New": [["size", "n"], [1.5, 0.5], [2, 1.5]]})),
    ],
)
def test_a_number_that_is_a_category_is_its_word_in_the_upload(tmp_path: Path, name: str, new: bytes) -> None:
    for mark, other in ((",", "."), (".", ",")):
        upload = f"size;n;y\n1{mark}5;0{other}5;0\n2;1{other}5;1\n3{mark}5;3{other}5;0\n" * 10
        assert predicted(tmp_path, upload, name, new, types={"size": "category"}) == [[0.0, 0.5], [1.0, 1.5]]


def test_seconds_that_are_all_but_a_minute_are_a_minute(tmp_path: Path) -> None:
    upload = "lap,y\n" + "1:23.45,0\n2:03.5,1\n" * 10
    assert predicted(tmp_path, upload, "f.json", b'[{"lap": 59.99999999999999}]') == [[60.0]]

"""The process that reads, and its limits."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec.known import KnownColumns, KnownReading
from spec.profile import Reading, Refusal
from spec.reading import ReadingOrder
from tests.unit.ingest.workbooks import ods, xlsx


def run(file: Path, *, code: str = "", known: KnownColumns | None = None, **order: Any) -> tuple[int, str]:
    """Exit code and answer of the process; `code` runs in it first. With `known`, it reads rows to predict."""
    begin = (
        ["-c", f"{code}\nimport runpy\nrunpy.run_module('ingest', run_name='__main__')"] if code else ["-m", "ingest"]
    )
    where = [str(file), "--out", str(file.with_name("table.npz"))]
    if known is not None:
        file.with_name("known").write_text(known.model_dump_json())
        where += ["--known", str(file.with_name("known"))]
    said = ReadingOrder(name=file.name, **order).model_dump_json()
    done = subprocess.run([sys.executable, *begin, *where], input=said, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    code, said = run(tmp_path / "f.csv", target=["y"], task="numbers")
    assert code == 0
    assert Reading.model_validate_json(said).table.target.type == "numbers"
    assert (tmp_path / "table.npz").exists()


def test_a_compressed_file_is_unpacked_within_limits(tmp_path: Path) -> None:
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,0\n2,1\n3,0\n" * 100))
    assert run(tmp_path / "f.csv.gz", target=["y"])[0] == 0
    code, said = run(tmp_path / "f.csv.gz", target=["y"], code="import ingest.limits as l; l.UNPACKED_BYTES = 999")
    assert (code, Refusal.model_validate_json(said).message[:33]) == (2, "unpacks to more than 999 bytes, f")


def test_a_refusal_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    code, said = run(tmp_path / "f.csv", target=["z"])
    assert (code, Refusal.model_validate_json(said).path) == (2, "target")


def test_a_library_that_aborts_the_interpreters_end_takes_no_answer(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    code, said = run(tmp_path / "f.csv", target=["y"], code="import atexit, os; atexit.register(os.abort)")
    assert code == 0
    assert Reading.model_validate_json(said).rows == 3


def test_pandas_is_not_imported_where_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("import os; os._exit(9)")
    (tmp_path / "f.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    assert run(tmp_path / "f.csv", target=["y"], code=f"import sys; sys.path.insert(0, {str(tmp_path)!r})")[0] == 0


WRITTEN = "comma;point;share;balance;gap;y\n" + "1.234,5;0.5;12%;12 CR;0;0\n2.345,5;1.5;3%;3 DR;-1;1\n" * 10
NUMBERS = [1.234, 0.25, 0.125, -7.5]
"""To be predicted, beside a gap."""
TO_PREDICT: dict[str, bytes] = {
    "new.xlsx": xlsx({"New": [["Of May"], [], ["comma", "point", "share", "balance", "gap"], [*NUMBERS, -1.0]]}),
    "new.ods": ods([["comma", "point", "share", "balance", "gap"], [*NUMBERS, -1.0]]),
    "new.json": b'[{"comma": 1.234, "point": 0.25, "share": 0.125, "balance": -7.5, "gap": -1}]',
    "rows.json": b'[["comma", "point", "share", "balance", "gap"], [1.234, 0.25, 0.125, -7.5, -1]]',
    "new.arff": b"@relation r\n@attribute comma numeric\n@attribute point real\n@attribute share REAL\n"
    b"@attribute balance numeric\n@attribute gap integer\n@data\n1.234,0.25,0.125,-7.5,-1\n",
    "new.csv": b"comma;point;share;balance;gap\n1,234;0.25;12.5%;7.5 DR;-1\n",
}


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    file = tmp_path_factory.mktemp("uploaded") / "f.csv"
    file.write_text(WRITTEN)
    options = {"na_values": {"gap": ["-1"]}}
    return Reading.model_validate_json(run(file, target=["y"], options=options)[1])


@pytest.mark.parametrize("name", TO_PREDICT)
def test_a_number_to_predict_is_itself_however_its_column_was_written(
    tmp_path: Path, uploaded: Reading, name: str
) -> None:
    assert [column.format.decimal for column in uploaded.table.columns[:2]] == [",", "."]
    (tmp_path / name).write_bytes(TO_PREDICT[name])
    code, said = run(tmp_path / name, known=KnownColumns(columns=uploaded.table.columns, target=("y",)))
    assert code == 0
    assert KnownReading.model_validate_json(said).faults == []
    np.testing.assert_array_equal(np.load(tmp_path / "table.npz"), [[*NUMBERS, np.nan]])


def test_a_number_of_json_is_the_seconds_of_a_time(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,lap,y\n" + "14:30,1:23.45,0\n8:15,2:03.5,1\n" * 10)
    uploaded = Reading.model_validate_json(run(tmp_path / "f.csv", target=["y"])[1])
    known = KnownColumns(columns=uploaded.table.columns, target=("y",))
    (tmp_path / "f.json").write_text('[{"at": 52200, "lap": 83.0625}, {"at": 0, "lap": -1e-3}]')
    assert run(tmp_path / "f.json", known=known)[0] == 0
    assert np.load(tmp_path / "table.npz").tolist() == [[52_200.0, 83.0625], [0.0, -0.001]]
    (tmp_path / "f.xlsx").write_bytes(xlsx({"New": [["at", "lap"], [0.604, 83.5]]}))
    faults = KnownReading.model_validate_json(run(tmp_path / "f.xlsx", known=known)[1]).faults
    assert [fault.path for fault in faults] == ["rows.0.at", "rows.0.lap"]

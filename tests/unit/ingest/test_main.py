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

from .workbooks import xlsx


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


COMMAS = "a;b;y\n" + "1.234,5;0,5;0\n2.345,5;1,5;1\n" * 10
TO_PREDICT: dict[str, bytes] = {
    "new.xlsx": xlsx({"New": [["a", "b"], [1.234, 0.5]]}),
    "new.json": b'[{"a": 1.234, "b": 0.5}]',
    "new.csv": b"a;b\n1,234;0,5\n",
}


@pytest.mark.parametrize("name", TO_PREDICT)
def test_numbers_of_a_model_of_decimal_commas_are_what_the_file_to_predict_says(tmp_path: Path, name: str) -> None:
    (tmp_path / "f.csv").write_text(COMMAS)
    uploaded = Reading.model_validate_json(run(tmp_path / "f.csv", target=["y"])[1])
    (tmp_path / name).write_bytes(TO_PREDICT[name])
    code, said = run(tmp_path / name, known=KnownColumns(columns=uploaded.table.columns, target=("y",)))
    assert code == 0
    assert KnownReading.model_validate_json(said).faults == []
    assert np.load(tmp_path / "table.npz").tolist() == [[1.234, 0.5]]

"""Parquet files, good and bad."""

import datetime
import decimal
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from ingest import limits

from .reading import reading, refusal, table


def parquet(columns: dict[str, Any], **how: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **how)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_texts_that_are_written_as_differences_are_read_as_others_are(tmp_path: Path, form: str) -> None:
    columns = {"a": ["one", "once", None] * 9, "y": ["x", "z", "x"] * 9}
    content = parquet(columns, use_dictionary=["y"], column_encoding={"a": form}, row_group_size=9)
    assert reading(content, tmp_path, name="f.parquet").table.columns[0].categories == ("once", "one")
    coded = columns | {"a": pa.array(columns["a"]).dictionary_encode()}
    whole = parquet(coded, use_dictionary=["y"], column_encoding={"a": form})
    assert "of a form that is not read" in refusal(whole, tmp_path, name="f.parquet")


def test_typed_columns(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 25)
    content = parquet(
        {
            "whole": pa.array([1, None, 3, 4], pa.int16()),
            "real": pa.array([0.5, 1.5, float("nan"), 2.5]),
            "exact": pa.array([decimal.Decimal("1.25")] * 4),
            "truth": [True, False, None, True],
            "day": [day] * 4,
            "moment": pa.array([datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)] * 4),
            "city": pa.array(["Oslo", "Rome", "Oslo", None]).dictionary_encode(),
            "y": ["x", "z", "x", "z"],
        }
    )
    found = reading(content, tmp_path, name="f.parquet")
    kinds = {column.name: (column.type.value, column.gaps) for column in found.table.columns}
    assert kinds == {
        "whole": ("number", True),
        "real": ("number", True),
        "exact": ("number", False),
        "truth": ("boolean", True),
        "day": ("date", False),
        "moment": ("date", False),
        "city": ("category", True),
    }
    x, y, _ = table(tmp_path)
    np.testing.assert_array_equal(x[0], [1, 0.5, 1.25, 1, 20782, 20782.5, 0])
    np.testing.assert_array_equal(x[2], [3, np.nan, 1.25, np.nan, 20782, 20782.5, 0])
    assert y.tolist() == [0, 1, 0, 1]


def test_times_and_durations_are_seconds(tmp_path: Path) -> None:
    times = [datetime.time(14, 30), datetime.time(0, 1, 23, 500_000), None, datetime.time(8)] * 5
    spans = [datetime.timedelta(days=1, seconds=0.25), datetime.timedelta(seconds=-3), None, datetime.timedelta()] * 5
    content = parquet(
        {
            "at": pa.array(times, pa.time64("us")),
            "on": pa.array([datetime.time(14, 30)] * 20, pa.time32("s")),
            "took": pa.array(spans, pa.duration("ns")),
            "y": [0, 1] * 10,
        }
    )
    found = reading(content, tmp_path, name="f.parquet")
    assert [(one.name, one.type.value, one.gaps) for one in found.table.columns] == [
        ("at", "number", True), ("on", "number", False), ("took", "number", True),
    ]  # fmt: skip
    np.testing.assert_array_equal(
        table(tmp_path)[0][:4],
        [[52_200, 52_200, 86_400.25], [83.5, 52_200, -3], [np.nan, 52_200, np.nan], [28_800, 52_200, 0]],
    )
    assert found.profile.notes[:2] == [
        "The durations of column 'took' are read in seconds.",
        "Column 'at' is read as times, in seconds: '14:30:00.000000' is 52200; types=at=category says otherwise.",
    ]
    assert found.table.columns[0].format.number_given("14:30:00") == 52_200


@pytest.mark.parametrize("target", [[True, False, True], [2, 1, 2], [0.5, 1.5, 2.5], ["b", "a", "b"]])
def test_targets_of_every_type(tmp_path: Path, target: list[Any]) -> None:
    found = reading(parquet({"a": [1, 2, 3], "y": target}), tmp_path, name="f.parquet")
    _, y, _ = table(tmp_path)
    if isinstance(target[0], float):
        assert y[:, 0].tolist() == target
    else:
        assert [found.table.target.labels[code] for code in y] == [str(value).lower() for value in target]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "lists": (
        {"a": [[1], [2]], "y": [0, 1]},
        "file has the column 'y' only, and nothing to tell it from. Column 'a' is of type list<",
    ),
    "structs": (
        {"a": [{"b": 1}, {"b": 2}], "y": [0, 1]},
        "file has the column 'y' only, and nothing to tell it from. Column 'a' is of type struct",
    ),
    "binary": (
        {"a": [b"1", b"2"], "y": [0, 1]},
        "file has the column 'y' only, and nothing to tell it from. Column 'a' is of type binary",
    ),
    "no rows": ({"a": pa.array([], pa.int64()), "y": pa.array([], pa.int64())}, "file has a header and no rows"),
    "a long name": ({"q" * 230: [1, 2], "y": [0, 1]}, "file has a name of 230 characters, 'qqqqq"),
    "infinite": (
        {"a": [1.0, float("inf")], "y": [0, 1]},
        "file has 1 infinite numbers in column 'a', the first in row 2",
    ),
    "ids": ({"a": [1, 2**53 + 1], "y": [0, 1]}, "file has whole numbers beyond 2^53 in column 'a', the first in row 2"),
    "gap in target": (
        {"a": [1, 2], "y": [0, None]},
        "target is the same in every row: there is nothing to learn (rows without a target are not counted)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    columns, said = BAD[name]
    assert refusal(parquet(columns), tmp_path, name="f.parquet").startswith(said)


def test_columns_of_other_types_are_not_used_and_said(tmp_path: Path) -> None:
    columns = {"a": [[1], [2]] * 5, "b.c": range(10), "d": [{"e": 1}] * 10, "y": [0, 1] * 5}
    found = reading(parquet({name: list(values) for name, values in columns.items()}), tmp_path, name="f.parquet")
    assert [column.name for column in found.table.columns] == ["b.c"]
    assert found.profile.notes[:2] == [
        "Column 'a' is of type list<element: int64>, which is no single value, and not used.",
        "Column 'd' is of type struct<e: int64>, which is no single value, and not used.",
    ]
    nothing = refusal(parquet({"a": [[1], [2]]}), tmp_path, name="f.parquet")
    assert nothing == "file has a column 'a' of type list<element: int64>, which is no single value"


def test_views_of_texts_are_texts(tmp_path: Path) -> None:
    columns = {"a": pa.array(["x", "y"] * 10).cast(pa.string_view()), "b": list(range(20)), "y": [0, 1, 1, 0] * 5}
    found = reading(parquet(columns), tmp_path, name="f.parquet")
    assert found.table.columns[0].categories == ("x", "y")


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    whole = parquet({"a": list(range(1000)), "y": [0, 1] * 500})
    for broken in (whole[:-100], whole[: len(whole) // 2], b"PAR1" + b"\xff" * 100 + b"PAR1"):
        assert "is a Parquet file that is broken or cut short" in refusal(broken, tmp_path, name="f.parquet")


def test_damaged_data_are_refused(tmp_path: Path) -> None:
    whole = bytearray(parquet({"a": np.random.default_rng(0).random(9000), "y": [0, 1] * 4500}, use_dictionary=False))
    whole[4:40] = b"\xff" * 36  # the head of the first page
    assert "is a Parquet file that is broken or cut short" in refusal(bytes(whole), tmp_path, name="f.parquet")


class _Keys(pe.KmsClient):  # type: ignore[misc]
    def wrap_key(self, key: bytes, name: str) -> bytes:
        return key

    def unwrap_key(self, key: bytes, name: str) -> bytes:
        return key


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    pe_config = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["a"]})
    factory = pe.CryptoFactory(lambda _: _Keys())
    with pq.ParquetWriter(
        tmp_path / "secret",
        pa.schema([("a", pa.int64()), ("y", pa.int64())]),
        encryption_properties=factory.file_encryption_properties(pe.KmsConnectionConfig(), pe_config),
    ) as writer:
        writer.write_table(pa.table({"a": [1, 2], "y": [0, 1]}))
    said = refusal((tmp_path / "secret").read_bytes(), tmp_path, name="f.parquet")
    assert said == "file is an encrypted Parquet file: write it without encryption"


def test_a_file_without_row_groups_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.ParquetWriter(buffer, pa.schema([("a", pa.int64()), ("y", pa.int64())])).close()
    assert refusal(buffer.getvalue(), tmp_path, name="f.parquet") == "file has a header and no rows"


def test_many_row_groups_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROW_GROUPS", 50)
    content = parquet({"a": list(range(51)), "y": [0, 1, 0] * 17}, row_group_size=1)
    assert refusal(content, tmp_path, name="f.parquet").startswith("file has 51 row groups; at most 50 are read")


def test_rows_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROWS", 10)
    assert refusal(parquet({"a": [0] * 11, "y": [1] * 11}), tmp_path, name="f.parquet") == (
        "file has 11 rows; at most 10 are read"
    )


def test_a_value_of_a_megabyte_that_is_repeated_is_refused_unrepeated(tmp_path: Path) -> None:
    bomb = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, dtype=np.int32)), pa.array(["x" * 1_000_000]))
    content = parquet({"a": bomb, "y": np.arange(50_000)})
    assert len(content) < 2_000_000  # and 50 GB when it is told in full
    assert refusal(content, tmp_path, name="f.parquet").startswith("file has a value of 1,000,000 bytes in column 'a'")


def test_a_zip_named_parquet_is_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, X=np.zeros((2, 2)), y=np.arange(2))
    assert refusal(buffer.getvalue(), tmp_path, name="f.parquet").startswith("file is named .parquet and is an NPZ")


def test_text_that_is_not_utf8_is_refused_with_its_column(tmp_path: Path) -> None:
    cells = pa.array([b"Kr\xf8yer", b"Oslo"] * 20)
    cities = pa.Array.from_buffers(pa.string(), len(cells), cells.buffers())
    content = parquet({"city": cities, "n": list(range(40)), "y": [0, 1] * 20})
    assert refusal(content, tmp_path, name="f.parquet") == (
        "file has text that is not UTF-8 in column 'city': write it anew, or leave the column out, columns=-city"
    )


def test_a_time_of_day_that_is_none_is_no_text(tmp_path: Path) -> None:
    late = pa.array([90_000_000, 1] * 20, pa.int32())
    times = pa.Array.from_buffers(pa.time32("ms"), len(late), late.buffers())
    content = parquet({"at": times, "n": list(range(40)), "y": [0, 1] * 20})
    assert reading(content, tmp_path, name="f.parquet").rows == 40

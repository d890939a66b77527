"""Files that somebody made to hurt, or that a disk broke: the same ones in every run."""

import io
import struct
import zipfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Hostile = tuple[str, str, bytes]
"""What it is, its name, and its content."""

GOOD = "a,b,c,y\n" + "".join(f"{row}.5,w{row % 3},2020-01-{row % 28 + 1:02},{row % 2}\n" for row in range(40))
CELLS = (
    "", " ", "\t", '"', '""', '"""', "'", "\\", "\\N", ",", ";", "\r", "\n", "\r\n", "\v", "\f", "\x1a", "\x1b[31m",
    "\x7f", "\x85", "\u2028", "\u2029", "\ufeff", "\u200b", "\u202e", "\ud7ff", "\uffff", "\U0010ffff", "é" * 999,
    "a\u0301" * 99, "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-", "--", "+", "%", "$", "€", "()", "(", "(1",
    "1)", "-(1)", "$$1", "%1%", "1e999", "-1e999", "1e-999", "inf", "-Infinity", "nan", "NaN", "0x1F", "1_000",
    "1,2,3", "1.2.3", "1'0'0", "1 2 3", "..", ".", "9" * 400, "0" * 400, "1" + "0" * 400, "." + "9" * 400,
    "1e" + "9" * 99, "-0", "+-1", "--1", "1e", "e1", "1e+", ".e1", "∞", "٣", "\uff11\uff12", "½", "²", "Ⅷ", "\u3007",
    "1\u00a0000", "1\u202f000", "\u2212", "\u22121", "\u2212\u22121", "1\u2212", "0000-00-00", "2020-13-01",
    "2020-02-30", "9999-12-31", "0001-01-01", "10000-01-01", "2020-01-01T25:00", "2020-01-01T00:00:60",
    "2020-01-01T00:00:00+99:99", "2020-01-01T00:00:00-23:59", "2020-01-01 00:00:00.9999999999", "31/31/2020",
    "00/00/0000", "1/1/1", "true", "TRUE", "yes", "y", "maybe", "none", "NULL", "<NA>", "#REF!", "?", "sep=;", "{}",
    "[]", "<x>", "\\u0000", "${jndi:x}",
)  # fmt: skip
HEADS = (
    "a,a,a,y", ",,,", ",,,y", " , , ,y", "y,y,y,y", "a,b,c", "a;b;c;y", "a\tb\tc\ty", "1,2,3,4", "0,1,2,y",
    '"a,b",c,d,y', '"a\nb",b,c,y', '"a,b,c,y', "a\x00,b,c,y", "\ufeffa,b,c,y", "a\u200b,a,c,y", "e\u0301,é,c,y",
    "x" * 5000 + ",b,c,y", "sep=,", "sep=", "sep=ab", '"sep=;"', "a,b,c,y,", "a,b,c,y,,,,", "#a,b,c,y", "=a,b,c,y",
    "__index_level_0__,b,c,y", "Unnamed: 0,b,c,y", "index,b,c,y", "NA,nan,null,y", "\x1b[0m,b,c,y", "a\rb,b,c,y",
    ",".join("abcdefgh") + ",y", "y",
)  # fmt: skip


def corpus() -> Iterator[Hostile]:
    """All of them."""
    yield from _texts()
    yield from _parquets()
    yield from _archives()


def _texts() -> Iterator[Hostile]:
    for place, cell in enumerate(CELLS):
        for share in (1, 2):  # in every row, or in every second
            rows = (f"{cell if row % share == 0 else row},w{row % 3},{row % 2}\n" for row in range(30))
            yield (
                f"cell {place} in one of {share} rows",
                "f.csv",
                ("a,b,y\n" + "".join(rows)).encode("utf-8", "replace"),
            )
    for place, head in enumerate(HEADS):
        yield f"head {place}", "f.csv", (head + "\n" + GOOD.split("\n", 1)[1]).encode()
    raw = GOOD.encode()
    random = np.random.default_rng(0)
    for number in range(40):
        broken = bytearray(raw)
        for place in random.integers(0, len(raw), 8).tolist():
            broken[place] = int(random.integers(0, 256))
        yield f"bytes {number}", "f.csv", bytes(broken)
    for cut in (0, 1, 2, 3, 7, 8, 9, 30, 100, len(raw) - 1):
        yield f"cut at {cut}", "f.csv", raw[:cut]
    for encoding in (
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-7",
        "cp037",
        "shift_jis",
        "gb18030",
        "koi8-r",
        "mac_roman",
    ):
        text = GOOD.replace("w", "w" if encoding in ("cp037", "utf-7") else "ж" if encoding == "koi8-r" else "w")
        yield f"in {encoding}", "f.csv", text.encode(encoding)
        yield f"in {encoding}, cut", "f.csv", text.encode(encoding)[:-3]
    yield "half a character", "f.csv", raw + b"\xe2\x82"
    yield "surrogates", "f.csv", raw + "1,\ud800,2,0\n".encode("utf-8", "surrogatepass")
    yield "overlong", "f.csv", raw + b"1,\xc0\xaf,2,0\n"
    yield "one long field", "f.csv", b"a,y\n" + b"x" * 300_000 + b",0\n1,1\n"
    yield "one long line", "f.csv", b"a,y\n" + b"1," * 300_000 + b"\n"
    yield (
        "many columns",
        "f.csv",
        ",".join(f"c{n}" for n in range(3000)).encode() + b"\n" + b",".join([b"1"] * 3000) + b"\n",
    )
    yield "one row", "f.csv", b"a,y\n1,0\n"
    yield "only quotes", "f.csv", b'"' * 999
    yield "only commas", "f.csv", b"," * 999 + b"\n" + b"," * 999
    yield "only newlines", "f.csv", b"\n" * 999
    yield "only carriage returns", "f.csv", b"\r" * 999
    yield "mac newlines", "f.csv", GOOD.replace("\n", "\r").encode()
    yield "mixed newlines", "f.csv", GOOD.replace("\n", "\r\n", 9).encode()
    yield "ragged", "f.csv", GOOD.encode() + b"1\n1,2\n1,2,3,4,5,6\n"
    quoted = b'"a","b","y"\n' + b'"1","w0","0"\n"2","w1","1"\n' * 20
    yield "quoted, and short at the end", "f.csv", quoted + b'"3","0",""\n"4","1"'
    yield "html", "f.csv", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "json", "f.csv", b'{"a": [1, 2], "y": [0, 1]}'
    yield "json lines", "f.csv", b'{"a": 1, "y": 0}\n{"a": 2, "y": 1}\n' * 20
    yield "numbers of many forms", "f.csv", b'a,y\n"1,5",0\n1.5,1\n"1.000,5",0\n"1,000.5",1\n$5,0\n5%,1\n' * 5
    yield "dates of many forms", "f.csv", b"a,y\n2020-01-01,0\n01/02/2020,1\n13/01/2020,0\n01/13/2020,1\n1.1.20,0\n" * 5
    yield "everything is a gap", "f.csv", b"a,b,y\n" + b"NA,?,0\n-,.,1\n" * 20
    yield "only gaps in the target", "f.csv", b"a,y\n" + b"1,NA\n2,?\n" * 20


def _parquets() -> Iterator[Hostile]:
    def written(columns: Any, **how: Any) -> bytes:
        buffer = io.BytesIO()
        pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), buffer, **how)
        return buffer.getvalue()

    y = [0, 1] * 10
    types: dict[str, Any] = {
        "time": [time(1, 2, 3)] * 20,
        "duration": [timedelta(1)] * 20,
        "binary": [b"\xff"] * 20,
        "fixed": pa.array([b"ab"] * 20, pa.binary(2)),
        "list": [[1]] * 20,
        "struct": [{"a": 1}] * 20,
        "map": pa.array([[("a", 1)]] * 20, pa.map_(pa.string(), pa.int64())),
        "null": pa.nulls(20),
        "decimal": [Decimal(10) ** 30] * 20,
        "decimal256": pa.array([Decimal(10) ** 60] * 20, pa.decimal256(70, 2)),
        "half": pa.array(np.arange(20, dtype=np.float16)),
        "uint64": pa.array([2**64 - 1] * 20, pa.uint64()),
        "date32": [date(9999, 12, 31), date(1, 1, 1)] * 10,
        "date64": pa.array([date(2020, 1, 1)] * 20, pa.date64()),
        "ns": pa.array([2**62, -(2**62)] * 10, pa.timestamp("ns")),
        "s": pa.array([2**40, -(2**40)] * 10, pa.timestamp("s")),
        "s at the end": pa.array([2**53, -(2**53)] * 10, pa.timestamp("s")),
        "tz": pa.array([2**40] * 20, pa.timestamp("us", "Pacific/Chatham")),
        "no tz": pa.array([2**40] * 20, pa.timestamp("us", "Nowhere/Land")),
        "dictionary of ints": pa.array([1, 2] * 10).dictionary_encode(),
        "dictionary": pa.array(["a", None] * 10).dictionary_encode(),
        "large": pa.array(["a", "b"] * 10, pa.large_string()),
        "view": pa.array(["a", "b"] * 10, pa.string_view()),
        "run ends": pa.array([1.5] * 20),
        "nan": [float("nan")] * 20,
        "inf": [float("inf")] * 20,
        "huge": [1.7e308, -1.7e308] * 10,
        "denormal": [5e-324, 1e-323] * 10,
        "empty texts": [""] * 20,
        "bool": [None] * 20,
    }
    for name, cells in types.items():
        yield f"Parquet of {name}", "f.parquet", written({"a": cells, "b": np.arange(20.0), "y": y})
        yield f"Parquet with target {name}", "f.parquet", written({"a": np.arange(20.0), "y": cells})
    yield "Parquet without columns", "f.parquet", written(pa.table({}))
    yield "Parquet with one name twice", "f.parquet", written(pa.Table.from_arrays([pa.array(y)] * 3, ["a", "a", "y"]))
    yield "Parquet without a name", "f.parquet", written(pa.Table.from_arrays([pa.array(y)] * 2, ["", "y"]))
    described = pa.table({"a": np.arange(20.0), "y": y})
    for text in (b"{", b"[]", b'{"index_columns": 5}', b'{"index_columns": [{"a": 1}, "z", "y"]}', b"\xff"):
        yield f"Parquet that says {text!r}", "f.parquet", written(described.replace_schema_metadata({b"pandas": text}))
    whole = written(
        {"a": np.random.default_rng(0).random(500), "b": ["x", "z"] * 250, "y": [0, 1] * 250}, use_dictionary=False
    )
    random = np.random.default_rng(1)
    for number in range(25):
        broken = bytearray(whole)
        for place in random.integers(4, len(whole) - 4, 6).tolist():
            broken[place] = int(random.integers(0, 256))
        yield f"Parquet, bytes {number}", "f.parquet", bytes(broken)
    for cut in (4, 8, 12, 100, len(whole) - 8, len(whole) - 1):
        yield f"Parquet, cut at {cut}", "f.parquet", whole[:cut]
    yield "Parquet with a long footer", "f.parquet", whole[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"


def _archives() -> Iterator[Hostile]:
    def packed(**arrays: Any) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    x, y = np.random.default_rng(0).random((20, 3)), np.arange(20) % 2
    arrays: dict[str, tuple[Any, Any]] = {
        "big-endian": (x.astype(">f4"), y.astype(">i2")),
        "objects": (np.array([[{}]] * 20, dtype=object), y),
        "complex": (x.astype(complex), y),
        "texts": (x.astype("U9"), y),
        "bytes": (x.astype("S9"), y),
        "dates": (np.array(["2020-01-01"] * 20, dtype="M8[D]")[:, None], y),
        "records": (np.zeros(20, dtype=[("a", "f8"), ("b", "i4")]), y),
        "void": (np.zeros((20, 2), dtype="V8"), y),
        "long double": (x.astype(np.longdouble), y),
        "no dimension": (np.array(1.0), np.array(1)),
        "no rows": (np.zeros((0, 3)), np.zeros(0)),
        "no features": (np.zeros((20, 0)), y),
        "many dimensions": (np.zeros((20, 1, 1, 1, 1, 1)), y),
        "nan": (np.full((20, 3), np.nan), y),
        "inf": (np.full((20, 3), np.inf), y),
        "huge": (np.array([[1.7e308], [-1.7e308]] * 10), y),
        "whole numbers of 64 bits": (np.full((20, 1), -(2**63)), y),
        "targets of 64 bits": (x, np.array([2**63, 2**64 - 1] * 10, dtype=np.uint64)),
        "huge targets": (x, np.array([1.7e308, -1.7e308] * 10)),
        "targets nan": (x, np.full(20, np.nan)),
        "targets of texts in two dimensions": (x, np.array([["a", "b"]] * 20)),
        "targets empty texts": (x, np.array(["", " "] * 10)),
        "targets of bytes": (x, np.array([b"a", b"b"] * 10)),
        "targets in three dimensions": (x, np.zeros((20, 2, 2))),
        "targets of many columns": (x, np.zeros((20, 5000))),
        "one-hot of one row": (x[:1], np.eye(2)[:1]),
        "channels everywhere": (np.zeros((20, 3, 3, 3)), y),
        "Fortran": (np.asfortranarray(x), y),
    }
    for name, (a, b) in arrays.items():
        yield f"NPZ of {name}", "f.npz", packed(X=a, y=b)
    whole = packed(X=x, y=y)
    random = np.random.default_rng(2)
    for number in range(40):
        broken = bytearray(whole)
        for place in random.integers(0, len(whole), 5).tolist():
            broken[place] = int(random.integers(0, 256))
        yield f"NPZ, bytes {number}", "f.npz", bytes(broken)
    for cut in (2, 4, 30, 100, len(whole) // 2, len(whole) - 1):
        yield f"NPZ, cut at {cut}", "f.npz", whole[:cut]
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, array in (("X", x), ("y", y)):
                member = io.BytesIO()
                np.save(member, array)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), method)
        packed_so = buffer.getvalue()
        yield f"NPZ by method {method}", "f.npz", packed_so
        for number in range(8):
            broken = bytearray(packed_so)
            for place in random.integers(0, len(packed_so), 5).tolist():
                broken[place] = int(random.integers(0, 256))
            yield f"NPZ by method {method}, bytes {number}", "f.npz", bytes(broken)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("X.npy", b"\0" * 50_000_000)
        archive.writestr("y.npy", b"\0" * 50_000_000)
    yield "zip bomb", "f.npz", bomb.getvalue()
    for name, magic in {
        "gzip": b"\x1f\x8b\x08\0",
        "PNG": b"\x89PNG\r\n\x1a\n",
        "PDF": b"%PDF-1.7",
        "ELF": b"\x7fELF",
        "pickle": b"\x80\x04\x95",
    }.items():
        for ending in ("csv", "npz", "parquet"):
            yield f"{name} named {ending}", f"f.{ending}", magic + b"\0" * 50

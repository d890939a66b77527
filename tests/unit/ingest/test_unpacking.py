"""Compressed files, as pandas, Kaggle and file managers write them, are read as what they hold."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ingest.unpacking import unpacked_bytes

from .reading import reading, refusal, table

TEXT = b"a;b;y\n" + b"".join(b"%d;%d,5;%d\n" % (row, row * row, row % 2) for row in range(40))


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, X=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    return buffer.getvalue()


MAC = ("__MACOSX/._train.csv", b"\0\5\x16\7")
READ = {
    "gzip": ("f.csv.gz", gzip.compress(TEXT)),
    "gzip in capital letters": ("F.CSV.GZ", gzip.compress(TEXT)),
    "gzip whose name does not say so": ("f.csv", gzip.compress(TEXT)),
    "gzip in two parts, as `cat a.gz b.gz` writes": ("f.csv.gz", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "gzip of UTF-16": ("f.csv.gz", gzip.compress(TEXT.decode().encode("utf-16"))),
    "a zip of one file": ("train.csv.zip", zipped(("train.csv", TEXT))),
    "a zip of one file with the ending of a drawing": ("f.zip", zipped(("f.svg", TEXT))),
    "a zip by macOS": ("train.zip", zipped(("data/", b""), ("data/train.csv", TEXT), MAC, ("data/.DS_Store", b"\0"))),
    "a zip by bzip2": ("f.zip", zipped(("f.csv", TEXT), method=zipfile.ZIP_BZIP2)),
    "a zip by LZMA": ("f.zip", zipped(("f.csv", TEXT), method=zipfile.ZIP_LZMA)),
}


@pytest.mark.parametrize("kind", READ)
def test_a_compressed_file_is_read_as_what_it_holds(tmp_path: Path, kind: str) -> None:
    name, content = READ[kind]
    found = reading(content, tmp_path, name=name)
    assert (found.rows, found.profile.format, found.profile.delimiter) == (40, "csv", ";")
    assert table(tmp_path)[0][3].tolist() == [3.0, 9.5]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["table.npz", "upload"]


def test_arrays_may_be_compressed_once_more(tmp_path: Path) -> None:
    assert reading(gzip.compress(npz()), tmp_path, name="f.npz.gz", target=None).rows == 20


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("f.csv"))
    return buffer.getvalue()


def secret() -> bytes:
    content = bytearray(zipped(("f.csv", TEXT)))
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


BOMB = gzip.compress(b"0" * (65 << 20), 1)
BAD = {
    "several files": (zipped(("a.csv", TEXT), ("b/c.csv", TEXT)), "is a zip archive of 2 files, 'a.csv', 'b/c.csv'"),
    "several raw files": (zipped(("a.raw", TEXT), ("b.raw", TEXT)), "is a zip archive of 2 files, 'a.raw', 'b.raw'"),
    "no file": (zipped(("a/", b"")), "is a zip archive without a file of data"),
    "a sheet of LibreOffice": (
        zipped(("mimetype", b""), ("content.xml", b"")),
        "is no workbook that can be read, or broken",
    ),
    "another file": (
        zipped(("a.png", b"\x89PNG....")),
        "is a zip of images without folders: put those of each class into a folder",
    ),
    "compressed twice": (gzip.compress(gzip.compress(TEXT)), "is compressed twice; CSV"),
    "a tar archive": (gzip.compress(tar()), "is a tar archive; CSV"),
    "nothing": (gzip.compress(b""), "is empty"),
    "cut short": (gzip.compress(TEXT)[:-20], "is compressed, and broken or cut short"),
    "a wrong checksum": (gzip.compress(TEXT)[:-8] + bytes(8), "is compressed, and broken or cut short (CRC"),
    "a zip that is cut short": (zipped(("f.csv", TEXT))[:-30], "is a zip archive that is broken or cut short"),
    "a zip whose middle is broken": (
        zipped(("f.csv", TEXT)).replace(b"f.csv", b"g.csv", 1),
        "is compressed, and broken",
    ),
    "a password": (secret(), "is encrypted, at 'f.csv': write it without a password"),
    "a bomb": (BOMB, "unpacks to more than 67,108,864 bytes, from "),
    "a bomb in a zip": (zipped(("f.csv", b"0" * (65 << 20))), "unpacks to more than 67,108,864 bytes, from "),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_compressed_file_that_cannot_be_read_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    content, said = BAD[kind]
    assert refusal(content, tmp_path, name="f").removeprefix("file ").startswith(said)
    assert [one.name for one in tmp_path.iterdir()] == ["upload"]


def test_an_archive_claims_no_more_bytes_than_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what gives a file its time."""
    file = tmp_path / "f.npz"
    file.write_bytes(zipped(("a.npy", b"0" * 5000), ("b.npy", b"0" * 5000), ("__MACOSX/c", b"0" * 100_000)))
    assert unpacked_bytes(file) == 10_000
    assert unpacked_bytes(file, most=3000) == 3000
    monkeypatch.setattr("ingest.limits.UNPACKED_SMALL", 0)
    monkeypatch.setattr("ingest.limits.RATIO", 2)
    assert unpacked_bytes(file) == 2 * file.stat().st_size < 10_000


def test_many_small_files_have_the_time_that_opening_them_takes(tmp_path: Path) -> None:
    file = tmp_path / "f.zip"
    file.write_bytes(zipped(*((f"{place % 10}/{place}.png", b"0" * 10) for place in range(1000))))
    assert unpacked_bytes(file) == 4_096_000

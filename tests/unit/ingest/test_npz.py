"""NPZ files, good and bad."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from ingest import limits, npz_archive
from spec.dataset import Targets

from .reading import reading, refusal, table

Array = npt.NDArray[Any]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3))
Y = np.arange(20) % 3


def packed(**arrays: Array) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def head(descr: str, shape: str, length: int | None = None) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "x",
    [
        X,
        X.astype(np.float32),
        X.astype(">f8"),
        np.asfortranarray(X),
        X.astype(np.float16),
        (X * 100).astype(np.int64),
        (X * 100).astype(np.uint8),
        X > 0,
    ],
    ids=lambda x: f"{x.dtype.str}{'F' if x.flags.fnc else ''}",
)
def test_numbers_of_every_type_and_order(tmp_path: Path, x: Array) -> None:
    found = reading(packed(X=x, y=Y), tmp_path, name="f.npz", target=None)
    read, y, schema = table(tmp_path)
    assert np.array_equal(read, x.astype(np.float64))
    assert np.array_equal(y, Y)
    assert (found.rows, schema.info(20).features, schema.target.labels) == (20, 3, ("0", "1", "2"))


def test_pictures(tmp_path: Path) -> None:
    x = RANDOM.integers(0, 255, size=(6, 3, 4, 5)).astype(np.uint8)
    found = reading(packed(X=x, y=np.arange(6) % 2), tmp_path, name="f.npz", target="y")
    read, _, schema = table(tmp_path)
    assert np.array_equal(read, x.reshape(6, -1))
    assert read.dtype == np.uint8
    assert schema.info(found.rows).image == (3, 4, 5)


def test_pictures_whose_channels_may_stand_last_are_a_note(tmp_path: Path) -> None:
    for shape, is_said in (((6, 8, 8, 13), True), ((6, 13, 8, 8), False), ((6, 3, 3, 5), False)):
        x = RANDOM.integers(0, 255, size=shape).astype(np.uint8)
        found = reading(packed(X=x, y=np.arange(6) % 2), tmp_path, name="f.npz", target=None)
        said = (
            "X is read as images of 8 x 13 with 8 channels: if the channels stand last, write X.transpose(0, 3, 1, 2)."
        )
        assert (said in found.profile.notes) == is_said


NAMES: list[tuple[dict[str, int], list[int] | None]] = [
    ({"x": 20, "y": 20}, None),
    ({"data": 20, "target": 20, "target_names": 3}, None),
    ({"images": 20, "labels": 20}, None),
    ({"x_test": 8, "y_test": 8, "x_train": 12, "y_train": 12}, [0] * 12 + [2] * 8),
    ({"trainX": 15, "trainY": 15, "devX": 5, "devY": 5}, [0] * 15 + [1] * 5),
    (
        {
            f"{part}_{kind}": rows
            for part, rows in (("test", 4), ("train", 10), ("val", 6))
            for kind in ("images", "labels")
        },
        [0] * 10 + [1] * 6 + [2] * 4,
    ),
]
"""Arrays with their rows, and the part of the split of each row."""


@pytest.mark.parametrize(("arrays", "split"), NAMES, ids=lambda one: " ".join(one) if isinstance(one, dict) else "")
def test_arrays_are_known_by_the_names_of_keras_medmnist_and_others(
    tmp_path: Path, arrays: dict[str, int], split: list[int] | None
) -> None:
    at = 0
    packs: dict[str, Array] = {}
    for name in sorted(arrays, key=lambda name: ("train" not in name, "val" not in name and "dev" not in name)):
        is_target = name[-1] == "Y" or name[0] == "y" or "target" in name or "label" in name
        packs[name] = (Y[:, None] if is_target else X)[at : at + arrays[name]]
        at += arrays[name] if is_target and split is not None else 0
    found = reading(packed(**{name: packs[name] for name in arrays}), tmp_path, name="f.npz", target=None)
    assert np.array_equal(table(tmp_path)[0], X)
    assert np.array_equal(table(tmp_path)[1], Y)
    assert len([note for note in found.profile.notes if "is read as the features" in note]) == len(arrays) // 2
    if split is None:
        assert found.table.split_rows is None
    else:
        with np.load(tmp_path / "table.npz") as written:
            assert written["split"].tolist() == split
        assert found.table.info(20).split_rows == tuple(split.count(part) for part in range(3))


@pytest.mark.parametrize("order", ["C", "F"])
def test_grey_pictures_need_no_axis_of_channels(tmp_path: Path, order: Literal["C", "F"]) -> None:
    x = RANDOM.integers(0, 255, size=(6, 4, 5)).astype(np.uint8)
    found = reading(packed(X=np.asarray(x, order=order), y=np.arange(6) % 2), tmp_path, name="f.npz", target=None)
    assert np.array_equal(table(tmp_path)[0], x.reshape(6, -1))
    assert found.table.info(6).image == (1, 4, 5)
    assert found.profile.notes[0] == "X is read as grey images of 4 x 5."


def test_a_large_array_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_archive, "BLOCK_BYTES", 100)
    reading(packed(X=X, y=Y), tmp_path, name="f.npz")
    assert np.array_equal(table(tmp_path)[0], X)


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (Y, Targets.classes),
        (Y * 4 + 1, Targets.classes),
        (Y > 0, Targets.classes),
        (np.array(["cat", "dog"])[Y % 2], Targets.classes),
        (Y[:, None], Targets.classes),
        (X[:, 0], Targets.numbers),
        (X[:, :2], Targets.numbers),
    ],
)
def test_targets(tmp_path: Path, y: Array, kind: Targets) -> None:
    found = reading(packed(X=X, y=y), tmp_path, name="f.npz")
    _, read, schema = table(tmp_path)
    assert found.table.target.type is kind
    if kind is Targets.numbers:
        assert np.array_equal(read, y.reshape(20, -1))
        assert schema.info(20).outputs == read.shape[1]
    else:
        values = y.reshape(-1)
        assert [schema.target.labels[code] for code in read] == [
            str(value) if values.dtype.kind == "U" else str(int(value)) for value in values
        ]


def test_gaps_are_kept_as_gaps(tmp_path: Path) -> None:
    x = X.copy()
    x[3, 1] = np.nan
    found = reading(packed(X=x, y=Y), tmp_path, name="f.npz")
    assert found.table.columns[0].gaps
    assert found.profile.columns[0].missing == 1
    assert np.array_equal(table(tmp_path)[0], x, equal_nan=True)


def test_gaps_of_pictures_take_no_place_among_their_pixels(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(6, 1, 4, 5))
    x[2, 0, 1, 1] = np.nan
    found = reading(packed(X=x, y=np.arange(6) % 2), tmp_path, name="f.npz")
    assert found.profile.columns[0].missing == 1
    assert found.table.info(6).features == 20


class Never:
    """Unpickling it fails the test."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("it was unpickled",)


BAD: dict[str, tuple[bytes, str]] = {
    "objects": (packed(X=np.array([[Never()], [Never()]]), y=np.arange(2)), "object arrays are not read"),
    "object targets": (packed(X=X, y=np.array([Never()] * 20)), "object arrays are not read"),
    "complex": (packed(X=X.astype(complex), y=Y), "holds values of type complex128 in array X: write numbers"),
    "structured": (packed(X=np.zeros(20, dtype=[("a", "f8")]), y=Y), "holds values of type"),
    "dates": (packed(X=X.astype("datetime64[s]"), y=Y), "holds values of type datetime64[s] in array X"),
    "texts": (packed(X=X.astype("U9"), y=Y), "in array X: write numbers"),
    "one number": (packed(X=np.array(1.0), y=Y), "has X of shape (): it must have rows"),
    "one dimension": (packed(X=np.arange(20.0), y=Y), "has X of shape (20,)"),
    "five dimensions": (packed(X=np.zeros((20, 1, 1, 1, 1)), y=Y), "has X of shape (20, 1, 1, 1, 1)"),
    "lengths": (packed(X=X, y=Y[:-1]), "has 20 rows in X and 19 in y"),
    "lengths of a part": (packed(x_train=X, y_train=Y, x_test=X, y_test=Y[:-1]), "20 rows in x_test and 19 in y_test"),
    "widths of parts": (
        packed(x_train=X, y_train=Y, x_test=X[:, :2], y_test=Y),
        "whose rows differ: x_train of float64 and shape (20, 3), x_test of float64 and shape (20, 2)",
    ),
    "half a part": (packed(x_train=X, y_train=Y, x_test=X), "one array of features of test and one of targets; it has"),
    "no training": (packed(x_test=X, y_test=Y), "needs arrays of training, such as x_train and y_train"),
    "two of a kind": (packed(x=X, data=X, y=Y), "needs one array of features and one of targets; it has"),
    "parts and a whole": (packed(x=X, y=Y, x_train=X, y_train=Y), "needs the arrays X and y"),
    "no rows": (packed(X=np.zeros((0, 3)), y=np.zeros(0)), "has no rows or no features"),
    "infinite": (
        packed(X=np.where(X[4, 1] == X, np.inf, X), y=Y),
        "has infinite numbers in array X, the first in row 5",
    ),
    "gap in target": (
        packed(X=X, y=np.where(Y == 2, np.nan, Y)),
        "has 6 rows in y without a finite number, the first row 3",
    ),
    "constant": (packed(X=X, y=Y * 0), "is the same in every row"),
    "one class": (packed(X=X, y=np.array(["cat"] * 20)), "has one class only, 'cat'"),
    "ids": (packed(X=np.full((20, 1), 2**60), y=Y), "has whole numbers beyond 2^53 in array X"),
    "ids to predict": (
        packed(X=np.vstack([X, X]), y=2**60 + np.arange(40)),
        "has whole numbers beyond 2^53 in y: as numbers they lose digits",
    ),
    "other names": (packed(x_train=X, labels=Y), "it has 'labels', 'x_train'"),
    "a bomb": (zipped(("X.npy", npy(np.zeros((10_000, 100)))), ("y.npy", npy(Y))), "times its size; at most 200"),
    "a lie of 8 TB": (
        zipped(("X.npy", head("'<f8'", "(1000000000000, 1)")), ("y.npy", npy(Y))),
        "needs 8,000,000,000,000",
    ),
    "a long head": (
        zipped(("X.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 100 << 20) + b" " * 99), ("y.npy", npy(Y))),
        "has a head of 104,857,600 bytes in array X",
    ),
    "a head of code": (
        zipped(("X.npy", head("__import__('os')", "(1,)")), ("y.npy", npy(Y))),
        "has a head that says nothing",
    ),
    "a negative shape": (
        zipped(("X.npy", head("'<f8'", "(-1, 3)")), ("y.npy", npy(Y))),
        "has a head that says nothing",
    ),
    "no array": (zipped(("X.npy", b"hello"), ("y.npy", npy(Y))), "holds X, which is no NumPy array"),
    "a path": (zipped(("X.npy", npy(X)), ("y.npy", npy(Y)), ("../../etc/x.npy", b"")), "which is a path and no name"),
    "many members": (zipped(*((f"{n}.npy", b"") for n in range(65))), "holds 65 arrays; at most 64"),
    "no arrays": (zipped(("readme.txt", b"hello"), ("y.txt", b"")), "is a zip archive of 2 files, 'readme.txt'"),
    "a sheet": (zipped(("xl/workbook.xml", b"<x/>")), "is a workbook that is broken or cut short"),
    "cut short": (packed(X=X, y=Y)[:-300], "broken or cut short"),
}


@pytest.mark.parametrize(
    "classes",
    [np.array([2**53, 2**53 + 1]), np.array([0, 2**64 - 1], np.uint64), np.array([-(2**63), 2**63 - 1])],
    ids=["one apart", "unsigned", "signed"],
)
def test_classes_beyond_the_whole_numbers_of_a_double_keep_their_digits(tmp_path: Path, classes: Array) -> None:
    which = np.arange(20) % 2
    found = reading(packed(X=X, y=classes[which]), tmp_path, name="f.npz", target=None)
    assert found.table.target.labels == tuple(map(str, classes.tolist()))
    assert table(tmp_path)[1].tolist() == which.tolist()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    content, said = BAD[name]
    assert said in refusal(content, tmp_path, name="f.npz", target=None)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    content = zipped(("X.npy", npy(X)), ("X.npy", npy(X)), ("y.npy", npy(Y)))
    assert "holds the array 'X.npy' twice" in refusal(content, tmp_path, name="f.npz")


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(packed(X=X, y=Y))
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = content.find(signature)
        content[place + offset] |= 1
    assert "is encrypted, at 'X.npy'" in refusal(bytes(content), tmp_path, name="f.npz")


def test_a_directory_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(("X.npy", npy(X)), ("y.npy", npy(Y))))
    place = content.find(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", len(npy(X)) - 8)  # the size unpacked
    assert "broken or cut short" in refusal(bytes(content), tmp_path, name="f.npz")


def test_arrays_beyond_the_budget_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARRAY_BYTES", 100)
    assert "bytes of arrays; at most 100 are read" in refusal(packed(X=X, y=Y), tmp_path, name="f.npz")


def test_a_target_of_another_name_is_refused(tmp_path: Path) -> None:
    assert refusal(packed(X=X, y=Y), tmp_path, name="f.npz", target="z").startswith("target of this NPZ file is y")


def test_arrays_that_are_not_read_are_said(tmp_path: Path) -> None:
    found = reading(packed(X=X, y=Y, sample_weight=Y, groups=Y), tmp_path, name="f.npz", target=None)
    assert "Arrays are not read: 'groups', 'sample_weight'." in found.profile.notes

"""The arrays of an NPZ archive.

The zip and each array's head are checked before anything is unpacked, and nothing is ever unpickled.
"""

import ast
import math
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Self

import numpy as np

from . import limits
from .errors import RefusedError, shown
from .npz_names import features
from .table import Block
from .unpacking import refuse_encrypted

BLOCK_BYTES = 16 << 20
CHANNELS = (1, 3, 4)
"""Of grey, coloured, and partly transparent images."""
FORTRAN_BYTES = limits.GIB
"""An array in Fortran's order is turned in memory."""


@dataclass(frozen=True)
class Array:
    """An array of the archive, whose head is known and whose numbers are not read yet."""

    archive: zipfile.ZipFile
    member: zipfile.ZipInfo
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @property
    def name(self) -> str:
        """Its name in the archive."""
        return self.member.filename.removesuffix(".npy")

    def blocks(self) -> Iterator[Block]:
        """The rows, some at a time."""
        width = math.prod(self.shape[1:])
        dtype = np.dtype(np.uint8) if self.dtype == np.bool_ else self.dtype
        with self.archive.open(self.member) as stream:
            stream.read(self.offset)
            if self.fortran and len(self.shape) > 1:
                whole = np.frombuffer(self._exactly(stream, self.shape[0] * width), dtype)
                yield np.ascontiguousarray(whole.reshape(self.shape, order="F"))
                return
            rows = max(1, BLOCK_BYTES // max(1, width * self.dtype.itemsize))
            for first in range(0, self.shape[0], rows):
                some = min(rows, self.shape[0] - first)
                numbers = np.frombuffer(self._exactly(stream, some * width), dtype)
                yield numbers.reshape(some, *self.shape[1:])

    def _exactly(self, stream: IO[bytes], values: int) -> bytes:
        wanted = values * self.dtype.itemsize
        found = stream.read(wanted)
        if len(found) != wanted:
            raise RefusedError(f"is cut short in array {self.member.filename}")
        return found


@dataclass(frozen=True)
class Rows:
    """Arrays of one kind, one below the other."""

    arrays: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of all rows together."""
        return (sum(one.shape[0] for one in self.arrays), *self.arrays[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """One for all of them."""
        return np.result_type(*(one.dtype for one in self.arrays))

    def blocks(self) -> Iterator[Block]:
        """The rows, some at a time."""
        for one in self.arrays:
            yield from one.blocks()

    def as_grey(self) -> Self:
        """Images with an axis of one channel."""
        return type(self)(tuple(replace(one, shape=(one.shape[0], 1, *one.shape[1:])) for one in self.arrays))


def features_of(archive: zipfile.ZipFile) -> Array:
    """The features of an archive, checked as far as it can be without unpacking it. Raises `RefusedError`."""
    members = members_of(archive)
    return array_of(archive, members[features(members)], "biuf")


def members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays by their names. Raises `RefusedError` where they are not to be unpacked."""
    members = archive.infolist()
    if len(members) > limits.MEMBERS:
        raise RefusedError(f"holds {len(members):,} arrays; at most {limits.MEMBERS} are read")
    names = [member.filename for member in members]
    for member in members:
        _check_member(member, names)
    total = sum(member.file_size for member in members)
    if total > limits.ARRAY_BYTES:
        raise RefusedError(f"holds {total:,} bytes of arrays; at most {limits.ARRAY_BYTES:,} are read")
    return {member.filename.removesuffix(".npy"): member for member in members}


def _check_member(member: zipfile.ZipInfo, names: list[str]) -> None:
    name = member.filename
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or not name.isprintable():
        raise RefusedError(f"holds an array named {shown(name)}, which is a path and no name")
    if names.count(name) > 1:
        raise RefusedError(f"holds the array {shown(name)} twice")
    refuse_encrypted(member)
    if member.file_size > limits.RATIO * max(member.compress_size, 1) + limits.NPY_HEADER:
        ratio = member.file_size // max(member.compress_size, 1)
        raise RefusedError(
            f"unpacks {shown(name)} to {ratio:,} times its size; at most {limits.RATIO} times is read: "
            "write it with np.savez, uncompressed"
        )


def array_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo, kinds: str) -> Array:
    """An array by its head, which we read ourselves: NumPy checks its size only after it was read.

    `kinds` are those of NumPy's types that are allowed, as in `dtype.kind`.
    """
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        magic = stream.read(8)
        if not magic.startswith(b"\x93NUMPY") or magic[6:7] not in (b"\x01", b"\x02", b"\x03"):
            raise RefusedError(f"holds {name}, which is no NumPy array")
        form = "<H" if magic[6] == 1 else "<I"
        (length,) = struct.unpack(form, stream.read(struct.calcsize(form)))
        if length > limits.NPY_HEADER:
            raise RefusedError(
                f"has a head of {length:,} bytes in array {name}; at most {limits.NPY_HEADER:,} are read"
            )
        offset = 8 + struct.calcsize(form) + length
        dtype, fortran, shape = _head(stream.read(length), name)
    _check_type(dtype, name, kinds)
    held, claimed = member.file_size - offset, math.prod(shape) * dtype.itemsize
    if held != claimed:
        raise RefusedError(f"holds {held:,} bytes in array {name}, whose shape {shape} needs {claimed:,}")
    if fortran and len(shape) > 1 and claimed > FORTRAN_BYTES:
        raise RefusedError(f"holds {name} in Fortran's order, too large to turn: write np.ascontiguousarray({name})")
    return Array(archive, member, offset, dtype, shape, fortran)


def _head(text: bytes, name: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    try:
        head = ast.literal_eval(text.decode("latin-1").strip())
        shape = tuple(head["shape"])
        if not all(isinstance(side, int) and side >= 0 for side in shape):
            raise ValueError(f"shape {shape}")
        dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(head["descr"])
        return dtype, bool(head["fortran_order"]), shape
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise RefusedError(f"has a head that says nothing in array {name}") from error


def _check_type(dtype: np.dtype[Any], name: str, kinds: str) -> None:
    if dtype.hasobject:
        raise RefusedError(f"holds Python objects in array {name}: object arrays are not read, write numbers or text")
    if dtype.kind not in kinds or dtype.names or dtype.itemsize > 1024 or dtype == np.longdouble:
        wanted = "numbers or text" if "U" in kinds else "numbers"
        raise RefusedError(f"holds values of type {dtype.name} in array {name}: write {wanted}")


def stacked(arrays: Sequence[Array]) -> Rows:
    """Arrays of one kind as one. Raises `RefusedError` where rows of one are others than those of the next."""
    first = arrays[0]
    for one in arrays:
        if not one.shape:
            raise RefusedError(f"has {one.name} of shape (): it must have rows")
        if one.shape[1:] != first.shape[1:] or (one.dtype.kind == "U") != (first.dtype.kind == "U"):
            raise RefusedError(
                f"has arrays whose rows differ: {first.name} of {first.dtype.name} and shape {first.shape}, "
                f"{one.name} of {one.dtype.name} and shape {one.shape}"
            )
    return Rows(tuple(arrays))


def is_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether rows of this shape are images of height x width x channels."""
    return len(shape) == 4 and shape[3] in CHANNELS and shape[1] not in CHANNELS

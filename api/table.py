"""A data set's table in the file store, of which single rows are read, and no more of the file than they take.

`ingest/table.py` writes it: a zip that begins with X.npy and y.npy, neither of them compressed.
"""

import io
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from store.files import Files, part

HEAD_BYTES = 4096
"""What stands before the numbers of an array, and a little more."""
BLOCK_BYTES = 4 << 20
"""So much of `y` is read at once."""
_NAMES_AT = 26
"""Where the head of a member says how long its name is, and what follows the name."""
_MEMBER_BYTES = 30

Block = npt.NDArray[Any]


@dataclass(frozen=True)
class _Stored:
    """An array in a file: where its numbers begin, and what they are."""

    begin: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape[1:])

    @property
    def end(self) -> int:
        return self.begin + self.shape[0] * self.row_bytes


class Table:
    """The rows of a table. Every method raises `FileNotFoundError` when the file is gone."""

    def __init__(self, files: Files, path: str) -> None:
        self._files, self._path = files, path
        self._x = self._array(0)

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._x.shape[0]

    def x(self, first: int, count: int) -> Block:
        """The numbers of some rows, [rows, numbers]."""
        return self._rows(self._x, first, count)

    def y(self, count: int) -> Block:
        """The targets of the first rows: class numbers [rows], or numbers [rows, outputs]."""
        return self._rows(self._array(self._x.end), 0, count)

    def first_rows(self, wanted: Mapping[int, int]) -> dict[int, list[int]]:
        """The first rows of each class, by class number: as many as are wanted, or as there are."""
        y, found = self._array(self._x.end), {number: list[int]() for number in wanted}
        step = BLOCK_BYTES // y.row_bytes
        for first in range(0, y.shape[0], step):
            block = self._rows(y, first, step)
            for number, rows in found.items():
                if left := wanted[number] - len(rows):
                    rows.extend((first + np.flatnonzero(block == number)[:left]).tolist())
            if all(len(rows) == wanted[number] for number, rows in found.items()):
                break
        return found

    def _array(self, at: int) -> _Stored:
        """The array whose member of the zip begins there."""
        head = self._get(at, HEAD_BYTES)
        stream = io.BytesIO(head)
        stream.seek(_MEMBER_BYTES + sum(struct.unpack_from("<HH", head, _NAMES_AT)))
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        return _Stored(at + stream.tell(), shape, dtype)

    def _rows(self, array: _Stored, first: int, count: int) -> Block:
        count = min(count, array.shape[0] - first)
        content = self._get(array.begin + first * array.row_bytes, count * array.row_bytes)
        return np.frombuffer(content, array.dtype).reshape(count, *array.shape[1:])

    def _get(self, offset: int, size: int) -> bytes:
        return self._files.get(part(self._path, offset, size))

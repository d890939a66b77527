"""Copies of rows are counted, and said where they are many."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ingest.copies import Copies

from .reading import reading


def test_many_copies_are_a_note(tmp_path: Path) -> None:
    rows = [f"{row / 2},{row % 3},{row * 2 + row % 3}\n" for row in range(40)]
    assert reading("a,b,y\n" + "".join(rows), tmp_path).profile.notes == []
    assert reading("a,b,y\n" + "".join(rows + rows[:4]), tmp_path).profile.notes == []
    (note,) = reading("a,b,y\n" + "".join(rows + rows[:20]), tmp_path).profile.notes
    assert note.startswith("20 of 60 rows are copies of others: a row may be trained on and validated on")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_rows_that_differ_in_one_number_are_no_copies(dtype: type) -> None:
    copies = Copies()
    x: npt.NDArray[Any] = np.zeros((3000, 12), dtype=dtype)
    x[:, 3], x[:, 7] = np.arange(3000) // 100, np.arange(3000) % 100
    copies.take(x[:1000], np.zeros(1000, dtype=np.int64))
    copies.take(x[1000:], np.zeros(2000, dtype=np.int64))
    assert copies.count == 0
    copies.take(x[:700], np.zeros(700, dtype=np.int64))
    copies.take(x[:50], np.ones(50, dtype=np.int64))  # other targets: no copies
    assert copies.count == 700


def test_copies_that_chance_makes_are_no_note(tmp_path: Path) -> None:
    rows = [f"{row % 3},{row % 2},{row // 2 % 2}\n" for row in range(60)]
    assert reading("a,b,y\n" + "".join(rows), tmp_path).profile.notes == []

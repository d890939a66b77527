"""How much a file may ask for."""

import resource

from .errors import RefusedError

GIB = 1 << 30

MEMORY = 3 * GIB
"""Address space of the process."""
ROWS = 100_000_000
COLUMNS = 10_000
CELLS = 500_000_000
"""Rows times columns: a table of numbers has 8 bytes for each."""
SPARSE_CELLS = 30_000_000
"""The same of a sparse ARFF file, whose rows are written in full."""
CELL_BYTES = 1 << 16
CATEGORIES = 100
"""Most values of a column that have a place of their own; the rest share one."""
CLASSES = 1_000
NAME = 200
"""Characters of the name of a column, a category or a class; what is longer is text."""
COUNTED = 10_000
"""Different values of a column that are counted before it is given up."""
COUNTED_CATEGORIES = 1_000_000
"""The same of a column that is said to be of categories."""
NAMED = 20
"""Words of a column that are remembered with their rows."""
ROW_GROUPS = 10_000
ARRAY_BYTES = 8 * GIB
"""Of all arrays of an NPZ together, unpacked."""
MEMBERS = 64
RATIO = 200
"""An array may be so much larger than it is in its zip; real data are not."""
NPY_HEADER = 1 << 16
UNPACKED_BYTES = 4 * GIB
"""Of what a compressed file holds."""
UNPACKED_SMALL = 64 << 20
"""So much may be unpacked of any file, however small."""


def check_size(rows: int, columns: int) -> None:
    """Raise `RefusedError` for more than is read."""
    if rows > ROWS:
        raise RefusedError(f"has {rows:,} rows; at most {ROWS:,} are read")
    if rows * columns > CELLS:
        raise RefusedError(f"has {rows * columns:,} values; at most {CELLS:,} are read")


def apply_memory() -> None:
    """Hold this process to its memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def apply_time(size: int) -> None:
    """Hold this process to a time that fits the bytes of an unpacked file."""
    seconds = 60 + size // (2 << 20)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))

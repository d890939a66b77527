"""A file of rows to predict: the columns that the model needs, and what was read."""

from .base import Frozen
from .field_error import FieldError
from .schema import Column

PREDICTED_BYTES = 32 << 20
"""Most bytes of such a file, sent and unpacked."""


class KnownColumns(Frozen):
    """The columns of the files that a model can predict."""

    columns: tuple[Column, ...]
    target: tuple[str, ...]
    image: tuple[int, int, int] | None = None
    least: float = 0.0
    most: float = 255.0
    """The ends of the numbers of the training rows, for images."""
    encoding: str | None = None
    """Of the file that was uploaded: that of a file which is no UTF."""


class KnownReading(Frozen):
    """The result of reading a file of rows to predict, beside its numbers."""

    rows: int
    faults: list[FieldError] = []
    """Invalid cells; if there are any, there are no numbers."""
    unknown: dict[str, list[str]] = {}
    """Categories, by column, that the training data set did not have."""
    warnings: list[str] = []
    names: list[str] = []
    """The columns of the file."""
    cells: list[list[str | None]] = []
    """The rows of the file as text, if requested."""

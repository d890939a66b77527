"""A file whose rows a model predicts: what the model knows of its columns, and what was found in it."""

from .base import Frozen
from .schema import Column
from .views import FieldError


class KnownColumns(Frozen):
    """What a model knows of the files that it can predict."""

    columns: tuple[Column, ...]
    target: tuple[str, ...]
    image: tuple[int, int, int] | None = None


class KnownReading(Frozen):
    """What the reading of a file for a model gave, beside its numbers."""

    rows: int
    faults: list[FieldError] = []
    """Cells that cannot be; then there are no numbers."""
    unknown: dict[str, list[str]] = {}
    """Words of a column of categories that the data set did not have."""
    warnings: list[str] = []
    names: list[str] = []
    """The columns of the file."""
    cells: list[list[str | None]] = []
    """The rows of the file as text, when they are asked for."""

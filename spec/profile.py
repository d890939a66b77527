"""What was found in an uploaded file: the shape of its columns, for people to look at before they train."""

from .base import Frozen
from .cells import PLAIN, CellFormat
from .schema import ColumnKind, Role, Schema


class Histogram(Frozen):
    """How many values lie between each two edges."""

    edges: list[float]
    counts: list[int]


class ValueCount(Frozen):
    """A value and how many rows have it."""

    value: str
    count: int


class ColumnProfile(Frozen):
    """What one column holds."""

    name: str
    type: ColumnKind
    size: int = 1
    missing: int = 0
    """Rows without a value."""
    distinct: int | None = None
    """Different values; null when there are too many to count."""
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    deviation: float | None = None
    histogram: Histogram | None = None
    """Of numbers and dates; dates are days since 1970."""
    values: list[ValueCount] = []
    """The most frequent values of categories and booleans."""
    role: Role = Role.feature
    format: CellFormat = PLAIN
    """How its cells are read."""


class Profile(Frozen):
    """All that was found in a file."""

    format: str
    """csv, parquet or npz."""
    encoding: str | None = None
    """Of text."""
    delimiter: str | None = None
    header: bool | None = None
    """Whether the first row of text names the columns."""
    columns: list[ColumnProfile]
    target: ColumnProfile
    classes: list[ValueCount] = []
    """The target's classes and their rows, in the order of their numbers."""
    names: list[str] = []
    """The columns of `preview`."""
    preview: list[list[str | None]] = []
    """The first rows, as text."""
    notes: list[str] = []
    """What a person should know before training: columns that are not used, classes that are rare."""


class Reading(Frozen):
    """What the reading of a file gave, beside its table."""

    rows: int
    table: Schema
    profile: Profile
    sha256: str
    """Digest of the table."""


class Refusal(Frozen):
    """Why a file cannot become a data set."""

    path: str
    """The field of the upload whose change would mend it."""
    message: str

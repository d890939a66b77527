"""The profile of an uploaded file: statistics of its columns, to look at before training."""

from .base import Frozen
from .cells import PLAIN, CellFormat
from .reading import GapWords
from .schema import ColumnKind, Role, Schema


class Histogram(Frozen):
    """Counts of the values between consecutive edges."""

    edges: list[float]
    counts: list[int]


class ValueCount(Frozen):
    """A value and the number of rows that have it."""

    value: str
    count: int


class ColumnProfile(Frozen):
    """Statistics of one column."""

    name: str
    type: ColumnKind
    size: int = 1
    missing: int = 0
    """Rows with a missing value."""
    distinct: int | None = None
    """Number of distinct values; null if there are too many to count."""
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    deviation: float | None = None
    histogram: Histogram | None = None
    """For numbers and dates; dates are days since 1970."""
    values: list[ValueCount] = []
    """The most frequent values of categories and booleans."""
    role: Role = Role.feature
    format: CellFormat = PLAIN
    """The format of its cells."""


class Profile(Frozen):
    """The profile of a file."""

    format: str
    """csv, xlsx, xls, ods, json, parquet or npz."""
    encoding: str | None = None
    """The encoding of a text file."""
    delimiter: str | None = None
    header: bool | None = None
    """Whether the first row of a text file names the columns."""
    columns: list[ColumnProfile]
    target: ColumnProfile
    classes: list[ValueCount] = []
    """The target's classes with their numbers of rows, by class index."""
    names: list[str] = []
    """The columns of `preview`."""
    preview: list[list[str | None]] = []
    """The first rows, as text."""
    notes: list[str] = []
    """What a user should know before training: unused columns, rare classes ..."""


class Reading(Frozen):
    """The result of reading an upload, beside its table."""

    rows: int
    table: Schema
    profile: Profile
    sha256: str
    """SHA-256 digest of the table."""


class Refusal(Frozen):
    """The reason why a file cannot become a data set."""

    path: str
    """The field of the upload to change."""
    message: str
    na_values: GapWords | None = None
    """The option with which words among numbers, the reason, are read as missing values."""

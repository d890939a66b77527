"""The columns of a table, and their widths as features."""

from enum import Enum, StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from .base import Frozen
from .cells import PLAIN, CellFormat
from .dataset import DatasetInfo, Targets


class ColumnKind(StrEnum):
    """The types of column; each decides how a column becomes features."""

    number = "number"
    """Scaled to mean 0 and standard deviation 1."""
    category = "category"
    """One-hot, with a place for each known category and one for `other`."""
    boolean = "boolean"
    """0 or 1."""
    date = "date"
    """Days since 1970, then like a number."""
    text = "text"
    """Not used: nearly all values differ, or are long."""


class Task(StrEnum):
    """What a model predicts of a row: its class, or numbers."""

    classification = "classification"
    regression = "regression"

    @property
    def targets(self) -> Targets:
        """The kind of its targets."""
        return Targets.classes if self is Task.classification else Targets.numbers

    @classmethod
    def of(cls, targets: Targets) -> "Task":
        """The task with targets of this kind."""
        return cls.classification if targets is Targets.classes else cls.regression


class Role(Enum):
    """The use of a column."""

    feature = "feature"
    unused = "unused"
    """Left out, by request or because it only numbers the rows."""
    weight = "weight"
    """The weight of each row."""
    group = "group"
    """Rows with one value stay in one split."""
    split = "split"
    """The split of each row: training, validation or test."""
    time = "time"
    """The time of each row."""


class Column(Frozen):
    """One column of a table, as found in all its rows."""

    name: str
    type: ColumnKind
    size: Annotated[int, Field(ge=1)] = 1
    """Numbers per row: more than 1 for an array."""
    gaps: bool = False
    """Whether values are missing; a feature of 0 or 1 then marks where."""
    categories: tuple[str, ...] = ()
    """The known categories; all other values share the place `other`."""
    role: Role = Role.feature
    format: CellFormat = PLAIN
    """The format of its cells."""
    channels_last: bool = False
    """Whether images in the file are height x width x channels; in the table channels come first."""

    @property
    def is_feature(self) -> bool:
        """Whether the table holds its numbers."""
        return self.role is Role.feature and self.type is not ColumnKind.text

    @property
    def gap_words(self) -> frozenset[str]:
        """Texts that mean a missing value."""
        return self.format.gap_words(among_words=self.type in (ColumnKind.category, ColumnKind.text))

    @property
    def gap_numbers(self) -> frozenset[float]:
        """Numbers, or days of dates, that mean a missing value however they are written."""
        return _gap_numbers(self.type, self.format)

    @property
    def width(self) -> int:
        """Features that the column becomes."""
        if not self.is_feature:
            return 0
        if self.type is ColumnKind.category:
            return len(self.categories) + 1 + self.gaps
        return self.size + self.gaps


@lru_cache(maxsize=1024)
def _gap_numbers(kind: ColumnKind, form: CellFormat) -> frozenset[float]:
    meanings = {ColumnKind.number: form.number, ColumnKind.date: form.days_given}
    meaning = meanings.get(kind, lambda _: None)
    return frozenset(found for word in form.gaps or () if (found := meaning(word)) is not None)


class Target(Frozen):
    """The column to predict."""

    name: str
    type: Targets
    labels: tuple[str, ...] = ()
    """Names of the classes, by class index; empty for numbers."""
    outputs: Annotated[int, Field(ge=1)] = 1
    """Numbers per row, for targets that are numbers."""
    columns: tuple[str, ...] = ()
    """The columns of the target, if there are several."""
    range: tuple[float, float] | None = None
    """The least and the largest target of all rows, for numbers; None in a table of an earlier release."""
    formats: tuple[CellFormat, ...] = ()
    """Units and clocks of the columns of the target, for numbers; empty where none has one."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the file that hold the target."""
        return self.columns or (self.name,)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each output of numbers: those of its columns, or an array's with their places."""
        if len(self.sources) == self.outputs:
            return self.sources
        return tuple(f"{self.name} {place}" for place in range(1, self.outputs + 1))

    @property
    def several(self) -> list[str] | None:
        """The names of several outputs; None of one."""
        return list(self.names) if self.outputs > 1 else None


class Schema(Frozen):
    """The columns of a table, in the order of its numbers."""

    columns: tuple[Column, ...]
    target: Target
    image: tuple[int, int, int] | None = None
    """(channels, height, width), for images."""
    split_rows: tuple[int, int, int] | None = None
    """Training, validation and test rows by the split column."""
    groups: int | None = None
    """Number of groups by the group column."""

    def info(self, rows: int) -> DatasetInfo:
        """Size and kind of the table, for a job."""
        by_class = self.target.type is Targets.classes
        return DatasetInfo(
            rows=rows,
            features=sum(column.width for column in self.columns),
            targets=self.target.type,
            classes=len(self.target.labels) if by_class else None,
            outputs=1 if by_class else self.target.outputs,
            target_range=self.target.range,
            image=self.image,
            split_rows=self.split_rows,
            groups=self.groups,
            timed=any(column.role is Role.time for column in self.columns),
            weighted=any(column.role is Role.weight for column in self.columns),
        )


def plain_schema(info: DatasetInfo, labels: tuple[str, ...]) -> Schema:
    """The schema of data without column names: one column of numbers; `labels` are its classes, if it has some."""
    return Schema(
        columns=(Column(name="x", type=ColumnKind.number, size=info.features),),
        target=Target(name="y", type=info.targets, labels=labels, outputs=info.outputs),
        image=info.image,
    )

"""What the columns of a table are, and how wide they are as numbers."""

from enum import Enum, StrEnum
from typing import Annotated

from pydantic import Field

from .base import Frozen
from .cells import PLAIN, CellFormat
from .dataset import DatasetInfo, Targets


class ColumnKind(StrEnum):
    """What a column holds, and so how it becomes numbers."""

    number = "number"
    """Itself, brought to mean 0 and deviation 1."""
    category = "category"
    """A 1 at its own place among all that are known, or at `other`."""
    boolean = "boolean"
    """0 or 1."""
    date = "date"
    """Days since 1970, then as a number."""
    text = "text"
    """Not used: nearly every row has another value, or a long one."""


class Task(StrEnum):
    """What is to be told from a row: which class it is of, or numbers."""

    classification = "classification"
    regression = "regression"

    @property
    def targets(self) -> Targets:
        """What its targets are."""
        return Targets.classes if self is Task.classification else Targets.numbers

    @classmethod
    def of(cls, targets: Targets) -> "Task":
        """The task with such targets."""
        return cls.classification if targets is Targets.classes else cls.regression


class Role(Enum):
    """What a column is for."""

    feature = "feature"
    unused = "unused"
    """Left out, because somebody said so or because it only counts the rows."""
    weight = "weight"
    """How much each row counts."""
    group = "group"
    """Rows with the same value belong together."""
    split = "split"
    """Whether a row is for training, validation or test."""
    time = "time"
    """When a row was."""


class Column(Frozen):
    """One column of a table, as it was found in the whole of it."""

    name: str
    type: ColumnKind
    size: Annotated[int, Field(ge=1)] = 1
    """Numbers in a row: many for an array."""
    gaps: bool = False
    """Whether values are missing: then a 0 or 1 beside it says where."""
    categories: tuple[str, ...] = ()
    """Values that have a place of their own; all others share one."""
    role: Role = Role.feature
    format: CellFormat = PLAIN
    """How its cells are read."""
    channels_last: bool = False
    """Whether the file has a row's image as height x width x channels; the table has the channels first."""

    @property
    def is_feature(self) -> bool:
        """Whether the table has its numbers."""
        return self.role is Role.feature and self.type is not ColumnKind.text

    @property
    def gap_words(self) -> frozenset[str]:
        """Texts that say that there is no value."""
        return self.format.gap_words(among_words=self.type in (ColumnKind.category, ColumnKind.text))

    @property
    def width(self) -> int:
        """Numbers it becomes."""
        if not self.is_feature:
            return 0
        if self.type is ColumnKind.category:
            return len(self.categories) + 1 + self.gaps
        return self.size + self.gaps


class Target(Frozen):
    """The column that is to be told from the others."""

    name: str
    type: Targets
    labels: tuple[str, ...] = ()
    """The classes' names, in the order of their numbers; none when the targets are numbers."""
    outputs: Annotated[int, Field(ge=1)] = 1
    """Numbers per row, when the targets are numbers."""
    columns: tuple[str, ...] = ()
    """The columns that it is made of, when it is not the one of its name."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of a file that it stands in."""
        return self.columns or (self.name,)


class Schema(Frozen):
    """The columns of a table, in the order of its numbers."""

    columns: tuple[Column, ...]
    target: Target
    image: tuple[int, int, int] | None = None
    """(channels, height, width), when a row is an image."""

    def info(self, rows: int) -> DatasetInfo:
        """What a job has to know of the table."""
        by_class = self.target.type is Targets.classes
        return DatasetInfo(
            rows=rows,
            features=sum(column.width for column in self.columns),
            targets=self.target.type,
            classes=len(self.target.labels) if by_class else None,
            outputs=1 if by_class else self.target.outputs,
            image=self.image,
        )

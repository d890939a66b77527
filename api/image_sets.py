"""Data sets of images, of which some are shown."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from spec.images import ends
from spec.profile import ValueCount

from .contents import Contents
from .table import Table

SHOWN_CHANNELS = 3
"""Of more channels the first three are shown, of two the first."""


@dataclass(frozen=True)
class ImageSet:
    """A data set of images. Its methods raise `FileNotFoundError` when its table is gone."""

    table: Table
    image: tuple[int, int, int]
    """(channels, height, width)"""
    classes: tuple[ValueCount, ...]
    """By class number; none where targets are numbers."""
    black: float
    """The number that stands for black."""
    white: float

    def first(self, per_class: int, limit: int) -> Iterator[tuple[int, str]]:
        """Rows and their labels: the first of each class, class by class; where targets are numbers, the first rows."""
        if not self.classes:
            for row, values in enumerate(self.table.y(limit).tolist()):
                yield row, ", ".join(f"{value:g}" for value in values)
            return
        wanted, left = dict[int, int](), limit
        for number, one in enumerate(self.classes):
            if left > 0:
                wanted[number] = min(one.count, per_class, left)
                left -= wanted[number]
        for number, rows in self.table.first_rows(wanted).items():
            yield from ((row, self.classes[number].value) for row in rows)

    def png(self, row: int) -> bytes:
        """An image as a PNG, in its own size. A missing number is black."""
        channels = self.image[0]
        shown = self.table.x(row, 1).reshape(self.image)[: SHOWN_CHANNELS if channels >= SHOWN_CHANNELS else 1]
        levels = (shown.astype(np.float64) - self.black) * (255.0 / (self.white - self.black))
        pixels = np.nan_to_num(levels).round().clip(0, 255).astype(np.uint8)
        content = io.BytesIO()
        Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(content, "PNG")
        return content.getvalue()


def image_set(contents: Contents) -> ImageSet | None:
    """The images of a data set; None where its rows are no images."""
    table, schema, profile = contents.table, contents.schema, contents.profile
    if schema.image is None:
        return None
    counts: Sequence[int]
    if profile is None:
        least, most, counts = _looked_through(table)
    else:
        column, counts = profile.columns[0], [one.count for one in profile.classes]
        least, most = column.min or 0.0, column.max or 0.0
    classes = tuple(
        ValueCount(value=label, count=count) for label, count in zip(schema.target.labels, counts, strict=True)
    )
    return ImageSet(table, schema.image, classes, *ends(least, most))


@lru_cache
def _looked_through(table: Table) -> tuple[float, float, tuple[int, ...]]:
    """The least and the largest number, and the rows of each class, of a table that ships with the service.

    It has few rows, and is looked through once, not for each image.
    """
    x, y = table.x(0, table.rows), table.y(table.rows)
    return float(x.min()), float(x.max()), tuple(np.bincount(y).tolist())

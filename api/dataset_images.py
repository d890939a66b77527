"""Images of a data set over HTTP: a few of each class, and each as a PNG."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from spec.images import white_of
from spec.views import DatasetImage, DatasetImages
from store.datasets import DatasetRecord, table_path
from store.files import Files

from .answers import PREFIX
from .auth import principal
from .dataset_services import DatasetServices
from .errors import NotFoundError
from .examples import IMAGES
from .openapi import documented
from .parsing import json_response, parse_query
from .queries import ImagesQuery
from .services import service

if TYPE_CHECKING:
    from .table import Block, Table

dataset_images = Blueprint("dataset_images", __name__, url_prefix=f"{PREFIX}/datasets")


@dataset_images.get("/<dataset_id>/images")
@documented("List some images of a data set", query=ImagesQuery, answer=DatasetImages, answers=IMAGES)
def list_images(dataset_id: str) -> Response:
    """The first images of the first classes; where targets are numbers, the first images."""
    services, asked = service(DatasetServices), parse_query(ImagesQuery)
    dataset = _of_images(services.store.get(dataset_id, owner=principal().sees))
    at = f"{PREFIX}/datasets/{dataset.id}/images"
    with _opened(services.files, dataset) as table:
        found = _by_class(dataset, table, asked) or _in_order(table, asked.limit)
    images = [DatasetImage(row=row, label=label, href=f"{at}/{row}.png") for row, label in found]
    return json_response(DatasetImages(images=images))


@dataset_images.get("/<dataset_id>/images/<int:row>.png")
@documented("Fetch an image of a data set", answer=bytes, media=("image/png",))
def image(dataset_id: str, row: int) -> Response:
    """One image as a PNG. Of more than three channels the first three are shown, of two the first."""
    services = service(DatasetServices)
    dataset = _of_images(services.store.get(dataset_id, owner=principal().sees))
    if row >= dataset.rows:
        raise NotFoundError(f"The data set has no row {row}: its rows are 0 to {dataset.rows - 1}.")
    with _opened(services.files, dataset) as table:
        content = _png(table.x(row), dataset)
    return Response(content, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


def _of_images(dataset: DatasetRecord) -> DatasetRecord:
    """The same. Raises `NotFoundError` when its rows are no images."""
    if dataset.table.image is None:
        raise NotFoundError(f"The rows of the data set {dataset.name} are no images.")
    return dataset


@contextmanager
def _opened(files: Files, dataset: DatasetRecord) -> "Iterator[Table]":
    from .table import Table  # NumPy is imported with the first image

    try:
        yield Table(files, table_path(dataset.id))
    except FileNotFoundError as error:
        raise NotFoundError("The data set is no longer in the file store.") from error


def _by_class(dataset: DatasetRecord, table: "Table", asked: ImagesQuery) -> list[tuple[int, str]]:
    """Rows and their classes, class by class; none where targets are numbers."""
    counts = [min(one.count, asked.per_class) for one in dataset.profile.classes]
    labels, wanted, left = dataset.table.target.labels, dict[int, int](), asked.limit
    for number, count in enumerate(counts):
        if left > 0:
            wanted[number] = min(count, left)
            left -= count
    found = table.first_rows(wanted)
    return [(row, labels[number]) for number, rows in found.items() for row in rows]


def _in_order(table: "Table", limit: int) -> list[tuple[int, str]]:
    """The first rows and their numbers."""
    return [(row, ", ".join(f"{value:g}" for value in values)) for row, values in enumerate(table.y(limit).tolist())]


def _png(numbers: "Block", dataset: DatasetRecord) -> bytes:
    import numpy as np
    from PIL import Image

    column, (channels, height, width) = dataset.profile.columns[0], dataset.table.image or (0, 0, 0)
    least, most = min(column.min or 0.0, 0.0), column.max or 0.0
    white = most if least < 0.0 else white_of(most)
    shown = numbers.reshape(channels, height, width)[: 3 if channels >= 3 else 1].astype(np.float64)
    levels = np.nan_to_num((shown - least) * (255.0 / (white - least or 1.0))).round().clip(0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, -1)).save(content, "PNG")
    return content.getvalue()

"""What is in a data set over HTTP: its first rows; of images a few of each class, and each as a PNG."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from spec.dataset import REAL
from spec.views import DatasetImage, DatasetImages, DatasetRows
from store.access import Asker

from .answers import PREFIX
from .auth import principal
from .dataset_services import DatasetServices
from .errors import NotFoundError
from .examples import IMAGES, ROWS
from .openapi import documented
from .parsing import json_response, parse_query
from .queries import ImagesQuery, RowsQuery
from .services import service

if TYPE_CHECKING:
    from .contents import Contents
    from .image_sets import ImageSet

# NumPy and Pillow are imported with the first row.

dataset_contents = Blueprint("dataset_contents", __name__, url_prefix=f"{PREFIX}/datasets")


@dataset_contents.get("/<dataset_id>/rows")
@documented("List the first rows of a data set", query=RowsQuery, answer=DatasetRows, answers=ROWS)
def list_rows(dataset_id: str) -> Response:
    """The first rows, as they were read: what a network gets, before it is scaled."""
    asked = parse_query(RowsQuery)
    with _opened(dataset_id, service(DatasetServices), principal().sees) as contents:
        from .contents import first_rows

        return json_response(first_rows(contents, asked.limit))


@dataset_contents.get("/<dataset_id>/images")
@documented("List some images of a data set", query=ImagesQuery, answer=DatasetImages, answers=IMAGES)
def list_images(dataset_id: str) -> Response:
    """The first images of each class; where targets are numbers, the first images."""
    asked, at = parse_query(ImagesQuery), f"{PREFIX}/datasets/{dataset_id}/images"
    with _opened(dataset_id, service(DatasetServices), principal().sees) as contents:
        found = _images(dataset_id, contents)
        images = [
            DatasetImage(row=row, label=label, href=f"{at}/{row}.png")
            for row, label in found.first(asked.per_class, asked.limit)
        ]
    return json_response(
        DatasetImages(
            image=found.image,
            rows=contents.table.rows,
            classes=list(found.classes),
            black=found.black,
            white=found.white,
            images=images,
        )
    )


@dataset_contents.get("/<dataset_id>/images/<int:row>.png")
@documented("Fetch an image of a data set", answer=bytes, media=("image/png",))
def image(dataset_id: str, row: int) -> Response:
    """One image as a PNG."""
    with _opened(dataset_id, service(DatasetServices), principal().sees) as contents:
        found = _images(dataset_id, contents)
        if row >= contents.table.rows:
            raise NotFoundError(f"The data set has no row {row}: its rows are 0 to {contents.table.rows - 1}.")
        content = found.png(row)
    return Response(content, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@contextmanager
def _opened(dataset_id: str, services: DatasetServices, owner: Asker) -> "Iterator[Contents]":
    """An upload by its id, or a shipped data set by its name. Raises `NotFoundError` within, too."""
    from . import contents

    try:
        if dataset_id in REAL:
            yield contents.shipped(dataset_id)
        else:
            yield contents.uploaded(services.store.get(dataset_id, owner=owner), services.files)
    except FileNotFoundError as error:
        raise NotFoundError("The data set is no longer in the file store.") from error


def _images(dataset_id: str, contents: "Contents") -> "ImageSet":
    from .image_sets import image_set

    found = image_set(contents)
    if found is None:
        raise NotFoundError(f"The rows of the data set {dataset_id} are no images.")
    return found

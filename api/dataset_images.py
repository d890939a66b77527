"""Images of a data set over HTTP: a few of each class, and each as a PNG."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from spec.dataset import REAL, Shipped
from spec.views import DatasetImage, DatasetImages
from store.access import Asker

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
    from .image_sets import ImageSet

dataset_images = Blueprint("dataset_images", __name__, url_prefix=f"{PREFIX}/datasets")


@dataset_images.get("/<dataset_id>/images")
@documented("List some images of a data set", query=ImagesQuery, answer=DatasetImages, answers=IMAGES)
def list_images(dataset_id: str) -> Response:
    """The first images of each class; where targets are numbers, the first images."""
    asked, at = parse_query(ImagesQuery), f"{PREFIX}/datasets/{dataset_id}/images"
    with _images_of(dataset_id, service(DatasetServices), principal().sees) as found:
        images = [
            DatasetImage(row=row, label=label, href=f"{at}/{row}.png")
            for row, label in found.first(asked.per_class, asked.limit)
        ]
    return json_response(
        DatasetImages(
            image=found.image,
            rows=found.rows,
            classes=list(found.classes),
            black=found.black,
            white=found.white,
            images=images,
        )
    )


@dataset_images.get("/<dataset_id>/images/<int:row>.png")
@documented("Fetch an image of a data set", answer=bytes, media=("image/png",))
def image(dataset_id: str, row: int) -> Response:
    """One image as a PNG."""
    with _images_of(dataset_id, service(DatasetServices), principal().sees) as found:
        if row >= found.rows:
            raise NotFoundError(f"The data set has no row {row}: its rows are 0 to {found.rows - 1}.")
        content = found.png(row)
    return Response(content, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@contextmanager
def _images_of(dataset_id: str, services: DatasetServices, owner: Asker) -> "Iterator[ImageSet]":
    """An upload by its id, or a shipped data set by its name. Raises `NotFoundError`, also where rows are no images."""
    from . import image_sets  # NumPy and Pillow are imported with the first image

    try:
        if dataset_id in REAL:
            found = image_sets.shipped(Shipped.model_validate({"name": dataset_id}))
        else:
            found = image_sets.uploaded(services.store.get(dataset_id, owner=owner), services.files)
        if found is None:
            raise NotFoundError(f"The rows of the data set {dataset_id} are no images.")
        yield found
    except FileNotFoundError as error:
        raise NotFoundError("The data set is no longer in the file store.") from error

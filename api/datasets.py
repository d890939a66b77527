"""Data sets over HTTP: a file goes to disk, a process of its own reads it, and the record says what is in it."""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge

from spec.access import Sharing
from spec.views import DatasetPage, DatasetView
from store.datasets import folder

from .answers import PREFIX, dataset_summary, dataset_view, deleted_dataset_view
from .auth import principal
from .body import read_json
from .dataset_services import DatasetServices, Digest, Purpose, other_digest, over_quota
from .form import received
from .openapi import documented
from .parsing import json_response, made, parse, parse_query
from .queries import DatasetsQuery
from .services import service

MANY = ("target", "columns", "na_values")
"""Fields of the form that may be given several times."""

datasets = Blueprint("datasets", __name__, url_prefix=f"{PREFIX}/datasets")


class UploadForm(Purpose):
    """A file and what it is for."""

    sha256: Annotated[
        Digest | None, Field(description="Digest of the file, to be sure that it arrived as it was sent.")
    ] = None


@datasets.post("")
@documented("Upload a data set", form=UploadForm, answer=DatasetView, status=201, already=True)
def upload() -> Response:
    """Make a file a data set. The same file again is the same data set."""
    services, owner = service(DatasetServices), principal().owner
    used = services.used(owner)
    left = services.quota(owner) - used
    try:
        staging = services.files.staging_folder()
        admit = services.space.admit
        with received(request, staging, limit=max(left, 0), admit=admit, may_repeat=MANY) as file:
            form = parse(UploadForm, dict(file.fields))
            if form.sha256 not in (None, file.sha256):
                raise other_digest(file)
            dataset, is_new = services.keep(file, form, owner, left)
            return made(dataset_view(dataset), is_new=is_new)
    except RequestEntityTooLarge as error:
        raise over_quota(used, used + left) from error


@datasets.get("")
@documented("List data sets, newest first", query=DatasetsQuery, answer=DatasetPage)
def list_datasets() -> Response:
    """The data sets that the asker sees, and what those were called that are gone."""
    store, owner, name = service(DatasetServices).store, principal().sees, parse_query(DatasetsQuery).name
    found, gone = store.newest(owner=owner, name=name), store.deleted(owner=owner, name=name)
    return json_response(
        DatasetPage(
            datasets=[dataset_summary(dataset) for dataset in found],
            deleted=[deleted_dataset_view(dataset) for dataset in gone],
        )
    )


@datasets.get("/<dataset_id>")
@documented("Show a data set", answer=DatasetView)
def show(dataset_id: str) -> Response:
    """A data set with its columns."""
    return json_response(dataset_view(service(DatasetServices).store.get(dataset_id, owner=principal().sees)))


@datasets.patch("/<dataset_id>")
@documented("Share a data set in a project", body=Sharing, answer=DatasetView)
def share(dataset_id: str) -> Response:
    """Let the members of a project train on a data set, or no longer."""
    wanted, store = parse(Sharing, read_json(request)), service(DatasetServices).store
    return json_response(dataset_view(store.share(dataset_id, wanted.project, owner=principal().sees)))


@datasets.delete("/<dataset_id>")
@documented("Delete a data set", status=204)
def delete(dataset_id: str) -> Response:
    """Delete a data set that no job needs, and its files."""
    services = service(DatasetServices)
    services.store.delete(dataset_id, owner=principal().sees)
    services.files.delete_folder(folder(dataset_id))
    return Response(status=204)

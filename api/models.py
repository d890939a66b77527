"""Finished models over HTTP: predictions of raw rows, and the model itself as a zip or as an ONNX graph."""

import uuid
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge

from model import PREPROCESSING, SPEC, WEIGHTS
from model.errors import RowsError
from model.readme import readme
from spec.base import Frozen
from spec.job import JobSpec
from spec.known import PREDICTED_BYTES
from spec.reading import Delimiter, Name, ReadingOptions, ReadingOrder
from spec.states import FINISHED, JobStatus
from spec.views import ModelFormat, Predictions, Rows
from store.errors import IllegalTransitionError
from store.files import Files
from store.jobs import JobStore
from store.records import ArtifactRecord, JobRecord

from .answers import PREFIX
from .body import MIB, read_json
from .dataset_services import DatasetServices
from .errors import BadFieldsError, NotFoundError, TooLargeError
from .form import received
from .kept import Kept
from .openapi import documented
from .parsing import json_response, parse, parse_query, visible_job
from .queries import ModelQuery
from .services import service
from .streamed import streamed

if TYPE_CHECKING:
    from model.ensemble import Ensemble
    from model.finished import Model
    from model.network import Array

ROWS_LIMIT = PREDICTED_BYTES
HELD = 8
"""Most models that stay loaded, those used last."""
LARGEST = 64 * MIB
"""Most bytes of weights of a model that is loaded here; a larger one is for its user to fetch."""
_GONE = "The model is no longer in the file store: train the job again."
ZIP, GRAPH = "application/zip", "application/octet-stream"


class LoadedModels:
    """The models of jobs; those used last stay loaded."""

    def __init__(self, store: JobStore, files: Files) -> None:
        self._store, self._files = store, files
        self._held = Kept[str, "Model"](HELD)

    def parts(self, job: JobRecord) -> Mapping[str, ArtifactRecord]:
        """The files of a job's model. Raises `IllegalTransitionError` when it has none yet, or `NotFoundError`."""
        return self.parts_of([job])[job.id]

    def parts_of(self, jobs: Collection[JobRecord]) -> Mapping[str, Mapping[str, ArtifactRecord]]:
        """The files of the models of these jobs, by job. Raises as `parts` does."""
        for job in jobs:
            if job.status is not JobStatus.succeeded:
                cure = "train it again" if job.status in FINISHED else "wait until it has succeeded"
                raise IllegalTransitionError(job.status.value, "asked for its model", cure)
        artifacts = self._store.artifacts_of([job.id for job in jobs])
        found = {job_id: {one.name: one for one in theirs} for job_id, theirs in artifacts.items()}
        if not all({WEIGHTS, PREPROCESSING} <= parts.keys() for parts in found.values()):
            raise NotFoundError("The job has no model that can be used: train it again.")
        return found

    def load(self, job: JobRecord) -> "Model":
        """The job's model. Raises `TooLargeError` too."""
        parts = self.parts(job)
        weights = parts[WEIGHTS]
        if weights.size > LARGEST:
            raise TooLargeError(
                f"The model has {weights.size:,} bytes of weights, and this service loads at most {LARGEST:,}: "
                f"fetch it from {PREFIX}/jobs/{job.id}/model."
            )
        if (held := self._held.find(weights.uri)) is not None:
            return held
        return self._held.keep(weights.uri, self.read(job, parts))

    def read(self, job: JobRecord, parts: Mapping[str, ArtifactRecord]) -> "Model":
        """The model in these files, which is not kept. Raises `NotFoundError`."""
        from model.finished import Model  # NumPy is imported with the first prediction

        try:
            weights, prepared = (self._files.get(parts[name].uri) for name in (WEIGHTS, PREPROCESSING))
        except FileNotFoundError as error:
            raise NotFoundError(_GONE) from error
        return Model.of(weights, job.spec, prepared)

    def as_zip(self, jobs: Mapping[str, JobRecord], more: Mapping[str, str] | None = None) -> Path:
        """The models of jobs as a zip, each in its folder: a new file, for the caller to delete. `more` are texts."""
        parts_of = self.parts_of(jobs.values())
        staging = self._files.staging_folder()
        archive_file, copy = staging / uuid.uuid4().hex, staging / uuid.uuid4().hex
        try:
            with zipfile.ZipFile(archive_file, "x") as archive:
                for folder, job in jobs.items():
                    parts, info = parts_of[job.id], job.spec.info
                    for name in (WEIGHTS, SPEC, PREPROCESSING):
                        archive.write(self._files.fetch(parts[name].uri, copy), folder + name)
                    assert info is not None  # noqa: S101 - a job that was trained has data
                    archive.writestr(f"{folder}README.md", readme(job.spec, info, _title(job)))
                for name, text in (more or {}).items():
                    archive.writestr(name, text)
        except FileNotFoundError as error:
            archive_file.unlink(missing_ok=True)
            raise NotFoundError(_GONE) from error
        finally:
            copy.unlink(missing_ok=True)
        return archive_file

    def as_onnx(self, job: JobRecord) -> bytes:
        """The model as an ONNX graph. Raises `TooLargeError` too."""
        model = self.load(job)
        from model.graph import graph  # onnx is imported with the first graph

        return graph(model, _title(job))


def _title(job: JobRecord) -> str:
    return job.name or f"Model of job {job.id}"


models = Blueprint("models", __name__, url_prefix=f"{PREFIX}/jobs")


class PredictForm(Frozen):
    """A file whose rows are to be predicted, and how it is read where its own look is not to decide."""

    encoding: Annotated[str | None, Field(max_length=40, pattern=r"^[\w.-]+$", description="As at upload.")] = None
    delimiter: Annotated[Delimiter | None, Field(description="As at upload.")] = None
    header: Annotated[bool | None, Field(description="As at upload.")] = None
    sheet: Annotated[
        Name | None,
        Field(description="Sheet of a workbook, by its name. null: the first with the model's columns, or a table."),
    ] = None
    with_input: Annotated[bool, Field(description="Whether to answer the rows of the file too, as text.")] = False


@models.post("/<uuid:job_id>/predict")
@documented("Predict rows with a job's model", body=Rows, form=PredictForm, answer=Predictions)
def predict(job_id: UUID) -> Response:
    """Predictions of raw rows or of a file, with class probabilities where the model has them."""
    job = visible_job(job_id)
    return json_response(predicted(service(LoadedModels).load(job), job.spec))


def predicted(model: "Model | Ensemble", spec: JobSpec) -> Predictions:
    """The predictions of the rows or of the file in the request; `spec` names the data set that they are like."""
    try:
        if request.mimetype == "multipart/form-data":
            return _predict_file(model, spec, service(DatasetServices))
        return model.predict(parse(Rows, read_json(request, limit=ROWS_LIMIT)).rows)
    except RowsError as error:
        raise BadFieldsError(error.errors) from error


def _predict_file(model: "Model | Ensemble", spec: JobSpec, services: DatasetServices) -> Predictions:
    """Predictions of the rows of the form's file, which is read as an upload is. Raises `RowsError`."""
    staging = services.files.staging_folder()
    known, out = staging / uuid.uuid4().hex, staging / uuid.uuid4().hex
    try:
        with received(request, staging, limit=ROWS_LIMIT, admit=services.space.admit) as file:
            form = parse(PredictForm, dict(file.fields))
            columns = model.preprocessing.known.model_copy(update={"encoding": services.encoding(spec)})
            known.write_text(columns.model_dump_json(exclude_defaults=True), encoding="utf-8")
            options = ReadingOptions.model_validate(form.model_dump(exclude={"with_input"}))
            order = ReadingOrder(name=file.name, options=options)
            reading = services.reader.read_known(file.path, order, known, out, with_cells=form.with_input)
            if reading.faults:
                raise BadFieldsError(reading.faults)
            told = model.predict_numbers(loaded(out), reading.unknown)
    except RequestEntityTooLarge as error:
        said = f"The file has more than {ROWS_LIMIT // MIB} MiB: predict it in parts, or fetch the model."
        raise TooLargeError(said) from error
    finally:
        known.unlink(missing_ok=True)
        out.unlink(missing_ok=True)
    cells = {"names": reading.names, "input": reading.cells} if form.with_input else {}
    return told.model_copy(update={"warnings": [*reading.warnings, *told.warnings], **cells})


def loaded(numbers: Path) -> "Array":
    """The numbers that the reader wrote."""
    import numpy  # imported with the first prediction

    found: Array = numpy.load(numbers, allow_pickle=False)
    return found


@models.get("/<uuid:job_id>/model")
@documented(
    "Fetch a job's model", query=ModelQuery, answer=bytes, media=("application/zip", "application/octet-stream")
)
def fetch(job_id: UUID) -> Response:
    """The model as a zip or as an ONNX graph."""
    job, asked, loaded = visible_job(job_id), parse_query(ModelQuery), service(LoadedModels)
    headers = {"Content-Disposition": f'attachment; filename="model-{job_id}.{asked.format.value}"'}
    if asked.format is ModelFormat.onnx:
        return Response(loaded.as_onnx(job), headers=headers, content_type=GRAPH)
    return sent(loaded.as_zip({"": job}), headers)


def sent(archive: Path, headers: Mapping[str, str]) -> Response:
    """The archive, sent in pieces; the file is deleted."""
    file = archive.open("rb")
    archive.unlink()  # its content lasts while it is open
    return streamed(file, headers, ZIP)

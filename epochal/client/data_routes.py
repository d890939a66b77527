"""The routes about models and data sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from spec.ensemble import EnsembleView
from spec.schema import Task
from spec.views import DatasetImages, DatasetPage, DatasetRows, DatasetSummary, DatasetView, ModelFormat, Predictions

from .own_files import name_of, opened
from .transport import Body, Transport, path_of, read
from .uploads import OnProgress, upload


class DataRoutes:
    """What `Api` does with models and data sets."""

    _transport: Transport

    # --- models --------------------------------------------------------------------------------------------------

    def predict(self, job_id: str, rows: Sequence[Body | Sequence[Any]]) -> Predictions:
        """The model's predictions of raw rows: objects by column, or lists in the columns' order."""
        path = path_of("jobs", job_id, "predict")
        body = {"rows": list(rows)}
        return read(Predictions, self._transport.request("POST", path, body=body, repeatable=True, large=True))

    def predict_file(self, job_id: str, file: Path, *, with_input: bool = False, **options: Any) -> Predictions:
        """The model's predictions of the rows of a file with data, which is read as an upload is.

        `options` are `encoding`, `delimiter`, `header` and `sheet`, where the file's own look is not to decide.
        """
        return self._predict_file(path_of("jobs", job_id, "predict"), file, with_input=with_input, **options)

    def _predict_file(self, path: str, file: Path, *, with_input: bool, **options: Any) -> Predictions:
        fields = {name: _field(value) for name, value in options.items() if value is not None}
        try:
            with opened(file) as stream:
                answer = self._transport.send_slowly(
                    "POST",
                    path,
                    data={**fields, "with_input": _field(with_input)},
                    files={"file": (name_of(file), stream)},
                )
        except httpx.TransportError as error:
            raise self._transport.unreachable(error) from error
        return read(Predictions, answer)

    def model(self, job_id: str, form: ModelFormat = ModelFormat.zip) -> bytes:
        """The job's model: a zip with a page that says how to load it, or an ONNX graph."""
        return self._transport.request("GET", path_of("jobs", job_id, "model"), query={"format": form.value}).content

    # --- ensembles -----------------------------------------------------------------------------------------------

    def ensemble(self, sweep_id: str) -> EnsembleView:
        """The models of a sweep that answer best together."""
        return read(EnsembleView, self._transport.request("GET", path_of("sweeps", sweep_id, "ensemble"), large=True))

    def predict_by_sweep(self, sweep_id: str, rows: Sequence[Body | Sequence[Any]]) -> Predictions:
        """The ensemble's predictions of raw rows, as `predict`."""
        path = path_of("sweeps", sweep_id, "predict")
        body = {"rows": list(rows)}
        return read(Predictions, self._transport.request("POST", path, body=body, repeatable=True, large=True))

    def predict_file_by_sweep(
        self, sweep_id: str, file: Path, *, with_input: bool = False, **options: Any
    ) -> Predictions:
        """The ensemble's predictions of the rows of a file, as `predict_file`."""
        return self._predict_file(path_of("sweeps", sweep_id, "predict"), file, with_input=with_input, **options)

    def ensemble_model(self, sweep_id: str, form: ModelFormat = ModelFormat.zip) -> bytes:
        """The ensemble: a zip with the model of each member, or one ONNX graph."""
        path = path_of("sweeps", sweep_id, "model")
        return self._transport.request("GET", path, query={"format": form.value}, large=True).content

    # --- data sets -----------------------------------------------------------------------------------------------

    def upload(
        self,
        file: Path,
        *,
        target: str | Sequence[str] | None = None,
        name: str | None = None,
        task: Task | None = None,
        on_progress: OnProgress = lambda sent, total: None,
        **options: Any,
    ) -> DatasetView:
        """Upload a file with data; `on_progress` is called with the bytes sent and the bytes in all.

        `options` are the fields of `spec.reading.ReadingOptions`, by which a guess is overruled: `decimal=","`,
        `types={"zip": "category"}`, `columns=["age", "city"]`.

        The same file again, with the same target, is the same data set. After a broken connection, or when this method
        is called again, an unfinished upload resumes where it stopped.
        """
        fields = {"target": target, "name": name, "task": task, **options}
        purpose = {key: value for key, value in fields.items() if value is not None}
        return upload(self._transport, file, purpose, on_progress)

    def datasets(self, *, name: str | None = None) -> list[DatasetSummary]:
        """Your data sets, newest first."""
        return read(DatasetPage, self._transport.request("GET", "/datasets", query={"name": name})).datasets

    def dataset(self, dataset_id: str) -> DatasetView:
        """A data set, and what is in it."""
        return read(DatasetView, self._transport.request("GET", path_of("datasets", dataset_id)))

    def dataset_rows(self, dataset_id: str, *, limit: int = 10) -> DatasetRows:
        """The first rows of a data set as they were read, at most 100."""
        path = path_of("datasets", dataset_id, "rows")
        return read(DatasetRows, self._transport.request("GET", path, query={"limit": str(limit)}))

    def dataset_images(self, dataset_id: str, *, per_class: int = 4, limit: int = 20) -> DatasetImages:
        """Some images of a data set: the first `per_class` of each class, `limit` in all, at most 500."""
        path, query = path_of("datasets", dataset_id, "images"), {"per_class": per_class, "limit": limit}
        return read(DatasetImages, self._transport.request("GET", path, query=query))

    def dataset_image(self, dataset_id: str, row: int) -> bytes:
        """One image of a data set as a PNG; rows count from 0."""
        return self._transport.request("GET", path_of("datasets", dataset_id, "images", f"{row}.png")).content

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set that no job needs."""
        self._transport.request("DELETE", path_of("datasets", dataset_id))


def _field(value: Any) -> str:
    """A value as a form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)

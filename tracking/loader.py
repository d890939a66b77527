"""The loader that an `MLmodel` of ours names (`tracking.package`): `mlflow.pyfunc.load_model` calls it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model import PREPROCESSING, SPEC, WEIGHTS
from model.finished import Model
from spec.job import JobSpec

from .package import prediction_columns


class LoadedModel:
    """A model with the interface that MLflow expects."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._names = [column.name for column in model.preprocessing.used]

    def predict(self, data: Any) -> pd.DataFrame:
        """The model's predictions of raw rows, a frame of columns or an array of rows. Raises `RowsError`."""
        predicted = self._model.predict(self._rows(data))
        rows = [one if isinstance(one, list) else [one] for one in predicted.predictions]
        if predicted.probabilities is not None:
            rows = [[*row, *shares] for row, shares in zip(rows, predicted.probabilities, strict=True)]
        named = prediction_columns(self._model.spec, self._model.preprocessing.output)
        return pd.DataFrame(rows, columns=[name for name, _ in named])

    def _rows(self, data: Any) -> list[Any]:
        if isinstance(data, pd.DataFrame):
            cells = data.astype(object)
            found: list[Any] = cells.where(cells.notna(), None).to_dict("records")
            return found
        if len(data) == 0:
            return []
        rows = np.asarray(data).reshape(len(data), -1).tolist()
        return rows if len(self._names) == 1 else [dict(zip(self._names, row, strict=True)) for row in rows]


def _load_pyfunc(path: str) -> LoadedModel:
    folder = Path(path)
    spec = JobSpec.model_validate_json((folder / SPEC).read_bytes())
    return LoadedModel(Model.of((folder / WEIGHTS).read_bytes(), spec, (folder / PREPROCESSING).read_bytes()))

"""A model in MLflow's format: a folder with an `MLmodel` and the model's own files, and no pickle.

MLflow's own function for that imports all of MLflow, loads the model in another process to guess its requirements, and
makes an entity of each model: seconds per job. Here the same folder is written from the job's files in a millisecond.
"""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import yaml

from model import PREPROCESSING, SPEC, WEIGHTS
from model.preprocessing import Input, Output, Preprocessing
from spec import VERSION
from spec.dataset import Targets
from spec.job import JobSpec
from spec.losses import Link
from spec.schema import ColumnKind

FOLDER = "model"
"""Its place in a run: `runs:/<run id>/model`."""
FILES = (WEIGHTS, SPEC, PREPROCESSING)
"""The model's own files, which the folder holds unchanged."""
HISTORY_TAG = "mlflow.log-model.history"
"""The tag by which MLflow's page recognises that a folder is a model, and offers to register it."""

EXAMPLE = "input_example.json"
EXAMPLE_NUMBERS = 10_000
"""Most numbers of a row that serves as an example: nobody reads a longer one."""
NEEDED = ("mlflow", "numpy", "pandas", "pydantic", "safetensors", "scipy")


def package(spec: JobSpec, preprocessing: Preprocessing, run_id: str, at: datetime) -> Mapping[str, bytes]:
    """The folder's files other than the model's own."""
    columns = prediction_columns(spec, preprocessing.output)
    outputs = [{"type": kind, "name": name, "required": True} for name, kind in columns]
    example = _example(preprocessing)
    described = {
        **_model(run_id, at),
        "mlflow_version": _version("mlflow"),
        "signature": {
            "inputs": json.dumps(_inputs(preprocessing)),
            "outputs": json.dumps(outputs),
            "params": None,
        },
    }
    files = {"requirements.txt": _requirements()}
    if example is not None:
        kind = "ndarray" if isinstance(example, list) else "dataframe"
        described["saved_input_example_info"] = {"artifact_path": EXAMPLE, "type": kind}
        files[EXAMPLE] = json.dumps(example).encode()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return {**files, "MLmodel": yaml.dump(described, Dumper=dumper, sort_keys=False).encode()}


def history(run_id: str, at: datetime) -> str:
    """The value of `HISTORY_TAG`."""
    return json.dumps([_model(run_id, at)])


def prediction_columns(spec: JobSpec, output: Output) -> list[tuple[str, str]]:
    """The columns of the model's predictions, each with its type: those of `epochal predict`."""
    if output.type is Targets.numbers:
        several = output.outputs > 1
        return [(f"prediction_{place}" if several else "prediction", "double") for place in range(output.outputs)]
    shares = output.labels if spec.loss.traits.link in (Link.softmax, Link.sigmoid) else ()
    return [("prediction", "string"), *((f"p_{label}", "double") for label in shares)]


def _model(run_id: str, at: datetime) -> dict[str, Any]:
    return {
        "artifact_path": FOLDER,
        "flavors": {
            "python_function": {"loader_module": "tracking.loader", "python_version": platform.python_version()}
        },
        "run_id": run_id,
        "utc_time_created": at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _inputs(prepared: Preprocessing) -> list[dict[str, Any]]:
    """The model's inputs: columns by name, or one array. A boolean or a date is a string, as in a CSV."""
    if (shape := prepared.shape) is not None:
        return [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, *shape]}}]
    kinds = {ColumnKind.number: "double"}
    return [{"type": kinds.get(one.type, "string"), "name": one.name, "required": True} for one in prepared.given]


def _example(prepared: Preprocessing) -> dict[str, Any] | list[Any] | None:
    """An example row, as columns and data or as an array: means of the training rows, and first categories."""
    given = prepared.given
    if sum(column.size for column in given) > EXAMPLE_NUMBERS:
        return None
    if (shape := prepared.shape) is not None:
        pixels = np.array([_short(number) for number in given[0].fill])
        if given[0].channels_last and prepared.image is not None:
            pixels = pixels.reshape(prepared.image).transpose(1, 2, 0)
        row: list[Any] = pixels.reshape(shape).tolist()
        return [row]
    return {"columns": [column.name for column in given], "data": [[_cell(column) for column in given]]}


def _cell(column: Input) -> float | str:
    match column.type:
        case ColumnKind.category:
            return column.categories[0] if column.categories else "other"
        case ColumnKind.boolean:
            return "true" if column.fill[0] > 0.5 else "false"
        case ColumnKind.date:
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=column.fill[0])).date().isoformat()
    return _short(column.fill[0])


def _short(number: float) -> float:
    return float(f"{number:.6g}")


@cache
def _version(distribution: str) -> str:
    return version(distribution)


@cache
def _requirements() -> bytes:
    """The packages that the loader needs. Epochal itself is on no package index, so a comment names it."""
    lines = [f"# Epochal {VERSION}, installed where the model is used: serve it with --env-manager local"]
    return "\n".join([*lines, *(f"{name}=={_version(name)}" for name in NEEDED), ""]).encode()

"""A model as MLflow loads it: from a folder of our own files, with a signature and an example, and without pickle."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.exceptions import MlflowException
from safetensors.numpy import save

from model.errors import RowsError
from model.finished import Model
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Target
from tests.pyfunc import load
from tracking.loader import LoadedModel
from tracking.package import FILES, HISTORY_TAG, history, package

from ..model.test_finished import finished
from ..model.test_graph import COLUMNS, GAP, X, table

AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
PRICE = Target(name="price", type=Targets.numbers)
ILL = Target(name="ill", type=Targets.classes, labels=("no", "jå"))
ROWS: list[dict[str, Any]] = [
    {"age": 10.0, "city": "Århus", "prediction": "cold", "member": "true", "born": "2024-10-04 06:00"},
    {"age": None, "city": None, "prediction": "lukewarm", "member": None, "born": "2024-10-05"},
    {"age": 12.5, "city": "Oslo", "prediction": "hot", "member": "no", "born": "2024-10-06T12:00"},
]


def packed(folder: Path, model: Model) -> Mapping[str, Any]:
    """The folder of a model, as a run has it; its `MLmodel`."""
    own = (save(dict(model.arrays)), *(part.model_dump_json().encode() for part in (model.spec, model.preprocessing)))
    beside = package(model.spec, model.preprocessing, "a" * 32, AT)
    for name, content in {**dict(zip(FILES, own, strict=True)), **beside}.items():
        (folder / name).write_bytes(content)
    described: Mapping[str, Any] = yaml.safe_load(beside["MLmodel"])
    return described


def loaded(folder: Path, model: Model) -> Any:
    packed(folder, model)
    return load(str(folder))


def shares(frame: pd.DataFrame) -> list[list[float]]:
    found: list[list[float]] = frame.drop(columns="prediction").to_numpy(dtype=float).tolist()
    return found


def test_classes_and_how_likely_they_are(tmp_path: Path) -> None:
    model = table(COLUMNS, X, ILL)
    predicted, ours = loaded(tmp_path, model).predict(pd.DataFrame(ROWS)), model.predict(ROWS)
    assert list(predicted.columns) == ["prediction", "p_no", "p_jå"]
    assert predicted["prediction"].tolist() == ours.predictions
    assert shares(predicted) == ours.probabilities


def test_numbers(tmp_path: Path) -> None:
    model = table(COLUMNS, X, PRICE)
    predicted = loaded(tmp_path, model).predict(pd.DataFrame(ROWS))
    assert predicted["prediction"].dtype == np.float64
    assert predicted.to_dict("list") == {"prediction": model.predict(ROWS).predictions}


def test_several_numbers_are_several_columns(tmp_path: Path) -> None:
    model = table(COLUMNS, X, Target(name="y", type=Targets.numbers, outputs=2))
    predicted = loaded(tmp_path, model).predict(pd.DataFrame(ROWS))
    assert list(predicted.columns) == ["prediction_0", "prediction_1"]
    assert predicted.to_numpy().tolist() == model.predict(ROWS).predictions


@pytest.mark.parametrize("loss", ["mse", "hinge"])
def test_a_loss_without_probabilities_has_no_columns_of_them(tmp_path: Path, loss: str) -> None:
    signature = loaded(tmp_path, table(COLUMNS, X, ILL, loss=loss)).metadata.signature
    assert signature.outputs.input_names() == ["prediction"]


def test_an_image_is_an_array(tmp_path: Path) -> None:
    architecture = {"type": "cnn", "channels": [3], "hidden": [5]}
    model = finished(tmp_path, dataset="digits", architecture=architecture, epochs=1, batch_size=256)
    pyfunc = loaded(tmp_path, model)
    assert pyfunc.metadata.signature.inputs.inputs[0].shape == (-1, 1, 8, 8)
    pixels = np.random.default_rng(0).uniform(0.0, 16.0, (5, 1, 8, 8))
    names = [column.name for column in model.preprocessing.inputs]
    ours = model.predict([dict(zip(names, row, strict=True)) for row in pixels.reshape(5, -1).tolist()])
    predicted = pyfunc.predict(pixels)
    assert predicted["prediction"].tolist() == ours.predictions
    assert shares(predicted) == ours.probabilities
    assert len(pyfunc.predict(pyfunc.input_example)) == 1


@pytest.mark.parametrize("target", [PRICE, ILL])
def test_no_rows_have_no_predictions(tmp_path: Path, target: Target) -> None:
    model = LoadedModel(table(COLUMNS, X, target))
    without: list[Any] = [pd.DataFrame(ROWS)[:0], np.empty((0, len(COLUMNS))), []]
    for rows in without:
        predicted = model.predict(rows)
        assert (len(predicted), *predicted.columns) == (0, *model.predict(pd.DataFrame(ROWS)).columns)


def test_an_array_may_have_gaps(tmp_path: Path) -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, GAP, 5.0], [7.0, 8.0, 9.0], [1.0, 0.0, 2.0]])
    model = table([Column(name="X", type=ColumnKind.number, size=3, gaps=True)], x, PRICE)
    pyfunc = loaded(tmp_path, model)
    assert pyfunc.predict(x)["prediction"].tolist() == model.predict(x.tolist()).predictions
    assert len(pyfunc.predict(pyfunc.input_example)) == 1


def test_what_it_asks_for_is_written_down_with_an_example(tmp_path: Path) -> None:
    pyfunc = loaded(tmp_path, table(COLUMNS, X, ILL))
    signature = pyfunc.metadata.signature
    asked = {column.name: column.type.name for column in signature.inputs.inputs}
    assert asked == {"age": "double", "city": "string", "prediction": "string", "member": "string", "born": "string"}
    assert pyfunc.input_example.to_dict("records") == [
        {"age": 20.0, "city": "Århus", "prediction": "hot", "member": "false", "born": "2024-10-05"}
    ]
    assert list(pyfunc.predict(pyfunc.input_example).columns) == signature.outputs.input_names()


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    pyfunc = loaded(tmp_path, table(COLUMNS, X, ILL))
    with pytest.raises(MlflowException, match=r"missing inputs \['city'\]"):
        pyfunc.predict(pd.DataFrame(ROWS).drop(columns="city"))
    with pytest.raises(RowsError, match=r"rows.1.born must be a date"):
        pyfunc.predict(pd.DataFrame([ROWS[0], {**ROWS[0], "born": "soon"}]))


def test_a_row_of_very_many_numbers_has_no_example(tmp_path: Path) -> None:
    column = Column(name="X", type=ColumnKind.number, size=10_001)
    described = packed(tmp_path, table([column], np.zeros((4, 10_001)), PRICE))
    assert "saved_input_example_info" not in described
    assert load(str(tmp_path)).input_example is None


def test_nothing_in_it_is_pickled_or_runs_code_of_its_own(tmp_path: Path) -> None:
    described = packed(tmp_path, table(COLUMNS, X, ILL))
    assert described["flavors"]["python_function"].keys() == {"loader_module", "python_version"}
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "MLmodel", "requirements.txt", "input_example.json"}


def test_packages_that_predictions_import_are_required(tmp_path: Path) -> None:
    packed(tmp_path, table(COLUMNS, X, ILL))
    lines = (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {line.partition("==")[0] for line in lines} >= {"numpy", "pandas", "pydantic", "safetensors", "scipy"}


def test_the_tag_says_where_the_model_lies() -> None:
    assert HISTORY_TAG.startswith("mlflow.")
    (one,) = json.loads(history("a" * 32, AT))
    assert (one["run_id"], one["artifact_path"], one["utc_time_created"]) == (
        "a" * 32,
        "model",
        "2026-11-25 08:30:00.000000",
    )

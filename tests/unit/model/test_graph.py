"""A model as an ONNX graph says what the model itself says, for every kind of layer, column and target."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from model.finished import Model
from model.formula import FUNCTIONS
from model.graph import FUNCTIONS as IN_ONNX
from model.graph import graph
from model.preprocessing import Preprocessing
from spec.activations import Activation
from spec.cells import CellFormat
from spec.dataset import Targets
from spec.job import JobSpec
from spec.schema import Column, ColumnKind, Schema, Target
from spec.views import Predictions

from .test_finished import finished
from .test_network import NETWORKS, trained

Array = npt.NDArray[Any]
DAY = 86_400.0


def onnx_predictions(model: Model, feed: dict[str, Array]) -> dict[str, Array]:
    """What the graph says, in onnxruntime."""
    content = graph(model, "A model")
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def alike(ours: Predictions, theirs: dict[str, Array]) -> None:
    if ours.classes is None:
        np.testing.assert_allclose(theirs["prediction"], np.array(ours.predictions), rtol=1e-5, atol=1e-5)
        return
    assert theirs["prediction"].tolist() == ours.predictions
    assert ("probabilities" in theirs) == (ours.probabilities is not None)
    if ours.probabilities is not None:
        np.testing.assert_allclose(theirs["probabilities"], np.array(ours.probabilities), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("fields", NETWORKS, ids=str)
def test_the_graph_of_every_network_agrees_with_numpy(fields: dict[str, Any]) -> None:
    spec = JobSpec.model_validate({"dataset": "digits", **fields})
    assert spec.info is not None
    x = np.random.default_rng(2).normal(8.0, 4.0, (1000, 64))
    arrays, _ = trained(spec, torch.from_numpy(x))
    schema = Schema(
        columns=(Column(name="x", type=ColumnKind.number, size=64),),
        target=Target(name="y", type=Targets.classes, labels=tuple("0123456789")),
        image=spec.info.image,
    )
    prepared = Preprocessing.fit(schema, x, np.arange(len(x)) % 10, standardize=True)
    model = Model(spec, prepared, {name: array.numpy() for name, array in arrays.items()})
    alike(model.predict(x.tolist()), onnx_predictions(model, {"x": x.reshape(-1, 1, 8, 8)}))


def test_onnx_has_an_operator_for_every_function_of_formulas() -> None:
    assert set(IN_ONNX) == set(FUNCTIONS)


@pytest.mark.parametrize("activation", Activation)
def test_large_numbers_go_through_every_activation(tmp_path: Path, activation: Activation) -> None:
    inline = {"x": [[row * 40.0 - 400.0] for row in range(20)], "y": [row / 20.0 for row in range(20)]}
    model = finished(
        tmp_path, dataset=inline, loss="mse", output_activation=activation.value, activation=activation.value, epochs=1
    )
    x = np.array(inline["x"])
    alike(model.predict(x.tolist()), onnx_predictions(model, {"x": x}))


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "mse", "mae", "huber"])
def test_classes_are_told_by_name(tmp_path: Path, loss: str) -> None:
    model = finished(tmp_path, dataset="iris", loss=loss)
    rows = np.random.default_rng(0).uniform(0.0, 7.0, (1000, 4))
    names = [column.name for column in model.preprocessing.inputs]
    feed = {name: rows[:, place, None] for place, name in enumerate(names)}
    alike(model.predict([dict(zip(names, row, strict=True)) for row in rows.tolist()]), onnx_predictions(model, feed))


@pytest.mark.parametrize(
    ("loss", "output"), [("binary_cross_entropy", None), ("mse", "sigmoid"), ("mse", None), ("cross_entropy", None)]
)
def test_two_classes_are_told_by_every_loss(tmp_path: Path, loss: str, output: str | None) -> None:
    x = np.linspace(0.0, 4.0, 40)[:, None]
    inline = {"x": x.tolist(), "y": [int(row > 15) for row in range(40)]}
    model = finished(tmp_path, dataset=inline, loss=loss, output_activation=output, standardize=True)
    alike(model.predict(x.tolist()), onnx_predictions(model, {"x": x}))


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("mse", [1e6 + row * 1e3 for row in range(20)]),
        ("mse", [[float(row), 100.0 - row] for row in range(20)]),
        ("poisson_nll", [float(row) for row in range(20)]),
        ("binary_cross_entropy", [row / 20 for row in range(20)]),
    ],
)
def test_numbers_are_told_in_the_targets_units(tmp_path: Path, loss: str, y: list[Any]) -> None:
    x = np.linspace(0.0, 2.0, 20)[:, None]
    fields = {"standardize": loss == "mse", "validation_fraction": 0}
    model = finished(tmp_path, dataset={"x": x.tolist(), "y": y}, loss=loss, **fields)
    alike(model.predict(x.tolist()), onnx_predictions(model, {"x": x}))


def table(columns: Sequence[Column], x: Array, target: Target, **fields: Any) -> Model:
    """A perceptron on these columns, with different weights for all features."""
    schema = Schema(columns=tuple(columns), target=target)
    info = schema.info(len(x))
    by_class = target.type is Targets.classes
    y = np.arange(len(x)) % 2 if by_class else np.arange(len(x), dtype=float)[:, None]
    uploaded = {"id": "ds_" + "0" * 32, "sha256": "0" * 64, "info": info}
    loss = "cross_entropy" if by_class else "mse"
    spec = JobSpec.model_validate({"dataset": uploaded, "architecture": "perceptron", "loss": loss} | fields)
    prepared = Preprocessing.fit(schema, x, y, standardize=True)
    outputs = len(target.labels) or target.outputs
    weight = np.random.default_rng(1).normal(size=(outputs, info.features)).astype(np.float32)
    return Model(spec, prepared, {"layers.0.weight": weight, "layers.0.bias": np.ones(outputs, dtype=np.float32)})


COLUMNS = (
    Column(name="age", type=ColumnKind.number, gaps=True),
    Column(name="remark", type=ColumnKind.text),
    Column(name="city", type=ColumnKind.category, categories=("Århus", "Paris", "Rome"), gaps=True),
    Column(name="prediction", type=ColumnKind.category, categories=("hot", "cold")),
    Column(name="member", type=ColumnKind.boolean, gaps=True),
    Column(name="born", type=ColumnKind.date),
)
GAP = math.nan
#              age   city  prediction member born
X = np.array([[10.0, 0.0, 1.0, 1.0, 20_000.25], [30.0, 2.0, 0.0, 0.0, 20_001.0], [GAP, GAP, 1.0, GAP, 20_002.5]] * 2)
DATES = ["2024-10-04 06:00", "2024-10-05", "2024-10-06T12:00"]


@pytest.mark.parametrize(
    "target",
    [Target(name="price", type=Targets.numbers), Target(name="ill", type=Targets.classes, labels=("no", "jå"))],
    ids=lambda target: target.name,
)
def test_every_kind_of_column_goes_in_by_its_name(target: Target) -> None:
    model = table(COLUMNS, X, target)
    rows = [
        {"age": 10.0, "city": "Århus", "prediction": "cold", "member": True, "born": DATES[0]},
        {"age": 12.5, "city": "Paris", "prediction": "hot", "member": False, "born": DATES[1]},  # not seen
        {"age": None, "city": "Oslo", "prediction": "lukewarm", "member": None, "born": DATES[2]},  # not known
        {"age": "NA", "city": "", "prediction": "hot", "member": "no", "born": DATES[0]},
        {"age": 1e6, "city": "NA", "prediction": "cold", "member": "yes", "born": DATES[1]},
    ]
    feed: dict[str, Array] = {
        "age": np.array([[10.0], [12.5], [GAP], [GAP], [1e6]]),
        "city": np.array([["Århus"], ["Paris"], ["Oslo"], [""], ["NA"]], dtype=object),
        "prediction": np.array([["cold"], ["hot"], ["lukewarm"], ["hot"], ["cold"]], dtype=object),
        "member": np.array([[1.0], [0.0], [GAP], [0.0], [1.0]]),
        "born": np.array([[20_000.25], [20_001.0], [20_002.5], [20_000.25], [20_001.0]]),
    }
    theirs = onnx_predictions(model, feed)
    assert next(iter(theirs)) == "prediction_1"  # a column has that name
    alike(model.predict(rows), {name.removesuffix("_1"): value for name, value in theirs.items()})


def test_a_number_that_stands_for_a_missing_value_is_one() -> None:
    column = Column(name="age", type=ColumnKind.number, gaps=True, format=CellFormat(gaps=("-999",)))
    model = table([column], X[:, :1], Target(name="price", type=Targets.numbers))
    rows = [{"age": -999}, {"age": None}, {"age": 12.5}]
    alike(model.predict(rows), onnx_predictions(model, {"age": np.array([[-999.0], [GAP], [12.5]])}))


def test_gaps_that_are_only_filled_are_taken_too() -> None:
    columns = [one.model_copy(update={"gaps": False}) for one in (COLUMNS[0], COLUMNS[2])]
    model = table(columns, X[:2, :2].repeat(2, axis=0), Target(name="price", type=Targets.numbers))
    inputs = tuple(one.model_copy(update={"filled": True}) for one in model.preprocessing.inputs)
    model = replace(model, preprocessing=Preprocessing(inputs=inputs, output=model.preprocessing.output))
    rows = [{"age": None, "city": "NA"}, {"age": 12.5, "city": None}]
    feed: dict[str, Array] = {"age": np.array([[GAP], [12.5]]), "city": np.array([["NA"], [""]], dtype=object)}
    alike(model.predict(rows), onnx_predictions(model, feed))


def test_a_missing_value_that_training_did_not_have_gives_nan() -> None:
    column = Column(name="age", type=ColumnKind.number)
    model = table([column], X[:2, :1].repeat(2, axis=0), Target(name="price", type=Targets.numbers))
    assert np.isnan(onnx_predictions(model, {"age": np.array([[GAP]])})["prediction"]).all()


def test_a_column_of_no_category_is_all_other() -> None:
    column = Column(name="city", type=ColumnKind.category)
    model = table([column], np.zeros((4, 1)), Target(name="price", type=Targets.numbers))
    alike(model.predict([{"city": "Oslo"}]), onnx_predictions(model, {"city": np.array([["Oslo"]], dtype=object)}))


def test_missing_values_of_an_array_are_marked() -> None:
    column = Column(name="X", type=ColumnKind.number, size=3, gaps=True)
    x = np.array([[1.0, 2.0, 3.0], [4.0, GAP, 5.0], [7.0, 8.0, 9.0], [1.0, 0.0, 2.0]])
    model = table([column], x, Target(name="price", type=Targets.numbers, outputs=1))
    alike(model.predict(x.tolist()), onnx_predictions(model, {"X": x}))


def test_gaps_of_an_image_are_filled(tmp_path: Path) -> None:
    architecture = {"type": "cnn", "channels": [3], "normalization": "batch", "hidden": [5]}
    model = finished(tmp_path, dataset="digits", architecture=architecture, epochs=2, batch_size=256)
    x = np.random.default_rng(0).uniform(0.0, 16.0, (1000, 64))
    holed = x.copy()
    holed[:, 11] = GAP
    (pixels,) = model.preprocessing.given
    filled = np.where(np.isnan(holed), np.array(pixels.fill), x)
    names = [column.name for column in model.preprocessing.inputs]
    ours = model.predict([dict(zip(names, row, strict=True)) for row in filled.tolist()])
    alike(ours, onnx_predictions(model, {"image": holed.reshape(-1, 1, 8, 8)}))


def test_the_inputs_say_what_they_take() -> None:
    made = onnx.load_from_string(graph(table(COLUMNS, X, Target(name="price", type=Targets.numbers)), "Prices"))
    assert made.graph.doc_string == "Prices"
    words = {value.name: value.doc_string for value in made.graph.input}
    assert words["age"] == "a number; NaN where there is none"
    assert words["city"] == 'a word; "" where there is none'
    assert words["born"] == "days since 1970"
    assert "remark" not in words

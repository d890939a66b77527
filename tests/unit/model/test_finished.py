"""What a finished model says of rows, for every kind of loss and target."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model import PREPROCESSING, WEIGHTS
from model.finished import Model
from spec.job import JobSpec
from trainer.export import save
from trainer.fit import fit
from trainer.losses import Objective
from trainer.member import Entry

from ..trainer.recording import Recorder

IRIS = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}


def finished(folder: Path, **fields: Any) -> Model:
    """A model that was trained for a few epochs, from its files."""
    small = {"architecture": {"type": "mlp", "hidden": [8]}, "epochs": 20, "learning_rate": 0.05, "batch_size": 16}
    spec = JobSpec.model_validate({**small, **fields})
    recorder = Recorder()
    fit([Entry("0", spec)], recorder, device=torch.device("cpu"), limit=2)
    save(recorder.outcomes["0"], spec, folder)
    return Model.of((folder / WEIGHTS).read_bytes(), spec, (folder / PREPROCESSING).read_bytes())


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "mse"])
def test_classes_are_told_by_name(tmp_path: Path, loss: str) -> None:
    predicted = finished(tmp_path, dataset="iris", loss=loss).predict([IRIS] * 2)
    assert predicted.predictions == ["setosa"] * 2
    assert predicted.classes == ["setosa", "versicolor", "virginica"]
    if loss == "cross_entropy":
        assert predicted.probabilities is not None
        assert np.sum(predicted.probabilities, axis=1) == pytest.approx(1.0)
        assert np.argmax(predicted.probabilities, axis=1).tolist() == [0, 0]
    else:
        assert predicted.probabilities is None


@pytest.mark.parametrize(
    ("loss", "output"), [("binary_cross_entropy", None), ("mse", "sigmoid"), ("mse", None), ("cross_entropy", None)]
)
def test_accuracy_of_two_classes_is_that_of_training(tmp_path: Path, loss: str, output: str | None) -> None:
    inline: dict[str, Any] = {"x": [[row / 10] for row in range(40)], "y": [int(row > 15) for row in range(40)]}
    rules = {
        "dataset": inline,
        "loss": loss,
        "output_activation": output,
        "validation_fraction": 0,
        "standardize": True,
    }
    model = finished(tmp_path, **rules, epochs=30)
    predicted = model.predict([[row / 10] for row in range(40)])
    right = sum(predicted.predictions[row] == str(truth) for row, truth in enumerate(inline["y"]))
    z = torch.from_numpy(model.outputs(model.preprocessing.features(np.array(inline["x"]))).T[None])
    assert model.spec.info is not None
    objective = Objective.of(model.spec, model.spec.info)
    plain = Objective(**{**vars(objective), "activation": None})  # the outputs have had it
    assert right == int((plain.predicted_class(z) == torch.tensor([inline["y"]])).sum())
    assert right > 30
    if loss == "binary_cross_entropy":
        assert predicted.probabilities is not None
        assert [("0", "1")[row[1] > 0.5] for row in predicted.probabilities] == predicted.predictions


def test_numbers_are_told_in_the_targets_units(tmp_path: Path) -> None:
    model = finished(tmp_path, dataset="diabetes", loss="mse", epochs=30)
    x = np.array([[50.0, 1.0, 26.0, 94.0, 189.0, 115.0, 49.0, 4.0, 4.6, 91.0]])
    row = dict(zip((column.name for column in model.preprocessing.inputs), x[0].tolist(), strict=True))
    (predicted,) = model.predict([row]).predictions
    assert isinstance(predicted, float)
    assert 50.0 < predicted < 350.0  # the disease's progression; scaled it would be about 0


def test_several_numbers_are_told_together(tmp_path: Path) -> None:
    inline = {"x": [[float(row)] for row in range(20)], "y": [[row, 100.0 - row] for row in range(20)]}
    predicted = finished(tmp_path, dataset=inline, loss="mse", standardize=True, epochs=60).predict([[10.0]])
    assert np.array(predicted.predictions) == pytest.approx(np.array([[10.0, 90.0]]), abs=5.0)


def test_counts_are_told_and_not_their_logarithm(tmp_path: Path) -> None:
    inline = {"x": [[row / 10] for row in range(20)], "y": [[5.0]] * 20}
    predicted = finished(tmp_path, dataset=inline, loss="poisson_nll", epochs=100, validation_fraction=0).predict(
        [[1.0]]
    )
    assert predicted.predictions == pytest.approx([5.0], rel=0.2)

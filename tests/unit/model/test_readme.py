"""What the page of a model says of its outputs gives the predictions that the model gives."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model.finished import Model
from model.readme import code, readme
from trainer.member import Outcome

from ..trainer.recording import job, train

COUNTS = {"x": [[place / 30.0] for place in range(30)], "y": [[float(place % 4)] for place in range(30)]}
KINDS: list[dict[str, Any]] = [
    {"dataset": "iris"},
    {"dataset": "iris", "loss": "focal"},
    {"dataset": "iris", "loss": "hinge"},
    {"dataset": "iris", "loss": "mse", "output_activation": "sigmoid"},
    {"dataset": "moons", "loss": "binary_cross_entropy"},
    {"dataset": "moons", "loss": "mse"},
    {"dataset": "moons", "loss": "mse", "output_activation": "sigmoid"},
    {"dataset": "diabetes", "loss": "mse", "standardize": True},
    {"dataset": {"x": COUNTS["x"], "y": [[9.0 * row[0], 2.0] for row in COUNTS["x"]]}, "loss": "mse"},
    {"dataset": COUNTS, "loss": "poisson_nll"},
    {"dataset": COUNTS | {"y": COUNTS["x"]}, "loss": "binary_cross_entropy"},
]


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_predictions_are_made_as_the_page_says(fields: dict[str, Any]) -> None:
    spec = job(**fields, learning_rate=0.01)
    outcome: Outcome = train(spec).outcomes["0"]
    assert spec.info is not None
    assert outcome.preprocessing is not None
    model = Model(spec, outcome.preprocessing, {name: array.numpy() for name, array in outcome.model.items()})
    sizes = sum(column.size for column in model.preprocessing.used)
    x = np.random.default_rng(0).normal(size=(20, sizes))
    wanted, output = model.predict_numbers(x, {}), model.preprocessing.output

    names: dict[str, Any] = {}
    exec(code(spec, spec.info), names)  # noqa: S102 - the code of the README
    net: nn.Module = names["net"]
    net.load_state_dict(dict(outcome.model), strict=False)
    names |= {"x": net(torch.from_numpy(model.preprocessing.features(x)).float()).detach()}
    names |= {"deviation": torch.tensor(output.deviation), "mean": torch.tensor(output.mean)}
    page = readme(spec, spec.info, "A model")

    def computed(said: str) -> Any:
        (formula,) = re.findall(rf"{said} `(.*?)`", page)
        return eval(formula, names).tolist()  # noqa: S307

    if not output.labels:
        predicted = np.array(wanted.predictions, dtype=float).reshape(20, -1)
        close = 1e-6 * float(np.abs(predicted).max())  # float32: a number near zero is a difference of large ones
        assert np.array(computed("the predicted numbers are")) == pytest.approx(predicted, rel=1e-4, abs=close)
        return
    assert [output.labels[place] for place in computed("the predicted class is number")] == wanted.predictions
    if wanted.probabilities is None:
        assert "robabilit" not in page
    elif spec.loss.type == "binary_cross_entropy":
        second = [row[1] for row in wanted.probabilities]
        assert computed("The probability of the second class is") == pytest.approx(second, abs=1e-5)
    else:
        found = np.array(computed("The probabilities of the classes are"))
        assert found == pytest.approx(np.array(wanted.probabilities), abs=1e-5)


def test_the_page_says_how_the_pixels_of_an_image_are_ordered() -> None:
    digits = job(dataset="digits")
    assert digits.info is not None
    assert "[1, 8, 8] (channels, height, width), flattened" in readme(digits, digits.info, "A model")
    iris = job()
    assert iris.info is not None
    assert "pixels" not in readme(iris, iris.info, "A model")

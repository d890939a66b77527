"""Targets in the units that the loss and the output activation need."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from model.finished import Model
from spec.job import JobSpec

from .recording import job, same, train

X = np.random.default_rng(0).uniform(-2.0, 2.0, 400)
COUNTS = np.random.default_rng(1).poisson(np.exp(0.3 + 0.8 * X)).astype(float)
LINE: dict[str, Any] = {
    "architecture": "perceptron",
    "optimizer": {"type": "sgd", "momentum": 0.9},
    "batch_size": "full",
    "validation_fraction": 0,
    "standardize": True,
    "precision": "float64",
}


def inline(y: np.ndarray[Any, np.dtype[Any]], x: np.ndarray[Any, np.dtype[Any]] = X) -> dict[str, Any]:
    return {"x": x[:, None].tolist(), "y": y.tolist()}


def predictions(spec: JobSpec, rows: list[float]) -> list[float]:
    outcome = train(spec).outcomes["0"]
    assert outcome.preprocessing is not None
    model = Model(spec, outcome.preprocessing, {name: array.numpy() for name, array in outcome.model.items()})
    return [float(value) for value in model.predict([[row] for row in rows]).predictions]  # type: ignore[arg-type]


def test_counts_are_learned_as_scikit_learn_learns_them() -> None:
    spec = job(dataset=inline(COUNTS), loss="poisson_nll", epochs=400, learning_rate=0.1, **LINE)
    known = PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=1000).fit(X[:, None], COUNTS)
    rows = [-2.0, -1.0, 0.0, 1.0]
    assert predictions(spec, rows) == pytest.approx(known.predict(np.array(rows)[:, None]).tolist(), rel=1e-5)


def test_soft_targets_are_learned_as_weighted_classes_are() -> None:
    share = 1.0 / (1.0 + np.exp(1.0 - 2.0 * X))
    spec = job(dataset=inline(share), loss="binary_cross_entropy", epochs=300, learning_rate=2.0, **LINE)
    # A soft target is a row of each class, weighted.
    known = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.concatenate([X, X])[:, None],
        np.repeat([1, 0], len(X)),
        sample_weight=np.concatenate([share, 1.0 - share]),
    )
    rows = [-1.0, 0.0, 1.0]
    expected = known.predict_proba(np.array(rows)[:, None])[:, 1].tolist()
    assert predictions(spec, rows) == pytest.approx(expected, rel=1e-4)


def test_an_output_activation_acts_in_the_targets_own_units() -> None:
    y = np.maximum(0.0, 3.0 * X + 20.0)
    spec = job(dataset=inline(y), loss="mse", output_activation="relu", epochs=800, learning_rate=0.05, **LINE)
    assert predictions(spec, [-2.0, 1.0]) == pytest.approx([14.0, 23.0], abs=0.1)


@pytest.mark.parametrize(
    ("fields", "scaled"),
    [
        ({"loss": "mse"}, True),
        ({"loss": "mse", "output_activation": "identity"}, True),
        ({"loss": "mse", "output_activation": "softplus"}, False),
        ({"loss": "poisson_nll"}, False),
        ({"loss": "binary_cross_entropy"}, False),
    ],
)
def test_targets_are_scaled_only_where_the_network_may_predict_any_number(fields: dict[str, Any], scaled: bool) -> None:
    y = np.linspace(0.0, 0.9, 40)
    spec = job(dataset=inline(y, y), standardize=True, **fields)
    prepared = train(spec).outcomes["0"].preprocessing
    assert prepared is not None
    assert (prepared.output.deviation != (1.0,)) == scaled
    assert prepared.inputs[0].deviation != (1.0,)


def test_targets_that_were_not_known_before_fail_the_job() -> None:
    known = job(dataset="diabetes", loss="poisson_nll")
    made = job(dataset={"name": "linear", "n": 442, "features": 10}, loss="mse").dataset
    outcome = train(known.model_copy(update={"dataset": made})).outcomes["0"]
    assert outcome.end == "failed"
    assert outcome.message.startswith("loss: poisson_nll needs targets of 0 or more (counts), and this data set's are")


def test_members_that_learn_counts_are_those_they_would_be_alone() -> None:
    specs = [job(dataset=inline(COUNTS), loss="poisson_nll", seed=seed, standardize=True) for seed in range(3)]
    together = train(*specs)
    for place, spec in enumerate(specs):
        assert same(together, str(place), train(spec), "0")


def test_a_target_near_the_largest_number_ends_no_job() -> None:
    y = np.where(np.arange(40) == 3, np.finfo(float).max, X[:40])
    spec = job(dataset=inline(y, X[:40]), loss="mse", epochs=2, standardize=True, learning_rate=1e-4)
    outcome = train(spec).outcomes["0"]
    assert outcome.end == "succeeded"
    assert outcome.model

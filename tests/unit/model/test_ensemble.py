"""Ensembles: chosen greedily by validation rows, answering as the weighted mean, in NumPy and in ONNX."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import sklearn.metrics
from onnxruntime import InferenceSession

from model.ensemble import Ensemble, answers, choose, evaluate, select
from model.errors import RowsError
from model.finished import Model
from model.graph import ensemble_graph
from model.preprocessing import Preprocessing
from model.report import rmse
from spec.dataset import Targets
from spec.job import JobSpec
from spec.schema import Column, ColumnKind, Schema, Target

Array = npt.NDArray[np.float64]
CLASSES = ("a", "b", "c")


def model(
    seed: int, *, loss: str = "cross_entropy", standardize: bool = False, labels: Sequence[str] = CLASSES
) -> Model:
    """A perceptron of two columns with random weights; without labels it gives numbers."""
    kind = Targets.classes if labels else Targets.numbers
    y = np.arange(9) % max(len(labels), 1) if labels else np.arange(9.0)[:, None]
    target = Target(name="y", type=kind, labels=tuple(labels), outputs=1)
    columns = tuple(Column(name=name, type=ColumnKind.number) for name in ("u", "v"))
    x = np.random.default_rng(1).normal(3.0, 2.0, (9, 2))
    prepared = Preprocessing.fit(
        Schema(columns=columns, target=target), x, y, standardize=standardize, standardize_targets=standardize
    )
    inline = {"x": x.tolist(), "y": y.reshape(-1).tolist()}
    spec = JobSpec.model_validate({"dataset": inline, "architecture": "perceptron", "loss": loss})
    units = 1 if not labels or loss == "binary_cross_entropy" else len(labels)
    random = np.random.default_rng(seed)
    weights = {"layers.0.weight": random.normal(size=(units, 2)), "layers.0.bias": random.normal(size=units)}
    return Model(spec, prepared, {name: array.astype(np.float32) for name, array in weights.items()})


KINDS: dict[str, dict[str, Any]] = {
    "classes": {},
    "two classes": {"loss": "binary_cross_entropy", "labels": ("no", "yes")},
    "votes": {"loss": "hinge"},
    "numbers": {"loss": "mse", "labels": ()},
}


def ensemble(kind: str) -> Ensemble:
    members = tuple(model(seed, standardize=seed == 2, **KINDS[kind]) for seed in (1, 2, 3))
    return Ensemble(members, (0.5, 0.25, 0.25))


ROWS = np.random.default_rng(5).normal(3.0, 2.0, (40, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_with_the_weighted_mean_of_its_members(kind: str) -> None:
    one = ensemble(kind)
    said = one.predict(ROWS.tolist())
    each = [member.predict(ROWS.tolist()) for member in one.members]
    if kind == "numbers":
        mean = sum(w * np.array(part.predictions) for w, part in zip(one.weights, each, strict=True))
        np.testing.assert_allclose(np.array(said.predictions, dtype=float), mean)
        return
    assert said.classes == each[0].classes
    if kind == "votes":
        shares = sum(
            w * (np.array(part.predictions)[:, None] == np.array(CLASSES))
            for w, part in zip(one.weights, each, strict=True)
        )
        assert said.probabilities is None
    else:
        shares = sum(w * np.array(part.probabilities) for w, part in zip(one.weights, each, strict=True))
        np.testing.assert_allclose(np.array(said.probabilities), shares)
    assert said.predictions == [(said.classes or [])[place] for place in np.argmax(shares, axis=1)]


@pytest.mark.parametrize("kind", KINDS)
def test_its_graph_says_the_same(kind: str) -> None:
    one = ensemble(kind)
    content = ensemble_graph(one, "Three")
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {"u": ROWS[:, :1], "v": ROWS[:, 1:]}), strict=True))
    said = one.predict(ROWS.tolist())
    if kind == "numbers":
        np.testing.assert_allclose(found["prediction"], np.array(said.predictions), rtol=1e-5, atol=1e-5)
        return
    assert found["prediction"].tolist() == said.predictions
    assert ("probabilities" in found) == (said.probabilities is not None)
    if said.probabilities is not None:
        np.testing.assert_allclose(found["probabilities"], np.array(said.probabilities), rtol=1e-5, atol=1e-6)


def test_a_row_without_a_number_is_named() -> None:
    plain = model(1, **KINDS["numbers"])
    steep = replace(plain, arrays={name: 1e30 * array for name, array in plain.arrays.items()})
    with pytest.raises(RowsError) as caught:
        Ensemble((plain, steep), (0.5, 0.5)).predict([[1.0, 2.0], [1e300, 1e290]])
    assert caught.value.errors[0].path == "rows.1"


def squared(values: Array, true: Array) -> float:
    return float(np.square(values - true).mean())


def test_members_are_added_as_long_as_the_mean_gets_better() -> None:
    true = np.array([[1.0], [2.0], [3.0]])
    low, high, far = true - 1.0, true + 2.0, true + 50.0
    assert select([far, low, high], true, squared) == [0, 2, 1]  # two of the low one and one of the high one: exact
    assert select([true, low, high], true, squared) == [1, 0, 0]
    assert select([low, low], true, squared) == [1, 0]


def test_numbers_are_measured_by_the_mean_rmse_of_the_targets() -> None:
    true = np.zeros((40, 2))
    ones, uneven = true + 1.0, np.tile([1.5, 0.1], (40, 1))  # whose squared errors are 1.0 and 1.13
    assert rmse(uneven, true) == pytest.approx(0.8)
    assert select([ones, uneven], true, rmse) == [0, 1]


@pytest.mark.parametrize("alone", [True, False])
def test_features_of_many_rows_are_made_some_at_a_time(alone: bool) -> None:
    words = 4096
    column = Column(name="u", type=ColumnKind.category, categories=tuple(map(str, range(words))))
    schema = Schema(columns=(column,), target=Target(name="y", type=Targets.numbers))
    codes = np.arange(2 * words, dtype=np.float64)[:, None] % words
    prepared = Preprocessing.fit(schema, codes, codes, standardize=False)
    plain = model(1, **KINDS["numbers"])
    weights = {"layers.0.weight": np.arange(words + 1.0)[None], "layers.0.bias": np.zeros(1)}
    one = Model(plain.spec, prepared, weights)
    tracemalloc.start()
    values = (one if alone else Ensemble((one, one), (0.5, 0.5))).predict_numbers(codes, {}).predictions
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert values == codes[:, 0].tolist()
    assert peak < 8 * len(codes) * words / 2  # of all features at once it is more


def test_the_choice_is_at_least_as_good_as_the_best_candidate() -> None:
    candidates = [model(seed) for seed in range(12)]
    third, seventh = (answers(candidates[place], ROWS).argmax(axis=1) for place in (3, 7))
    true = np.where(np.arange(len(ROWS)) % 2, third, seventh)
    found = choose(candidates, ROWS, true)
    assert found.metric == "log_loss"
    assert sum(found.ensemble.weights) == pytest.approx(1.0)
    assert list(found.ensemble.weights) == sorted(found.ensemble.weights, reverse=True)
    assert [candidates[place] for place in found.places] == list(found.ensemble.members)
    together, alone = (evaluate(one, ROWS, true)["log_loss"] for one in (found.ensemble, found.best))
    assert together is not None
    assert alone is not None
    assert together < alone == min(evaluate(one, ROWS, true)["log_loss"] or 0.0 for one in candidates)


@pytest.mark.parametrize(("kind", "metric"), [("votes", "accuracy"), ("numbers", "rmse"), ("two classes", "log_loss")])
def test_the_metric_is_one_that_all_candidates_have(kind: str, metric: str) -> None:
    candidates = [model(seed, **KINDS[kind]) for seed in range(3)]
    true = np.zeros((len(ROWS), 1)) if kind == "numbers" else (np.arange(len(ROWS)) % 2).astype(np.float64)
    assert choose(candidates, ROWS, true).metric == metric


@pytest.mark.parametrize("kind", ["classes", "two classes", "numbers"])
def test_metrics_are_those_of_scikit_learn(kind: str) -> None:
    one = ensemble(kind)
    values = one.answers(ROWS)
    if kind == "numbers":
        true = np.random.default_rng(3).normal(size=(len(ROWS), 1))
        assert evaluate(one, ROWS, true) == pytest.approx(
            {
                "mae": sklearn.metrics.mean_absolute_error(true, values),
                "rmse": sklearn.metrics.root_mean_squared_error(true, values),
                "r2": sklearn.metrics.r2_score(true, values),
            }
        )
        return
    classes = np.random.default_rng(3).integers(values.shape[1], size=len(ROWS))
    found, predicted = evaluate(one, ROWS, classes), values.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(classes, predicted))
    assert found["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(classes, predicted, average="macro"))
    assert found["log_loss"] == pytest.approx(sklearn.metrics.log_loss(classes, values))
    if kind == "two classes":
        assert found["roc_auc"] == pytest.approx(sklearn.metrics.roc_auc_score(classes, values[:, 1]))


def test_one_member_answers_as_it_does_alone() -> None:
    alone = model(4)
    assert Ensemble((alone,), (1.0,)).predict(ROWS.tolist()) == alone.predict(ROWS.tolist())

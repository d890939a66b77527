"""The metrics of every epoch against scikit-learn's own, and the test that is taken once."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from model.finished import Model
from model.report import ClassReport, NumberReport, report
from spec.dataset import DatasetInfo, Targets
from tests.examples import examples
from trainer import data
from trainer.losses import Objective
from trainer.member import Entry, Member
from trainer.metrics import ClassMetrics, Part, RegressionMetrics, measure
from trainer.sharding import SINGLE_PROCESS

from .recording import Recorder, job, same_training, train

MEMBERS, ROWS = 3, 40
BY_CLASS = [("cross_entropy", 2), ("cross_entropy", 5), ("hinge", 3), ("binary_cross_entropy", 2), ("mse", 2)]


def measured(part: Part, z: torch.Tensor, objective: Objective, which: torch.Tensor) -> dict[str, torch.Tensor]:
    """The metrics of members whose network computes `z`, a few rows at a time."""
    rows = iter(range(0, ROWS, 7))

    def forward(x: torch.Tensor) -> torch.Tensor:
        first = next(rows)
        return z[:, :, first : first + x.shape[1]]

    found = measure(
        part,
        forward,
        objective,
        which=which,
        sharding=SINGLE_PROCESS,
        at_a_time=7,
    )
    assert all(values.shape == (MEMBERS,) for values in found.values())
    return found


@pytest.mark.parametrize(("loss", "classes"), BY_CLASS)
@examples(10, many=30)
@given(seed=st.integers(0, 10**6), ties=st.booleans(), least=st.integers(0, 1))
def test_classes_are_measured_as_scikit_learn_measures_them(
    loss: str, classes: int, seed: int, ties: bool, least: int
) -> None:
    draw = np.random.default_rng(seed)
    right = draw.integers(0, classes - least, (2, ROWS))
    right[1] = draw.integers(0, classes, ROWS)
    info = DatasetInfo(rows=200, features=1, targets=Targets.classes, classes=classes)
    objective = Objective.of(job(loss=loss, dataset={"name": "blobs", "classes": classes}), info)
    outputs = 1 if classes == 2 and loss != "cross_entropy" else classes
    drawn = draw.normal(size=(MEMBERS, outputs, ROWS))
    z = torch.from_numpy(np.round(drawn, 0 if ties else 9))
    y = torch.from_numpy(right)
    part = Part(
        "val",
        torch.zeros(2, ROWS, 1, dtype=torch.float64),
        objective.targets(y, torch.float64),
        ClassMetrics(y, classes, full=True),
    )
    which = torch.tensor([0, 1, 0])
    found = measured(part, z, objective, which)
    all_predicted = objective.predicted_class(z).numpy()
    assert ("val_roc_auc" in found) == (classes == 2)
    for member, split in enumerate(which.tolist()):
        truth, predicted = right[split], all_predicted[member]
        present = np.unique(truth)
        with_area = classes == 2 and len(present) == 2
        lacks = classes > 2 and len(present) < classes
        undefined = {"val_roc_auc": not with_area, "val_classes": not lacks}
        assert part.undefined[split] == {name for name, is_undefined in undefined.items() if is_undefined}
        assert not lacks or found["val_classes"][member] == len(present)
        recalls = metrics.recall_score(truth, predicted, average=None, labels=present)
        assert found["val_accuracy"][member] == pytest.approx(metrics.accuracy_score(truth, predicted))
        assert found["val_balanced_accuracy"][member] == pytest.approx(recalls.mean())
        assert found["val_macro_f1"][member] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
        if with_area:
            score = z[member, -1] - (z[member, 0] if outputs == 2 else 0.0)
            assert found["val_roc_auc"][member] == pytest.approx(metrics.roc_auc_score(truth, score))


@pytest.mark.parametrize("outputs", [1, 3])
@examples(10, many=30)
@given(seed=st.integers(0, 10**6))
def test_numbers_are_measured_as_scikit_learn_measures_them_in_the_targets_units(outputs: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    y, z = draw.normal(size=(2, ROWS, outputs)), draw.normal(size=(MEMBERS, outputs, ROWS))
    deviation = draw.uniform(0.1, 100.0, size=(2, outputs))
    info = DatasetInfo(rows=200, features=1, targets=Targets.numbers, outputs=outputs)
    objective = Objective.of(job(loss="mse", dataset="linear"), info)
    names = [f"t{place}" for place in range(outputs)]
    regression = RegressionMetrics(torch.from_numpy(y), torch.from_numpy(deviation), names)
    which = torch.tensor([1, 0, 1])
    part = Part("val", torch.zeros(2, ROWS, 1, dtype=torch.float64), torch.from_numpy(y), regression)
    found = measured(part, torch.from_numpy(z), objective, which)
    for member, split in enumerate(which.tolist()):
        truth, predicted = y[split] * deviation[split], z[member].T * deviation[split]
        assert found["val_mae"][member] == pytest.approx(metrics.mean_absolute_error(truth, predicted))
        assert found["val_rmse"][member] == pytest.approx(metrics.root_mean_squared_error(truth, predicted))
        assert found["val_r2"][member] == pytest.approx(metrics.r2_score(truth, predicted))
        for name, measured_by in (
            ("mae", metrics.mean_absolute_error),
            ("rmse", metrics.root_mean_squared_error),
            ("r2", metrics.r2_score),
        ):
            of_each = [found[f"val_{target}_{name}"][member] for target in names]
            assert of_each == pytest.approx(measured_by(truth, predicted, multioutput="raw_values").tolist())


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_numbers_whose_squares_no_float32_holds_are_measured(scale: float) -> None:
    draw = np.random.default_rng(0)
    y = (draw.normal(size=(ROWS, 1)) * scale).astype(np.float32)
    z = (draw.normal(size=(MEMBERS, 1, ROWS)) * scale).astype(np.float32)
    regression = RegressionMetrics(torch.from_numpy(y)[None], torch.ones(1, 1, dtype=torch.float64))
    found = regression.measure(
        {"errors": torch.from_numpy(z - y.T)}, torch.float32, torch.zeros(MEMBERS, dtype=torch.int64)
    )
    for member in range(MEMBERS):
        truth, predicted = y.astype(np.float64), z[member].T.astype(np.float64)
        assert found["rmse"][member].item() == pytest.approx(metrics.root_mean_squared_error(truth, predicted))
        assert found["r2"][member].item() == pytest.approx(metrics.r2_score(truth, predicted))


def test_targets_that_are_all_the_same_have_no_r2() -> None:
    assert RegressionMetrics(torch.ones(1, 5, 1), torch.ones(1, 1)).names == ("mae", "rmse")


def test_each_of_several_targets_has_its_curve_and_its_test() -> None:
    draw = np.random.default_rng(0)
    x, noise = draw.normal(size=(60, 2)), draw.normal(size=60)
    rows = [[float(one[0]), 7.0, float(more)] for one, more in zip(x, noise, strict=True)]
    several = {"dataset": {"x": x.tolist(), "y": rows}, "loss": "mse", "architecture": "perceptron"}
    fields: dict[str, Any] = several | {"learning_rate": 0.1, "test_fraction": 0.2, "validation_fraction": 0.3}
    trained = train(job(**fields, epochs=30))
    last, best = trained.curves["0"][-1], trained.outcomes["0"].best_metrics or {}
    assert {name for name in last if name.startswith("val_")} == {"val_loss", "val_mae", "val_rmse"} | {
        f"val_y_{place}_{name}" for place in (1, 2, 3) for name in ("mae", "rmse", "r2")
    } - {"val_y_2_r2"}
    assert last["val_y_1_r2"] > 0.8
    assert last["val_y_3_r2"] < 0.5
    assert last["val_mae"] == pytest.approx(sum(last[f"val_y_{place}_mae"] for place in (1, 2, 3)) / 3)
    assert {"test_y_1_mae", "test_y_3_r2"} <= set(best)
    many = {"x": x.tolist(), "y": draw.normal(size=(60, 13)).tolist()}
    alone = train(job(dataset=many, loss="mse", epochs=1)).curves["0"][0]
    assert {name for name in alone if name.endswith("_mae")} == {"val_mae"}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"dataset": "wine"}, {"accuracy", "balanced_accuracy", "macro_f1"}),
        ({"dataset": "moons", "loss": "hinge"}, {"accuracy", "balanced_accuracy", "macro_f1", "roc_auc"}),
        ({"dataset": "diabetes", "loss": "mse"}, {"mae", "rmse", "r2"}),
    ],
)
def test_a_curve_has_the_figures_of_validation_and_the_end_those_of_the_test(
    fields: dict[str, Any], names: set[str]
) -> None:
    trained = train(job(**fields, test_fraction=0.25))
    wanted = {f"val_{name}" for name in {"loss", *names}}
    for point in trained.curves["0"]:
        assert {name for name in point if name.startswith("val_")} == wanted
        assert not any(name.startswith("test_") for name in point)
    best = trained.outcomes["0"].best_metrics
    assert best is not None
    assert {name for name in best if name.startswith("test_")} == {f"test_{name}" for name in {"loss", *names}}


@examples(5, many=10)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-3, 1.0, 1e6]))
def test_whatever_the_test_rows_hold_nothing_of_it_reaches_curve_or_weights(seed: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(30, 2)), draw.normal(size=(30, 1))
    fields: dict[str, Any] = {"loss": "mse", "test_fraction": 0.3, "standardize": True, "patience": 1, "epochs": 2}
    honest = train(job(dataset={"x": x.tolist(), "y": y.tolist()}, **fields))
    spec = job(dataset={"x": x.tolist(), "y": y.tolist()}, **fields)
    from trainer.splits import NO_ROLES, divide

    unseen = divide(spec, 30, None, NO_ROLES)[2]
    x[unseen], y[unseen] = draw.normal(size=(9, 2)) * scale, draw.normal(size=(9, 1)) * scale
    changed = train(job(dataset={"x": x.tolist(), "y": y.tolist()}, **fields))
    assert same_training(honest, "0", changed, "0")
    tests = [recorder.outcomes["0"].best_metrics or {} for recorder in (honest, changed)]
    assert tests[0]["val_loss"] == tests[1]["val_loss"]
    assume(not np.allclose(y[unseen], 0.0))
    assert tests[0]["test_loss"] != tests[1]["test_loss"]


def test_a_test_that_is_asked_for_later_changes_no_validation_row() -> None:
    plain, tested = job(dataset="wine"), job(dataset="wine", test_fraction=0.2)
    assert plain.pack_key != tested.pack_key
    assert "test_loss" not in (train(plain).outcomes["0"].best_metrics or {})


def test_the_finished_model_is_tested_the_same_alone_and_in_a_pack() -> None:
    wanted, other = job(dataset="wine", test_fraction=0.2, seed=3), job(dataset="wine", test_fraction=0.2, epochs=5)
    alone, pack = train(wanted), train(other, wanted)
    assert alone.outcomes["0"].best_metrics == pack.outcomes["1"].best_metrics


@pytest.mark.parametrize(
    ("fields", "rises"),
    [
        ({"dataset": "wine", "monitor": "val_macro_f1"}, True),
        ({"dataset": "breast_cancer", "loss": "binary_cross_entropy", "monitor": "val_roc_auc"}, True),
        ({"dataset": "diabetes", "loss": "mse", "monitor": "val_rmse"}, False),
        ({"dataset": "diabetes", "loss": "mse", "monitor": "val_r2"}, True),
    ],
)
def test_any_figure_can_say_which_epoch_is_best(fields: dict[str, Any], rises: bool) -> None:
    trained = train(job(**fields, epochs=6))
    column = [point[fields["monitor"]] for point in trained.curves["0"]]
    best = max(column) if rises else min(column)
    assert trained.outcomes["0"].best_epoch == 1 + column.index(best)


@pytest.mark.parametrize("monitor", ["val_rmse", "val_r2"])
def test_of_epochs_without_a_figure_the_first_is_kept(monitor: str) -> None:
    vast = {"x": [[float(row)] for row in range(40)], "y": [[(-1.0) ** row * 1e200] for row in range(40)]}
    fields: dict[str, Any] = {"dataset": vast, "loss": "mae", "standardize": False, "precision": "float64"}
    kept, first = train(job(**fields, monitor=monitor)), train(job(**fields, epochs=1, restore_best=False))
    assert kept.outcomes["0"].best_epoch == 1
    weights, wanted = kept.outcomes["0"].model, first.outcomes["0"].model
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)


def test_an_epoch_with_a_figure_is_better_than_those_without() -> None:
    member = Member(Entry("0", job(dataset="diabetes", loss="mse", monitor="val_r2")))
    found = []
    for member.epoch, figure in enumerate([math.nan, -math.inf, -7.0, math.nan, -8.0, 0.5], start=1):
        found.append(member.measure({"val_r2": figure}))
    assert found == [True, False, True, False, False, True]
    assert (member.best_epoch, member.best_metrics) == (6, {"val_r2": 0.5})


def test_a_figure_that_cannot_be_measured_is_not_waited_for() -> None:
    flat = {"x": [[float(row)] for row in range(10)], "y": [1.5] * 10}
    recorder: Recorder = train(job(dataset=flat, loss="mse", monitor="val_r2"))
    outcome = recorder.outcomes["0"]
    assert (outcome.end, outcome.failure_reason) == ("failed", "bad_data")
    assert outcome.message.startswith("monitor: val_r2")


TABLE = {"dataset": "diabetes", "batch_size": 100}
COUNTS = {"x": [[place / 30.0] for place in range(30)], "y": [[float(place % 4)] for place in range(30)]}
FINISHED: list[dict[str, Any]] = [
    {"dataset": "iris"},
    {"dataset": "iris", "loss": "hinge", "label_smoothing": 0.0},
    {"dataset": "iris", "loss": "mse", "output_activation": "sigmoid"},
    {"dataset": "moons", "loss": "binary_cross_entropy"},
    {"dataset": "moons", "loss": "mse", "output_activation": "tanh"},
    {"dataset": "digits", "architecture": {"type": "cnn", "channels": [4], "hidden": []}, "epochs": 1},
    {"dataset": "breast_cancer", "architecture": {"type": "mlp", "hidden": [8], "normalization": "batch"}},
    TABLE | {"loss": "mse"},
    TABLE | {"loss": "huber", "activation": "mish"},
    {"dataset": COUNTS, "loss": "poisson_nll"},
    {"dataset": COUNTS | {"y": [[place / 30.0] for place in range(30)]}, "loss": "binary_cross_entropy"},
]


@pytest.mark.parametrize("fields", FINISHED, ids=str)
def test_a_report_is_of_what_the_finished_model_answers(fields: dict[str, Any]) -> None:
    spec = job(**{"validation_fraction": 0.3, "test_fraction": 0.2, "precision": "float64"} | fields)
    (outcome,) = train(spec).outcomes.values()
    assert spec.info is not None
    assert outcome.preprocessing is not None
    assert outcome.report is not None
    model = Model(spec, outcome.preprocessing, {name: array.numpy() for name, array in outcome.model.items()})
    part = data.split(spec, spec.info, torch.device("cpu"), torch.float64)
    for found, x, y in (
        (outcome.report.validation, part.x["val"], part.y["val"]),
        (outcome.report.test, part.x["test"], part.y["test"]),
    ):
        wanted = report(model, model.outputs(x.numpy()), y.numpy())
        assert found is not None
        assert wanted is not None
        assert _numbers(found) == pytest.approx(_numbers(wanted), rel=1e-6, abs=1e-6)


def _numbers(found: ClassReport | NumberReport) -> dict[str, float]:
    """The metrics of a report, without what is drawn of it."""
    return {name: value for name, value in found if isinstance(value, int | float)}

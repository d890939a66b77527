"""The figures against scikit-learn's own."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.calibration import calibration_curve

from model.finished import Model
from model.report import ClassReport, NumberReport, Report, of_numbers, report
from spec.dataset import Targets
from spec.job import JobSpec
from trainer.data import split

CPU = torch.device("cpu")


def worth(dataset: str, loss: str, seed: int = 0, **fields: object) -> tuple[Model, ClassReport | NumberReport]:
    """An untrained perceptron's report on the validation rows of a shipped data set."""
    body = {"dataset": dataset, "architecture": "perceptron", "loss": loss, "split_seed": seed, **fields}
    spec = JobSpec.model_validate(body)
    assert spec.info is not None
    part = split(spec, spec.info, CPU, torch.float64)
    outputs = {"breast_cancer": 1 if loss != "cross_entropy" else 2, "wine": 3, "digits": 10, "diabetes": 1}[dataset]
    draw = np.random.default_rng(seed)
    arrays = {
        "layers.0.weight": draw.normal(size=(outputs, spec.info.features)) / 4,
        "layers.0.bias": draw.normal(size=outputs),
    }
    model = Model(spec, part.preprocessing, arrays)
    found = report(model, model.outputs(part.x["val"].numpy()), part.y["val"].numpy())
    assert found is not None
    return model, found


def rows(model: Model, seed: int) -> tuple[np.ndarray, np.ndarray]:
    assert model.spec.info is not None
    part = split(model.spec, model.spec.info, CPU, torch.float64)
    return model.outputs(part.x["val"].numpy()), part.y["val"].numpy()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("dataset", "loss"),
    [
        ("wine", "cross_entropy"),
        ("digits", "cross_entropy"),
        ("breast_cancer", "binary_cross_entropy"),
        ("breast_cancer", "cross_entropy"),
        ("breast_cancer", "mse"),
        ("wine", "hinge"),
    ],
)
def test_classes_are_counted_as_scikit_learn_counts_them(dataset: str, loss: str, seed: int) -> None:
    model, found = worth(dataset, loss, seed)
    assert isinstance(found, ClassReport)
    outputs, right = rows(model, seed)
    likely = model.predicted_class(outputs)
    assert found.rows == len(right)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(right, likely))
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(right, likely))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(right, likely, average="macro"))
    every = range(len(found.labels))
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(right, likely, labels=every).tolist()))
    probabilities = model.probabilities(outputs)
    if probabilities is None:
        assert found.log_loss is None
    else:
        assert found.log_loss == pytest.approx(metrics.log_loss(right, probabilities, labels=every))
    if len(found.labels) == 2:
        score = outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]
        assert found.roc_auc == pytest.approx(metrics.roc_auc_score(right, score))
    else:
        assert found.roc_auc is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("dataset", "loss"), [("wine", "cross_entropy"), ("breast_cancer", "binary_cross_entropy")])
def test_curves_run_as_scikit_learn_draws_them(dataset: str, loss: str, seed: int) -> None:
    model, found = worth(dataset, loss, seed)
    assert isinstance(found, ClassReport)
    outputs, right = rows(model, seed)
    probabilities = model.probabilities(outputs)
    assert probabilities is not None
    numbers = [1] if len(found.labels) == 2 else range(3)
    assert [one.label for one in found.roc] == [found.labels[number] for number in numbers]
    for number, one in zip(numbers, found.roc, strict=True):
        score = outputs[:, 0] if len(found.labels) == 2 else probabilities[:, number]
        false, true, _ = metrics.roc_curve(right == number, score, drop_intermediate=False)
        assert one.auc == pytest.approx(metrics.roc_auc_score(right == number, score))
        corners = zip(one.false_positive, one.true_positive, strict=True)
        passed = {(round(x, 5), round(y, 5)) for x, y in zip(false.tolist(), true.tolist(), strict=True)}
        assert set(corners) <= passed
        assert np.trapezoid(one.true_positive, one.false_positive) == pytest.approx(one.auc, abs=1e-5)
    if len(found.labels) == 2:
        share, predicted = calibration_curve(right, probabilities[:, 1], n_bins=10)
        assert [one.right for one in found.calibration] == pytest.approx(share)
        assert [one.told for one in found.calibration] == pytest.approx(predicted)
    assert sum(one.rows for one in found.calibration) == found.rows


def test_a_report_stays_small_however_many_rows_it_is_of() -> None:
    draw = np.random.default_rng(0)
    model, _ = worth("breast_cancer", "binary_cross_entropy")
    found = report(model, model.outputs(draw.normal(size=(20_000, 30))), draw.integers(0, 2, 20_000))
    numbers, _ = worth("diabetes", "mse")
    residuals = report(numbers, numbers.outputs(draw.normal(size=(20_000, 10))), draw.normal(size=(20_000, 1)))
    assert found is not None
    assert residuals is not None
    assert max(len(found.model_dump_json()), len(residuals.model_dump_json())) < 25_000
    assert isinstance(residuals, NumberReport)
    assert residuals.residuals is not None
    assert sum(residuals.residuals.counts) == 20_000


def test_errors_that_are_all_the_same_have_a_histogram() -> None:
    model, _ = worth("diabetes", "mse")
    flat = Model(model.spec, model.preprocessing, {name: 0.0 * array for name, array in model.arrays.items()})
    found = report(flat, flat.outputs(np.zeros((4, 10))), np.full((4, 1), 0.25))
    assert isinstance(found, NumberReport)
    assert found.residuals is not None
    assert sum(found.residuals.counts) == 4


def test_what_there_is_to_draw_is_named() -> None:
    _, classes = worth("wine", "cross_entropy")
    _, hinge = worth("wine", "hinge")
    _, numbers = worth("diabetes", "mse")
    assert Report(validation=classes, test=hinge).pictures == (
        "confusion",
        "roc",
        "calibration",
        "test_confusion",
        "test_roc",
    )
    assert Report(test=numbers).pictures == ("test_residuals",)
    assert Report().pictures == ()
    many = {count: classes.model_copy(update={"labels": tuple(map(str, range(count)))}) for count in (10, 50, 101)}
    assert {count: Report(test=part).left_out for count, part in many.items()} == {
        10: None,
        50: "The target has 50 classes: there are ROC curves for up to 10 only.",
        101: "The target has 101 classes: there are confusion matrices for up to 100 and ROC curves for up to 10 only.",
    }
    assert "confusion" in many[50].pictures
    assert "confusion" not in many[101].pictures


@pytest.mark.parametrize("exponent", [-1010, -700, 700, 1018])
def test_numbers_are_measured_whatever_their_unit(exponent: int) -> None:
    draw = np.random.default_rng(0)
    true = draw.normal(size=(40, 2))
    predicted = true + draw.normal(size=(40, 2)) / 4
    unit, plain = 2.0**exponent, of_numbers(predicted, true)
    found = of_numbers(predicted * unit, true * unit)
    assert (found.mae / unit, found.rmse / unit) == pytest.approx((plain.mae, plain.rmse), rel=1e-8)
    assert found.r2 == pytest.approx(plain.r2, rel=1e-8)
    assert found.residuals is not None
    assert plain.residuals is not None
    drawn, usual = np.array(found.residuals.told) / unit, np.array(plain.residuals.told)
    assert drawn == pytest.approx(usual, abs=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_measured_in_the_targets_own_units(seed: int) -> None:
    model, found = worth("diabetes", "mse", seed)
    assert isinstance(found, NumberReport)
    predicted, right = (model.preprocessing.answers(values) for values in rows(model, seed))
    assert right.mean() > 100.0  # sugar in the blood, and no deviation
    assert found.mae == pytest.approx(metrics.mean_absolute_error(right, predicted))
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(right, predicted))
    assert found.r2 == pytest.approx(metrics.r2_score(right, predicted))


def test_equal_scores_share_their_rank() -> None:
    model, _ = worth("breast_cancer", "binary_cross_entropy")
    assert model.preprocessing.output.type is Targets.classes
    flat = Model(model.spec, model.preprocessing, {name: 0.0 * array for name, array in model.arrays.items()})
    found = report(flat, flat.outputs(np.zeros((4, 30))), np.array([0, 1, 0, 1]))
    assert isinstance(found, ClassReport)
    assert found.roc_auc == 0.5


def test_without_rows_or_with_weights_that_broke_there_is_nothing_to_report() -> None:
    model, _ = worth("wine", "cross_entropy")
    broken = Model(model.spec, model.preprocessing, {name: np.nan * array for name, array in model.arrays.items()})
    assert report(model, np.zeros((0, 3)), np.zeros(0)) is None
    assert report(broken, broken.outputs(np.zeros((2, 13))), np.zeros(2)) is None


def test_each_of_several_targets_is_measured_in_its_own_units() -> None:
    draw = np.random.default_rng(0)
    right = draw.normal(size=(50, 2)) * [1.0, 1000.0]
    predicted = right + draw.normal(size=(50, 2)) * [0.1, 300.0]
    found = of_numbers(predicted, right, ["kg", "euro"])
    assert [one.target for one in found.targets] == ["kg", "euro"]
    for at, one in enumerate(found.targets):
        assert one.mae == pytest.approx(metrics.mean_absolute_error(right[:, at], predicted[:, at]))
        assert one.r2 == pytest.approx(metrics.r2_score(right[:, at], predicted[:, at]))
        assert one.residuals is not None
        assert one.residuals.right == pytest.approx(right[:, at], rel=1e-2, abs=1.0)
    assert of_numbers(predicted[:, :1], right[:, :1], ["kg"]).targets == ()


def test_equal_targets_have_no_r2_whatever_their_last_digits_say() -> None:
    true = np.full((7, 1), 6.17)
    assert true.mean() != 6.17
    assert of_numbers(true + 0.1, true).r2 is None

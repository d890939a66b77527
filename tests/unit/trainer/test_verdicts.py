"""Trainings that a lecture shows on purpose, with the verdict on each; and what is suggested, trained."""

import math
import random
from typing import Any

import pytest

from spec.job import JobSpec
from spec.verdict import Verdict, VerdictKind, judge

from .recording import Recorder, job, train

LARGE_RATE = {"dataset": "linear", "loss": "mse", "optimizer": "sgd", "learning_rate": 30.0, "epochs": 60}
FEW_NEURONS = {
    "dataset": "spirals",
    "architecture": {"type": "mlp", "hidden": [2]},
    "activation": "tanh",
    "learning_rate": 0.02,
    "epochs": 100,
}
MANY_NEURONS = {
    "dataset": {"name": "moons", "n": 120, "noise": 0.4},
    "architecture": {"type": "mlp", "hidden": [256, 256]},
    "learning_rate": 0.003,
    "epochs": 60,
}
LINEAR = {
    "dataset": "xor",
    "architecture": {"type": "mlp", "hidden": [16, 16]},
    "activation": "identity",
    "loss": "binary_cross_entropy",
    "epochs": 40,
}
GOOD = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [64, 32]},
    "learning_rate": 0.005,
    "dropout": 0.3,
    "epochs": 40,
    "patience": 10,
}


RATE_TOO_HIGH = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [64, 32]},
    "learning_rate": 0.1,
    "dropout": 0.6,
    "epochs": 15,
}


def verdict_on(spec: JobSpec, recorder: Recorder, id_: str = "0") -> Verdict:
    """The verdict on a job that was trained."""
    points = recorder.curves[id_]
    curve: dict[str, list[float | None]] = {"epoch": [float(epoch) for epoch in range(1, len(points) + 1)]}
    for name in points[0]:
        curve[name] = [point[name] if math.isfinite(point[name]) else None for point in points]
    verdict = judge(spec, curve, recorder.outcomes[id_].failure_reason)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        (LARGE_RATE, VerdictKind.diverged, "smaller learning_rate"),
        (FEW_NEURONS, VerdictKind.underfit, "too few neurons"),
        (MANY_NEURONS, VerdictKind.overfit, "memorises the training data"),
        (LINEAR, VerdictKind.underfit, "is a linear model"),
        (GOOD, VerdictKind.good, "validation accuracy 9"),
    ],
    ids=["too large a learning rate", "too few neurons", "too many neurons", "identity activations on xor", "good"],
)
def test_the_verdict_names_the_textbook_diagnosis(fields: dict[str, Any], kind: VerdictKind, says: str) -> None:
    spec = job(**fields)
    verdict = verdict_on(spec, train(spec))
    assert verdict.kind is kind, verdict.sentence
    assert says in verdict.sentence


def test_a_rate_that_is_too_large_is_not_called_too_few_neurons_and_the_suggested_job_learns() -> None:
    spec = job(**RATE_TOO_HIGH | {"batch_size": 64})
    verdict = verdict_on(spec, train(spec))
    assert verdict.kind is VerdictKind.underfit
    assert "learning rate is too large" in verdict.sentence
    assert verdict.suggestion is not None
    best = train(verdict.suggestion).outcomes["0"].best_metrics
    assert best is not None
    assert best["val_accuracy"] > 0.9


def test_more_epochs_are_not_suggested_where_validation_was_best_long_ago() -> None:
    spec = job(**RATE_TOO_HIGH | {"learning_rate": 0.01, "dropout": 0.2})
    verdict = verdict_on(spec, train(spec))
    assert verdict.best_epoch is not None
    assert verdict.best_epoch <= 10, "the curve is another one: find a job whose best epoch is long ago"
    assert "more epochs" not in verdict.sentence


def test_99_percent_accuracy_on_a_class_that_is_1_percent_of_noise_is_not_good() -> None:
    normal = random.Random(0)
    x = [[normal.gauss(0.0, 1.0)] for _ in range(1000)]
    spec = job(dataset={"x": x, "y": [int(row % 100 == 0) for row in range(1000)]}, learning_rate=0.001, epochs=10)
    verdict = verdict_on(spec, train(spec))
    assert verdict.kind is VerdictKind.underfit
    assert "balanced accuracy, the mean over the classes, is 50.0 %" in verdict.sentence
    assert "99.0 % only because of the largest class" in verdict.sentence


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_what_is_suggested_has_a_lower_validation_loss_over_a_part_of_the_grid(activation: str) -> None:
    """A small part of what benchmarks/verdicts.py measures, in two packs."""
    small: dict[str, Any] = {"dataset": {"name": "xor", "n": 200}, "loss": "binary_cross_entropy", "epochs": 12}
    small |= {"architecture": {"type": "mlp", "hidden": [2]}, "activation": activation}
    specs = [job(**small, learning_rate=rate, dropout=p) for rate in (1e-4, 1e-2, 1.0) for p in (0.0, 0.3)]
    first = train(*specs)
    verdicts = [verdict_on(spec, first, str(place)) for place, spec in enumerate(specs)]
    poor = [(place, verdict) for place, verdict in enumerate(verdicts) if verdict.kind is not VerdictKind.good]
    assert len(poor) >= 4
    for place, verdict in poor:
        assert verdict.suggestion is not None, verdict.sentence
        then = train(verdict.suggestion).outcomes["0"].best_metrics
        before = first.outcomes[str(place)].best_metrics
        assert then is not None
        assert before is not None
        assert then["val_loss"] < before["val_loss"], verdict.sentence

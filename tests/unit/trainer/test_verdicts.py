"""Five trainings that a lecture shows on purpose, and the verdict on each."""

import math
from typing import Any

import pytest

from spec.verdict import VerdictKind, judge
from trainer.fit import Outcome

from .recording import job, train

LARGE_RATE = {"dataset": "linear", "loss": "mse", "optimizer": "sgd", "learning_rate": 30.0, "epochs": 60}
FEW_NEURONS = {
    "dataset": "spirals",
    "architecture": {"type": "mlp", "hidden": [2]},
    "activation": "tanh",
    "epochs": 250,
}
MANY_NEURONS = {
    "dataset": {"name": "moons", "n": 120, "noise": 0.4},
    "architecture": {"type": "mlp", "hidden": [256, 256]},
    "learning_rate": 0.003,
    "epochs": 200,
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
    recorder = train(spec)
    outcome: Outcome = recorder.outcomes["0"]
    points = recorder.curves["0"]
    curve: dict[str, list[float | None]] = {"epoch": [float(epoch) for epoch in range(1, len(points) + 1)]}
    for name in points[0]:
        curve[name] = [point[name] if math.isfinite(point[name]) else None for point in points]
    verdict = judge(spec, curve, outcome.failure_reason)
    assert verdict is not None
    assert verdict.kind is kind, verdict.sentence
    assert says in verdict.sentence

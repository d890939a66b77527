import math

import pytest
import torch

from spec.states import StopReason
from trainer.batch_loader import Dropout
from trainer.models import DropoutSite

from .recording import job, train

XOR = {"dataset": {"name": "xor", "n": 4, "noise": 0.0}, "validation_fraction": 0, "batch_size": "full"}


def test_two_layers_learn_xor_and_one_does_not() -> None:
    common = {**XOR, "loss": "binary_cross_entropy", "optimizer": "adam", "epochs": 400}
    two = train(job(**common, architecture={"type": "mlp", "hidden": [4]}, activation="tanh", seed=1))
    one = train(job(**common, architecture="perceptron"))
    assert two.curves["0"][-1]["train_accuracy"] == 1.0
    assert one.curves["0"][-1]["train_accuracy"] <= 0.75


def test_identity_activations_make_a_deep_network_no_better_than_one_layer() -> None:
    trained = train(job(**XOR, loss="binary_cross_entropy", activation="identity", epochs=300, optimizer="adam"))
    assert trained.curves["0"][-1]["train_accuracy"] <= 0.75


def test_training_stops_early_and_gives_the_best_epochs_weights() -> None:
    trained = train(job(epochs=500, patience=5, learning_rate=0.1))
    outcome, curve = trained.outcomes["0"], trained.curves["0"]
    losses = [point["val_loss"] for point in curve]
    assert outcome.stop_reason is StopReason.early_stopping
    assert outcome.best_epoch == losses.index(min(losses)) + 1
    assert len(curve) == outcome.best_epoch + 5
    assert outcome.best_metrics == curve[outcome.best_epoch - 1]
    until_best = train(job(epochs=outcome.best_epoch, learning_rate=0.1, restore_best=False))
    weights = until_best.outcomes["0"].model
    assert all(torch.equal(outcome.model[name], weights[name]) for name in weights)


def test_small_improvements_end_patience_and_the_best_epoch_is_still_the_best() -> None:
    trained = train(job(epochs=500, patience=3, min_delta=0.05, learning_rate=0.001))
    outcome, losses = trained.outcomes["0"], [point["val_loss"] for point in trained.curves["0"]]
    assert outcome.stop_reason is StopReason.early_stopping
    assert outcome.best_epoch == losses.index(min(losses)) + 1 == len(losses)
    improved_at, lowest = 0, math.inf
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest - 0.05:
            improved_at, lowest = epoch, loss
    assert len(losses) == improved_at + 3


def test_training_stops_when_the_gradient_is_small_enough() -> None:
    trained = train(job(dataset="linear", loss="mse", batch_size="full", epochs=5000, tolerance=0.05))
    assert trained.outcomes["0"].stop_reason is StopReason.converged
    assert len(trained.curves["0"]) < 5000


def test_the_gap_is_validation_loss_less_training_loss() -> None:
    for point in train(job()).curves["0"]:
        assert point["generalization_gap"] == pytest.approx(point["val_loss"] - point["train_loss"])


def test_a_regression_has_no_accuracy_and_no_validation_means_no_gap() -> None:
    names = set(train(job(dataset="diabetes", loss="mse", validation_fraction=0)).curves["0"][0])
    assert names == {"train_loss", "learning_rate"}


def test_dropout_acts_in_training_only() -> None:
    spec = job(dropout=0.9, learning_rate=1e-9, epochs=1)
    exact, running = (train(spec.model_copy(update={"train_metrics": kind})) for kind in ("exact", "running"))
    clean = train(job(learning_rate=1e-9, epochs=1)).curves["0"][0]["train_loss"]
    assert exact.curves["0"][0]["train_loss"] == pytest.approx(clean, rel=1e-4)
    assert running.curves["0"][0]["train_loss"] != pytest.approx(clean, rel=1e-2)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.99, 0.9999, 0.99999, 1.0 - 1e-12])
def test_dropout_keeps_the_mean_of_a_neuron_near_1_too(rate: float) -> None:
    site = DropoutSite(layer=0, units=4)
    dropout = Dropout([job(dropout=rate)], [site], 1 << 14, torch.device("cpu"), torch.float64)
    every = torch.arange(1 << 16).sub(1 << 15).to(torch.int16)  # each of the bits that decide, once
    mask = dropout.masks(every.reshape(1, -1), slice(None))[0]
    assert mask.mean() == pytest.approx(1.0, abs=1e-3)


def test_the_learning_rate_is_part_of_the_curve() -> None:
    curve = train(job(schedule={"type": "step", "every": 2, "factor": 0.1}, epochs=4)).curves["0"]
    assert [point["learning_rate"] for point in curve] == pytest.approx([0.05, 0.05, 0.005, 0.005])


def test_a_plateau_lowers_the_learning_rate() -> None:
    schedule = {"type": "plateau", "patience": 1, "factor": 0.5}
    curve = train(job(schedule=schedule, epochs=30, learning_rate=0.2)).curves["0"]
    assert curve[-1]["learning_rate"] < 0.2


def test_bfloat16_learns_too() -> None:
    trained = train(job(precision="bfloat16", epochs=20))
    assert trained.curves["0"][-1]["val_accuracy"] > 0.8
    assert math.isfinite(trained.curves["0"][-1]["train_loss"])

"""The way back that is written out is the way that autograd finds, bit for bit."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from spec.activations import Activation
from spec.losses import LOSSES, BinaryCrossEntropy, LossSpec
from trainer.backprop import Autograd, DenseBackpropagation
from trainer.losses import Objective
from trainer.models import Network, Weights
from trainer.setup import Setup
from trainer.sharding import SINGLE_PROCESS

from .recording import job, same, train

MEMBERS, FEATURES, OUTPUTS = 3, 4, 3


def drawn(*shape: int, seed: int) -> Tensor:
    numbers: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return numbers


def both_ways(architecture: dict[str, Any], activation: object, batch: int, *, drops: bool) -> None:
    spec = job(architecture=architecture, activation=activation)
    assert spec.info is not None
    network = Network(spec, spec.info)
    rows = torch.stack([network.first_parameters(spec.model_copy(update={"seed": seed})) for seed in range(MEMBERS)])
    arrays = {name: view.requires_grad_() for name, view in network.parameters.views(rows.float()).items()}
    x, by_z = drawn(MEMBERS, batch, FEATURES, seed=1), drawn(MEMBERS, OUTPUTS, batch, seed=2)
    sites = network.dropout_sites if drops else []
    masks = {site.layer: 2.0 * (drawn(MEMBERS, site.units, batch, seed=site.layer) > 0.0) for site in sites}
    recorded = Autograd(network, nullcontext, torch.float32).forward(Weights(arrays, {}), x, masks)
    written = DenseBackpropagation(network).forward(Weights(arrays, {}), x, masks)
    assert torch.equal(written.outputs, recorded.outputs)
    for name, mine, theirs in zip(arrays, written.backward(by_z), recorded.backward(by_z), strict=True):
        assert torch.equal(mine, theirs), name


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_every_activation_passes_back_what_autograd_passes(activation: Activation, drops: bool, bias: bool) -> None:
    both_ways({"type": "mlp", "hidden": [9, 7], "bias": bias}, activation, 11, drops=drops)


def test_layers_may_differ_and_may_be_one_and_may_be_wide() -> None:
    both_ways({"type": "mlp", "hidden": [9, 7]}, ["tanh", "relu"], 11, drops=True)
    both_ways({"type": "perceptron"}, "relu", 11, drops=False)
    both_ways({"type": "mlp", "hidden": [256, 256]}, "relu", 128, drops=True)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("smooth", [True, False])
def test_every_loss_passes_back_what_autograd_passes(loss: type[LossSpec], smooth: bool) -> None:
    data = "xor" if loss is BinaryCrossEntropy else "iris" if loss.traits.is_for_labels else "diabetes"
    spec = job(dataset=data, loss=loss.name())
    assert spec.info is not None
    objective = Objective.of(spec, spec.info)
    outputs, rows = OUTPUTS if objective.takes_class_indices else 1, 11
    y = torch.arange(MEMBERS * rows).view(MEMBERS, rows) % max(outputs, 2)
    y = y if objective.takes_class_indices else y.float().unsqueeze(-1)
    smoothing = torch.tensor([[0.0], [0.1], [0.3]]) if smooth else None
    z = drawn(MEMBERS, outputs, rows, seed=3).requires_grad_()
    recorded = objective.loss(z, y, smoothing)
    (wanted,) = torch.autograd.grad(recorded.mean(dim=1), z, torch.ones(MEMBERS))
    losses, by_z = objective.loss_and_gradient(z.detach().clone(), y, smoothing, 1.0 / rows)
    assert torch.equal(losses, recorded)
    assert torch.equal(by_z, wanted)


@pytest.mark.parametrize(
    "fields",
    [
        {"dropout": 0.3},
        {"activation": "gelu", "label_smoothing": 0.1},
        {"dataset": "diabetes", "loss": "mse", "precision": "float64", "train_metrics": "exact"},
        {"dataset": "digits", "architecture": "perceptron", "batch_size": "full"},
    ],
    ids=str,
)
def test_a_job_gets_the_bits_that_autograd_gives_it(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [job(**fields), job(**fields, seed=1, gradient_clip=0.5, tolerance=1e-9)]
    written = train(*specs)
    monkeypatch.setattr(Network, "is_plain", False)
    recorded = train(*specs)
    assert same(written, "0", recorded, "0")
    assert same(written, "1", recorded, "1")


def test_another_member_whose_labels_are_smoothed_changes_no_bit() -> None:
    together = train(job(), job(seed=1, label_smoothing=0.2))
    assert same(together, "0", train(job()), "0")


@pytest.mark.parametrize(
    "architecture", [{"type": "mlp", "normalization": "batch"}, {"type": "resmlp"}], ids=lambda one: str(one["type"])
)
def test_any_other_network_goes_by_autograd(architecture: dict[str, Any]) -> None:
    spec = job(architecture=architecture)
    assert spec.info is not None
    assert isinstance(Setup.of(spec, torch.device("cpu"), SINGLE_PROCESS).backpropagation, Autograd)

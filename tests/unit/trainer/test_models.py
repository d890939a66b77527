"""A member's network equals the same network of torch.nn, loaded from its row."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spec.architectures import Initializer
from spec.job import JobSpec
from trainer.models import Network

from .recording import job

DIGITS = {"dataset": "digits", "batch_size": 32}


def arrays(spec: JobSpec) -> tuple[Network, dict[str, Tensor], dict[str, Tensor]]:
    """A network and the first arrays of two members, of two seeds."""
    info = spec.info
    assert info is not None
    network = Network(spec, info)
    specs = [spec, spec.model_copy(update={"seed": spec.seed + 1})]
    rows = torch.stack([network.first_parameters(one) for one in specs])
    running = torch.stack([network.first_running() for _ in specs])
    return network, network.parameters.views(rows), network.running.views(running)


def sequence(spec: JobSpec, mine: dict[str, Tensor]) -> nn.Sequential:
    """The same MLP of torch.nn, with ReLU."""
    layers: list[nn.Module] = []
    count = sum(name.startswith("layers.") and name.endswith(".weight") for name in mine)
    kind = getattr(spec.architecture, "normalization", "none")
    for index in range(count):
        out, into = mine[f"layers.{index}.weight"].shape
        linear = nn.Linear(into, out, dtype=torch.float64)
        linear.load_state_dict({"weight": mine[f"layers.{index}.weight"], "bias": mine[f"layers.{index}.bias"]})
        layers.append(linear)
        if index < count - 1:
            if kind != "none":
                norm: nn.Module = nn.BatchNorm1d(out) if kind == "batch" else nn.LayerNorm(out)
                layers.append(norm.double())
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("training", [True, False])
def test_an_mlp_is_a_sequence_of_linear_layers(normalization: str, training: bool) -> None:
    spec = job(architecture={"type": "mlp", "hidden": [8, 6], "normalization": normalization})
    network, stacked, running = arrays(spec)
    x = torch.randn(2, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    got = network.forward(stacked, running, x, {}, training=training)
    for member in range(2):
        theirs = sequence(spec, {name: array[member] for name, array in stacked.items()}).train(training)
        assert torch.allclose(got[member].T, theirs(x[member]), rtol=1e-12, atol=1e-12)
    if normalization == "batch" and training:
        for module in theirs:
            if isinstance(module, nn.BatchNorm1d):
                assert torch.allclose(running["norms.0.running_var"][1], module.running_var, rtol=1e-12)  # type: ignore[arg-type]
                break


@pytest.mark.parametrize("pooling", ["none", "max", "average"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_cnn_is_a_sequence_of_convolutions(pooling: str, stride: int) -> None:
    architecture = {"type": "cnn", "channels": [3, 5], "stride": stride, "pooling": pooling, "hidden": [7]}
    network, stacked, running = arrays(job(**DIGITS, architecture=architecture))
    x = torch.randn(2, 6, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    got = network.forward(stacked, running, x, {}, training=True)
    pools: dict[str, Any] = {"none": nn.Identity(), "max": nn.MaxPool2d(2), "average": nn.AvgPool2d(2)}
    for member in range(2):
        h = x[member].view(6, 1, 8, 8)
        for index in range(2):
            weight, bias = stacked[f"layers.{index}.weight"][member], stacked[f"layers.{index}.bias"][member]
            h = torch.relu(nn.functional.conv2d(h, weight, bias, stride=stride, padding=1))
            h = pools[pooling](h) if min(h.shape[-2:]) >= 2 else h
        h = h.flatten(1)
        for index in (2, 3):
            weight, bias = stacked[f"layers.{index}.weight"][member], stacked[f"layers.{index}.bias"][member]
            h = nn.functional.linear(h, weight, bias)
            h = torch.relu(h) if index == 2 else h
        assert torch.allclose(got[member].T, h, rtol=1e-12, atol=1e-12)


def test_a_residual_block_adds_what_it_computes() -> None:
    network, stacked, running = arrays(job(architecture={"type": "resmlp", "width": 6, "blocks": 2}))
    x = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    got = network.forward(stacked, running, x, {}, training=True)
    layers = [(stacked[f"layers.{index}.weight"][0], stacked[f"layers.{index}.bias"][0]) for index in range(4)]
    h = torch.relu(nn.functional.linear(x[0], *layers[0]))
    for layer in layers[1:3]:
        h = h + torch.relu(nn.functional.linear(h, *layer))
    assert torch.allclose(got[0].T, nn.functional.linear(h, *layers[3]), rtol=1e-12)


@pytest.mark.parametrize("initializer", Initializer)
def test_first_weights_are_drawn_as_pytorch_draws_them(initializer: Initializer) -> None:
    spec = job(architecture={"type": "mlp", "hidden": [400]}, initial_weights=initializer)
    _, stacked, _ = arrays(spec)
    weight = stacked["layers.0.weight"][0]
    wanted = torch.empty(400, 4)
    torch.manual_seed(0)
    match initializer:
        case Initializer.normal:
            nn.init.normal_(wanted, std=0.05)
        case Initializer.torch_default:
            wanted = nn.Linear(wanted.shape[1], wanted.shape[0]).weight.detach()
        case Initializer.zeros:
            nn.init.zeros_(wanted)
        case _:
            getattr(nn.init, f"{initializer.value}_")(wanted)
    assert weight.std().item() == pytest.approx(wanted.std().item(), rel=0.15)
    assert weight.abs().max().item() == pytest.approx(wanted.abs().max().item(), rel=0.35)


def test_two_seeds_draw_two_networks_and_one_seed_one() -> None:
    _, first, _ = arrays(job())
    _, again, _ = arrays(job())
    assert torch.equal(first["layers.0.weight"], again["layers.0.weight"])
    assert not torch.equal(first["layers.0.weight"][0], first["layers.0.weight"][1])

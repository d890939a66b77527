"""Every loss and activation equals PyTorch's own class, value and gradient."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spec.activations import Activation
from spec.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    LossSpec,
    Mae,
    Mse,
    PoissonNll,
)
from tests.examples import examples
from trainer.layers import ACTIVATIONS
from trainer.losses import criterion

MEMBERS, OUTPUTS, BATCH = 3, 4, 5


class FocalLoss(nn.Module):
    """Lin et al. 2017, equation 4, as it stands there."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        p = torch.softmax(z, dim=1)[torch.arange(len(y)), y]
        return (-((1.0 - p) ** self.gamma) * p.log()).mean()


CLASSES: list[tuple[LossSpec, nn.Module]] = [
    (Mse(), nn.MSELoss()),
    (Mae(), nn.L1Loss()),
    (Huber(), nn.HuberLoss()),
    (Huber(delta=0.3), nn.HuberLoss(delta=0.3)),
    (BinaryCrossEntropy(), nn.BCEWithLogitsLoss()),
    (CrossEntropy(), nn.CrossEntropyLoss()),
    (Focal(), FocalLoss(2.0)),
    (Focal(gamma=0.5), FocalLoss(0.5)),
    (Focal(gamma=0.0), nn.CrossEntropyLoss()),
    (Hinge(), nn.MultiMarginLoss()),
    (PoissonNll(), nn.PoissonNLLLoss()),
]

MODULES: dict[Activation, nn.Module] = {
    Activation.identity: nn.Identity(),
    Activation.sigmoid: nn.Sigmoid(),
    Activation.tanh: nn.Tanh(),
    Activation.relu: nn.ReLU(),
    Activation.leaky_relu: nn.LeakyReLU(),
    Activation.elu: nn.ELU(),
    Activation.selu: nn.SELU(),
    Activation.gelu: nn.GELU(),
    Activation.silu: nn.SiLU(),
    Activation.softplus: nn.Softplus(),
    Activation.mish: nn.Mish(),
    Activation.hard_tanh: nn.Hardtanh(),
}

DRAWN = examples(10, many=20)


def drawn(seed: int, dtype: torch.dtype, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(MEMBERS, OUTPUTS, BATCH, dtype=dtype, generator=generator)


def targets(loss: LossSpec, seed: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 1)
    if loss.traits.takes_class_indices:
        return torch.randint(OUTPUTS, (MEMBERS, BATCH), generator=generator)
    values = torch.rand(MEMBERS, OUTPUTS, BATCH, dtype=dtype, generator=generator)
    return (10 * values).round() if isinstance(loss, PoissonNll) else values


def value_and_gradient(call: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.clone().requires_grad_()
    value = call(z)
    (gradient,) = torch.autograd.grad(value, z)
    return value.detach(), gradient


@pytest.mark.parametrize(("loss", "module"), CLASSES, ids=str)
@DRAWN
@given(seed=st.integers(0, 10**6), precision=st.sampled_from([(torch.float32, 1e-6), (torch.float64, 1e-12)]))
def test_a_loss_is_pytorchs_own_for_each_member(
    loss: LossSpec, module: nn.Module, seed: int, precision: tuple[torch.dtype, float]
) -> None:
    dtype, tolerance = precision
    z, y = drawn(seed, dtype), targets(loss, seed, dtype)
    for member in range(MEMBERS):
        ours = value_and_gradient(lambda z: criterion(loss, z, y, None).mean(dim=1)[member], z)  # noqa: B023
        label = y[member] if y.dim() == 2 else y[member].T
        theirs = value_and_gradient(lambda z: module(z[member].T, label), z)  # noqa: B023
        for mine, wanted in zip(ours, theirs, strict=True):
            assert torch.allclose(mine, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy()], ids=str)
def test_label_smoothing_is_each_members_own(loss: LossSpec) -> None:
    z, y = drawn(1, torch.float64), targets(loss, 1, torch.float64)
    smoothing = torch.tensor([[0.0], [0.1], [0.4]], dtype=torch.float64)
    ours = criterion(loss, z, y, smoothing).mean(dim=1)
    for member, share in enumerate(smoothing[:, 0].tolist()):
        if isinstance(loss, CrossEntropy):
            wanted = nn.CrossEntropyLoss(label_smoothing=share)(z[member].T, y[member])
        else:
            wanted = nn.BCEWithLogitsLoss()(z[member].T, (1 - share) * y[member].T + share / 2)
        assert ours[member] == pytest.approx(wanted.item(), rel=1e-12)


@pytest.mark.parametrize("activation", Activation)
@DRAWN
@given(seed=st.integers(0, 10**6), precision=st.sampled_from([(torch.float32, 1e-6), (torch.float64, 1e-12)]))
def test_an_activation_is_pytorchs_own(activation: Activation, seed: int, precision: tuple[torch.dtype, float]) -> None:
    dtype, tolerance = precision
    z = drawn(seed, dtype, scale=10.0)
    ours = value_and_gradient(lambda z: ACTIVATIONS[activation](z).sum(), z)
    theirs = value_and_gradient(lambda z: MODULES[activation](z).sum(), z)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, wanted, rtol=tolerance, atol=tolerance)


def test_every_loss_and_activation_of_the_spec_has_its_row() -> None:
    assert set(LOSSES) == {type(loss) for loss, _ in CLASSES}
    assert set(LOSSES) <= set(criterion.registry)
    assert set(ACTIVATIONS) == set(Activation)


def test_a_row_that_is_certain_has_a_finite_focal_gradient() -> None:
    z = torch.tensor([[[80.0], [-80.0]]], requires_grad=True)
    loss = criterion(Focal(gamma=0.5), z, torch.tensor([[0]]), None)
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal(), Focal(gamma=0.5), Hinge()], ids=str)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_loss_of_a_network_that_knows_only_shares_is_the_least_of_one_answer(loss: LossSpec, classes: int) -> None:
    shares = torch.tensor([0.7, *[0.3 / (classes - 1)] * (classes - 1)], dtype=torch.float64)
    z = torch.zeros(801, classes, classes, dtype=torch.float64)
    z[:, 0] = torch.linspace(0.0, 8.0, 801, dtype=torch.float64).unsqueeze(1)
    losses = criterion(loss, z, torch.arange(classes).expand(801, classes), None) @ shares
    assert loss.of_shares(shares.tolist()) == pytest.approx(losses.min().item(), rel=1e-3)


@pytest.mark.parametrize("loss", [Mse(), Mae(), Huber(), Huber(delta=0.1), Huber(delta=0.8)], ids=str)
@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.1), (0.5, 0.5), (0.1,) * 10], ids=str)
def test_the_loss_of_a_network_that_knows_only_shares_is_the_least_of_one_constant_for_each_output(
    loss: LossSpec, shares: tuple[float, ...]
) -> None:
    z = torch.linspace(0.0, 1.0, 10_001, dtype=torch.float64).reshape(-1, 1, 1)
    zero, one = (criterion(loss, z, torch.full_like(z, target), None) for target in (0.0, 1.0))
    least = [((1.0 - share) * zero + share * one).min().item() for share in shares]
    assert loss.of_shares(shares) == pytest.approx(sum(least) / len(least), rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "classes", "known"),
    [
        *((Mse(), 10, 0.09), (Mse(), 2, 0.25), (Mae(), 10, 0.1), (Huber(), 10, 0.045), (Hinge(), 10, 0.9)),
        *((BinaryCrossEntropy(), 2, math.log(2)), (CrossEntropy(), 10, math.log(10))),
        (Focal(), 10, 0.81 * math.log(10)),
    ],
    ids=str,
)
def test_an_untrained_network_knows_no_more_than_how_many_classes_there_are(
    loss: LossSpec, classes: int, known: float
) -> None:
    assert loss.baseline(classes) == pytest.approx(known)


@pytest.mark.parametrize("loss", [Mse(), Mae(), Huber(), Huber(delta=0.1), Huber(delta=10.0)], ids=str)
def test_the_loss_of_the_best_constant_is_that_of_normal_targets(loss: LossSpec) -> None:
    quantiles = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    y = 2.0 * torch.special.ndtri(quantiles).reshape(1, 1, -1)
    mean = criterion(loss, torch.zeros_like(y), y, None).mean().item()
    assert loss.of_normal(2.0) == pytest.approx(mean, rel=1e-3)


@pytest.mark.parametrize("loss", [Mse(), Mae(), Huber(), Huber(delta=0.1)], ids=str)
def test_the_loss_of_the_best_constant_is_known_of_numbers(loss: LossSpec) -> None:
    y = torch.tensor([0.0, 1.0, 1.5, 2.0, 30.0], dtype=torch.float64).reshape(1, 1, -1)
    constants = torch.linspace(0.0, 10.0, 2001, dtype=torch.float64)
    least = min(criterion(loss, torch.full_like(y, c), y, None).mean().item() for c in constants.tolist())
    assert loss.of_numbers(y.flatten().tolist()) == pytest.approx(least, rel=0.05)

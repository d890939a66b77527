"""Wide layers, which are multiplied member by member: nn.Linear's numbers, and the same bits in every pack."""

import pytest
import torch
from torch import Tensor

from trainer import layers
from trainer.layers import linear

MEMBERS, OUT, IN, BATCH = 3, 129, 97, 141
"""Sizes that fill no vector."""


@pytest.fixture(autouse=True)
def every_layer_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """On every processor."""
    monkeypatch.setattr(layers, "WIDE", 0)


def numbers(*shape: int, seed: int) -> Tensor:
    drawn: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn


def given() -> tuple[Tensor, Tensor, Tensor]:
    """A layer's x [members, in, batch], weight and bias."""
    return numbers(MEMBERS, IN, BATCH, seed=0), numbers(MEMBERS, OUT, IN, seed=1), numbers(MEMBERS, OUT, seed=2)


def computed(x: Tensor, weight: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The sums, and what they pass back of their squares, halved."""
    parts = [part.detach().requires_grad_() for part in (x, weight, bias) if part is not None]
    z = linear(parts[0], parts[1], None if bias is None else parts[2])
    return [z.detach(), *torch.autograd.grad((z.square() / 2).sum(), parts)]


@pytest.mark.parametrize("has_bias", [True, False])
def test_a_wide_layer_is_the_linear_layer_of_each_member(has_bias: bool) -> None:
    x, weight, bias = given()
    found = computed(x, weight, bias if has_bias else None)
    for member in range(MEMBERS):
        wide = [x[member].T, weight[member], *([bias[member]] if has_bias else [])]
        exact = [part.double().requires_grad_() for part in wide]
        z = torch.nn.functional.linear(*exact)
        of_x, *rest = torch.autograd.grad((z.square() / 2).sum(), exact)
        for mine, right in zip(found, [z.detach().T, of_x.T, *rest], strict=True):
            torch.testing.assert_close(mine[member].double(), right, rtol=1e-4, atol=1e-3 * float(right.abs().max()))


def test_a_member_of_a_wide_layer_has_the_same_bits_beside_others_and_alone() -> None:
    together = computed(*given())
    for member in range(MEMBERS):
        alone = computed(*(part[member : member + 1] for part in given()))
        for many, one in zip(together, alone, strict=True):
            assert torch.equal(many[member], one[0])


def test_where_a_members_numbers_lie_in_memory_changes_no_bit() -> None:
    x, weight, bias = given()
    elsewhere = torch.zeros(MEMBERS, weight[0].numel() + 1)[:, 1:].view(weight.shape).copy_(weight)
    assert elsewhere.data_ptr() % 16 != weight.data_ptr() % 16
    for one, other in zip(computed(x, weight, bias), computed(x, elsewhere, bias), strict=True):
        assert torch.equal(one, other)


def test_the_first_layers_batch_wants_no_gradient() -> None:
    x, weight, bias = given()
    weight.requires_grad_()
    z = linear(x, weight, bias)
    (of_weight,) = torch.autograd.grad(z.sum(), [weight])
    torch.testing.assert_close(of_weight, x.sum(dim=2).unsqueeze(1).expand_as(of_weight), rtol=1e-4, atol=1e-3)

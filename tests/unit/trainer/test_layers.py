"""Stacked layers are PyTorch's own, to the last bit where they only choose and copy."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainer import layers
from trainer.layers import convolution, has_idle_units, linear, pool

MEMBERS, OUT, IN, BATCH = 3, 129, 97, 141
"""Sizes that fill no vector."""


@pytest.fixture
def every_layer_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """On every processor."""
    monkeypatch.setattr(layers, "WIDE", 0)


INTEL, ZEN_4, ZEN_5 = (
    f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 17\nflags\t\t: fpu\n\nprocessor\t: 1\n"
    for vendor, family in (("GenuineIntel", 6), ("AuthenticAMD", 25), ("AuthenticAMD", 26))
)


def test_only_processors_whose_widest_units_mkl_does_not_use_have_idle_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "AVX512", True)
    found = []
    for place, text in enumerate((INTEL, ZEN_4, ZEN_5)):
        (tmp_path / str(place)).write_text(text)
        found.append(has_idle_units(tmp_path / str(place)))
    assert found == [False, False, True]
    assert not has_idle_units(tmp_path / "of a system that tells nothing")
    monkeypatch.setattr(layers, "AVX512", False)  # it is there, and PyTorch was told to leave it alone
    assert not has_idle_units(tmp_path / "2")


wide = pytest.mark.usefixtures("every_layer_is_wide")


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


@wide
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_wide_layer_is_the_linear_layer_of_each_member(has_bias: bool) -> None:
    x, weight, bias = given()
    found = computed(x, weight, bias if has_bias else None)
    for member in range(MEMBERS):
        own = [x[member].T, weight[member], *([bias[member]] if has_bias else [])]
        exact = [part.double().requires_grad_() for part in own]
        z = torch.nn.functional.linear(*exact)
        of_x, *rest = torch.autograd.grad((z.square() / 2).sum(), exact)
        for mine, right in zip(found, [z.detach().T, of_x.T, *rest], strict=True):
            torch.testing.assert_close(mine[member].double(), right, rtol=1e-4, atol=1e-3 * float(right.abs().max()))


@wide
def test_a_member_of_a_wide_layer_has_the_same_bits_beside_others_and_alone() -> None:
    together = computed(*given())
    for member in range(MEMBERS):
        alone = computed(*(part[member : member + 1] for part in given()))
        for many, one in zip(together, alone, strict=True):
            assert torch.equal(many[member], one[0])


@wide
def test_where_a_members_numbers_lie_in_memory_changes_no_bit() -> None:
    x, weight, bias = given()
    elsewhere = torch.zeros(MEMBERS, weight[0].numel() + 1)[:, 1:].view(weight.shape).copy_(weight)
    assert elsewhere.data_ptr() % 16 != weight.data_ptr() % 16
    for one, other in zip(computed(x, weight, bias), computed(x, elsewhere, bias), strict=True):
        assert torch.equal(one, other)


@wide
def test_the_first_layers_batch_wants_no_gradient() -> None:
    x, weight, bias = given()
    weight.requires_grad_()
    z = linear(x, weight, bias)
    (of_weight,) = torch.autograd.grad(z.sum(), [weight])
    torch.testing.assert_close(of_weight, x.sum(dim=2).unsqueeze(1).expand_as(of_weight), rtol=1e-4, atol=1e-3)


def images(*, height: int = 5, width: int = 7) -> Tensor:
    """Images x [members, channels, height, width, batch] of few different numbers."""
    return numbers(2, 3, height, width, 4, seed=0).mul(1.5).round()


def as_pytorch_has_them(x: Tensor) -> Tensor:
    """[members, channels, height, width, batch] as [members * batch, channels, height, width]."""
    return x.permute(0, 4, 1, 2, 3).flatten(0, 1)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 7), (2, 2), (3, 1)])
def test_pooling_is_pytorchs_of_equals_too(kind: str, height: int, width: int) -> None:
    x = images(height=height, width=width).requires_grad_()
    pytorchs = {"max": torch.nn.MaxPool2d(2), "average": torch.nn.AvgPool2d(2)}[kind]
    z, right = pool(x, kind), as_pytorch_has_them(x)
    if min(height, width) > 1:
        right = pytorchs(right)
    assert torch.equal(as_pytorch_has_them(z), right)
    (mine,) = torch.autograd.grad(z.square().sum(), x)
    (wanted,) = torch.autograd.grad(right.square().sum(), x)
    assert torch.equal(mine, wanted)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 0), (3, 2)])
def test_windows_pass_back_to_every_pixel_what_pytorchs_convolution_does(stride: int, padding: int) -> None:
    x, weight = images().double().requires_grad_(), numbers(2, 5, 3, 3, 3, seed=1).double().requires_grad_()
    bias = numbers(2, 5, seed=2).double()
    z = convolution(x, weight, bias, stride=stride, padding=padding)
    mine = torch.autograd.grad(z.square().sum(), [x, weight])
    for member in range(2):
        own = as_pytorch_has_them(x[member : member + 1])
        right = torch.nn.functional.conv2d(own, weight[member], bias[member], stride=stride, padding=padding)
        torch.testing.assert_close(as_pytorch_has_them(z[member : member + 1]), right, rtol=1e-12, atol=1e-12)
        for got, wanted in zip(mine, torch.autograd.grad(right.square().sum(), [x, weight]), strict=True):
            torch.testing.assert_close(got[member], wanted[member], rtol=1e-11, atol=1e-11)

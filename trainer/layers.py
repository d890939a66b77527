"""Stacked layers: the same layer of every member of a pack at once.

Activations are feature-major, [members, features, batch]; weights are [members, out, in], as nn.Linear has them, so
that one row of a member's parameters loads straight into PyTorch's own modules.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from spec.job import Activation

Function = Callable[[Tensor], Tensor]
"""A function of each number by itself."""

VECTOR = 64
"""Numbers that vector code takes at a time: two AVX-512 registers of bfloat16, more than any other processor's."""

AVX512 = "AVX512" in torch.backends.cpu.get_cpu_capability()

CHANNELS = 16 if AVX512 else 8
"""Channels that a convolution takes at a time on this processor."""

WIDE = 1_500_000 if AVX512 and hasattr(torch.ops.mkldnn, "_linear_pointwise") else math.inf
"""Multiplications from which on a product is oneDNN's: with AVX-512 it takes half of MKL's time on some processors, and
is no slower on others. Smaller products are over before it has begun, and MKL takes those of all members at once."""


def by_vectors(function: Function) -> Function:
    """`function`, computed for each member [members, ...] in whole vectors.

    PyTorch computes the end of a tensor that fills no vector with other code, which rounds otherwise: a member whose
    numbers lie there would get other bits than anywhere else in a pack. Members of whole vectors cost nothing here.
    """

    def computed(x: Tensor) -> Tensor:
        size = math.prod(x.shape[1:])
        missing = -size % VECTOR
        if not missing or x.is_cuda:  # a GPU has no such end
            return function(x)
        return function(F.pad(x.flatten(1), (0, missing)))[:, :size].view(x.shape)

    return computed


ACTIVATIONS: Mapping[Activation, Function] = {
    # These four compare and multiply, which rounds alike everywhere.
    Activation.identity: lambda x: x,
    Activation.relu: torch.relu,
    Activation.leaky_relu: F.leaky_relu,
    Activation.hard_tanh: F.hardtanh,
    Activation.sigmoid: by_vectors(torch.sigmoid),
    Activation.tanh: by_vectors(torch.tanh),
    Activation.elu: by_vectors(F.elu),
    Activation.selu: by_vectors(torch.selu),
    Activation.gelu: by_vectors(F.gelu),
    Activation.silu: by_vectors(F.silu),
    Activation.softplus: by_vectors(F.softplus),
    Activation.mish: by_vectors(F.mish),
}


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Weighted sums: x [members, in, batch], weight [members, out, in], bias [members, out] (torch.nn.Linear)."""
    if _is_wide(x, weight):
        return cast("Tensor", WideLinear.apply(x, weight, bias))  # type: ignore[no-untyped-call]
    if bias is None:
        return torch.bmm(weight, x)
    return torch.baddbmm(bias.unsqueeze(2), weight, x)


def _is_wide(x: Tensor, weight: Tensor) -> bool:
    if x.is_cuda or x.dtype is not torch.float32 or torch.is_autocast_enabled("cpu"):
        return False
    return weight.shape[1] * weight.shape[2] * x.shape[2] >= WIDE


class WideLinear(torch.autograd.Function):
    """`linear` on a CPU, one member after the other by oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Weighted sums [members, out, batch]."""
        ctx.save_for_backward(x, weight)
        if bias is None:
            return torch.stack(list(_products(weight, x)))
        z = x.new_empty(*weight.shape[:2], x.shape[2])
        for sums, product, added in zip(z, _products(weight, x), bias.unsqueeze(2), strict=True):
            torch.add(product, added, out=sums)
        return z

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """By x, which is not wanted for a first layer, by the weight, and by the bias, if there is one."""
        x, weight = ctx.saved_tensors
        wants_x, _, wants_bias = ctx.needs_input_grad
        return (
            torch.stack(list(_products(weight.transpose(1, 2), gradient))) if wants_x else None,
            torch.stack(list(_products(gradient, x.transpose(1, 2)))),
            gradient.sum(dim=2) if wants_bias else None,
        )


def _products(a: Tensor, b: Tensor) -> Iterator[Tensor]:
    """The product [m, n] of each member's a [m, k] and b [k, n]."""
    # Of PyTorch's functions this alone, which torch.compile uses, multiplies float32 by oneDNN: x w^T.
    times = torch.ops.mkldnn._linear_pointwise
    for one, other in zip(a.unbind(), b.transpose(1, 2).unbind(), strict=True):
        yield times(one, other, None, "none", [], "")


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, padding: int) -> Tensor:
    """Convolutions: x [members, in, batch, height, width], weight [members, out, in, k, k] (torch.nn.Conv2d).

    Where channels do not fill vectors, the library of grouped convolutions chooses its way by the number of members,
    and rounds by it. There, windows are gathered and multiplied: for an image's one or three channels the faster way.
    """
    if all(channels % CHANNELS == 0 for channels in weight.shape[1:3]):
        return _grouped(x, weight, bias, stride, padding)
    return _gathered(x, weight, bias, stride, padding)


def _grouped(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """One grouped convolution, a group for each member."""
    z = F.conv2d(
        x.flatten(0, 1).transpose(0, 1),
        weight.flatten(0, 1),
        None if bias is None else bias.flatten(),
        stride=stride,
        padding=padding,
        groups=len(weight),
    )
    return z.transpose(0, 1).reshape(*weight.shape[:2], len(z), *z.shape[2:])


def _gathered(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Weighted sums over the windows, side by side as if each were a row of the batch."""
    k = weight.shape[-1]
    windows = F.pad(x, (padding,) * 4).unfold(3, k, stride).unfold(4, k, stride)
    places = windows.shape[2:5]
    columns = windows.permute(0, 1, 5, 6, 2, 3, 4).reshape(len(x), -1, math.prod(places))
    return linear(columns, weight.flatten(2), bias).view(*weight.shape[:2], *places)


def pool(x: Tensor, kind: str) -> Tensor:
    """2 x 2 pooling where there are 2 x 2 pixels (torch.nn.MaxPool2d, torch.nn.AvgPool2d)."""
    if kind == "none" or min(x.shape[-2:]) < 2:
        return x
    pooled = F.max_pool2d if kind == "max" else F.avg_pool2d
    flat: Tensor = pooled(x.flatten(0, 1), 2)
    return flat.view(*x.shape[:2], *flat.shape[1:])


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each row's features to mean 0 and variance 1, then scaled: x [members, features, *places] (torch.nn.LayerNorm).

    Of convolutions, a row's features are all its channels at all places; each channel has its own scale.
    """
    x = x.to(weight.dtype)  # statistics of bfloat16 numbers are taken in float32, as PyTorch's autocast does
    over = (1, *range(3, x.dim()))
    variance, mean = torch.var_mean(x, dim=over, correction=0, keepdim=True)
    shape = (*weight.shape, *([1] * (x.dim() - 2)))
    return (x - mean) * torch.rsqrt(variance + 1e-5) * weight.view(shape) + bias.view(shape)


def batch_norm(
    x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor, *, training: bool
) -> Tensor:
    """Each feature to mean 0 and variance 1 over the batch, then scaled (torch.nn.BatchNorm1d and 2d, momentum 0.1).

    x is [members, features, *places], all others [members, features]. In training the running statistics move.
    """
    x = x.to(weight.dtype)
    shape = (*weight.shape, *([1] * (x.dim() - 2)))
    if training:
        over = tuple(range(2, x.dim()))
        variance, mean = torch.var_mean(x, dim=over, correction=0)
        count = x[0, 0].numel()
        with torch.no_grad():
            running_mean.lerp_(mean.detach(), 0.1)
            running_var.lerp_(variance.detach() * (count / max(count - 1, 1)), 0.1)
    else:
        mean, variance = running_mean, running_var
    return (x - mean.view(shape)) * torch.rsqrt(variance + 1e-5).view(shape) * weight.view(shape) + bias.view(shape)

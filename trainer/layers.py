"""Stacked layers: the same layer of every member of a pack at once.

Activations are feature-major, [members, features, batch]; weights are [members, out, in], as nn.Linear has them, so
that one row of a member's parameters loads straight into PyTorch's own modules.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from spec.activations import Activation

VECTOR = 64
"""Numbers that vector code takes at a time: two AVX-512 registers of bfloat16, more than any other processor's."""

AVX512 = "AVX512" in torch.backends.cpu.get_cpu_capability()

CHANNELS = 16 if AVX512 else 8
"""Channels that a convolution takes at a time on this processor."""


def has_idle_units(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether MKL leaves half of this processor's multipliers idle.

    On AMD's it takes AVX2, whatever they have; from Zen 5 on (family 26) their AVX-512 is twice as wide as that.
    """
    try:
        told = dict(re.findall(r"^([^:\n]*?)\s*:\s*(.*)$", cpuinfo.read_text(), re.MULTILINE))
    except OSError:
        return False
    return told.get("vendor_id") == "AuthenticAMD" and int(told.get("cpu family", 0)) >= 26 and AVX512


WIDE = 1_500_000 if has_idle_units() and hasattr(torch.ops.mkldnn, "_linear_pointwise") else math.inf
"""Multiplications from which on a product is oneDNN's, where MKL leaves multipliers idle. Smaller products are over
before it has begun, and MKL takes those of all members at once."""


def by_vectors(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function` of tensors of one shape, computed for each member [members, ...] in whole vectors.

    PyTorch computes the end of a tensor that fills no vector with other code, which rounds otherwise: a member whose
    numbers lie there would get other bits than anywhere else in a pack. Members of whole vectors cost nothing here.
    """

    def computed(*given: Tensor) -> Tensor:
        shape = given[0].shape
        size = math.prod(shape[1:])
        missing = -size % VECTOR
        if not missing or given[0].is_cuda:  # a GPU has no such end
            return function(*given)
        return function(*(F.pad(x.flatten(1), (0, missing)) for x in given))[:, :size].view(shape)

    return computed


@dataclass(frozen=True)
class Nonlinearity:
    """A function of each number by itself, and the way back through it."""

    function: Callable[[Tensor], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]
    """The gradient times the derivative: of the gradient and what the function was given, or what came out of it."""
    by_output: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """The function's values."""
        return self.function(x)


_aten = torch.ops.aten
_SELU = 1.6732632423543772, 1.0507009873554805
"""Alpha and scale (Klambauer et al., "Self-normalizing neural networks", 2017)."""

ACTIVATIONS: Mapping[Activation, Nonlinearity] = {
    # These four compare and multiply, which rounds alike everywhere.
    Activation.identity: Nonlinearity(lambda x: x, lambda g, x: g),
    Activation.relu: Nonlinearity(torch.relu, lambda g, h: _aten.threshold_backward(g, h, 0.0), by_output=True),
    Activation.leaky_relu: Nonlinearity(F.leaky_relu, lambda g, x: _aten.leaky_relu_backward(g, x, 0.01, False)),
    Activation.hard_tanh: Nonlinearity(F.hardtanh, lambda g, x: _aten.hardtanh_backward(g, x, -1.0, 1.0)),
    Activation.sigmoid: Nonlinearity(by_vectors(torch.sigmoid), by_vectors(_aten.sigmoid_backward), by_output=True),
    Activation.tanh: Nonlinearity(by_vectors(torch.tanh), by_vectors(_aten.tanh_backward), by_output=True),
    Activation.elu: Nonlinearity(
        by_vectors(F.elu), by_vectors(lambda g, x: _aten.elu_backward(g, 1.0, 1.0, 1.0, False, x))
    ),
    Activation.selu: Nonlinearity(
        by_vectors(torch.selu), by_vectors(lambda g, x: _aten.elu_backward(g, *_SELU, 1.0, False, x))
    ),
    Activation.gelu: Nonlinearity(by_vectors(F.gelu), by_vectors(_aten.gelu_backward)),
    Activation.silu: Nonlinearity(by_vectors(F.silu), by_vectors(_aten.silu_backward)),
    Activation.softplus: Nonlinearity(
        by_vectors(F.softplus), by_vectors(lambda g, x: _aten.softplus_backward(g, x, 1.0, 20.0))
    ),
    Activation.mish: Nonlinearity(by_vectors(F.mish), by_vectors(_aten.mish_backward)),
}


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Weighted sums: x [members, in, batch], weight [members, out, in], bias [members, out] (torch.nn.Linear)."""
    if _is_wide(x, weight):
        return cast("Tensor", WideLinear.apply(x, weight, bias))  # type: ignore[no-untyped-call]
    if bias is None:
        return torch.bmm(weight, x)
    return torch.baddbmm(bias.unsqueeze(2), weight, x)


def linear_back(x: Tensor, weight: Tensor, gradient: Tensor, *, by_x: bool) -> tuple[Tensor | None, Tensor]:
    """From the gradient by the sums [members, out, batch] those by x, if it is wanted, and by the weight."""
    if _is_wide(x, weight):
        of_x = torch.stack(list(_products(weight.transpose(1, 2), gradient))) if by_x else None
        return of_x, torch.stack(list(_products(gradient, x.transpose(1, 2))))
    return torch.bmm(weight.transpose(1, 2), gradient) if by_x else None, torch.bmm(gradient, x.transpose(1, 2))


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
        of_x, of_weight = linear_back(x, weight, gradient, by_x=wants_x)
        return of_x, of_weight, gradient.sum(dim=2) if wants_bias else None


def _products(a: Tensor, b: Tensor) -> Iterator[Tensor]:
    """The product [m, n] of each member's a [m, k] and b [k, n]."""
    # Of PyTorch's functions this alone, which torch.compile uses, multiplies float32 by oneDNN: x w^T.
    times = torch.ops.mkldnn._linear_pointwise
    for one, other in zip(a.unbind(), b.transpose(1, 2).unbind(), strict=True):
        yield times(one, other, None, "none", [], "")


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, padding: int) -> Tensor:
    """Convolutions: x [members, in, height, width, batch], weight [members, out, in, k, k] (torch.nn.Conv2d).

    Where channels do not fill vectors, the library of grouped convolutions chooses its way by the number of members,
    and rounds by it. There, windows are gathered and multiplied: for an image's one or three channels the faster way.
    """
    if all(channels % CHANNELS == 0 for channels in weight.shape[1:3]):
        return _grouped(x, weight, bias, stride, padding)
    return _gathered(x, weight, bias, stride, padding)


def _grouped(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """One grouped convolution, a group for each member."""
    z = F.conv2d(
        x.flatten(0, 1).permute(3, 0, 1, 2),
        weight.flatten(0, 1),
        None if bias is None else bias.flatten(),
        stride=stride,
        padding=padding,
        groups=len(weight),
    )
    return z.permute(1, 2, 3, 0).reshape(*weight.shape[:2], *z.shape[2:], len(z))


def _gathered(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Weighted sums over the windows, side by side as if each were a row of the batch."""
    k = weight.shape[-1]
    padded = F.pad(x, (0, 0, *(padding,) * 4))
    windows: Tensor = Windows.apply(padded, k, stride)  # type: ignore[no-untyped-call]
    z = linear(windows.flatten(1, 3).flatten(2), weight.flatten(2), bias)
    return z.view(*weight.shape[:2], *windows.shape[4:])


class Windows(torch.autograd.Function):
    """Each k x k window of images x [members, channels, height, width, batch] (torch.nn.Unfold).

    PyTorch's own way back takes a number at a time; here whole rows of images are added.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: int, stride: int) -> Tensor:
        """What is in the windows at each place, [members, channels, k, k, down, across, batch]."""
        ctx.shape, ctx.k, ctx.stride = x.shape, k, stride
        return x.unfold(2, k, stride).unfold(3, k, stride).permute(0, 1, 5, 6, 2, 3, 4).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None]:
        """By x: the sum over the windows in which a pixel is."""
        if not ctx.needs_input_grad[0]:
            return None, None, None
        down, across = (ctx.stride * (places - 1) + 1 for places in gradient.shape[4:6])
        found = gradient.new_zeros(ctx.shape)
        for row, column in itertools.product(range(ctx.k), repeat=2):
            pixels = found[:, :, row : row + down : ctx.stride, column : column + across : ctx.stride]
            pixels += gradient[:, :, row, column]
        return found, None, None


def pool(x: Tensor, kind: str) -> Tensor:
    """2 x 2 pooling of x [members, channels, height, width, batch] where there are 2 x 2 pixels.

    torch.nn.MaxPool2d, torch.nn.AvgPool2d.
    """
    if kind == "none" or min(x.shape[2:4]) < 2:
        return x
    if kind == "max":
        return cast("Tensor", MaxPool.apply(x))  # type: ignore[no-untyped-call]
    first, second, third, fourth = _corners(x)
    return (first + second + third + fourth) / 4


def _corners(x: Tensor) -> list[Tensor]:
    """The four pixels of every 2 x 2 that are whole, each [members, channels, height / 2, width / 2, batch]."""
    height, width = (side - side % 2 for side in x.shape[2:4])
    return [x[:, :, row:height:2, column:width:2] for row, column in itertools.product((0, 1), repeat=2)]


class MaxPool(torch.autograd.Function):
    """The largest of each 2 x 2, a batch at a time, where PyTorch's own looks at one number after the other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """[members, channels, height / 2, width / 2, batch]."""
        first, second, third, fourth = _corners(x)
        largest = torch.maximum(torch.maximum(first, second), torch.maximum(third, fourth))
        ctx.save_for_backward(x, largest)
        return largest

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """By x: of equals, the first has it all."""
        x, largest = ctx.saved_tensors
        found = torch.zeros_like(x)
        *pairs, (_, last) = zip(_corners(x), _corners(found), strict=True)
        chosen = torch.empty_like(largest)  # 1 or 0: mixed with truth values, PyTorch takes numbers one by one
        for pixels, its in pairs:
            torch.mul(gradient, torch.eq(pixels, largest, out=chosen), out=its)
            gradient = gradient - its
        last.copy_(gradient)
        return found


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each row's features to mean 0 and variance 1, then scaled: x [members, features, *places, batch].

    As torch.nn.LayerNorm. Of convolutions, a row's features are all its channels at all places; each channel has its
    own scale.
    """
    x = x.to(weight.dtype)  # statistics of bfloat16 numbers are taken in float32, as PyTorch's autocast does
    over = tuple(range(1, x.dim() - 1))
    variance, mean = torch.var_mean(x, dim=over, correction=0, keepdim=True)
    shape = (*weight.shape, *([1] * (x.dim() - 2)))
    return (x - mean) * torch.rsqrt(variance + 1e-5) * weight.view(shape) + bias.view(shape)


def batch_norm(
    x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor, *, training: bool
) -> Tensor:
    """Each feature to mean 0 and variance 1 over the batch, then scaled (torch.nn.BatchNorm1d and 2d, momentum 0.1).

    x is [members, features, *places, batch], all others [members, features]. In training the running statistics move.
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

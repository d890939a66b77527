"""Forward and backward passes: written out for plain networks, and recorded by autograd for all others.

A plain network is dense layers, one after the other. Autograd records every operation to find its way back, which takes
longer than the arithmetic of a small network. In a plain network the way back is known: from the loss to the last
layer's sums, and from a layer's sums to its weights, to its biases and to the layer before (Rumelhart, Hinton and
Williams, "Learning representations by back-propagating errors", 1986). Each operation is the one that autograd would
choose, so that the bits are the same.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from spec.activations import Activation

from .gradients import gradients
from .layers import ACTIVATIONS, Nonlinearity, linear, linear_back
from .models import Masks, Network, Weights

Casting = Callable[[], AbstractContextManager[object]]
"""Within it, products of layers are computed in the number format that the spec asks for."""


class ForwardPass(Protocol):
    """A forward pass of all members, with all that the backward pass needs of it."""

    @property
    def outputs(self) -> Tensor:
        """The last layer's sums, [members, outputs, batch]."""

    def backward(self, by_output: Tensor) -> Sequence[Tensor]:
        """The gradients by all arrays, in their order, from the gradient by `outputs`."""


class Backpropagation(Protocol):
    """A method of computing forward passes whose gradients can be computed."""

    def forward(self, weights: Weights, x: Tensor, masks: Masks) -> ForwardPass:
        """The forward pass for rows x [members, batch, features]."""


def backpropagation(network: Network, casting: Casting, dtype: torch.dtype, *, casts: bool) -> Backpropagation:
    """The fastest method for a network; `dtype` is that of losses, `casts` whether layers use another."""
    return DenseBackpropagation(network) if network.is_plain and not casts else Autograd(network, casting, dtype)


# --- written out --------------------------------------------------------------------------------------------------


class DenseLayer(NamedTuple):
    """What the backward pass through a layer needs of the forward pass."""

    x: Tensor
    """Its inputs, [members, in, batch]."""
    weight: Tensor
    bias: Tensor | None
    activation: Nonlinearity
    kept: Tensor
    """Its sums, or its outputs, whichever the activation's derivative is computed from; [members, out, batch]."""
    mask: Tensor | None


@dataclass(frozen=True)
class DenseForward:
    """A forward pass through dense layers."""

    outputs: Tensor
    layers: Sequence[DenseLayer]

    @torch.no_grad()
    def backward(self, by_output: Tensor) -> list[Tensor]:
        """The gradients by all arrays, in their order, from the gradient by the last layer's sums."""
        gradient, found = by_output, list[Tensor]()
        for layer in reversed(self.layers):
            if layer.mask is not None:
                gradient = gradient * layer.mask
            gradient = layer.activation.back(gradient, layer.kept)
            if layer.bias is not None:
                found.append(gradient.sum(dim=2))
            by_x, by_weight = linear_back(layer.x, layer.weight, gradient, by_x=layer is not self.layers[0])
            found.append(by_weight)
            gradient = gradient if by_x is None else by_x
        return found[::-1]


class DenseBackpropagation:
    """Backpropagation through a plain network, of all members at once."""

    def __init__(self, network: Network) -> None:
        self._activations = [*network.activations, ACTIVATIONS[Activation.identity]]

    @torch.no_grad()
    def forward(self, weights: Weights, x: Tensor, masks: Masks) -> DenseForward:
        """The forward pass for rows x [members, batch, features]."""
        arrays, layers, h = weights.arrays, list[DenseLayer](), x.transpose(1, 2)
        for index, activation in enumerate(self._activations):
            weight, bias, mask = arrays[f"layers.{index}.weight"], arrays.get(f"layers.{index}.bias"), masks.get(index)
            sums = linear(h, weight, bias)
            out = activation(sums)
            layers.append(DenseLayer(h, weight, bias, activation, out if activation.by_output else sums, mask))
            h = out if mask is None else out * mask
        return DenseForward(h, layers)


# --- recorded by autograd -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecordedForward:
    """A forward pass that autograd recorded."""

    outputs: Tensor
    recorded: Tensor
    """The outputs with their history."""
    arrays: Sequence[Tensor]

    def backward(self, by_output: Tensor) -> Sequence[Tensor]:
        """The gradients by all arrays: rows do not mix, so each member gets its own."""
        return gradients(self.recorded, self.arrays, by_output)


class Autograd:
    """Backpropagation through any network, as PyTorch records it."""

    def __init__(self, network: Network, casting: Casting, dtype: torch.dtype) -> None:
        self._network, self._casting, self._dtype = network, casting, dtype

    def forward(self, weights: Weights, x: Tensor, masks: Masks) -> RecordedForward:
        """The forward pass for rows x [members, batch, features]."""
        with self._casting():
            z = self._network.forward(weights.arrays, weights.running, x, masks, training=True)
        recorded = z.to(self._dtype)
        return RecordedForward(recorded.detach(), recorded, tuple(weights.arrays.values()))

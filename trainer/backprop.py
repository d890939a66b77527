"""Backpropagation, written out for plain networks: dense layers, one after the other.

Autograd records every operation to find its way back, which takes longer than the arithmetic of a small network. Here
the way is known: from the loss to the last layer's sums, and from a layer's sums to its weights, to its biases and to
the layer before (Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986). Each
operation is the one that autograd would find, so that the bits are the same; any other network goes by autograd.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from spec.job import Activation

from .layers import ACTIVATIONS, Nonlinearity, linear, linear_back
from .models import Arrays, Masks, Network


@dataclass(frozen=True)
class Passed:
    """What the way back through a layer needs of the way there."""

    x: Tensor
    """What came in, [members, in, batch]."""
    weight: Tensor
    bias: Tensor | None
    activation: Nonlinearity
    kept: Tensor
    """The sums, or the outputs, whichever the way back through the activation is known by; [members, out, batch]."""
    mask: Tensor | None


class Backpropagation:
    """The way through a plain network and back, of all members at once."""

    def __init__(self, network: Network) -> None:
        self._activations = [*network.activations, ACTIVATIONS[Activation.identity]]
        self._passed: list[Passed] = []

    @classmethod
    def of(cls, network: Network) -> Self | None:
        """That of a network; None if there is more in it than dense layers."""
        return cls(network) if network.is_plain else None

    @torch.no_grad()
    def forward(self, arrays: Arrays, x: Tensor, masks: Masks) -> Tensor:
        """The last layer's sums [members, outputs, batch], for rows x [members, batch, features]."""
        self._passed = []
        h = x.transpose(1, 2)
        for index, activation in enumerate(self._activations):
            weight, bias, mask = arrays[f"layers.{index}.weight"], arrays.get(f"layers.{index}.bias"), masks.get(index)
            sums = linear(h, weight, bias)
            out = activation(sums)
            self._passed.append(Passed(h, weight, bias, activation, out if activation.by_output else sums, mask))
            h = out if mask is None else out * mask
        return h

    @torch.no_grad()
    def back(self, gradient: Tensor) -> list[Tensor]:
        """The gradients by all arrays in their order, from that by the last layer's sums."""
        found: list[Tensor] = []
        for layer in reversed(self._passed):
            if layer.mask is not None:
                gradient = gradient * layer.mask
            gradient = layer.activation.back(gradient, layer.kept)
            if layer.bias is not None:
                found.append(gradient.sum(dim=2))
            by_x, by_weight = linear_back(layer.x, layer.weight, gradient, by_x=layer is not self._passed[0])
            found.append(by_weight)
            gradient = gradient if by_x is None else by_x
        self._passed = []
        return found[::-1]

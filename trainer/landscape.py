"""The loss landscape: the loss around finished weights, on the square that two random directions span.

Li et al., "Visualizing the Loss Landscape of Neural Nets", 2018, arXiv:1712.09913.

Directions are filter-normalised: the weights into a neuron, or of a channel, have the same norm in a direction as in
the network, so that sharp and flat mean the same in networks of any scale. Biases and normalisation stay as they are.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .digests import Purpose
from .models import RowLayout
from .random import generator

SIDE = 25
"""Places along each direction; the finished weights are the one in the middle."""
SPAN = 1.0
ROWS = 1000
"""Most rows that the loss is measured on, evenly spaced in their part of the split."""
NUMBERS = 4_000_000
"""Weights that are held at a time, of all places together."""


def landscape(
    parameters: Tensor, layout: RowLayout, seed: int, losses_of: Callable[[Tensor], Tensor]
) -> tuple[tuple[float, ...], ...]:
    """The losses, down the first direction and across the second, around `parameters` [1, parameters].

    `losses_of` computes the losses of networks, [members] from [members, parameters]; it is called with the same number
    of them each time, two at least.
    """
    along = directions(parameters, layout, seed)
    steps = torch.linspace(-SPAN, SPAN, SIDE, dtype=torch.float64, device=parameters.device)
    steps[SIDE // 2] = 0.0
    places = torch.cartesian_prod(steps, steps)
    size = max(2, min(SIDE, NUMBERS // parameters.shape[1]))
    losses: list[float] = []
    for some in torch.split(places, size):
        points = some[torch.arange(size, device=some.device).clamp_max(len(some) - 1)]
        weights = (parameters.double() + points @ along).to(parameters.dtype)
        losses += losses_of(weights)[: len(some)].tolist()
    return tuple(tuple(losses[at : at + SIDE]) for at in range(0, SIDE * SIDE, SIDE))


def directions(parameters: Tensor, layout: RowLayout, seed: int) -> Tensor:
    """Two random directions, [2, parameters] in float64, as long as the weights [1, parameters] filter by filter."""
    drawing = generator(seed, Purpose.landscape)
    drawn = torch.randn(2, layout.size, generator=drawing, dtype=torch.float64)
    weights = layout.views(parameters.double().cpu())
    for name, array in layout.views(drawn).items():
        if array.dim() == 2:  # a bias, or a scale of normalisation
            array.zero_()
            continue
        lengths, wanted = (torch.linalg.vector_norm(each.flatten(2), dim=2) for each in (array, weights[name]))
        array.mul_((wanted / lengths).reshape(*lengths.shape, *([1] * (array.dim() - 2))))
    return drawn.to(parameters.device)

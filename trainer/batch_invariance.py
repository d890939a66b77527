"""Batch invariance: whether one member alone gets the bits that it gets beside another.

Matrix libraries may compute a single matrix in another way than several, and round differently. Sizes decide that, not
numbers. So a step of one member and the same step of two are computed on random numbers, and their bits are compared.
Where they agree, a lone member trains without a padding row. Only heavy steps are compared: a padding row doubles their
arithmetic; and they compare so many numbers that agreement is no chance.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from .backprop import Casting
from .gradients import gradients
from .losses import Objective
from .models import Network

HEAVY_BATCH_FLOP = 10e6
"""A lighter batch is bound by launching operations, not by arithmetic: a padding row costs it little."""


def is_batch_invariant(
    network: Network,
    objective: Objective,
    x: Tensor,
    y: Tensor,
    *,
    steps: Collection[int],
    evaluations: Collection[int],
    casting: Casting,
) -> bool:
    """Whether one member alone gets the bits that it gets beside another, on this machine.

    `x` [1, rows, features] and `y` [1, rows, ...] are of the data's sizes, at least one row; `steps` and `evaluations`
    are the numbers of rows that are trained on, and measured, at a time.
    """
    drawn = torch.Generator().manual_seed(0)
    weights = 0.1 * torch.randn(1, network.parameters.size, generator=drawn, dtype=x.dtype)

    def computed(members: int) -> list[Tensor]:
        arrays = {
            name: view.detach().requires_grad_()
            for name, view in network.parameters.views(weights.repeat(members, 1)).items()
        }
        running = network.running.views(network.first_running().to(x.dtype).repeat(members, 1))

        def noise(rows: int) -> Tensor:
            return torch.randn(1, rows, *x.shape[2:], generator=torch.Generator().manual_seed(rows), dtype=x.dtype)

        found = []
        for rows in sorted(steps):
            batch = noise(rows).repeat(members, *[1] * (x.dim() - 1))
            wanted = y[:, torch.arange(rows) % y.shape[1]].repeat(members, *[1] * (y.dim() - 1))
            with casting():
                z = network.forward(arrays, running, batch, {}, training=True)
            loss = objective.loss(z.to(x.dtype), wanted).mean(dim=1)
            by_array = gradients(loss, tuple(arrays.values()), torch.ones_like(loss))
            flat = torch.cat([gradient.flatten(1) for gradient in by_array], dim=1)
            found += [loss.detach(), flat, torch.linalg.vector_norm(flat, dim=1)]
        with torch.no_grad(), casting():
            for rows in sorted(evaluations):
                batch = noise(rows).expand(members, *[-1] * (x.dim() - 1))
                found.append(network.forward(arrays, running, batch, {}, training=False))
        return [values[0] for values in found]

    return all(torch.equal(one, other) for one, other in zip(computed(1), computed(2), strict=True))

"""The rows that members begin with: drawn weights, a finished job's network, or a checkpoint."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checkpoint import best_rows
from .member import Member
from .setup import Setup


def first_state(setup: Setup, members: Sequence[Member]) -> dict[str, Tensor]:
    """A row for each member, as it begins: from its first weights, a finished job's, or from its checkpoint."""
    weights = torch.stack([_first_weights(setup, member) for member in members])
    running = torch.stack([_first_running(setup, member) for member in members])
    state = {"weights": weights, "running": running}
    for name in setup.buffers:
        state[name] = torch.stack([_first_buffer(member, name) for member in members]).expand_as(weights)
    state |= {best: state[now] for best, now in best_rows(setup.spec).items()}
    state = {name: values.to(device=setup.device, dtype=setup.dtype, copy=True) for name, values in state.items()}
    for row, member in enumerate(members):
        if member.checkpoint is not None:
            for name, kept in member.checkpoint.rows.items():
                state[name][row] = kept
        member.checkpoint = member.start = None  # they are as large as the rows
    return state


def _first_weights(setup: Setup, member: Member) -> Tensor:
    """[parameters], float64."""
    if member.start is None:
        return setup.network.first_parameters(member.spec)
    return setup.network.parameters.row(member.start.arrays)


def _first_running(setup: Setup, member: Member) -> Tensor:
    """[statistics], float64."""
    return setup.network.first_running() if member.start is None else setup.network.running.row(member.start.arrays)


def _first_buffer(member: Member, name: str) -> Tensor:
    """[parameters], or [1] where all begin alike; float64."""
    if member.start is None or member.start.optimizer is None:
        return torch.tensor([member.spec.optimizer.buffers[name]], dtype=torch.float64)
    return member.start.optimizer.buffers[name].double()

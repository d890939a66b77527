"""PyTorch's own way to train many networks at once: `stack_module_state`, `functional_call`, `vmap` and `grad`.

As in PyTorch's tutorial on model ensembling. `torch.optim.Adam` has one learning rate, so that Adam's update is written
out for the stacked parameters, each network with its own rate. Dropout takes its rate from a buffer, for the same
reason.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional

from .workloads import Data, Trial, Workload, network

BETAS = (0.9, 0.999)
EPS = 1e-8


class Dropout(nn.Module):
    """Dropout whose rate is a tensor, so that it can be stacked."""

    rate: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(rate))

    def forward(self, x: Tensor) -> Tensor:
        """Drop neurons while training."""
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= self.rate) / (1.0 - self.rate)


def train(workload: Workload, data: Data, trials: Sequence[Trial]) -> list[float]:
    """Train all trials as one stack; the last validation accuracy of each."""
    models = [_network(workload, trial) for trial in trials]
    parameters, buffers = stack_module_state(models)
    state = {name: value.detach() for name, value in parameters.items()}
    skeleton = copy.deepcopy(models[0]).to("meta")
    loss_of = functional.cross_entropy if data.classes else functional.mse_loss

    def loss(own: Mapping[str, Tensor], its_buffers: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        output: Tensor = functional_call(skeleton, (dict(own), dict(its_buffers)), (x,))
        return loss_of(output, y)

    step = vmap(grad_and_value(loss), in_dims=(0, 0, 0, 0), randomness="different")
    whole = vmap(lambda own, its: functional_call(skeleton, (own, its), (data.val_x,)), in_dims=(0, 0))
    first = {name: torch.zeros_like(value) for name, value in state.items()}
    second = {name: torch.zeros_like(value) for name, value in state.items()}
    rates = torch.tensor([trial.learning_rate for trial in trials])
    done, rows = 0, len(data.x)
    accuracies: list[float] = []
    for _ in range(workload.epochs):
        skeleton.train()
        orders = torch.stack([torch.randperm(rows) for _ in trials])
        losses = torch.zeros(len(trials))
        for at in range(0, rows, workload.batch):
            batch = orders[:, at : at + workload.batch]
            gradients, values = step(state, buffers, data.x[batch], data.y[batch])
            done += 1
            _adam(state, gradients, first, second, rates, done)
            losses.add_(values.detach(), alpha=batch.shape[1])
        skeleton.eval()
        with torch.no_grad():
            outputs = whole(state, buffers)
            if data.classes:
                accuracies = (outputs.argmax(dim=2) == data.val_y).float().mean(dim=1).tolist()
            for output in outputs:
                loss_of(output, data.val_y)
    return accuracies


def _network(workload: Workload, trial: Trial) -> nn.Sequential:
    torch.manual_seed(trial.seed)
    layers = network(workload, trial.dropout)
    return nn.Sequential(*(Dropout(one.p) if isinstance(one, nn.Dropout) else one for one in layers))


def _adam(
    state: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    rates: Tensor,
    step: int,
) -> None:
    """Adam (Kingma and Ba 2015) with a learning rate of its own for each network, in place."""
    for name, value in state.items():
        gradient = gradients[name]
        first[name].lerp_(gradient, 1.0 - BETAS[0])
        second[name].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1.0 - BETAS[1])
        deviation = (second[name] / (1.0 - BETAS[1] ** step)).sqrt_().add_(EPS)
        rate = (rates / (1.0 - BETAS[0] ** step)).reshape(-1, *[1] * (value.dim() - 1))
        value.sub_(rate * first[name] / deviation)

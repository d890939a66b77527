"""Hand-written training loops, one trial at a time: the baselines.

All three report, after each epoch, the running loss of training and the loss and accuracy on the validation split.
The tight loop is an expert's, for speed only: it has no best weights, no record and no early stopping. Whatever makes
it faster belongs in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .workloads import Data, Trial, Workload, network


@dataclass(frozen=True)
class Epoch:
    """The metrics of an epoch; the accuracy of a regression is NaN."""

    train_loss: float
    val_loss: float
    val_accuracy: float

    def metrics(self) -> dict[str, float]:
        """The metrics by name."""
        return {"train_loss": self.train_loss, "val_loss": self.val_loss, "val_accuracy": self.val_accuracy}


Loop = Callable[[Workload, Data, Trial], Iterator[Epoch]]


def tight(workload: Workload, data: Data, trial: Trial, *, fused: bool = False) -> Iterator[Epoch]:
    """Data in memory, one gather per epoch, no Python object per row, one transfer of metrics per epoch."""
    torch.manual_seed(trial.seed)
    device, rows = data.x.device, len(data.x)
    model = network(workload, trial.dropout).to(device)
    loss_of = functional.cross_entropy if data.classes else functional.mse_loss
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=trial.learning_rate, fused=fused)
    for _ in range(workload.epochs):
        model.train()
        order = torch.randperm(rows, device=device)
        total = torch.zeros((), device=device)
        x_batches = torch.split(data.x.index_select(0, order), workload.batch)
        y_batches = torch.split(data.y.index_select(0, order), workload.batch)
        for x, y in zip(x_batches, y_batches, strict=True):
            loss = loss_of(model(x), y)
            torch.autograd.backward(loss)
            optimizer.step()
            for parameter in parameters:  # zero_grad() does the same, but takes 20 us more
                parameter.grad = None
            total.add_(loss.detach(), alpha=len(x))
        model.eval()
        with torch.inference_mode():
            output = model(data.val_x)
            val_loss = loss_of(output, data.val_y)
            accuracy = _accuracy(output, data.val_y) if data.classes else torch.full((), torch.nan, device=device)
            numbers: list[float] = torch.stack([total / rows, val_loss, accuracy]).tolist()
        yield Epoch(*numbers)


def tight_fused(workload: Workload, data: Data, trial: Trial) -> Iterator[Epoch]:
    """The tight loop with PyTorch's fused Adam."""
    return tight(workload, data, trial, fused=True)


def idiomatic(workload: Workload, data: Data, trial: Trial) -> Iterator[Epoch]:
    """DataLoader, Sequential, Adam and `.item()`: the loop of every tutorial."""
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(trial.seed)
    device = data.x.device
    model = network(workload, trial.dropout).to(device)
    criterion: nn.Module = nn.CrossEntropyLoss() if data.classes else nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate)
    train = DataLoader(TensorDataset(data.x, data.y), batch_size=workload.batch, shuffle=True)
    validation = DataLoader(TensorDataset(data.val_x, data.val_y), batch_size=256)
    for _ in range(workload.epochs):
        model.train()
        total = 0.0
        for x, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        val_total, correct = 0.0, 0.0
        with torch.no_grad():
            for x, y in validation:
                output = model(x)
                val_total += criterion(output, y).item() * len(x)
                correct += _accuracy(output, y).item() * len(x) if data.classes else float("nan")
        yield Epoch(total / len(data.x), val_total / len(data.val_x), correct / len(data.val_x))


def _accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(dim=1) == target).float().mean()


def last(epochs: Iterator[Epoch]) -> Epoch:
    """Run a loop to its end; the metrics of its last epoch."""
    *_, final = epochs
    return final


LOOPS: Mapping[str, Loop] = {"tight": tight, "tight fused": tight_fused, "idiomatic": idiomatic}
"""The loops by name."""

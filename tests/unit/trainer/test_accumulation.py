"""Gradient accumulation: a step of several batches is what PyTorch's loop of backward calls and one update computes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spec.job import JobSpec
from trainer.data import split
from trainer.models import Network
from trainer.random import permutations

from .recording import job, train

CPU = torch.device("cpu")
FIELDS: dict[str, Any] = {"precision": "float64", "epochs": 3, "restore_best": False}
SGD = {"type": "sgd", "momentum": 0.9}
"""Adam divides by the size of gradients, and a bias before batch normalisation has none but rounding."""


def network(spec: JobSpec) -> nn.Sequential:
    """PyTorch's own network of a job of one hidden layer, with the job's first weights."""
    assert spec.info is not None
    normalized = Network(spec, spec.info).running.size > 0
    norm: list[nn.Module] = [nn.BatchNorm1d(8)] if normalized else []
    layers = nn.Sequential(nn.Linear(4, 8), *norm, nn.ReLU(), nn.Linear(8, 3)).double()
    own = Network(spec, spec.info)
    first = {name: array[0] for name, array in own.parameters.views(own.first_parameters(spec).unsqueeze(0)).items()}
    with torch.no_grad():
        for name, module in (("layers.0", layers[0]), ("layers.1", layers[-1])):
            assert isinstance(module, nn.Linear)
            module.weight.copy_(first[f"{name}.weight"])
            module.bias.copy_(first[f"{name}.bias"])
    return layers


def trained_by_pytorch(spec: JobSpec) -> list[Tensor]:
    """The parameters after PyTorch's loop: backward for each batch, one update for each step."""
    assert spec.info is not None
    assert spec.batch_size != "full"
    data, layers = split(spec, spec.info, CPU, torch.float64), network(spec)
    optimizer = torch.optim.SGD(layers.parameters(), lr=spec.learning_rate, momentum=0.9)
    for epoch in range(1, spec.epochs + 1):
        (order,) = permutations([spec.seed], [epoch], len(data.x["train"]), CPU)
        for rows in order.split(spec.batch_size * spec.gradient_accumulation):
            optimizer.zero_grad()
            for batch in rows.split(spec.batch_size):
                loss = nn.functional.cross_entropy(layers(data.x["train"][batch]), data.y["train"][batch])
                (loss * len(batch) / len(rows)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return [parameter.detach() for parameter in layers.parameters()]


def trained_by_us(spec: JobSpec) -> list[Tensor]:
    model = train(spec).outcomes["0"].model
    ours = ("layers.0.weight", "layers.0.bias", "norms.0.weight", "norms.0.bias", "layers.1.weight", "layers.1.bias")
    return [model[name] for name in ours if name in model]


def agree(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(torch.allclose(one, other, rtol=0.0, atol=1e-12) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize(("batch", "batches"), [(11, 4), (32, 2), (50, 2), (13, 1000)])
def test_a_step_of_several_batches_is_pytorchs(normalization: str, batch: int, batches: int) -> None:
    """The training split has 120 rows: a last step, and a last batch, may be smaller."""
    architecture = {"type": "mlp", "hidden": [8], "normalization": normalization}
    spec = job(**FIELDS, optimizer=SGD, architecture=architecture, batch_size=batch, gradient_accumulation=batches)
    assert agree(trained_by_us(spec), trained_by_pytorch(spec))


@pytest.mark.parametrize(
    "fields", [{}, {"label_smoothing": 0.1, "gradient_clip": 0.05}, {"dataset": "diabetes", "loss": "huber"}], ids=str
)
def test_a_step_of_several_batches_is_one_large_batch(fields: dict[str, Any]) -> None:
    common = {**FIELDS, "tolerance": 1e-9, "train_metrics": "running", **fields}
    several = train(job(**common, batch_size=10, gradient_accumulation=5))
    one = train(job(**common, batch_size=50))
    assert agree(list(several.outcomes["0"].model.values()), list(one.outcomes["0"].model.values()))
    for ours, theirs in zip(several.curves["0"], one.curves["0"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_training_stops_at_the_gradient_of_whole_steps() -> None:
    spec = {"dataset": "linear", "loss": "mse", "epochs": 5000, "tolerance": 0.05}
    several, one = train(job(**spec, batch_size=40, gradient_accumulation=4)), train(job(**spec, batch_size=160))
    assert several.outcomes["0"].stop_reason == one.outcomes["0"].stop_reason == "converged"
    assert len(several.curves["0"]) == len(one.curves["0"])

"""The examples of CONTRIBUTING.md can be carried out as they stand there."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from pydantic import TypeAdapter

from spec.base import one_of
from spec.estimate import estimate
from spec.job import JobSpec
from spec.losses import LOSSES
from spec.optimizers import OPTIMIZERS
from spec.schedules import SCHEDULES
from trainer import optim

from .recording import job, train

PAGE = Path(__file__).parents[3] / "CONTRIBUTING.md"
X, Y = [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]], [1.0, -1.0, 0.5]
START = [[[0.3, -0.2], [0.1, 0.4]], [[0.7, -0.5]]]


def carried_out(title: str) -> dict[str, Any]:
    """What the code of a section defines, each block run as if it stood at the end of the file that it names."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    defined: dict[str, Any] = {}
    for path, code in re.findall(r"^```python\n# (\S+)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL):
        module = vars(import_module(path.removesuffix(".py").replace("/", ".")))
        namespace = {**module, **defined}
        exec(compile(code, path, "exec"), namespace)  # noqa: S102 - our own page
        defined |= {name: value for name, value in namespace.items() if name not in module}
    return defined


def three_steps(**fields: Any) -> JobSpec:
    """A job of three steps whose start and rows are known."""
    return job(
        dataset={"x": X, "y": Y},
        architecture={"type": "mlp", "hidden": [2], "bias": False},
        activation="tanh",
        initial_weights=START,
        loss="mse",
        validation_fraction=0.0,
        batch_size="full",
        epochs=3,
        restore_best=False,
        precision="float64",
        **fields,
    )


def test_an_optimizer_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optim, "RULES", dict(optim.RULES))
    signum = carried_out("Add an optimizer")["Signum"]
    read = TypeAdapter(one_of((*OPTIMIZERS, signum)))
    specs = [
        three_steps(learning_rate=rate).model_copy(update={"optimizer": read.validate_python(given)})
        for rate, given in ((0.05, "signum"), (0.1, {"type": "signum", "momentum": 0.5}))
    ]
    trained = train(*specs)
    for place, (momentum, rate) in enumerate([(0.9, 0.05), (0.5, 0.1)]):
        first, second = (torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in START)
        means = [torch.zeros_like(first), torch.zeros_like(second)]
        for _ in range(3):
            z = torch.tanh(torch.tensor(X, dtype=torch.float64) @ first.T) @ second.T
            loss = F.mse_loss(z[:, 0], torch.tensor(Y, dtype=torch.float64))
            for w, mean, g in zip((first, second), means, torch.autograd.grad(loss, (first, second)), strict=True):
                mean.mul_(momentum).add_(g, alpha=1.0 - momentum)
                w.data -= rate * mean.sign()
        model = trained.outcomes[str(place)].model
        assert torch.allclose(model["layers.0.weight"], first.detach(), rtol=0.0, atol=1e-12)
        assert torch.allclose(model["layers.1.weight"], second.detach(), rtol=0.0, atol=1e-12)
    info = specs[0].info
    assert info is not None
    adam = three_steps(optimizer="adam")
    assert estimate(adam, info).memory_bytes - estimate(specs[0], info).memory_bytes == 8 * 6


def test_a_schedule_is_added() -> None:
    polynomial = carried_out("Add a schedule")["Polynomial"]
    schedule = TypeAdapter(one_of((*SCHEDULES, polynomial))).validate_python({"type": "polynomial", "power": 2.0})
    trained = train(three_steps(learning_rate=0.3).model_copy(update={"schedule": schedule}))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    theirs = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=3, power=2.0)
    for metrics in trained.curves["0"]:
        assert metrics["learning_rate"] == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_a_loss_is_added() -> None:
    log_cosh = carried_out("Add a loss")["LogCosh"]
    given = TypeAdapter(one_of((*LOSSES, log_cosh))).validate_python("log_cosh")
    trained = train(three_steps(learning_rate=0.1, optimizer="sgd").model_copy(update={"loss": given}))
    first, second = (torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in START)
    for _ in range(3):
        z = torch.tanh(torch.tensor(X, dtype=torch.float64) @ first.T) @ second.T
        loss = torch.log(torch.cosh(z[:, 0] - torch.tensor(Y, dtype=torch.float64))).mean()
        for w, g in zip((first, second), torch.autograd.grad(loss, (first, second)), strict=True):
            w.data -= 0.1 * g
    model = trained.outcomes["0"].model
    assert torch.allclose(model["layers.0.weight"], first.detach(), rtol=0.0, atol=1e-12)
    assert torch.allclose(model["layers.1.weight"], second.detach(), rtol=0.0, atol=1e-12)

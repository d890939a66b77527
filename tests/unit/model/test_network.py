"""The forward pass in NumPy, and the page that says how to do it in PyTorch, against the trainer's own."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from model.network import forward
from model.readme import readme
from spec.activations import Activation
from spec.job import JobSpec
from trainer.models import Network

MLP = {"type": "mlp", "hidden": [7, 5]}
CNN = {"type": "cnn", "channels": [3, 4], "hidden": [6]}
NETWORKS: list[dict[str, Any]] = [
    {"architecture": "perceptron"},
    *({"architecture": MLP, "activation": activation.value} for activation in Activation),
    {"architecture": MLP, "activation": ["tanh", "gelu"]},
    *({"architecture": {**MLP, "normalization": kind, "bias": kind == "batch"}} for kind in ("batch", "layer")),
    *({"architecture": {"type": "resmlp", "width": 6, "normalization": kind}} for kind in ("none", "batch", "layer")),
    *({"architecture": {**CNN, "normalization": kind}} for kind in ("none", "batch", "layer")),
    {"architecture": {**CNN, "kernel": 2, "stride": 2, "padding": 0, "pooling": "average"}},
    {"architecture": {**CNN, "pooling": "none", "bias": False, "hidden": []}, "precision": "float64"},
    {"architecture": {**CNN, "channels": [2, 2, 2, 2, 2]}},
]


def trained(spec: JobSpec, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Arrays as a training might leave them, and the trainer's own sums of x."""
    info = spec.info
    assert info is not None
    network = Network(spec, info)
    random = torch.Generator().manual_seed(1)
    row = network.first_parameters(spec) + 0.3 * torch.randn(network.parameters.size, generator=random)
    running = network.first_running() + torch.rand(network.running.size, generator=random)
    dtype = torch.float64 if spec.precision.value == "float64" else torch.float32
    weights, statistics = row.to(dtype)[None], running.to(dtype)[None]
    arrays, kept = network.parameters.views(weights), network.running.views(statistics)
    expected = network.forward(arrays, kept, x.to(dtype)[None], {}, training=False)[0].T
    return {name: array[0].clone() for name, array in {**arrays, **kept}.items()}, expected


@pytest.mark.parametrize("fields", NETWORKS, ids=str)
def test_numpy_and_the_readme_agree_with_the_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    spec = JobSpec.model_validate({"dataset": "digits", **fields})
    assert spec.info is not None
    x = torch.randn(300, 64, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    arrays, expected = trained(spec, x)
    ours = forward(spec, {name: array.numpy() for name, array in arrays.items()}, x.numpy(), spec.info.image)
    assert ours.shape == (300, 10)
    np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-5, atol=1e-5)

    save_file(arrays, tmp_path / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", readme(spec, spec.info, "A model"), flags=re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    exec(code, names)  # noqa: S102 - the code of the README
    with torch.no_grad():
        theirs = names["net"](x.to(expected.dtype))
    np.testing.assert_allclose(theirs.numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "fields", [{"architecture": MLP}, {"architecture": {**MLP, "hidden": [33, 17]}}, {"architecture": CNN}], ids=str
)
def test_a_row_has_the_same_sums_to_the_bit_among_any_others(fields: dict[str, Any]) -> None:
    spec = JobSpec.model_validate({"dataset": "digits", **fields})
    x = torch.randn(40, 64, generator=torch.Generator().manual_seed(2))
    named, _ = trained(spec, x)
    arrays, rows = {name: array.numpy() for name, array in named.items()}, x.double().numpy()
    together = forward(spec, arrays, rows, (1, 8, 8))
    for place in (0, 3, 31, 39):
        others = np.roll(rows, 7, axis=0)[: place + 1]
        others[place] = rows[place]
        for asked in (rows[place : place + 1], others):
            assert forward(spec, arrays, asked, (1, 8, 8))[-1].tolist() == together[place].tolist()
    assert forward(spec, arrays, rows[:0], (1, 8, 8)).shape == (0, 10)

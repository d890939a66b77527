"""A trained model in PyTorch: the network as a module, and the preprocessing around it."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from safetensors.torch import load as tensors_of
from torch import Tensor, nn

from model import PREPROCESSING, SPEC, WEIGHTS
from model.errors import RowsError
from model.finished import Model
from model.readme import code
from model.rows import numbers_of
from spec.job import JobSpec

from ..errors import BadSpecError
from .predictions import Predictions
from .rows import index_of, some_rows_of


class TrainedModel(nn.Module):
    """A trained network. `model(features)` is what PyTorch sees; `model.predict(rows)` is what `job.predict` answers.

    `net` is the network of plain layers, with the state dict of the job's `model.safetensors`: train it on, or save it
    as any other module.
    """

    def __init__(self, net: nn.Module, model: Model) -> None:
        super().__init__()
        self.net = net
        self._model = _ByTorch(model.spec, model.preprocessing, model.arrays, net=net)

    def features(self, rows: Any) -> Tensor:
        """Raw rows as features [rows, features]: numbers standardised, categories one-hot, gaps marked.

        Raises `BadSpecError`, which names row and column.
        """
        prepared = self._model.preprocessing
        with _told():
            return _as_input(self.net, prepared.features(numbers_of(some_rows_of(rows), prepared)))

    def forward(self, features: Tensor) -> Tensor:
        """The network's outputs [rows, outputs]: logits, or numbers in the training's units."""
        outputs: Tensor = self.net(features)
        return outputs

    def predict(self, rows: Any) -> Predictions:
        """The predictions for raw rows, an array or a frame. Raises `BadSpecError`, which names row and column."""
        with _told():
            return Predictions([self._model.predict(some_rows_of(rows))], index_of(rows))


@contextmanager
def _told() -> Iterator[None]:
    """Say what is wrong with rows as the service does."""
    try:
        yield
    except RowsError as error:
        raise BadSpecError("The rows do not fit the model.", errors=error.errors) from error


def load(archive: bytes) -> TrainedModel:
    """The model in a job's zip, in evaluation mode on the CPU."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        weights, spec, preprocessing = (files.read(name) for name in (WEIGHTS, SPEC, PREPROCESSING))
    model = Model.of(weights, JobSpec.model_validate_json(spec), preprocessing)
    net = _network(model.spec)
    net.load_state_dict(tensors_of(weights), strict=False)
    return TrainedModel(net, model).eval()


@dataclass(frozen=True)
class _ByTorch(Model):
    """The model, whose network is computed by PyTorch."""

    net: nn.Module

    def network(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The network's outputs, [rows, outputs]."""
        with torch.no_grad():
            outputs: npt.NDArray[Any] = self.net(_as_input(self.net, features)).double().cpu().numpy()
        return outputs


def _network(spec: JobSpec) -> nn.Module:
    """The network of the spec, from the code that the model's README shows."""
    info = spec.info
    assert info is not None  # noqa: S101 - a job that was trained has data
    made: dict[str, Any] = {"__name__": "network"}
    exec(code(spec, info), made)  # noqa: S102 - our own template, filled from a validated spec
    net: nn.Module = made["net"]
    return net


def _as_input(net: nn.Module, features: npt.NDArray[Any]) -> Tensor:
    weight = next(net.parameters())
    return torch.from_numpy(features).to(weight)

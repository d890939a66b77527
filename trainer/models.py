"""Networks: stacked forward passes and initial weights, from a spec.

A network holds no numbers. A pack keeps each member's parameters as one row of a [members, parameters] tensor; the
network says where in the row each array lies, and computes outputs from the arrays.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from spec.architectures import Cnn, Initializer, Mlp, Normalization, Perceptron, ResMlp, layer_shapes
from spec.dataset import DatasetInfo
from spec.job import JobSpec

from .digests import Purpose
from .layers import ACTIVATIONS, batch_norm, convolution, layer_norm, linear, pool
from .random import generator

Shape = tuple[int, ...]
Arrays = Mapping[str, Tensor]
"""The members' arrays by name, each [members, *shape]."""


@dataclass(frozen=True)
class RowLayout:
    """Where named arrays lie in a row of numbers."""

    places: Mapping[str, tuple[int, Shape]]
    size: int

    @classmethod
    def of(cls, shapes: Mapping[str, Shape]) -> "RowLayout":
        """Arrays one after the other."""
        places, at = {}, 0
        for name, shape in shapes.items():
            places[name] = (at, shape)
            at += math.prod(shape)
        return cls(places, at)

    def row(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """One member's arrays as a row: [size], float64."""
        parts = [arrays[name].flatten().double() for name in self.places]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """The arrays in `rows` [members, size], sharing their memory."""
        return {
            name: rows[:, at : at + math.prod(shape)].view(rows.shape[0], *shape)
            for name, (at, shape) in self.places.items()
        }


class Weights(NamedTuple):
    """What a forward pass computes with."""

    arrays: Arrays
    """Weights and biases."""
    running: Arrays
    """Running statistics of batch normalisation."""

    @property
    def members(self) -> int:
        """How many members' they are."""
        return len(next(iter(self.arrays.values())))


@dataclass(frozen=True)
class DropoutSite:
    """A hidden layer whose neurons may be dropped, and how many it has."""

    layer: int
    units: int


Masks = Mapping[int, Tensor]
"""Scaled keep masks by hidden layer, each [members, units, batch]; none outside training."""


class Network:
    """The forward pass of one shape of network, for any number of members at once.

    `shapes` are the parameters of a member by name: `layers.0.weight`, `layers.0.bias`, `norms.0.weight` ...; `running`
    are the statistics that batch normalisation keeps. `dropout_sites` are the layers where dropout may act, and
    `activations` the hidden layers' own.
    """

    def __init__(self, spec: JobSpec, info: DatasetInfo) -> None:
        self._spec = spec
        self._image = info.image
        self._shapes = layer_shapes(spec, info)
        architecture = spec.architecture
        self.hidden = len(self._shapes) - 1
        self._normalization = getattr(architecture, "normalization", Normalization.none)
        shapes: dict[str, Shape] = {}
        running: dict[str, Shape] = {}
        for index, shape in enumerate(self._shapes):
            shapes[f"layers.{index}.weight"] = shape
            if architecture.bias:
                shapes[f"layers.{index}.bias"] = shape[:1]
            if self._normalization is not Normalization.none and index < self.hidden:
                shapes[f"norms.{index}.weight"] = shapes[f"norms.{index}.bias"] = shape[:1]
                if self._normalization is Normalization.batch:
                    running[f"norms.{index}.running_mean"] = running[f"norms.{index}.running_var"] = shape[:1]
        self.parameters = RowLayout.of(shapes)
        self.running = RowLayout.of(running)
        self.activations = [ACTIVATIONS[one] for one in spec.activations]
        self.dropout_sites = self._find_dropout_sites()
        self._forward = {Perceptron: self._mlp, Mlp: self._mlp, ResMlp: self._resmlp, Cnn: self._cnn}[
            type(architecture)
        ]

    @property
    def is_plain(self) -> bool:
        """Whether the network is dense layers, one after the other, and nothing else."""
        dense = isinstance(self._spec.architecture, Perceptron | Mlp)
        return dense and self._normalization is Normalization.none

    def forward(self, arrays: Arrays, running: Arrays, x: Tensor, masks: Masks, *, training: bool) -> Tensor:
        """The last layer's sums, [members, outputs, batch], for rows x [members, batch, features]."""
        return self._forward(arrays, running, x, masks, training)

    def weights(self, parameters: Tensor, running: Tensor) -> Weights:
        """Members' arrays, from their rows: [members, parameters], and [members, statistics]."""
        return Weights(self.parameters.views(parameters), self.running.views(running))

    # --- architectures --------------------------------------------------------------------------------------------

    def _mlp(self, arrays: Arrays, running: Arrays, x: Tensor, masks: Masks, training: bool) -> Tensor:
        return self._dense(arrays, running, x.transpose(1, 2), masks, training, first=0)

    def _resmlp(self, arrays: Arrays, running: Arrays, x: Tensor, masks: Masks, training: bool) -> Tensor:
        h = self._hidden(0, arrays, running, x.transpose(1, 2), masks, training)
        for index in range(1, self.hidden):
            h = h + self._hidden(index, arrays, running, h, masks, training)
        return self._sums(self.hidden, arrays, h)

    def _cnn(self, arrays: Arrays, running: Arrays, x: Tensor, masks: Masks, training: bool) -> Tensor:
        cnn, image = cast("Cnn", self._spec.architecture), cast("tuple[int, int, int]", self._image)
        h = x.transpose(1, 2).reshape(len(x), *image, x.shape[1])
        for index in range(len(cnn.channels)):
            weight, bias = arrays[f"layers.{index}.weight"], arrays.get(f"layers.{index}.bias")
            h = convolution(h, weight, bias, stride=cnn.stride, padding=cnn.padding)
            if self._normalization is not Normalization.none:
                h = self._normalized(index, arrays, running, h, training)
            h = pool(self.activations[index](h), cnn.pooling)
            mask = masks.get(index)
            h = _dropped(h, None if mask is None else mask.reshape(h.shape), weight.dtype)
        return self._dense(arrays, running, h.flatten(1, 3), masks, training, first=len(cnn.channels))

    def _dense(self, arrays: Arrays, running: Arrays, h: Tensor, masks: Masks, training: bool, *, first: int) -> Tensor:
        for index in range(first, self.hidden):
            h = self._hidden(index, arrays, running, h, masks, training)
        return self._sums(self.hidden, arrays, h)

    def _hidden(self, index: int, arrays: Arrays, running: Arrays, h: Tensor, masks: Masks, training: bool) -> Tensor:
        """One hidden layer: weighted sums, normalisation, activation, dropout."""
        h = self._sums(index, arrays, h)
        if self._normalization is not Normalization.none:
            h = self._normalized(index, arrays, running, h, training)
        return _dropped(self.activations[index](h), masks.get(index), arrays[f"layers.{index}.weight"].dtype)

    def _sums(self, index: int, arrays: Arrays, h: Tensor) -> Tensor:
        return linear(h, arrays[f"layers.{index}.weight"], arrays.get(f"layers.{index}.bias"))

    def _normalized(self, index: int, arrays: Arrays, running: Arrays, h: Tensor, training: bool) -> Tensor:
        weight, bias = arrays[f"norms.{index}.weight"], arrays[f"norms.{index}.bias"]
        if self._normalization is Normalization.layer:
            return layer_norm(h, weight, bias)
        mean, variance = running[f"norms.{index}.running_mean"], running[f"norms.{index}.running_var"]
        return batch_norm(h, weight, bias, mean, variance, training=training)

    def _find_dropout_sites(self) -> list[DropoutSite]:
        sites = [DropoutSite(index, shape[0]) for index, shape in enumerate(self._shapes[:-1])]
        if isinstance(self._spec.architecture, Cnn):
            cnn, (_, height, width) = self._spec.architecture, self._image or (0, 0, 0)
            for index, channels in enumerate(cnn.channels):
                height, width = cnn.pooled(*cnn.convolved(height, width))
                sites[index] = DropoutSite(index, channels * height * width)
        return sites

    # --- first weights --------------------------------------------------------------------------------------------

    def first_parameters(self, spec: JobSpec) -> Tensor:
        """A member's initial parameters, as `spec` describes them: [parameters], float64."""
        row = torch.zeros(1, self.parameters.size, dtype=torch.float64)
        arrays = self.parameters.views(row)
        drawing = generator(spec.seed, Purpose.weights)
        for index, shape in enumerate(self._shapes):
            weight, bias = arrays[f"layers.{index}.weight"][0], arrays.get(f"layers.{index}.bias")
            if isinstance(spec.initial_weights, Initializer):
                weight.copy_(_drawn(spec.initial_weights, shape, drawing))
            else:
                weight.copy_(torch.tensor(spec.initial_weights[index], dtype=torch.float64))
            if bias is None:
                continue
            if spec.initial_biases is not None:
                bias[0].copy_(torch.tensor(spec.initial_biases[index], dtype=torch.float64))
            elif spec.initial_weights is not Initializer.zeros:
                bound = 1.0 / math.sqrt(math.prod(shape[1:]))  # as torch.nn.Linear.reset_parameters
                bias[0].copy_(torch.empty(shape[0]).uniform_(-bound, bound, generator=drawing))
        for name, array in arrays.items():
            if name.startswith("norms.") and name.endswith(".weight"):
                array.fill_(1.0)
        return row[0]

    def first_running(self) -> Tensor:
        """Batch normalisation's statistics before training: means 0, variances 1."""
        row = torch.zeros(1, self.running.size, dtype=torch.float64)
        for name, array in self.running.views(row).items():
            if name.endswith("running_var"):
                array.fill_(1.0)
        return row[0]


def _dropped(h: Tensor, mask: Tensor | None, dtype: torch.dtype) -> Tensor:
    """A layer's outputs without the dropped ones, in the parameters' precision.

    bfloat16 is for the products of layers: between them, and so in a residual sum, the numbers must not be wider
    because other members have masks.
    """
    return h.to(dtype) if mask is None else h * mask


def _drawn(initializer: Initializer, shape: Sequence[int], drawing: torch.Generator) -> Tensor:
    """Weights drawn as `torch.nn.init` draws them; `normal` has deviation 0.05."""
    weight = torch.empty(*shape)
    match initializer:
        case Initializer.kaiming_uniform:
            nn.init.kaiming_uniform_(weight, generator=drawing)
        case Initializer.kaiming_normal:
            nn.init.kaiming_normal_(weight, generator=drawing)
        case Initializer.xavier_uniform:
            nn.init.xavier_uniform_(weight, generator=drawing)
        case Initializer.xavier_normal:
            nn.init.xavier_normal_(weight, generator=drawing)
        case Initializer.torch_default:
            nn.init.kaiming_uniform_(weight, a=math.sqrt(5.0), generator=drawing)  # as torch.nn.Linear.reset_parameters
        case Initializer.normal:
            nn.init.normal_(weight, std=0.05, generator=drawing)
        case Initializer.zeros:
            nn.init.zeros_(weight)
    return weight

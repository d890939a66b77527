"""The architectures: their layers, initialisation and number of parameters."""

import math
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field

from .base import Count, Frozen, Real, by_type, fault
from .dataset import DatasetInfo
from .losses import output_units

if TYPE_CHECKING:
    from .job import JobSpec


class Initializer(StrEnum):
    """Initialisation of the weights (`torch.nn.init`). Biases start as in `nn.Linear`, or at 0 with `zeros`.

    `torch_default` is uniform within 1 / sqrt(inputs of the neuron), as `nn.Linear` and `nn.Conv2d` begin.
    On digits, breast_cancer, wine and diabetes, networks with relu and two hidden layers reach a lower validation loss
    with it than with `kaiming_uniform` (Adam, six seeds; digits at learning rate 0.001: 0.077 instead of 0.155). On
    digits, with eight hidden layers, they reach a higher one (0.353 instead of 0.210).
    """

    kaiming_uniform = "kaiming_uniform"
    kaiming_normal = "kaiming_normal"
    xavier_uniform = "xavier_uniform"
    xavier_normal = "xavier_normal"
    torch_default = "torch_default"
    normal = "normal"
    zeros = "zeros"


class Normalization(StrEnum):
    """Normalisation between a hidden layer's weighted sums and its activation."""

    none = "none"
    batch = "batch"
    layer = "layer"


Width = Annotated[Count, Field(ge=1, le=65_536)]
Bias = Annotated[bool, Field(strict=True, description="Whether layers have a bias.")]
Normalizes = Annotated[Normalization, Field(description="Normalisation of hidden layers: none, batch or layer.")]


Numbers = Annotated[tuple[Real, ...], Field(fail_fast=True)]
Matrix = Annotated[
    tuple[Annotated[tuple[Real, ...], Field(min_length=1, fail_fast=True)], ...], Field(min_length=1, fail_fast=True)
]


class Perceptron(Frozen):
    """A single layer, from the features to the outputs."""

    type: Literal["perceptron"] = "perceptron"
    bias: Bias = True


class Mlp(Frozen):
    """A multilayer perceptron: fully connected layers."""

    type: Literal["mlp"] = "mlp"
    hidden: Annotated[
        tuple[Width, ...], Field(min_length=1, max_length=64, description="Neurons of each hidden layer.")
    ] = (64, 32)
    bias: Bias = True
    normalization: Normalizes = Normalization.none


class ResMlp(Frozen):
    """A residual MLP: a layer of `width` neurons, `blocks` residual blocks x + f(x), and the output layer."""

    type: Literal["resmlp"] = "resmlp"
    width: Annotated[Width, Field(description="Neurons of every block.")] = 64
    blocks: Annotated[Count, Field(ge=1, le=64, description="Residual blocks.")] = 2
    bias: Bias = True
    normalization: Normalizes = Normalization.none


class Cnn(Frozen):
    """A convolutional network: convolutions, each with activation and pooling, then an MLP. Needs image data."""

    type: Literal["cnn"] = "cnn"
    channels: Annotated[
        tuple[Annotated[Count, Field(ge=1, le=4096)], ...],
        Field(min_length=1, max_length=32, description="Output channels of each convolution."),
    ] = (8, 16)
    kernel: Annotated[Count, Field(ge=1, le=31, description="Side of the square kernel, in pixels.")] = 3
    stride: Annotated[Count, Field(ge=1, le=16, description="Stride of the kernel, in pixels.")] = 1
    padding: Annotated[Count, Field(ge=0, le=15, description="Zeros added at each edge, in pixels.")] = 1
    pooling: Annotated[
        Literal["none", "max", "average"],
        Field(description="2 x 2 pooling after each convolution whose output is at least 2 x 2."),
    ] = "max"
    hidden: Annotated[
        tuple[Width, ...], Field(max_length=64, description="Neurons of each hidden layer after the convolutions.")
    ] = (32,)
    bias: Bias = True
    normalization: Normalizes = Normalization.none

    def convolved(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after a convolution."""
        return self._places(height), self._places(width)

    def pooled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after the pooling; a side of one pixel is not pooled."""
        if self.pooling == "none" or min(height, width) < 2:
            return height, width
        return height // 2, width // 2

    def _places(self, side: int) -> int:
        return 1 + (side + 2 * self.padding - self.kernel) // self.stride


ARCHITECTURES = (Perceptron, Mlp, ResMlp, Cnn)

_Architectures = Annotated[Perceptron | Mlp | ResMlp | Cnn, Field(discriminator="type")]
Architecture = Annotated[
    _Architectures,
    BeforeValidator(by_type, json_schema_input_type=Literal["perceptron", "mlp", "resmlp", "cnn"] | _Architectures),
]


Each = TypeVar("Each")


def hidden_layers(architecture: Architecture) -> int:
    """Number of hidden layers: each has an activation and a dropout rate."""
    match architecture:
        case Perceptron():
            return 0
        case Mlp(hidden=hidden):
            return len(hidden)
        case ResMlp(blocks=blocks):
            return 1 + blocks
        case Cnn(channels=channels, hidden=hidden):
            return len(channels) + len(hidden)


def by_layer(value: Each | tuple[Each, ...], architecture: Architecture) -> tuple[Each, ...]:
    """A value for each hidden layer, of one for all of them or one per layer."""
    return value if isinstance(value, tuple) else (value,) * hidden_layers(architecture)


def layer_shapes(spec: "JobSpec", info: DatasetInfo) -> list[tuple[int, ...]]:
    """Shapes of the weight arrays, layer by layer: [out][in], or [out][in][k][k] for a convolution."""
    outputs = output_units(spec.loss, info)
    match spec.architecture:
        case Perceptron():
            widths = [info.features, outputs]
        case Mlp(hidden=hidden):
            widths = [info.features, *hidden, outputs]
        case ResMlp(width=width, blocks=blocks):
            widths = [info.features, *(width for _ in range(1 + blocks)), outputs]
        case Cnn() as cnn:
            maps = _images(cnn, info)
            kernels = [(after[0], before[0], cnn.kernel, cnn.kernel) for before, after in pairwise(maps)]
            widths = [math.prod(maps[-1]), *cnn.hidden, outputs]
            return [*kernels, *((after, before) for before, after in pairwise(widths))]
    return [(after, before) for before, after in pairwise(widths)]


def feature_maps(architecture: Architecture, info: DatasetInfo) -> list[tuple[int, int, int]]:
    """(channels, height, width) after each convolution and its pooling; none without convolutions."""
    return _images(architecture, info)[1:] if isinstance(architecture, Cnn) else []


def _images(cnn: Cnn, info: DatasetInfo) -> list[tuple[int, int, int]]:
    """(channels, height, width) of the image that reaches each convolution, and after the last one."""
    if info.image is None:
        raise fault("architecture.type", "cnn needs image data, such as digits")
    images = [info.image]
    for channels in cnn.channels:
        size = cnn.convolved(*images[-1][1:])
        if min(size) < 1:
            raise fault("architecture.kernel", f"is larger than the image that reaches convolution {len(images)}")
        images.append((channels, *cnn.pooled(*size)))
    return images


def parameter_count(spec: "JobSpec", info: DatasetInfo) -> int:
    """Trainable parameters, those of normalisation layers included."""
    total = 0
    shapes = layer_shapes(spec, info)
    bias = spec.architecture.bias
    normalized = getattr(spec.architecture, "normalization", Normalization.none) is not Normalization.none
    for index, shape in enumerate(shapes):
        size = 1
        for side in shape:
            size *= side
        total += size + (shape[0] if bias else 0)
        if normalized and index < len(shapes) - 1:
            total += 2 * shape[0]
    return total

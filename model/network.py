"""The forward pass of a finished network, as `trainer.models` computes it for a pack.

`ForwardPass` applies the layers to any type of value: NumPy arrays here, names of ONNX values in `model.graph`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from spec.activations import Activation
from spec.architectures import Cnn, Mlp, Normalization, Perceptron, ResMlp, hidden_layers
from spec.job import JobSpec

from .formula import NumPyFormulas

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
Value = TypeVar("Value")
"""The type that the layers are applied to."""

CHUNK_ROWS = 32
"""Rows that are computed together, always so many: how a product rounds depends on its shape, and a row's answer must
not depend on how many others are asked beside it."""
CHUNK_IMAGES = 4
"""The same of rows that are convolved, each of which has many windows."""
EPSILON = 1e-5
"""Added to variances in normalisation, as in PyTorch."""

_FORMULAS = NumPyFormulas()


def activate(kind: Activation, z: Array) -> Array:
    """The activation's values at z."""
    return _FORMULAS.value(kind.formula, z)


class ForwardPass(ABC, Generic[Value]):
    """The forward pass of a network; each abstract method is one kind of layer.

    Values have the shape [rows, features], or [rows, channels, height, width] in convolutions.
    """

    def __init__(self, spec: JobSpec, image: tuple[int, int, int] | None) -> None:
        self._spec, self._image = spec, image
        self._hidden, self._activations = hidden_layers(spec.architecture), spec.activations
        self._normalization = getattr(spec.architecture, "normalization", Normalization.none)

    def run(self, x: Value) -> Value:
        """The output layer's weighted sums, [rows, outputs], for features [rows, features]."""
        match self._spec.architecture:
            case Perceptron() | Mlp():
                return self._dense(x, first=0)
            case ResMlp():
                x = self._layer(0, x)
                for index in range(1, self._hidden):
                    x = self.add(x, self._layer(index, x))
                return self.linear(self._hidden, x)
            case Cnn() as cnn:
                return self._dense(self._convolutions(cnn, x), first=len(cnn.channels))

    def _dense(self, x: Value, *, first: int) -> Value:
        for index in range(first, self._hidden):
            x = self._layer(index, x)
        return self.linear(self._hidden, x)

    def _convolutions(self, cnn: Cnn, x: Value) -> Value:
        assert self._image is not None  # noqa: S101 - convolutions need images
        x = self.reshape(x, self._image)
        size = self._image[1:]
        for index in range(len(cnn.channels)):
            x = self._activation(index, self.convolve(index, x, stride=cnn.stride, padding=cnn.padding))
            whole = cnn.convolved(*size)
            size = cnn.pooled(*whole)
            if size != whole:
                x = self.pool(x, maximum=cnn.pooling == "max")
        return self.reshape(x, (cnn.channels[-1] * math.prod(size),))

    def _layer(self, index: int, x: Value) -> Value:
        return self._activation(index, self.linear(index, x))

    def _activation(self, index: int, z: Value) -> Value:
        match self._normalization:
            case Normalization.batch:
                z = self.batch_norm(index, z)
            case Normalization.layer:
                z = self.layer_norm(index, z)
        return self.activate(self._activations[index], z)

    @abstractmethod
    def reshape(self, x: Value, shape: tuple[int, ...]) -> Value:
        """The value with each row in this shape."""

    @abstractmethod
    def add(self, x: Value, y: Value) -> Value:
        """The sum of two values of one shape."""

    @abstractmethod
    def linear(self, index: int, x: Value) -> Value:
        """The weighted sums of a fully connected layer."""

    @abstractmethod
    def convolve(self, index: int, x: Value, *, stride: int, padding: int) -> Value:
        """The weighted sums of a convolution with square kernels."""

    @abstractmethod
    def batch_norm(self, index: int, z: Value) -> Value:
        """Batch normalisation with running statistics, by neuron or channel."""

    @abstractmethod
    def layer_norm(self, index: int, z: Value) -> Value:
        """Layer normalisation by row; in convolutions each channel has its own scale."""

    @abstractmethod
    def activate(self, kind: Activation, z: Value) -> Value:
        """The activation, element by element."""

    @abstractmethod
    def pool(self, x: Value, *, maximum: bool) -> Value:
        """2 x 2 pooling, maximum or mean; an odd edge is left out."""


def forward(spec: JobSpec, arrays: Arrays, x: Array, image: tuple[int, int, int] | None) -> Array:
    """The output layer's weighted sums, [rows, outputs], for features [rows, features]; in float64.

    Those of a row are the same to the bit among any other rows.
    """
    network = _NumPyForwardPass(spec, {name: array.astype(np.float64) for name, array in arrays.items()}, image)
    size = CHUNK_IMAGES if isinstance(spec.architecture, Cnn) else CHUNK_ROWS
    chunks = [x[first : first + size] for first in range(0, max(len(x), 1), size)]
    chunks[-1] = np.pad(chunks[-1], ((0, size - len(chunks[-1])), (0, 0)))
    return np.concatenate([network.run(chunk) for chunk in chunks])[: len(x)]


class _NumPyForwardPass(ForwardPass[Array]):
    """The forward pass of NumPy arrays."""

    def __init__(self, spec: JobSpec, arrays: Arrays, image: tuple[int, int, int] | None) -> None:
        super().__init__(spec, image)
        self._arrays = arrays

    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        return x.reshape(len(x), *shape)

    def add(self, x: Array, y: Array) -> Array:
        total: Array = x + y
        return total

    def linear(self, index: int, x: Array) -> Array:
        z = x @ self._arrays[f"layers.{index}.weight"].T
        bias = self._arrays.get(f"layers.{index}.bias")
        return z if bias is None else z + bias

    def convolve(self, index: int, x: Array, *, stride: int, padding: int) -> Array:
        weight, bias = self._arrays[f"layers.{index}.weight"], self._arrays.get(f"layers.{index}.bias")
        edge = (padding, padding)
        padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
        windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
        z = np.tensordot(windows[:, :, ::stride, ::stride], weight, axes=((1, 4, 5), (1, 2, 3)))
        z = np.moveaxis(z, -1, 1)
        return z if bias is None else z + bias[:, None, None]

    def batch_norm(self, index: int, z: Array) -> Array:
        mean, variance = (self._of_channels(index, name, z) for name in ("running_mean", "running_var"))
        return self._scaled(index, z, mean, variance)

    def layer_norm(self, index: int, z: Array) -> Array:
        over = tuple(range(1, z.ndim))
        return self._scaled(index, z, z.mean(axis=over, keepdims=True), z.var(axis=over, keepdims=True))

    def activate(self, kind: Activation, z: Array) -> Array:
        return activate(kind, z)

    def pool(self, x: Array, *, maximum: bool) -> Array:
        height, width = (side // 2 for side in x.shape[-2:])
        squares = x[:, :, : 2 * height, : 2 * width].reshape(*x.shape[:2], height, 2, width, 2)
        pooled: Array = squares.max(axis=(3, 5)) if maximum else squares.mean(axis=(3, 5))
        return pooled

    def _scaled(self, index: int, z: Array, mean: Array, variance: Array) -> Array:
        weight, bias = (self._of_channels(index, name, z) for name in ("weight", "bias"))
        normalized: Array = (z - mean) / np.sqrt(variance + EPSILON) * weight + bias
        return normalized

    def _of_channels(self, index: int, name: str, z: Array) -> Array:
        """A normalisation's array, in a shape that broadcasts over z."""
        return self._arrays[f"norms.{index}.{name}"].reshape(-1, *([1] * (z.ndim - 2)))

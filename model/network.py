"""The forward pass of a finished network: what `trainer.models` computes, of one member, for good.

`Walk` is the way through the layers, whatever goes it: arrays in NumPy here, the names of a graph in `model.graph`.
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
"""What goes through the layers."""

ROWS_AT_A_TIME = 256
EPSILON = 1e-5
"""Added to variances, as PyTorch does."""

_FORMULAS = NumPyFormulas()


def activated(kind: Activation, z: Array) -> Array:
    """The activation's values at z."""
    return _FORMULAS.value(kind.formula, z)


class Walk(ABC, Generic[Value]):
    """The way of a value through a network; each method that is left to others is one kind of layer.

    Values have the shape [rows, features], or [rows, channels, height, width] among convolutions.
    """

    def __init__(self, spec: JobSpec, image: tuple[int, int, int] | None) -> None:
        self._spec, self._image = spec, image
        self._hidden = hidden_layers(spec.architecture)
        self._activations = spec.activation if isinstance(spec.activation, tuple) else (spec.activation,) * self._hidden
        self._normalization = getattr(spec.architecture, "normalization", Normalization.none)

    def through(self, x: Value) -> Value:
        """The last layer's sums, [rows, outputs], of features [rows, features]."""
        match self._spec.architecture:
            case Perceptron() | Mlp():
                return self._dense(x, first=0)
            case ResMlp():
                x = self._layer(0, x)
                for index in range(1, self._hidden):
                    x = self.added(x, self._layer(index, x))
                return self.weighted(self._hidden, x)
            case Cnn() as cnn:
                return self._dense(self._convolutions(cnn, x), first=len(cnn.channels))

    def _dense(self, x: Value, *, first: int) -> Value:
        for index in range(first, self._hidden):
            x = self._layer(index, x)
        return self.weighted(self._hidden, x)

    def _convolutions(self, cnn: Cnn, x: Value) -> Value:
        assert self._image is not None  # noqa: S101 - no other data is convolved
        x = self.shaped(x, self._image)
        size = self._image[1:]
        for index in range(len(cnn.channels)):
            x = self._activated(index, self.convolved(index, x, stride=cnn.stride, padding=cnn.padding))
            whole = cnn.convolved(*size)
            size = cnn.pooled(*whole)
            if size != whole:
                x = self.pooled(x, maximum=cnn.pooling == "max")
        return self.shaped(x, (cnn.channels[-1] * math.prod(size),))

    def _layer(self, index: int, x: Value) -> Value:
        return self._activated(index, self.weighted(index, x))

    def _activated(self, index: int, z: Value) -> Value:
        match self._normalization:
            case Normalization.batch:
                z = self.batch_normalized(index, z)
            case Normalization.layer:
                z = self.layer_normalized(index, z)
        return self.activated(self._activations[index], z)

    @abstractmethod
    def shaped(self, x: Value, shape: tuple[int, ...]) -> Value:
        """Each row in this shape."""

    @abstractmethod
    def added(self, x: Value, y: Value) -> Value:
        """The sum of two values of one shape."""

    @abstractmethod
    def weighted(self, index: int, x: Value) -> Value:
        """The sums of the neurons of a layer."""

    @abstractmethod
    def convolved(self, index: int, x: Value, *, stride: int, padding: int) -> Value:
        """The sums of a layer of square kernels."""

    @abstractmethod
    def batch_normalized(self, index: int, z: Value) -> Value:
        """With the running statistics of each neuron, or of each channel."""

    @abstractmethod
    def layer_normalized(self, index: int, z: Value) -> Value:
        """With the statistics of each row; of convolutions each channel has its own scale."""

    @abstractmethod
    def activated(self, kind: Activation, z: Value) -> Value:
        """The activation's value of each number."""

    @abstractmethod
    def pooled(self, x: Value, *, maximum: bool) -> Value:
        """2 x 2 pixels as one, their maximum or mean; an odd edge is left out."""


def sums(spec: JobSpec, arrays: Arrays, x: Array, image: tuple[int, int, int] | None) -> Array:
    """The last layer's sums, [rows, outputs], for features [rows, features]; computed in float64."""
    network = _Numbers(spec, {name: array.astype(np.float64) for name, array in arrays.items()}, image)
    parts = [network.through(x[first : first + ROWS_AT_A_TIME]) for first in range(0, len(x), ROWS_AT_A_TIME)]
    return np.concatenate(parts)


class _Numbers(Walk[Array]):
    """Arrays on their way through the layers."""

    def __init__(self, spec: JobSpec, arrays: Arrays, image: tuple[int, int, int] | None) -> None:
        super().__init__(spec, image)
        self._arrays = arrays

    def shaped(self, x: Array, shape: tuple[int, ...]) -> Array:
        return x.reshape(len(x), *shape)

    def added(self, x: Array, y: Array) -> Array:
        total: Array = x + y
        return total

    def weighted(self, index: int, x: Array) -> Array:
        z = x @ self._arrays[f"layers.{index}.weight"].T
        bias = self._arrays.get(f"layers.{index}.bias")
        return z if bias is None else z + bias

    def convolved(self, index: int, x: Array, *, stride: int, padding: int) -> Array:
        weight, bias = self._arrays[f"layers.{index}.weight"], self._arrays.get(f"layers.{index}.bias")
        edge = (padding, padding)
        padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
        windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
        z = np.tensordot(windows[:, :, ::stride, ::stride], weight, axes=((1, 4, 5), (1, 2, 3)))
        z = np.moveaxis(z, -1, 1)
        return z if bias is None else z + bias[:, None, None]

    def batch_normalized(self, index: int, z: Array) -> Array:
        mean, variance = (self._of_channels(index, name, z) for name in ("running_mean", "running_var"))
        return self._scaled(index, z, mean, variance)

    def layer_normalized(self, index: int, z: Array) -> Array:
        over = tuple(range(1, z.ndim))
        return self._scaled(index, z, z.mean(axis=over, keepdims=True), z.var(axis=over, keepdims=True))

    def activated(self, kind: Activation, z: Array) -> Array:
        return activated(kind, z)

    def pooled(self, x: Array, *, maximum: bool) -> Array:
        height, width = (side // 2 for side in x.shape[-2:])
        squares = x[:, :, : 2 * height, : 2 * width].reshape(*x.shape[:2], height, 2, width, 2)
        pooled: Array = squares.max(axis=(3, 5)) if maximum else squares.mean(axis=(3, 5))
        return pooled

    def _scaled(self, index: int, z: Array, mean: Array, variance: Array) -> Array:
        weight, bias = (self._of_channels(index, name, z) for name in ("weight", "bias"))
        normalized: Array = (z - mean) / np.sqrt(variance + EPSILON) * weight + bias
        return normalized

    def _of_channels(self, index: int, name: str, z: Array) -> Array:
        """An array of a normalisation beside z."""
        return self._arrays[f"norms.{index}.{name}"].reshape(-1, *([1] * (z.ndim - 2)))

"""The forward pass of a finished network, in NumPy: what `trainer.models` computes, of one member, for good."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.job import Activation, Cnn, JobSpec, Mlp, Normalization, Perceptron, ResMlp, hidden_layers

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

ROWS_AT_A_TIME = 256
EPSILON = 1e-5
"""Added to variances, as PyTorch does."""

_erf = np.frompyfunc(math.erf, 1, 1)


def _erf_of(x: Array) -> Array:
    return np.asarray(_erf(x), dtype=np.float64)


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _elu(x: Array) -> Array:
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

ACTIVATIONS: Mapping[Activation, Callable[[Array], Array]] = {
    Activation.identity: lambda x: x,
    Activation.sigmoid: _sigmoid,
    Activation.tanh: np.tanh,
    Activation.relu: lambda x: np.maximum(x, 0.0),
    Activation.leaky_relu: lambda x: np.where(x > 0.0, x, 0.01 * x),
    Activation.elu: _elu,
    Activation.selu: lambda x: _SELU_SCALE * np.where(x > 0.0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
    Activation.gelu: lambda x: 0.5 * x * (1.0 + _erf_of(x / math.sqrt(2.0))),
    Activation.silu: lambda x: x * _sigmoid(x),
    Activation.softplus: _softplus,
    Activation.mish: lambda x: x * np.tanh(_softplus(x)),
    Activation.hard_tanh: lambda x: np.clip(x, -1.0, 1.0),
}


def sums(spec: JobSpec, arrays: Arrays, x: Array, image: tuple[int, int, int] | None) -> Array:
    """The last layer's sums, [rows, outputs], for features [rows, features]; computed in float64."""
    network = _Network(spec, {name: array.astype(np.float64) for name, array in arrays.items()}, image)
    parts = [network.forward(x[first : first + ROWS_AT_A_TIME]) for first in range(0, len(x), ROWS_AT_A_TIME)]
    return np.concatenate(parts)


class _Network:
    def __init__(self, spec: JobSpec, arrays: Arrays, image: tuple[int, int, int] | None) -> None:
        self._spec, self._arrays, self._image = spec, arrays, image
        self._hidden = hidden_layers(spec.architecture)
        names = spec.activation if isinstance(spec.activation, tuple) else (spec.activation,) * self._hidden
        self._activations = [ACTIVATIONS[name] for name in names]

    def forward(self, x: Array) -> Array:
        match self._spec.architecture:
            case Perceptron() | Mlp():
                return self._dense(x, first=0)
            case ResMlp():
                x = self._layer(0, x)
                for index in range(1, self._hidden):
                    x = x + self._layer(index, x)
                return self._sums(self._hidden, x)
            case Cnn() as cnn:
                x = x.reshape(len(x), *(self._image or ()))
                for index in range(len(cnn.channels)):
                    x = self._convolution(index, cnn, x)
                return self._dense(x.reshape(len(x), -1), first=len(cnn.channels))

    def _dense(self, x: Array, *, first: int) -> Array:
        for index in range(first, self._hidden):
            x = self._layer(index, x)
        return self._sums(self._hidden, x)

    def _layer(self, index: int, x: Array) -> Array:
        return self._activations[index](self._normalized(index, self._sums(index, x)))

    def _sums(self, index: int, x: Array) -> Array:
        z = x @ self._arrays[f"layers.{index}.weight"].T
        bias = self._arrays.get(f"layers.{index}.bias")
        return z if bias is None else z + bias

    def _convolution(self, index: int, cnn: Cnn, x: Array) -> Array:
        edge = (cnn.padding, cnn.padding)
        padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (cnn.kernel, cnn.kernel), axis=(2, 3))
        windows = windows[:, :, :: cnn.stride, :: cnn.stride]
        z = np.tensordot(windows, self._arrays[f"layers.{index}.weight"], axes=((1, 4, 5), (1, 2, 3)))
        z = np.moveaxis(z, -1, 1)
        bias = self._arrays.get(f"layers.{index}.bias")
        z = z if bias is None else z + bias[:, None, None]
        return _pooled(self._activations[index](self._normalized(index, z)), cnn.pooling)

    def _normalized(self, index: int, z: Array) -> Array:
        kind = getattr(self._spec.architecture, "normalization", Normalization.none)
        if kind is Normalization.none:
            return z
        shape = (-1, *([1] * (z.ndim - 2)))  # of a convolution, each channel has its own scale
        if kind is Normalization.batch:
            mean = self._arrays[f"norms.{index}.running_mean"].reshape(shape)
            variance = self._arrays[f"norms.{index}.running_var"].reshape(shape)
        else:
            over = tuple(range(1, z.ndim))
            mean, variance = z.mean(axis=over, keepdims=True), z.var(axis=over, keepdims=True)
        weight, bias = (self._arrays[f"norms.{index}.{name}"].reshape(shape) for name in ("weight", "bias"))
        normalized: Array = (z - mean) / np.sqrt(variance + EPSILON) * weight + bias
        return normalized


def _pooled(x: Array, kind: str) -> Array:
    """2 x 2 pooling where there are 2 x 2 pixels; an odd edge is left out."""
    if kind == "none" or min(x.shape[-2:]) < 2:
        return x
    height, width = (side // 2 for side in x.shape[-2:])
    squares = x[:, :, : 2 * height, : 2 * width].reshape(*x.shape[:2], height, 2, width, 2)
    pooled: Array = squares.max(axis=(3, 5)) if kind == "max" else squares.mean(axis=(3, 5))
    return pooled

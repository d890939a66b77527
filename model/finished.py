"""A finished model: its files, and what it says of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load

from spec.dataset import Targets
from spec.job import Activation, JobSpec, Loss
from spec.views import Predictions

from .network import ACTIVATIONS, Array, Arrays, sums
from .preprocessing import Preprocessing
from .rows import numbers_of


@dataclass(frozen=True)
class Model:
    """A network with its weights, and what happens to rows before it and to its answers after."""

    spec: JobSpec
    preprocessing: Preprocessing
    arrays: Arrays

    @classmethod
    def of(cls, weights: bytes, spec: JobSpec, preprocessing: bytes) -> "Model":
        """The model in these files."""
        return cls(spec, Preprocessing.model_validate_json(preprocessing), load(weights))

    def predict(self, rows: Sequence[Any]) -> Predictions:
        """What the model says of raw rows. Raises `RowsError`."""
        prepared = self.preprocessing
        outputs = self.outputs(prepared.features(numbers_of(rows, prepared)))
        if prepared.output.type is Targets.numbers:
            values = prepared.answers(outputs)
            return Predictions(predictions=values[:, 0].tolist() if values.shape[1] == 1 else values.tolist())
        labels, probabilities = prepared.output.labels, self.probabilities(outputs)
        return Predictions(
            predictions=[labels[place] for place in self.likely(outputs).tolist()],
            classes=list(labels),
            probabilities=None if probabilities is None else probabilities.tolist(),
        )

    def outputs(self, features: Array) -> Array:
        """The network's answers to features, [rows, outputs]: logits for losses that take them."""
        z = sums(self.spec, self.arrays, features, self.preprocessing.image)
        if self.spec.loss is Loss.poisson_nll:
            return np.exp(z)  # the network says the logarithm of a count
        if self.spec.loss is Loss.binary_cross_entropy:
            by_class = self.preprocessing.output.type is Targets.classes
            return z if by_class else ACTIVATIONS[Activation.sigmoid](z)  # a number between 0 and 1
        if self.spec.output_activation is None:
            return z
        return ACTIVATIONS[self.spec.output_activation](z)

    def likely(self, outputs: Array) -> Array:
        """The number of the likeliest class of each row."""
        if outputs.shape[1] > 1:
            likeliest: Array = outputs.argmax(axis=1)
            return likeliest
        threshold = 0.0 if self.spec.loss is Loss.binary_cross_entropy else 0.5
        return (outputs[:, 0] > threshold).astype(int)

    def probabilities(self, outputs: Array) -> Array | None:
        """How likely each class is; None where the loss makes no probabilities of outputs."""
        if self.spec.loss is Loss.cross_entropy:
            shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            likely: Array = shares / shares.sum(axis=1, keepdims=True)
            return likely
        if self.spec.loss is Loss.binary_cross_entropy:
            one = 0.5 * (1.0 + np.tanh(0.5 * outputs[:, :1]))
            return np.concatenate([1.0 - one, one], axis=1)
        return None

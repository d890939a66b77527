"""A finished model: its files, and what it says of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load

from spec.activations import Activation
from spec.dataset import Targets
from spec.job import JobSpec
from spec.losses import Link
from spec.views import FieldError, Predictions

from .errors import RowsError
from .formula import NumPyFormulas
from .network import Array, Arrays, activated, sums
from .preprocessing import Preprocessing
from .rows import MOST, numbers_of, unknown_words
from .unseen import warnings_of

LINKS: Mapping[Link, str] = {Link.identity: "x", Link.sigmoid: "sigmoid(x)", Link.exp: "exp(x)"}
"""Formulas from outputs to numbers; softmax is of classes only."""


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
        x = numbers_of(rows, self.preprocessing)
        return self.predict_numbers(x, unknown_words(rows, self.preprocessing, x))

    def predict_numbers(self, x: Array, words: Mapping[str, Sequence[str]]) -> Predictions:
        """What the model says of rows, [rows, numbers] as a table holds them. Raises `RowsError`.

        `words` are those of columns of categories that no category has.
        """
        prepared = self.preprocessing
        with np.errstate(over="ignore", invalid="ignore"):  # said of the row below
            outputs = self.outputs(prepared.features(x))
            finite = np.isfinite(prepared.answers(outputs)).all(axis=1)
        if not finite.all():
            message = "has values so far outside the training rows' range that no prediction is a number"
            places = np.flatnonzero(~finite)[:MOST].tolist()
            raise RowsError([FieldError(path=f"rows.{place}", message=message) for place in places])
        warnings = warnings_of(prepared, x, words)
        if prepared.output.type is Targets.numbers:
            values = prepared.answers(outputs)
            numbers = values[:, 0].tolist() if values.shape[1] == 1 else values.tolist()
            return Predictions(predictions=numbers, warnings=warnings)
        labels, probabilities = prepared.output.labels, self.probabilities(outputs)
        return Predictions(
            predictions=[labels[place] for place in self.likely(outputs).tolist()],
            classes=list(labels),
            probabilities=None if probabilities is None else probabilities.tolist(),
            warnings=warnings,
        )

    def outputs(self, features: Array) -> Array:
        """The network's answers to features, [rows, outputs]: logits for losses that take them."""
        z = sums(self.spec, self.arrays, features, self.preprocessing.image)
        if not self.spec.loss.traits.takes_logits:
            return activated(self.spec.output_activation or Activation.identity, z)
        by_class = self.preprocessing.output.type is Targets.classes
        return z if by_class else NumPyFormulas().value(LINKS[self.spec.loss.traits.link], z)

    def likely(self, outputs: Array) -> Array:
        """The number of the likeliest class of each row."""
        if outputs.shape[1] > 1:
            likeliest: Array = outputs.argmax(axis=1)
            return likeliest
        return (outputs[:, 0] > self.spec.loss.traits.threshold).astype(int)

    def probabilities(self, outputs: Array) -> Array | None:
        """How likely each class is; None where the loss makes no probabilities of outputs."""
        link = self.spec.loss.traits.link
        if link is Link.softmax:
            shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            likely: Array = shares / shares.sum(axis=1, keepdims=True)
            return likely
        if link is Link.sigmoid:
            one = 0.5 * (1.0 + np.tanh(0.5 * outputs[:, :1]))
            return np.concatenate([1.0 - one, one], axis=1)
        return None

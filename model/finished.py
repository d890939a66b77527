"""A finished model: its files and its predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load

from spec.dataset import Targets
from spec.field_error import FieldError
from spec.job import JobSpec
from spec.losses import Link
from spec.views import Predictions

from .errors import RowsError
from .formula import NumPyFormulas
from .network import CHUNK_ROWS, Array, Arrays, activate, forward
from .preprocessing import Preprocessing
from .rows import MOST, numbers_of, unknown_words
from .unseen import warnings_of

FEATURES = 1 << 22
"""Most features that are made at a time: those of categories may be far more than the numbers of their rows."""
LINKS: Mapping[Link, str] = {Link.identity: "x", Link.sigmoid: "sigmoid(x)", Link.exp: "exp(x)"}
"""Link functions as formulas, from outputs to numbers; softmax is for classes only."""


@dataclass(frozen=True)
class Model:
    """A network with its weights and its preprocessing."""

    spec: JobSpec
    preprocessing: Preprocessing
    arrays: Arrays

    @classmethod
    def of(cls, weights: bytes, spec: JobSpec, preprocessing: bytes) -> "Model":
        """The model in these files."""
        return cls(spec, Preprocessing.model_validate_json(preprocessing), load(weights))

    def predict(self, rows: Sequence[Any]) -> Predictions:
        """The predictions for raw rows. Raises `RowsError`."""
        x = numbers_of(rows, self.preprocessing)
        return self.predict_numbers(x, unknown_words(rows, self.preprocessing, x))

    def predict_numbers(self, x: Array, words: Mapping[str, Sequence[str]]) -> Predictions:
        """The predictions for rows, [rows, numbers] as in a table. Raises `RowsError`.

        `words` are the unknown categories, by column.
        """
        prepared = self.preprocessing
        with np.errstate(over="ignore", invalid="ignore"):  # reported below, by row
            outputs = self.outputs_of(x)
            values = prepared.answers(outputs)
        check_finite(values)
        warnings = warnings_of(prepared, x, words)
        if prepared.output.type is Targets.numbers:
            numbers = values[:, 0].tolist() if values.shape[1] == 1 else values.tolist()
            return Predictions(predictions=numbers, targets=prepared.output.several, warnings=warnings)
        labels, probabilities = prepared.output.labels, self.probabilities(outputs)
        return Predictions(
            predictions=[labels[place] for place in self.predicted_class(outputs).tolist()],
            classes=list(labels),
            probabilities=None if probabilities is None else probabilities.tolist(),
            warnings=warnings,
        )

    def outputs_of(self, x: Array) -> Array:
        """The outputs for rows, [rows, numbers] as in a table: [rows, outputs] as of `outputs`, some rows at a time."""
        at_a_time = max(FEATURES // sum(column.width for column in self.preprocessing.used), CHUNK_ROWS)
        firsts = range(0, max(len(x), 1), at_a_time)
        parts = [self.outputs(self.preprocessing.features(x[first : first + at_a_time])) for first in firsts]
        return np.concatenate(parts)

    def outputs(self, features: Array) -> Array:
        """The outputs for features, [rows, outputs]: logits of classes if the loss takes them, else numbers."""
        z = self.network(features)
        by_class = self.preprocessing.output.type is Targets.classes
        if by_class or not self.spec.loss.traits.takes_logits:
            return z
        return NumPyFormulas().value(LINKS[self.spec.loss.traits.link], z)

    def network(self, features: Array) -> Array:
        """What the README's network returns for features, [rows, outputs]."""
        z = forward(self.spec, self.arrays, features, self.preprocessing.image)
        outer = self.spec.computed_output_activation
        return z if outer is None else activate(outer, z)

    def predicted_class(self, outputs: Array) -> Array:
        """The index of the predicted class, [rows]."""
        if outputs.shape[1] > 1:
            index: Array = outputs.argmax(axis=1)
            return index
        return (outputs[:, 0] > self.spec.loss.traits.threshold).astype(int)

    def probabilities(self, outputs: Array) -> Array | None:
        """Class probabilities, [rows, classes]; None if the loss gives no probabilities."""
        link = self.spec.loss.traits.link
        if link is Link.softmax:
            shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            probabilities: Array = shares / shares.sum(axis=1, keepdims=True)
            return probabilities
        if link is Link.sigmoid:
            second = 0.5 * (1.0 + np.tanh(0.5 * outputs[:, :1]))
            return np.concatenate([1.0 - second, second], axis=1)
        return None


def check_finite(values: Array) -> None:
    """Raise `RowsError` for rows of values, [rows, values], that are no numbers."""
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        message = "has values so far outside the training rows' range that no prediction is a number"
        places = np.flatnonzero(~finite)[:MOST].tolist()
        raise RowsError([FieldError(path=f"rows.{place}", message=message) for place in places])

"""Ensembles: finished models that answer together, as the weighted mean of their answers.

Members are chosen greedily, with replacement, by their mean answer for validation rows (Caruana et al. 2004, "Ensemble
selection from libraries of models"): a member that is chosen n times has n times the weight. The measure is the log
loss of classes, the share of wrong classes where a member gives no probabilities, and the RMSE of numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec.dataset import Targets
from spec.views import Predictions

from .finished import Model, check_finite
from .network import Array
from .preprocessing import Preprocessing
from .report import of_classes, of_numbers, rmse
from .rows import numbers_of, unknown_words
from .unseen import warnings_of

CHOICES = 50
"""How often a member is added, at most."""

Measure = Callable[[Array, Array], float]
"""(answers, true targets) -> a number; less is better."""


@dataclass(frozen=True)
class Ensemble:
    """Models of one data set with their weights, which add up to 1."""

    members: tuple[Model, ...]
    weights: tuple[float, ...]

    @property
    def preprocessing(self) -> Preprocessing:
        """What a row has to be, which is the same for all members."""
        return self.members[0].preprocessing

    @property
    def gives_probabilities(self) -> bool:
        """Whether the mean answer of classes is a probability."""
        return all(gives_probabilities(member) for member in self.members)

    def predict(self, rows: Sequence[Any]) -> Predictions:
        """The predictions for raw rows. Raises `RowsError`."""
        x = numbers_of(rows, self.preprocessing)
        return self.predict_numbers(x, unknown_words(rows, self.preprocessing, x))

    def predict_numbers(self, x: Array, words: Mapping[str, Sequence[str]]) -> Predictions:
        """The predictions for rows, [rows, numbers] as in a table; `words` are the unknown categories, by column.

        Raises `RowsError`.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # reported below, by row
            values = self.answers(x)
        check_finite(values)
        warnings = warnings_of(self.preprocessing, x, words)
        output = self.preprocessing.output
        if output.type is Targets.numbers:
            numbers = values[:, 0].tolist() if values.shape[1] == 1 else values.tolist()
            return Predictions(predictions=numbers, targets=output.several, warnings=warnings)
        return Predictions(
            predictions=[output.labels[place] for place in values.argmax(axis=1).tolist()],
            classes=list(output.labels),
            probabilities=values.tolist() if self.gives_probabilities else None,
            warnings=warnings,
        )

    def answers(self, x: Array) -> Array:
        """The mean answer for rows, [rows, numbers] as in a table: as `answers` of one model."""
        return mean_answer((answers(member, x) for member in self.members), self.weights)


def gives_probabilities(model: Model) -> bool:
    """Whether a model of classes gives probabilities."""
    return model.probabilities(np.zeros((1, 2))) is not None


def answers(model: Model, x: Array) -> Array:
    """What a model says of rows [rows, numbers] as in a table.

    Of classes their probabilities, or 1 for the predicted one where there are none, [rows, classes]; else the numbers
    in their own units, [rows, outputs].
    """
    outputs = model.outputs_of(x)
    if model.preprocessing.output.type is Targets.numbers:
        return model.preprocessing.answers(outputs).astype(np.float64)
    probabilities = model.probabilities(outputs)
    if probabilities is not None:
        return probabilities.astype(np.float64)
    predicted: Array = np.eye(len(model.preprocessing.output.labels))[model.predicted_class(outputs)]
    return predicted


def mean_answer(each: Iterable[Array], weights: Sequence[float]) -> Array:
    """The weighted mean of answers; of an iterator, one of them is held at a time."""
    parts = (weight * one for one, weight in zip(each, weights, strict=True))
    total = next(parts)
    for part in parts:
        total += part
    return total


@dataclass(frozen=True)
class Selection:
    """The ensemble that was chosen among candidates."""

    ensemble: Ensemble
    places: tuple[int, ...]
    """Which candidates its members are."""
    metric: str
    """By which they were chosen."""
    best: Model
    """The candidate that is best alone."""


def choose(candidates: Sequence[Model], x: Array, true: Array) -> Selection:
    """The ensemble of some of these models that is best on validation rows, the heaviest members first.

    `x` is [rows, numbers] as in a table; `true` class numbers [rows], or numbers in their own units [rows, outputs].
    """
    each = [answers(model, x) for model in candidates]
    metric, measure = _measure(candidates)
    counts = select(each, true, measure)
    places = sorted((place for place, count in enumerate(counts) if count), key=lambda place: -counts[place])
    weights = tuple(counts[place] / sum(counts) for place in places)
    best = min(range(len(each)), key=lambda place: measure(each[place], true))
    ensemble = Ensemble(tuple(candidates[place] for place in places), weights)
    return Selection(ensemble, tuple(places), metric, candidates[best])


def _measure(candidates: Sequence[Model]) -> tuple[str, Measure]:
    """The metric by which members are chosen, and the measure that stands for it."""
    if candidates[0].preprocessing.output.type is Targets.numbers:
        return "rmse", rmse
    if all(map(gives_probabilities, candidates)):
        return "log_loss", _log_loss
    return "accuracy", _wrong


def select(each: Sequence[Array], true: Array, measure: Measure, most: int = CHOICES) -> list[int]:
    """How often each candidate is chosen; `each` are their answers for the validation rows.

    The candidate whose addition makes the mean answer best is added, `most` times, and the best of these ensembles is
    taken; of equal ones the smaller, and of equal candidates the first.
    """
    counts, total = [0] * len(each), np.zeros_like(each[0])
    best_counts, best = list(counts), np.inf
    for size in range(1, most + 1):
        measured = [measure((total + one) / size, true) for one in each]
        chosen = int(np.argmin(measured))
        counts[chosen] += 1
        total += each[chosen]
        if measured[chosen] < best:
            best_counts, best = list(counts), measured[chosen]
    return best_counts


def evaluate(model: Model | Ensemble, x: Array, true: Array) -> dict[str, float | None]:
    """The metrics of a model's answers, by name; the names are scikit-learn's."""
    many = Ensemble((model,), (1.0,)) if isinstance(model, Model) else model
    values, labels = many.answers(x), many.preprocessing.output.labels
    if not labels:
        numbers = of_numbers(values, true)
        return {name: getattr(numbers, name) for name in ("mae", "rmse", "r2")}
    probabilities = values if many.gives_probabilities else None
    scores = values.T[1:] if len(labels) == 2 else values.T
    classes = of_classes(labels, values.argmax(axis=1), probabilities, scores, np.asarray(true, np.int64))
    names = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "roc_auc")
    return {name: getattr(classes, name) for name in names}


def _log_loss(probabilities: Array, true: Array) -> float:
    of_true = probabilities[np.arange(len(true)), true.astype(np.int64)]
    return float(-np.log(np.clip(of_true, np.finfo(np.float64).eps, 1.0)).mean())


def _wrong(shares: Array, true: Array) -> float:
    return float((shares.argmax(axis=1) != true).mean())

"""Predictions as arrays and frames."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from spec import views

from ..errors import BadSpecError
from .curve import frame_of
from .rows import chunks, index_of, shifted, some_rows_of
from .words import html_table, number

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


SHOWN = 10
"""Most rows that are shown."""


class Predictions:
    """The predictions for some rows, in their order; `len`, `[]`, `for` and `numpy.asarray` see its values."""

    def __init__(self, parts: Sequence[views.Predictions], index: Any = None) -> None:
        self._parts, self._index = parts, index
        self.classes = parts[0].classes
        """The names of the classes, which are the columns of `probabilities`; None for numbers."""
        self.warnings = list(dict.fromkeys(warning for part in parts for warning in part.warnings))
        """Values outside the training data: unknown categories, and numbers far out of range."""

    @property
    def values(self) -> "npt.NDArray[Any]":
        """Class names [rows], or numbers in the target's units [rows] or [rows, outputs].

        Classes whose names are all numbers, or true and false, are these, so that they equal the column that was
        uploaded.
        """
        import numpy as np

        known = _meanings(self.classes or ())
        found = [value for part in self._parts for value in part.predictions]
        return np.array([known[str(value)] for value in found] if known else found)

    @property
    def probabilities(self) -> "npt.NDArray[np.float64] | None":
        """The probability of each class, [rows, classes]; None for numbers, and for losses that give none."""
        import numpy as np

        found = [part.probabilities for part in self._parts if part.probabilities is not None]
        return np.concatenate([np.array(part, dtype=np.float64) for part in found]) if found else None

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame: `prediction` (or `prediction_0` ...) and `p_CLASS`. Raises `WrongUseError` without it.

        It has the index of the frame that was predicted, so that pandas joins each prediction to its row.
        """
        values, probabilities = self.values, self.probabilities
        many = {f"prediction_{place}": values[:, place] for place in range(values.shape[1])} if values.ndim > 1 else {}
        columns = many or {"prediction": values}
        if probabilities is not None:
            columns |= {f"p_{name}": probabilities[:, place] for place, name in enumerate(self.classes or ())}
        found = frame_of(columns)
        return found if self._index is None else found.set_axis(self._index)

    def __len__(self) -> int:
        return sum(len(part.predictions) for part in self._parts)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.tolist())

    def __getitem__(self, place: int) -> Any:
        return self.values.tolist()[place]

    def __array__(self, dtype: "npt.DTypeLike | None" = None, copy: bool | None = None) -> "npt.NDArray[Any]":
        return self.values.astype(dtype) if dtype is not None else self.values

    def __repr__(self) -> str:
        shown = ", ".join(map(_said, self.values[:SHOWN].tolist()))
        more = f" and {len(self) - SHOWN} more" if len(self) > SHOWN else ""
        return "\n".join([f"<Predictions: {shown}{more}>", *(f"  warning: {one}" for one in self.warnings)])

    def _repr_html_(self) -> str:
        names = self.classes if self.classes is not None and self.probabilities is not None else []
        shares = [[]] * SHOWN if self.probabilities is None else self.probabilities[:SHOWN].tolist()
        rows = [
            (_said(value), *map(number, likely))
            for value, likely in zip(self.values[:SHOWN].tolist(), shares, strict=False)
        ]
        table = html_table(("prediction", *(f"p({name})" for name in names)), rows)
        more = [(f"{len(self) - SHOWN} more rows",)] if len(self) > SHOWN else []
        return table + html_table((), [*more, *((f"Warning: {one}",) for one in self.warnings)])


def _meanings(names: Sequence[str]) -> Mapping[str, float]:
    """What the names are where all are whole numbers, or numbers, or truths; nothing where one is another text."""
    for words in (("false", "true"), ("False", "True")):
        if set(names) == set(words):
            return {words[0]: False, words[1]: True}
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            known = {name: kind(name) for name in names}
            if all(name in {str(value), f"{value:.0f}"} and math.isfinite(value) for name, value in known.items()):
                return known
    return {}


def predict(ask: Callable[[Sequence[Any]], views.Predictions], data: Any) -> Predictions:
    """The predictions for rows, an array or a frame, in as many requests as they need.

    Messages name a row by its place among all. `ask` is a request for some rows. Raises `WrongUseError` without rows,
    and what `ask` raises.
    """
    return Predictions([_of_part(ask, at, part) for at, part in chunks(some_rows_of(data))], index_of(data))


def _of_part(ask: Callable[[Sequence[Any]], views.Predictions], at: int, rows: Sequence[Any]) -> views.Predictions:
    try:
        predicted = ask(rows)
    except BadSpecError as error:
        raise BadSpecError("The rows do not fit the model.", errors=shifted(error.errors, at)) from error
    where = f"Rows {at + 1} to {at + len(rows)}: " if at else ""
    return predicted.model_copy(update={"warnings": [f"{where}{warning}" for warning in predicted.warnings]})


def _said(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_said, value))}]"
    return number(value) if isinstance(value, float) else str(value)

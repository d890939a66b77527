"""Predictions as arrays and frames."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
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
        self._view, self._index = joined(parts), index
        self.classes = self._view.classes
        """The names of the classes, which are the columns of `probabilities`; None for numbers."""
        self.warnings = self._view.warnings
        """Values outside the training data: unknown categories, and numbers far out of range."""

    @cached_property
    def values(self) -> "npt.NDArray[Any]":
        """Class names [rows], or numbers in the target's units [rows] or [rows, outputs].

        Classes whose names are all numbers, or true and false, are these, so that they equal the column that was
        uploaded.
        """
        import numpy as np

        known = _meanings(self.classes or ())
        found = self._view.predictions
        return np.array([known[str(value)] for value in found] if known else found)

    @cached_property
    def probabilities(self) -> "npt.NDArray[np.float64] | None":
        """The probability of each class, [rows, classes]; None for numbers, and for losses that give none."""
        import numpy as np

        found = self._view.probabilities
        return None if found is None else np.array(found, dtype=np.float64)

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
        return len(self._view.predictions)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.tolist())

    def __getitem__(self, place: int) -> Any:
        found = self.values[place]
        return found.tolist() if hasattr(found, "tolist") else found  # Python's integers of any size

    def __array__(self, dtype: "npt.DTypeLike | None" = None, copy: bool | None = None) -> "npt.NDArray[Any]":
        import numpy as np

        return np.array(self.values, dtype, copy=copy is not False)

    def __repr__(self) -> str:
        shown = ", ".join(map(_text, self.values[:SHOWN].tolist()))
        more = f" and {len(self) - SHOWN} more" if len(self) > SHOWN else ""
        return "\n".join([f"<Predictions: {shown}{more}>", *(f"  warning: {one}" for one in self.warnings)])

    def _repr_html_(self) -> str:
        names = self.classes if self.classes is not None and self.probabilities is not None else []
        shares = [[]] * SHOWN if self.probabilities is None else self.probabilities[:SHOWN].tolist()
        rows = [
            (_text(value), *map(number, likely))
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
    return Predictions(in_parts(ask, some_rows_of(data)), index_of(data))


def in_parts(ask: Callable[[Sequence[Any]], views.Predictions], rows: Sequence[Any]) -> list[views.Predictions]:
    """The predictions of plain rows by as many requests as they need; messages name a row by its place among all."""
    return [_of_part(ask, at, part) for at, part in chunks(rows)]


def joined(parts: Sequence[views.Predictions]) -> views.Predictions:
    """The predictions of the parts of some rows as those of all."""
    first = parts[0]
    whole: dict[str, Any] = {"warnings": list(dict.fromkeys(one for part in parts for one in part.warnings))}
    for name in ("predictions", "probabilities", "input"):
        if getattr(first, name) is not None:
            whole[name] = [row for part in parts for row in getattr(part, name)]
    return first.model_copy(update=whole)


def _of_part(ask: Callable[[Sequence[Any]], views.Predictions], at: int, rows: Sequence[Any]) -> views.Predictions:
    try:
        predicted = ask(rows)
    except BadSpecError as error:
        detail = "The rows do not fit the model." if error.errors else error.args[0]  # it names a row of the part
        raise BadSpecError(detail, errors=shifted(error.errors, at), status=error.status) from error
    where = f"Rows {at + 1} to {at + len(rows)}: " if at else ""
    return predicted.model_copy(update={"warnings": [f"{where}{warning}" for warning in predicted.warnings]})


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return number(value) if isinstance(value, float) else str(value)

"""A job's curve: arrays by name, a plot of training and validation, a frame."""

import base64
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from spec import views
from spec.monitors import SPLITS

from ..errors import WrongUseError
from .words import html_table, metric

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes


class Curve(Mapping[str, "npt.NDArray[Any]"]):
    """The columns of a curve: `epoch` [epochs], and each metric [epochs], such as `train_loss` and `val_accuracy`.

    Epochs are whole numbers, metrics doubles. NaN is a value that was infinite or not a number. Epochs count from 1.
    """

    def __init__(self, columns: views.Curve, *, title: str = "", best_epoch: int | None = None) -> None:
        import numpy as np

        kinds = {"epoch": np.int64}
        self._columns = {name: np.array(one, kinds.get(name, np.float64)) for name, one in columns.items()}
        self.title = title
        self.best_epoch = best_epoch
        """The epoch whose weights the model has; None before the first."""

    def __getitem__(self, name: str) -> "npt.NDArray[Any]":
        if name not in self._columns:
            raise KeyError(f"{name} is no column of the curve, which has {', '.join(self._columns)}")
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def plot(self, metric: str = "loss", *, ax: "Axes | None" = None) -> "Axes":
        """Draw the metric of training and validation on one axis, with the best epoch marked.

        `metric` is a name without its split: loss, accuracy ... `ax` is the axis to draw on; by default a new one.
        Raises `WrongUseError` for a metric that the curve does not have.
        """
        drawn = {split: name for split in SPLITS if (name := f"{split}_{metric}") in self}
        if not drawn:
            raise WrongUseError(f"The curve has no metric {metric}: it has {', '.join(self._metrics()) or 'none yet'}.")
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(figsize=(7.0, 4.0), layout="constrained")[1]
        epochs = self["epoch"]
        for split, name in drawn.items():
            ax.plot(epochs, self[name], label=SPLITS[split])
        if self.best_epoch is not None:
            ax.axvline(self.best_epoch, color="grey", linestyle=":", label=f"best epoch: {self.best_epoch}")
        ax.set_xlabel("epoch")
        ax.set_ylabel(metric.replace("_", " "))
        ax.set_title(self.title)
        ax.legend()
        return ax

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame with the epochs as its index. Raises `WrongUseError` without pandas."""
        return frame_of(self._columns).set_index("epoch")

    def __repr__(self) -> str:
        best = "" if self.best_epoch is None else f", best epoch {self.best_epoch}"
        return (
            f"<Curve of {self.title or 'a job'}: {self._epochs()} epochs{best}; {', '.join(self) or 'no columns yet'}>"
        )

    def _repr_html_(self) -> str:
        if not self._epochs():
            return "<p>No epoch has been measured yet.</p>"
        places = {"last epoch": self._epochs() - 1}
        if self.best_epoch is not None:
            places = {"best epoch": int((self["epoch"] == self.best_epoch).argmax()), **places}
        names = [name for name in self if name != "epoch"]
        rows = [
            (kind, str(self["epoch"][place]), *(metric(name, self[name][place]) for name in names))
            for kind, place in places.items()
        ]
        picture = f'<img src="data:image/png;base64,{base64.b64encode(self._png()).decode()}" width="560">'
        return picture + html_table(("", "epoch", *(name.replace("_", " ") for name in names)), rows)

    def _png(self) -> bytes:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        self.plot(ax=figure.add_subplot())
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=100)
        return stream.getvalue()

    def _epochs(self) -> int:
        return len(self._columns.get("epoch", ()))

    def _metrics(self) -> list[str]:
        parts = (name.partition("_") for name in self)
        return list(dict.fromkeys(name for split, _, name in parts if split in SPLITS))


def frame_of(columns: Mapping[str, Any]) -> "pd.DataFrame":
    """The columns as a pandas DataFrame. Raises `WrongUseError` without pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise WrongUseError("Frames need pandas: pip install pandas.") from error
    return pd.DataFrame(dict(columns))

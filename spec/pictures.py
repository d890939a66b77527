"""The numbers of a job's pictures, for those who draw them themselves."""

from typing import Annotated, Literal

from pydantic import Field

from .base import Frozen


class ConfusionNumbers(Frozen):
    """A confusion matrix."""

    picture: Literal["confusion"] = "confusion"
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """Rows by true class (down) and predicted class (across)."""


class RocCurve(Frozen):
    """The ROC curve of a class: true-positive rate by false-positive rate."""

    label: str
    auc: float
    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]


class RocNumbers(Frozen):
    """ROC curves: for two classes the second's, for more each class against all others."""

    picture: Literal["roc"] = "roc"
    curves: tuple[RocCurve, ...]


class CalibrationBin(Frozen):
    """A bin of a calibration curve."""

    predicted: float
    """Mean predicted probability."""
    observed: float
    """Share of rows of the class."""
    rows: int


class CalibrationNumbers(Frozen):
    """A calibration curve: for two classes of the second, for more of the predicted class."""

    picture: Literal["calibration"] = "calibration"
    bins: tuple[CalibrationBin, ...]


class TargetNumbers(Frozen):
    """One of several targets: its metrics, and predicted and true numbers, in its units."""

    target: str
    mae: float
    rmse: float
    r2: float | None
    """null if all true numbers are equal."""
    predicted: tuple[float, ...]
    true: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


class ResidualNumbers(Frozen):
    """Predicted and true numbers of some rows, and a histogram of the errors of all rows."""

    picture: Literal["residuals"] = "residuals"
    predicted: tuple[float, ...]
    true: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    targets: tuple[TargetNumbers, ...] = ()
    """Each target, if there are several and not more than 12; the numbers above are of all of them together."""


class BoundaryNumbers(Frozen):
    """A decision boundary: predictions on a square grid over two inputs, and some of the rows."""

    picture: Literal["boundary"] = "boundary"
    names: tuple[str, str]
    """Names of the horizontal and the vertical input."""
    across: tuple[float, float]
    """Left and right edge of the grid, in the input's units."""
    up: tuple[float, float]
    """Bottom and top edge."""
    kind: Literal["probability", "class", "number"]
    """What `values` are: the probability of the second of two classes, the index of a class, or a number."""
    values: tuple[tuple[float, ...], ...]
    """Predictions, row by row from the bottom."""
    labels: tuple[str, ...]
    points: tuple[tuple[float, float, float], ...]
    """Some rows: both inputs, and the true class index or number."""


class BoundaryFrame(Frozen):
    """The decision boundary after an epoch of a job that trains: the event `boundary` of its stream."""

    epoch: int
    metrics: dict[str, float | None]
    names: tuple[str, str]
    across: tuple[float, float]
    up: tuple[float, float]
    kind: Literal["probability", "class", "number"]
    size: int
    """Points of the grid along each axis."""
    low: float
    high: float
    """A byte b stands for the prediction low + (high - low) * b / 255."""
    values: str
    """Base64 of the predictions, a byte each, row by row from the bottom."""
    labels: tuple[str, ...]
    points: tuple[tuple[float, float, float], ...]
    """Some rows: both inputs, and the true class index or number."""
    weights: str = ""
    """Base64 of the network's numbers in float32, layer by layer: weights, [out][in], then biases; empty for many."""


class LandscapeNumbers(Frozen):
    """A loss landscape: the loss on a square around the weights of the model, in two random directions."""

    picture: Literal["landscape"] = "landscape"
    span: float
    """Distance from the middle to an edge; 1 is the norm of each neuron's weights."""
    part: str
    """The split of the loss: validation or train."""
    rows: int
    losses: tuple[tuple[float | None, ...], ...]
    """Losses down the first direction and across the second. null: not finite."""


PictureNumbers = Annotated[
    ConfusionNumbers | RocNumbers | CalibrationNumbers | ResidualNumbers | BoundaryNumbers | LandscapeNumbers,
    Field(discriminator="picture"),
]

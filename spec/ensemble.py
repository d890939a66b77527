"""The ensemble of a sweep, as the API answers it."""

from .base import Frozen
from .configuration import Configuration
from .views import Metrics


class EnsembleMember(Frozen):
    """A job whose model answers in the ensemble."""

    job: str
    trial: int
    replicate: int
    """Which of the configuration's seeds it is."""
    configuration: Configuration
    weight: float
    """Its share of the mean answer; all weights add up to 1."""
    score: float | None
    """Its own `metric` on the validation rows."""


class EnsembleScores(Frozen):
    """The metrics of the ensemble on some rows, beside those of the best single model."""

    rows: int
    ensemble: Metrics
    best: Metrics
    """Of the model that has the best `metric` on the validation rows."""


class EnsembleView(Frozen):
    """The models of a sweep that answer best together."""

    sweep: str
    metric: str
    """By which members were chosen: log_loss, accuracy where a model gives no probabilities, or rmse."""
    candidates: int
    """Jobs among which they were chosen: those of the best configurations."""
    members: list[EnsembleMember]
    """The heaviest first."""
    validation: EnsembleScores
    test: EnsembleScores | None
    """On the test rows, by which nothing was chosen; null without a test split."""
    sentence: str
    links: dict[str, str]

"""The network as an estimator of scikit-learn, whose search clones it, sets its parameters and scores it."""

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator

from .sweep_tasks import Setting

if TYPE_CHECKING:
    from .sweep_peers import Work


class Network(BaseEstimator):  # type: ignore[misc]
    """Trains `epochs` epochs from the start; its score is the best validation loss, negated."""

    def __init__(
        self,
        work: "Work",
        learning_rate: float = 1e-3,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        hidden: tuple[int, ...] = (),
        seed: int = 0,
        epochs: int = 1,
    ) -> None:
        self.work = work
        self.learning_rate, self.dropout, self.weight_decay = learning_rate, dropout, weight_decay
        self.hidden, self.seed, self.epochs = hidden, seed, epochs

    def fit(self, x: Any, y: Any) -> "Network":
        """Train; `x` and `y` are the training rows, which it reads from their file with the others."""
        setting = Setting(self.learning_rate, self.dropout, self.weight_decay, tuple(self.hidden))
        self.best_ = min(self.work.train(setting, self.seed, self.epochs))
        return self

    def score(self, x: Any, y: Any) -> float:
        """The best validation loss, negated: `x` and `y` are the validation rows."""
        return -float(self.best_)

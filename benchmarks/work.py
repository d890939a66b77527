"""What a warm process does with some trials of a sweep, by whichever means: the parts that contestants are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .clock import Spent
from .workloads import Trial, Workload, data

Work = Callable[[Workload, Sequence[Trial]], list[float]]
"""Trains some trials to their end; the last validation accuracy of each. Travels between processes by its name."""


@dataclass(frozen=True)
class Swept:
    """What a whole sweep took, and the last validation accuracy of each trial: the proof that something was learnt."""

    spent: Spent
    accuracies: list[float]
    mlflow_lag_s: float | None = None
    """From the last `succeeded` until every curve was whole in MLflow; the service only."""


def settle() -> None:
    """What each process does first, whoever it works for: one thread, and no denormal numbers."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def loop(name: str, workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """One of the plain loops, one trial after the other."""
    from .loops import LOOPS, last

    return [last(LOOPS[name](workload, data(workload), trial)).val_accuracy for trial in sweep]


def pack(train_metrics: str, workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """Ours: all the trials as one pack."""
    from .ours import train

    return [metrics["val_accuracy"] for metrics in train(workload, sweep, train_metrics=train_metrics)]


def mlp_classifier(workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """scikit-learn's MLPClassifier: no dropout, because it has none, and a validation split of its own."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)  # it ends after the epochs it was given, as it should
    parts = data(workload)
    accuracies = []
    for trial in sweep:
        model = MLPClassifier(
            workload.hidden,
            solver="adam",
            batch_size=workload.batch,
            learning_rate_init=trial.learning_rate,
            max_iter=workload.epochs,
            early_stopping=True,  # without it nothing is validated
            n_iter_no_change=workload.epochs + 1,
            validation_fraction=0.2,
            random_state=trial.seed,
        )
        model.fit(parts.x.numpy(), parts.y.numpy())
        accuracies.append(float(model.score(parts.val_x.numpy(), parts.val_y.numpy())))
    return accuracies

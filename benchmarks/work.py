"""The work of a warm process: some trials of a sweep, trained by a loop, a pack or scikit-learn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .clock import Spent
from .workloads import Trial, Workload, data

Work = Callable[[Workload, Sequence[Trial]], list[float]]
"""Trains some trials; the last validation accuracy of each. It is pickled by name."""


@dataclass(frozen=True)
class Swept:
    """The time of a whole sweep, and the last validation accuracy of each trial as proof of learning."""

    spent: Spent
    accuracies: list[float]
    mlflow_lag_s: float | None = None
    """Time from the last `succeeded` until all curves were complete in MLflow; for the service only."""


def configure_contestant() -> None:
    """Configure a contestant's process: one thread, and denormal numbers flushed to zero.

    This is not `trainer.runtime.configure_process`, because importing `trainer` restricts MKL's kernels for all.
    """
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def loop(name: str, workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """Train with one of the plain loops, one trial after the other."""
    from .loops import LOOPS, last

    return [last(LOOPS[name](workload, data(workload), trial)).val_accuracy for trial in sweep]


def pack(train_metrics: str, workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """Train all trials as one pack."""
    from .ours import train

    return [metrics["val_accuracy"] for metrics in train(workload, sweep, train_metrics=train_metrics)]


def stack(workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """Train all trials as one stack, with `torch.func`."""
    from .functional import train

    return train(workload, data(workload), sweep)


def mlp_classifier(workload: Workload, sweep: Sequence[Trial]) -> list[float]:
    """Train scikit-learn's MLPClassifier, which has no dropout and makes its own validation split."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)  # it trains the given number of epochs, as intended
    parts = data(workload)
    accuracies = []
    for trial in sweep:
        model = MLPClassifier(
            workload.hidden,
            solver="adam",
            batch_size=workload.batch,
            learning_rate_init=trial.learning_rate,
            max_iter=workload.epochs,
            early_stopping=True,  # else nothing is validated
            n_iter_no_change=workload.epochs + 1,
            validation_fraction=0.2,
            random_state=trial.seed,
        )
        model.fit(parts.x.numpy(), parts.y.numpy())
        accuracies.append(float(model.score(parts.val_x.numpy(), parts.val_y.numpy())))
    return accuracies

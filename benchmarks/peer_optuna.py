"""Optuna: one study in a journal file, and two joblib processes that each take its next trial."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import optuna
from joblib import Parallel, delayed  # type: ignore[import-untyped]
from optuna.storages.journal import JournalFileBackend

from .clock import Stopwatch, family_cpu_seconds
from .loops import tight
from .pool import PROCESSES
from .work import Swept, configure_contestant
from .workloads import Trial, Workload, data


def sweep(workload: Workload, trials: Sequence[Trial]) -> Swept:
    """As many trials as there are in `trials`; Optuna samples their learning rates and dropout."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, Parallel(PROCESSES) as parallel:
        _study(parallel, Path(folder) / "warm", workload.shortened(epochs=1), PROCESSES)
        watch = Stopwatch(family_cpu_seconds)
        accuracies = _study(parallel, Path(folder) / "timed", workload, len(trials))
        return Swept(watch.read(), accuracies)


def _study(parallel: Parallel, journal: Path, workload: Workload, count: int) -> list[float]:
    study = optuna.create_study(storage=_storage(journal), study_name="sweep")
    parallel(delayed(_optimize)(journal, workload, count // PROCESSES) for _ in range(PROCESSES))
    return [trial.user_attrs["val_accuracy"] for trial in study.trials]


def _optimize(journal: Path, workload: Workload, count: int) -> None:
    """Run one process's share of the study, with random search, the cheapest sampler."""
    configure_contestant()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(
        storage=_storage(journal), study_name="sweep", sampler=optuna.samplers.RandomSampler(seed=None)
    )
    study.optimize(lambda trial: _objective(trial, workload), n_trials=count)


def _objective(trial: optuna.Trial, workload: Workload) -> float:
    """The tight loop, which reports each epoch, because every contestant records a curve."""
    own = Trial(
        seed=1 + trial.number,
        learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-2, log=True),
        dropout=trial.suggest_float("dropout", 0.1, 0.3),
    )
    for number, epoch in enumerate(tight(workload, data(workload), own), start=1):
        trial.report(epoch.val_loss, number)
    trial.set_user_attr("val_accuracy", epoch.val_accuracy)
    return epoch.val_loss


def _storage(journal: Path) -> optuna.storages.JournalStorage:
    return optuna.storages.JournalStorage(JournalFileBackend(str(journal)))

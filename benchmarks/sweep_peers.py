"""The peers of sweeps. `python -m benchmarks.sweep_peers NAME TASK ROWS SEED EPOCHS TRIALS LIMIT` prints two times.

Those are when the sweep began and when it ended.

Each runs in its own process of the peers' environment, with two processes that train. It is timed once its processes
are warm. Every epoch is a line of the journal beside the file of rows.
"""

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from .sweep_tasks import DECAYS, DROPOUTS, RATES, TASKS, Journal, Parts, Setting, Task, parts, train
from .warm import Start
from .work import configure_contestant

PROCESSES = 2


@dataclass(frozen=True)
class Work:
    """A sweep of one task."""

    task: Task
    rows: str
    journal: str
    seed: int
    limit_s: float
    """Ray and Optuna begin no trial after so many seconds; Ray ends those that run."""

    def smoke(self) -> "Work":
        """Two configurations of one epoch, whose epochs are not counted."""
        return replace(self, task=self.task.smaller(epochs=1, trials=PROCESSES), journal=os.devnull)

    def train(self, setting: Setting, seed: int, epochs: int, rows: Parts | None = None) -> "Any":
        """The validation losses of one configuration, epoch by epoch."""
        configure_contestant()
        own = parts(self.rows) if rows is None else rows
        return train(own, setting, batch=self.task.batch, epochs=epochs, seed=seed, journal=Journal(self.journal))


@dataclass(frozen=True)
class Ended:
    """When a sweep began and ended, in seconds since 1970."""

    began: float
    ended: float


Peer = Callable[[Work], Ended]


def ray_asha(work: Work, *, reuse_actors: bool) -> Ended:
    """Ray Tune's ASHA with random configurations, one core a trial; timed after it has run a trial on each core.

    With `reuse_actors` the clock starts when the actors are warm. By default each trial starts a process, which is
    timed. The limit counts from the start of the actors.
    """
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0"}
    import ray  # type: ignore[import-not-found]

    ray.init(num_cpus=PROCESSES, include_dashboard=False, log_to_driver=False, configure_logging=False)
    _tune(work.smoke(), reuse_actors=reuse_actors)
    with tempfile.TemporaryDirectory() as times:
        start = Start(times, min(PROCESSES, work.task.trials)) if reuse_actors else None
        began = time.time()
        _tune(work, reuse_actors=reuse_actors, start=start)
        ended = Ended(began if start is None else start.at, time.time())
    ray.shutdown()
    return ended


def _tune(work: Work, *, reuse_actors: bool, start: Start | None = None) -> None:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler  # type: ignore[import-not-found]
    from ray.tune.search.basic_variant import BasicVariantGenerator  # type: ignore[import-not-found]

    task = work.task

    def trainable(config: dict[str, Any], rows: Parts) -> None:
        own = dict(config)
        seed, setting = own.pop("seed"), Setting(**own | {"hidden": tuple(own["hidden"])})
        if start is not None:
            start.once_warm(lambda: list(work.smoke().train(setting, seed, 1, rows)))
        for loss in work.train(setting, seed, task.epochs, rows):
            tune.report({"val_loss": loss})

    space = {
        "learning_rate": tune.loguniform(*RATES),
        "dropout": tune.uniform(*DROPOUTS),
        "weight_decay": tune.loguniform(*DECAYS),
        "hidden": tune.choice([list(hidden) for hidden in task.hiddens]),
        "seed": tune.randint(0, 2**31),
    }
    asha = ASHAScheduler(
        time_attr="training_iteration", max_t=task.epochs, grace_period=1, reduction_factor=task.factor
    )
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_parameters(trainable, rows=parts(work.rows)),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="val_loss",
                mode="min",
                scheduler=asha,
                num_samples=task.trials,
                reuse_actors=reuse_actors,
                time_budget_s=work.limit_s,
                search_alg=BasicVariantGenerator(random_state=work.seed),
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()


def optuna_hyperband(work: Work) -> Ended:
    """Optuna's TPE with its HyperbandPruner: one study in a journal file, and two joblib processes."""
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder, Parallel(PROCESSES) as parallel:

        def run(own: Work, name: str) -> None:
            journal = str(Path(folder) / name)
            _study(own, journal, create=True, process=0)
            share = -(-own.task.trials // PROCESSES)
            parallel(delayed(_optimize)(own, journal, share, process) for process in range(PROCESSES))

        run(work.smoke(), "warm")
        began = time.time()
        run(work, "timed")
        return Ended(began, time.time())


def _study(work: Work, journal: str, *, create: bool, process: int) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.JournalStorage(JournalFileBackend(journal))
    if create:
        return optuna.create_study(storage=storage, study_name="sweep")
    return optuna.load_study(
        storage=storage,
        study_name="sweep",
        sampler=optuna.samplers.TPESampler(seed=2 * work.seed + process),
        pruner=optuna.pruners.HyperbandPruner(
            min_resource=1, max_resource=work.task.epochs, reduction_factor=work.task.factor
        ),
    )


def _optimize(work: Work, journal: str, count: int, process: int) -> None:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        hiddens = work.task.hiddens
        setting = Setting(
            learning_rate=trial.suggest_float("learning_rate", *RATES, log=True),
            dropout=trial.suggest_float("dropout", *DROPOUTS),
            weight_decay=trial.suggest_float("weight_decay", *DECAYS, log=True),
            hidden=hiddens[trial.suggest_categorical("hidden", list(range(len(hiddens))))],
        )
        best = math.inf
        seed = work.seed * 100_003 + trial.number
        for epoch, loss in enumerate(work.train(setting, seed, work.task.epochs), start=1):
            best = min(best, loss)
            trial.report(loss, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return best

    _study(work, journal, create=False, process=process).optimize(objective, n_trials=count, timeout=work.limit_s)


def sklearn_halving(work: Work) -> Ended:
    """scikit-learn's HalvingRandomSearchCV: epochs are its resource, two joblib processes, our validation rows."""
    _search(work.smoke())
    began = time.time()
    _search(work)
    return Ended(began, time.time())


def _search(work: Work) -> None:
    import numpy as np
    from scipy.stats import loguniform, uniform
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit

    from .sweep_estimator import Network

    rows, task = parts(work.rows), work.task
    x = np.concatenate([rows.x.numpy(), rows.val_x.numpy()])
    y = np.concatenate([rows.y.numpy(), rows.val_y.numpy()])
    fold = np.concatenate([np.full(len(rows.x), -1), np.zeros(len(rows.val_x), int)])
    space = {
        "learning_rate": loguniform(*RATES),
        "dropout": uniform(DROPOUTS[0], DROPOUTS[1] - DROPOUTS[0]),
        "weight_decay": loguniform(*DECAYS),
        "hidden": list(task.hiddens),
        "seed": list(range(work.seed * 1000, work.seed * 1000 + 1000)),
    }
    HalvingRandomSearchCV(
        Network(work),
        space,
        n_candidates=task.trials,
        factor=task.factor,
        resource="epochs",
        min_resources=1,
        max_resources=task.epochs,
        cv=PredefinedSplit(fold),
        refit=False,
        n_jobs=PROCESSES,
        random_state=work.seed,
    ).fit(x, y)


PEERS: Mapping[str, Peer] = {
    "ray": partial(ray_asha, reuse_actors=False),
    "ray reuse": partial(ray_asha, reuse_actors=True),
    "optuna": optuna_hyperband,
    "sklearn": sklearn_halving,
}


def main(arguments: Sequence[str]) -> None:
    """Run the named peer."""
    name, task, rows, seed, epochs, trials, limit_s = arguments
    work = Work(
        TASKS[task].smaller(epochs=int(epochs), trials=int(trials)),
        rows,
        f"{rows}.{name}.{seed}",
        int(seed),
        float(limit_s),
    )
    Path(work.journal).touch()
    ended = PEERS[name](work)
    print(json.dumps([ended.began, ended.ended]))


if __name__ == "__main__":
    main(sys.argv[1:])

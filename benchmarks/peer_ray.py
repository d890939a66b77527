"""Ray Tune: one of the loops as a trainable that reports each epoch, one core a trial."""

import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .clock import Spent
from .loops import LOOPS, last
from .pool import PROCESSES
from .warm import Start
from .work import Swept, configure_contestant
from .workloads import Data, Trial, Workload, data

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"

import ray  # type: ignore[import-not-found]
from ray import tune


def sweep(workload: Workload, trials: Sequence[Trial], *, loop: str, reuse_actors: bool) -> Swept:
    """The sweep as a grid of `trials`, timed until Ray has all results, after it has run a trial on each core.

    With `reuse_actors` the clock starts when the actors are warm. By default each trial starts a process, which is
    timed.
    """
    ray.init(num_cpus=PROCESSES, include_dashboard=False, log_to_driver=False, configure_logging=False)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as times:
        _fit(workload.shortened(epochs=1), trials[:PROCESSES], folder, loop, reuse_actors=reuse_actors)
        start = Start(times, min(PROCESSES, len(trials))) if reuse_actors else None
        began = time.time()
        accuracies = _fit(workload, trials, folder, loop, reuse_actors=reuse_actors, start=start)
        wall_s = time.time() - (began if start is None else start.at)
    ray.shutdown()
    return Swept(
        Spent(wall_s, math.nan), accuracies
    )  # the CPU time of Ray's workers is unknown: they end and are renamed


def _fit(
    workload: Workload,
    trials: Sequence[Trial],
    folder: str,
    loop: str,
    *,
    reuse_actors: bool,
    start: Start | None = None,
) -> list[float]:
    tuner = tune.Tuner(
        tune.with_parameters(_train, workload=workload, data=data(workload), loop=loop, start=start),
        param_space={"trial": tune.grid_search([asdict(trial) for trial in trials])},
        tune_config=tune.TuneConfig(reuse_actors=reuse_actors, metric="val_loss", mode="min"),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    return [float(result.metrics["val_accuracy"]) for result in tuner.fit()]


def _train(config: dict[str, Any], workload: Workload, data: Data, loop: str, start: Start | None) -> None:
    configure_contestant()
    trial = Trial(**config["trial"])
    if start is not None:
        start.once_warm(lambda: last(LOOPS[loop](workload.shortened(epochs=1), data, trial)))
    for epoch in LOOPS[loop](workload, data, trial):
        tune.report(epoch.metrics())

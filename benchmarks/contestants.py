"""The contestants of the sweep. `python -m benchmarks.contestants NAME TRIALS EPOCHS` runs one and prints JSON.

`peers.py` starts each in its own process, so that none is affected by what another has imported or left running.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import torch

from . import pool, work
from .clock import Spent, Stopwatch, family_cpu_seconds
from .loops import last, tight
from .work import Swept, Work
from .workloads import W1, Data, Trial, Workload, data, trials

Contestant = Callable[[Workload, Sequence[Trial]], Swept]
ONE_TRIAL = "one trial"


def by_one(part: Work) -> Contestant:
    """Two persistent processes, each of which takes the next trial."""
    return partial(pool.sweep, part, share=1)


def by_half(part: Work) -> Contestant:
    """Two persistent processes, each with half of the sweep."""
    return lambda workload, sweep: pool.sweep(part, workload, sweep, share=-(-len(sweep) // pool.PROCESSES))


def process_per_trial(workload: Workload, sweep: Sequence[Trial]) -> Swept:
    """A fresh Python process with the tight loop for each trial, two at a time.

    The data are in a file: a process pays for Python, PyTorch and training, not for scikit-learn.
    """
    with tempfile.NamedTemporaryFile(suffix=".pt") as file, ThreadPoolExecutor(pool.PROCESSES) as threads:
        torch.save(asdict(data(workload)), file.name)

        def fresh(trial: Trial) -> float:
            numbers = (str(workload.epochs), str(trial.seed), str(trial.learning_rate), str(trial.dropout))
            command = [sys.executable, "-m", "benchmarks.contestants", ONE_TRIAL, file.name, *numbers]
            return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

        watch = Stopwatch(family_cpu_seconds)
        accuracies = list(threads.map(fresh, sweep))
        return Swept(watch.read(), accuracies)


def optuna(workload: Workload, sweep: Sequence[Trial]) -> Swept:
    """Optuna, parallelised with joblib."""
    from . import peer_optuna

    return peer_optuna.sweep(workload, sweep)


def ray(workload: Workload, sweep: Sequence[Trial], *, loop: str, reuse_actors: bool) -> Swept:
    """Ray Tune."""
    from . import peer_ray

    return peer_ray.sweep(workload, sweep, loop=loop, reuse_actors=reuse_actors)


def service(workload: Workload, sweep: Sequence[Trial]) -> Swept:
    """The whole service, over HTTP."""
    from . import service

    return service.sweep(workload, sweep)


CONTESTANTS: Mapping[str, Contestant] = {
    "ours": by_half(partial(work.pack, "running")),
    "ours exact": by_half(partial(work.pack, "exact")),
    "service": service,
    "torch.func": by_half(work.stack),
    "tight": by_one(partial(work.loop, "tight")),
    "tight fused": by_one(partial(work.loop, "tight fused")),
    "idiomatic": by_one(partial(work.loop, "idiomatic")),
    "sklearn": by_one(work.mlp_classifier),
    "process per trial": process_per_trial,
    "optuna": optuna,
    "ray": partial(ray, loop="tight", reuse_actors=False),
    "ray reuse": partial(ray, loop="tight", reuse_actors=True),
    "ray idiomatic": partial(ray, loop="idiomatic", reuse_actors=False),
    "ray reuse idiomatic": partial(ray, loop="idiomatic", reuse_actors=True),
}


def read(text: str) -> Swept:
    """Parse a contestant's output."""
    fields = json.loads(text.splitlines()[-1])
    return Swept(Spent(**fields.pop("spent")), **fields)


def main(arguments: Sequence[str]) -> None:
    """Run the named contestant, or the single trial of a fresh process."""
    match arguments:
        case [name, file, epochs, seed, rate, dropout] if name == ONE_TRIAL:
            work.configure_contestant()
            trial = Trial(int(seed), float(rate), float(dropout))
            print(last(tight(W1.shortened(epochs=int(epochs)), Data(**torch.load(file)), trial)).val_accuracy)
        case [name, count, epochs]:
            print(json.dumps(asdict(CONTESTANTS[name](W1.shortened(epochs=int(epochs)), trials(W1, int(count))))))
        case _:
            sys.exit(f"usage: python -m benchmarks.contestants NAME TRIALS EPOCHS; names: {', '.join(CONTESTANTS)}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Two persistent processes of one thread each, which share out a sweep: how ours and the plain loops use two cores."""

import multiprocessing
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

from .clock import Stopwatch, family_cpu_seconds
from .work import Swept, Work, settle
from .workloads import Trial, Workload

PROCESSES = 2
PATIENCE_S = 300


def sweep(work: Work, workload: Workload, trials: Sequence[Trial], *, share: int) -> Swept:
    """Train `trials` in portions of `share`; timed from the moment that both processes are warm."""
    context = multiprocessing.get_context("spawn")
    warm = context.Barrier(PROCESSES + 1)
    portions = [(work, workload, trials[at : at + share]) for at in range(0, len(trials), share)]
    with context.Pool(PROCESSES, _warm_up, (work, workload, trials[:2], warm)) as pool:
        warm.wait(PATIENCE_S)
        watch = Stopwatch(family_cpu_seconds)
        accuracies = pool.starmap(_train, portions, chunksize=1)
        return Swept(watch.read(), [accuracy for portion in accuracies for accuracy in portion])


def _warm_up(work: Work, workload: Workload, trials: Sequence[Trial], warm: Barrier) -> None:
    """Import what is needed, load the data, train an epoch: what a persistent process has behind it."""
    settle()
    work(workload.shortened(epochs=1), trials)
    warm.wait(PATIENCE_S)


def _train(work: Work, workload: Workload, trials: Sequence[Trial]) -> list[float]:
    return work(workload, trials)

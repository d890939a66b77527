"""Two persistent single-threaded processes that share a sweep: how Epochal and the plain loops use two cores."""

import multiprocessing
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

from .clock import Stopwatch, family_cpu_seconds
from .work import Swept, Work, configure_contestant
from .workloads import Trial, Workload

PROCESSES = 2
PATIENCE_S = 300


def sweep(work: Work, workload: Workload, trials: Sequence[Trial], *, share: int) -> Swept:
    """Train `trials` in portions of `share`; timed after both processes are warm."""
    context = multiprocessing.get_context("spawn")
    warm = context.Barrier(PROCESSES + 1)
    portions = [(work, workload, trials[at : at + share]) for at in range(0, len(trials), share)]
    with context.Pool(PROCESSES, _warm_up, (work, workload, trials[:2], warm)) as pool:
        warm.wait(PATIENCE_S)
        watch = Stopwatch(family_cpu_seconds)
        accuracies = pool.starmap(_train, portions, chunksize=1)
        return Swept(watch.read(), [accuracy for portion in accuracies for accuracy in portion])


def _warm_up(work: Work, workload: Workload, trials: Sequence[Trial], warm: Barrier) -> None:
    """Import, load the data and train an epoch, as a persistent process has done before."""
    configure_contestant()
    work(workload.shortened(epochs=1), trials)
    warm.wait(PATIENCE_S)


def _train(work: Work, workload: Workload, trials: Sequence[Trial]) -> list[float]:
    return work(workload, trials)

"""The speed of a pack against training one network after the other, in one process of one thread.

`python -m benchmarks.trainer [--quick] [--write] [--rounds N] [--only W1]`. A row is the time of a whole training, with
validation after each epoch, per optimizer update of a single network (model-step). Ratios are of CPU time: on an idle
machine wall time is the same, on a busy one only CPU time measures the work.
"""

import argparse
from collections.abc import Sequence
from functools import partial

import torch
from threadpoolctl import threadpool_limits

from . import ours
from .clock import Spent, Stopwatch
from .loops import LOOPS, Loop, last
from .machine import about, command
from .rounds import interleaved
from .tables import PAGE, replace_section, table, times
from .workloads import ALL, Workload, data, trials

PACKS = (1, 4, 16, 64, 256)
EPOCHS = {"W1": 30, "W2": 3, "W3": 5}
LOOP_TRIALS = 4
EXACT_PACK = 64


def loop_cost(loop: Loop, workload: Workload, count: int) -> Spent:
    """The time of a model-step in `loop`."""
    watch = Stopwatch()
    for trial in trials(workload, count):
        last(loop(workload, data(workload), trial))
    return watch.read().per(count * workload.epochs * workload.steps)


def pack_cost(workload: Workload, size: int, train_metrics: str = "running") -> Spent:
    """The time of a model-step in a pack of `size`."""
    watch = Stopwatch()
    ours.train(workload, trials(workload, size), train_metrics=train_metrics)
    return watch.read().per(size * workload.epochs * workload.steps)


def measure(workload: Workload, packs: Sequence[int], rounds: int, loop_trials: int) -> dict[str, Spent]:
    """All rows of one workload, after one unmeasured epoch of each kind."""
    brief = workload.shortened(epochs=1)
    for loop in LOOPS.values():
        loop_cost(loop, brief, 1)
    pack_cost(brief, 2)
    exact = max((size for size in packs if size <= EXACT_PACK), default=1)
    return interleaved(
        {
            **{f"{name} loop": partial(loop_cost, loop, workload, loop_trials) for name, loop in LOOPS.items()},
            **{f"ours, pack of {size}": partial(pack_cost, workload, size) for size in packs},
            f"ours, pack of {exact}, exact train metrics": partial(pack_cost, workload, exact, "exact"),
        },
        rounds,
    )


def report(workload: Workload, costs: dict[str, Spent]) -> str:
    """The table of one workload."""
    cpu = {name: spent.cpu_s for name, spent in costs.items()}
    rows = [
        [
            name,
            f"{1e6 * own:.0f}",
            f"{1e6 * costs[name].wall_s:.0f}",
            f"{1 / own:,.0f}",
            times(cpu["idiomatic loop"] / own),
            times(cpu["tight loop"] / own),
            times(cpu["tight fused loop"] / own),
        ]
        for name, own in cpu.items()
    ]
    header = [
        "",
        "CPU us / model-step",
        "wall us",
        "model-steps / CPU s",
        "vs idiomatic",
        "vs tight",
        "vs tight, fused Adam",
    ]
    return f"**{workload.name}**: {workload.title}; {workload.epochs} epochs\n\n{table(header, rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[workload.name for workload in ALL], help="one workload")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    threadpool_limits(1)  # NumPy's library too, whose idle threads would use CPU time
    torch.set_flush_denormal(True)  # for every contestant; a trainer process does the same
    chosen = [workload for workload in ALL if options.only in (None, workload.name)]
    if options.quick:
        results = [(w := each.shortened(epochs=1), measure(w, (1, 2), 1, 1)) for each in chosen]
    else:
        plan = [each.shortened(epochs=EPOCHS[each.name]) for each in chosen]
        results = [(each, measure(each, PACKS, options.rounds, LOOP_TRIALS)) for each in plan]
    text = "\n\n".join(
        [
            f"{command('trainer', arguments)}: one process of one thread, medians "
            f"of {1 if options.quick else options.rounds} interleaved rounds. {about('torch')}",
            *(report(workload, costs) for workload, costs in results),
        ]
    )
    print(text)
    if options.write:
        replace_section(PAGE, "trainer", text)


if __name__ == "__main__":
    main()

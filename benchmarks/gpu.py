"""Packs on a CUDA device, against the two ways to share a GPU without packs.

`python -m benchmarks.gpu [--quick] [--write] [--rounds N]`. W1, with steps replayed as CUDA graphs and launched
kernel by kernel. Two lower bounds put a figure in relation: the time to launch a step's kernels one by one (which a
replayed graph does not need), and the time to move its bytes.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from trainer.graphs import Eager

from . import ours
from .clock import Spent
from .loops import last, tight_fused
from .machine import about, command
from .rounds import interleaved
from .tables import PAGE, replace_section, table, times
from .work import configure_contestant
from .workloads import W1, Workload, data, network, trials

PACKS = (1, 4, 16, 64, 256, 512, 1024, 4096)
EPOCHS = 30
SHARERS = 8
"""Processes that share the GPU; more would only queue."""
NOT_RUN = "| | model-steps / s |\n| --- | ---: |\n| not run: this machine has no CUDA device | - |"


@dataclass(frozen=True)
class LowerBounds:
    """Lower bounds of a step's time, measured on this device."""

    launch_s: float
    """Time per kernel launch, one after another."""
    bytes_per_s: float
    """Memory bandwidth of a copy, reads and writes together."""
    kernels: int
    """Kernels of a pack's step."""

    def shares(self, workload: Workload, size: int, step_s: float) -> tuple[float, float]:
        """The shares of a step's time that launches and bytes need at least."""
        moved = size * least_bytes(workload) / self.bytes_per_s
        return self.kernels * self.launch_s / step_s, moved / step_s


def least_bytes(workload: Workload) -> int:
    """Bytes that a model-step moves at least, if all kernels are fused as far as possible.

    Weights are read forward and backward and by the optimizer, gradients written and read, both means of Adam read and
    written, weights written: ten words a parameter. Activations are written once and read twice.
    """
    parameters = sum(parameter.numel() for parameter in network(workload, 0.0).parameters())
    units = 64 + sum(workload.hidden) + 10
    return 4 * (10 * parameters + 3 * workload.batch * units)


def lower_bounds(workload: Workload, device: torch.device) -> LowerBounds:
    """Measure the lower bounds."""
    one, many = torch.ones(1, device=device), torch.empty(2**28, device=device)
    other = torch.empty_like(many)
    launch_s = _timed(lambda: one.add_(1.0), 20_000, device)
    copy_s = _timed(lambda: other.copy_(many), 20, device)
    return LowerBounds(launch_s, 2 * many.nbytes / copy_s, _kernels(workload, device))


def _timed(work: object, count: int, device: torch.device) -> float:
    assert callable(work)
    work()
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    for _ in range(count):
        work()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / count


def _kernels(workload: Workload, device: torch.device) -> int:
    """Kernels of a step, from the difference of four epochs, so that one-time work does not count."""
    counts = []
    for epochs in (2, 6):
        with profile(activities=[ProfilerActivity.CUDA]) as seen:
            ours.train(workload.shortened(epochs=epochs), trials(workload, 16), device=device)
        counts.append(len([event for event in seen.events() or () if event.device_type.name == "CUDA"]))
    return round((counts[1] - counts[0]) / (4 * workload.steps))


def pack_cost(workload: Workload, size: int, device: torch.device) -> Spent:
    """The time of a model-step in a pack of `size`; the models are copied to the CPU, so that all work is done."""
    start, cpu = time.perf_counter(), time.process_time()
    ours.train(workload, trials(workload, size), device=device)
    spent = Spent(time.perf_counter() - start, time.process_time() - cpu)
    return spent.per(size * workload.epochs * workload.steps)


def eager_cost(workload: Workload, size: int, device: torch.device) -> Spent:
    """The same, with each kernel launched separately."""
    with patch("trainer.layout.Graphs", Eager):
        return pack_cost(workload, size, device)


def sharing_cost(workload: Workload, processes: int, *, warm: bool) -> Spent:
    """The time of a model-step when `processes` run the tight loop on the GPU at the same time.

    Warm processes are timed after all have trained an epoch; fresh ones from their start.
    """
    command = [sys.executable, "-m", "benchmarks.gpu", "--one-process", str(workload.epochs)]
    start = time.perf_counter()
    running = [
        subprocess.Popen([*command, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()  # the process is warm
    if warm:
        start = time.perf_counter()
    for process in running:
        process.communicate("go\n")
    wall_s = time.perf_counter() - start
    if any(process.returncode for process in running):
        raise OneProcessFailedError("a process that shared the GPU failed: see above")
    return Spent(wall_s, float("nan")).per(processes * workload.epochs * workload.steps)


def one_process(epochs: int, seed: int) -> None:
    """Run one of the processes that share the GPU."""
    configure_contestant()
    workload, device = W1.shortened(epochs=epochs), torch.device("cuda")
    here, trial = data(workload).to(device), trials(workload, 64)[seed % 64]
    last(tight_fused(workload.shortened(epochs=1), here, trial))
    print("warm", flush=True)
    sys.stdin.readline()
    last(tight_fused(workload, here, trial))


def measure(workload: Workload, packs: Sequence[int], rounds: int) -> str:
    """Measure all rows, and format the table."""
    configure_contestant()
    device = torch.device("cuda")
    bounds = lower_bounds(workload, device)
    sizes = {f"ours, pack of {size}": size for size in packs}
    eager_sizes = {f"ours, pack of {size}, kernel by kernel": size for size in packs}
    costs = interleaved(
        {
            "a fresh process per trial": partial(sharing_cost, workload, 1, warm=False),
            "tight loop, 1 process": partial(sharing_cost, workload, 1, warm=True),
            f"tight loop, {SHARERS} processes": partial(sharing_cost, workload, SHARERS, warm=True),
            **{name: partial(pack_cost, workload, size, device) for name, size in sizes.items()},
            **{name: partial(eager_cost, workload, size, device) for name, size in eager_sizes.items()},
        },
        rounds,
    )
    wall = {name: spent.wall_s for name, spent in costs.items()}
    rows = []
    for name, own in wall.items():
        size = (sizes | eager_sizes).get(name)
        launch, moved = bounds.shares(workload, size, own * size) if size else (float("nan"), float("nan"))
        rows.append(
            [
                name,
                f"{1e6 * own * (size or 1):.0f}",
                f"{1 / own:,.0f}",
                times(wall["a fresh process per trial"] / own),
                times(wall[f"tight loop, {SHARERS} processes"] / own),
                f"{launch:.0%}" if size else "-",
                f"{moved:.0%}" if size else "-",
            ]
        )
    header = ["", "us / step", "model-steps / s", "vs a process per trial", f"vs {SHARERS} processes"]
    header += ["launches need", "bytes need"]
    words = (
        f"{bounds.kernels} kernels a step, {1e6 * bounds.launch_s:.1f} us a launch, "
        f"{bounds.bytes_per_s / 1e12:.2f} TB/s copied, {least_bytes(workload) / 1e6:.2f} MB a model-step at least."
    )
    return f"{words}\n\n{table(header, rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one-process", nargs=2, type=int, metavar=("EPOCHS", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_process:
        one_process(*options.one_process)
        return
    if not torch.cuda.is_available():
        text = f"{command('gpu', arguments)}\n\n{NOT_RUN}"
    else:
        workload = W1.shortened(epochs=2 if options.quick else EPOCHS)
        rounds = 1 if options.quick else options.rounds
        results = measure(workload, (1, 16) if options.quick else PACKS, rounds)
        text = (
            f"{command('gpu', arguments)}: {torch.cuda.get_device_name()}, {W1.title}, {workload.epochs} epochs, "
            f"medians of {rounds} interleaved rounds. {about('torch')} {results}"
        )
    print(text)
    if options.write:
        replace_section(PAGE, "gpu", text)


class OneProcessFailedError(Exception):
    """One of the processes that shared the GPU ended with an error."""


if __name__ == "__main__":
    main()

"""Packs on a CUDA device, against the two ways of sharing a GPU that need no packs.

`python -m benchmarks.gpu [--quick] [--write] [--rounds N]`. W1, with its steps replayed as CUDA graphs and kernel by
kernel. Two floors say how good a figure is: no step can be faster than its kernels can be launched one by one (unless
they are replayed as a graph), nor than its bytes can be moved.
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
from .machine import about
from .rounds import interleaved
from .tables import PAGE, replace_section, table, times
from .work import settle
from .workloads import W1, Workload, data, network, trials

PACKS = (1, 4, 16, 64, 256, 512, 1024, 4096)
EPOCHS = 30
SHARERS = 8
"""Processes that share the GPU: more of them only queue."""
NOT_RUN = "| | model-steps / s |\n| --- | ---: |\n| not run: this machine has no CUDA device | - |"


@dataclass(frozen=True)
class Floors:
    """What bounds a step from below, measured on this device."""

    launch_s: float
    """One kernel launched after another."""
    bytes_per_s: float
    """Memory copied, read and write together."""
    kernels: int
    """Kernels that a step of a pack launches."""

    def shares(self, workload: Workload, size: int, step_s: float) -> tuple[float, float]:
        """How much of a step's time the launches and the bytes alone would need."""
        moved = size * least_bytes(workload) / self.bytes_per_s
        return self.kernels * self.launch_s / step_s, moved / step_s


def least_bytes(workload: Workload) -> int:
    """Bytes that one model-step cannot do without, were every kernel fused that can be.

    Weights are read forward and backward and by the optimizer, gradients written and read, both means of Adam read and
    written, weights written: ten words a parameter. Activations are written once and read twice.
    """
    parameters = sum(parameter.numel() for parameter in network(workload, 0.0).parameters())
    units = 64 + sum(workload.hidden) + 10
    return 4 * (10 * parameters + 3 * workload.batch * units)


def floors(workload: Workload, device: torch.device) -> Floors:
    """Measure them."""
    one, many = torch.ones(1, device=device), torch.empty(2**28, device=device)
    other = torch.empty_like(many)
    launch_s = _timed(lambda: one.add_(1.0), 20_000, device)
    copy_s = _timed(lambda: other.copy_(many), 20, device)
    return Floors(launch_s, 2 * many.nbytes / copy_s, _kernels(workload, device))


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
    """Kernels a step: the difference that four more epochs make, so that what happens once does not count."""
    counts = []
    for epochs in (2, 6):
        with profile(activities=[ProfilerActivity.CUDA]) as seen:
            ours.train(workload.shortened(epochs=epochs), trials(workload, 16), device=device)
        counts.append(len([event for event in seen.events() or () if event.device_type.name == "CUDA"]))
    return round((counts[1] - counts[0]) / (4 * workload.steps))


def pack_cost(workload: Workload, size: int, device: torch.device) -> Spent:
    """What one model-step costs in a pack of `size`; its models come back to the CPU, so nothing is still under way."""
    start, cpu = time.perf_counter(), time.process_time()
    ours.train(workload, trials(workload, size), device=device)
    spent = Spent(time.perf_counter() - start, time.process_time() - cpu)
    return spent.per(size * workload.epochs * workload.steps)


def eager_cost(workload: Workload, size: int, device: torch.device) -> Spent:
    """The same, each kernel launched by itself."""
    with patch("trainer.layout.Graphs", Eager):
        return pack_cost(workload, size, device)


def sharing_cost(workload: Workload, processes: int, *, warm: bool) -> Spent:
    """What one model-step costs when `processes` run the tight loop on the GPU at a time.

    Warm processes are timed from the moment that all have trained an epoch; fresh ones from their start.
    """
    command = [sys.executable, "-m", "benchmarks.gpu", "--one-process", str(workload.epochs)]
    start = time.perf_counter()
    running = [
        subprocess.Popen([*command, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()  # it is warm
    if warm:
        start = time.perf_counter()
    for process in running:
        process.communicate("go\n")
    wall_s = time.perf_counter() - start
    if any(process.returncode for process in running):
        raise OneProcessFailedError("a process that shared the GPU failed: see above")
    return Spent(wall_s, float("nan")).per(processes * workload.epochs * workload.steps)


def one_process(epochs: int, seed: int) -> None:
    """One of the processes that share the GPU."""
    settle()
    workload, device = W1.shortened(epochs=epochs), torch.device("cuda")
    here, trial = data(workload).to(device), trials(workload, 64)[seed % 64]
    last(tight_fused(workload.shortened(epochs=1), here, trial))
    print("warm", flush=True)
    sys.stdin.readline()
    last(tight_fused(workload, here, trial))


def measure(workload: Workload, packs: Sequence[int], rounds: int) -> str:
    """The table."""
    settle()
    device = torch.device("cuda")
    bounds = floors(workload, device)
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
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run: tiny, says nothing about speed")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one-process", nargs=2, type=int, metavar=("EPOCHS", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_process:
        one_process(*options.one_process)
        return
    if not torch.cuda.is_available():
        text = f"`python -m benchmarks.gpu`\n\n{NOT_RUN}"
    else:
        workload = W1.shortened(epochs=2 if options.quick else EPOCHS)
        rounds = 1 if options.quick else options.rounds
        results = measure(workload, (1, 16) if options.quick else PACKS, rounds)
        text = (
            f"`python -m benchmarks.gpu`: {torch.cuda.get_device_name()}, {W1.title}, {workload.epochs} epochs, "
            f"medians of {rounds} interleaved rounds. {about('torch')} {results}"
        )
    print(text)
    if options.write:
        replace_section(PAGE, "gpu", text)


class OneProcessFailedError(Exception):
    """One of the processes that shared the GPU ended with an error."""


if __name__ == "__main__":
    main()

"""CUDA graphs: steps that are captured once and replayed.

A small network's step is some fifty kernels of a few microseconds each, and launching them one by one takes longer
than running them. Captured once, the whole step is launched at once (Ng et al., "Accelerating PyTorch with CUDA
Graphs", 2021).
"""

from collections.abc import Callable

import torch


class Graphs:
    """The graphs of one layout of a pack: a captured step for each number of rows that a batch has."""

    def __init__(self) -> None:
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._seen: set[int] = set()

    def run(self, step: Callable[[], None], rows: int) -> None:
        """Run `step`, which reads and writes the same tensors each time that its batch has so many rows.

        The first time it runs kernel by kernel: libraries choose their kernels then, which they cannot in a capture.
        """
        if rows not in self._seen:
            self._seen.add(rows)
            step()
            return
        if rows not in self._graphs:
            self._graphs[rows] = _captured(step)
        self._graphs[rows].replay()


class Eager:
    """Steps that run kernel by kernel."""

    def run(self, step: Callable[[], None], rows: int) -> None:
        """Run `step`."""
        step()


def _captured(step: Callable[[], None]) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph

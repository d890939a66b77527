"""Steps replayed as CUDA graphs.

A small network's step is some fifty kernels of a few microseconds each, and to launch them one by one takes longer than
they do. Captured once, the whole step is launched at once (Ng et al., "Accelerating PyTorch with CUDA Graphs", 2021).
"""

from collections.abc import Callable

import torch


class Graphs:
    """The graphs of one arrangement of a pack: a step for each number of rows that a batch has."""

    def __init__(self) -> None:
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._seen: set[int] = set()

    def run(self, step: Callable[[], None], rows: int) -> None:
        """Run `step`, which reads and writes the same tensors each time that a batch has so many rows.

        Its first time it runs kernel by kernel: libraries choose their kernels then, which a capture must find chosen.
        """
        if rows not in self._seen:
            self._seen.add(rows)
            step()
            return
        if rows not in self._graphs:
            self._graphs[rows] = _captured(step)
        self._graphs[rows].replay()


class Eager:
    """No graphs: a step runs as it is written."""

    def run(self, step: Callable[[], None], rows: int) -> None:
        """Run `step`."""
        step()


def _captured(step: Callable[[], None]) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph

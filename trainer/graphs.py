"""Steps replayed as CUDA graphs.

A small network's step is some fifty kernels of a few microseconds each, and to launch them one by one takes longer than
they do. Captured once, the whole step is launched at once (Ng et al., "Accelerating PyTorch with CUDA Graphs", 2021).
"""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)

WARM_EPOCHS = 1
"""Epochs that run kernel by kernel first: a capture costs about one, and a pack that changes each epoch needs none."""


class Graphs:
    """The graphs of one arrangement of a pack: a step for each number of rows that a batch has."""

    def __init__(self) -> None:
        self._epochs = 0
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def begin_epoch(self) -> None:
        """Count the epochs of this arrangement."""
        self._epochs += 1

    def run(self, step: Callable[[], None], rows: int) -> None:
        """Run `step`, which reads and writes the same tensors each time that a batch has so many rows."""
        if self._epochs <= WARM_EPOCHS:
            step()
            return
        if rows not in self._graphs:
            self._graphs[rows] = self._captured(step)
        self._graphs[rows].replay()

    def _captured(self, step: Callable[[], None]) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph


class Eager:
    """No graphs: a step runs as it is written."""

    def begin_epoch(self) -> None:
        """Nothing is counted."""

    def run(self, step: Callable[[], None], rows: int) -> None:
        """Run `step`."""
        step()

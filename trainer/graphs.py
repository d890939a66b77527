"""CUDA graphs: steps that are captured once and replayed.

A small network's step is some fifty kernels of a few microseconds each, and launching them one by one takes longer
than running them. Captured once, the whole step is launched at once (Ng et al., "Accelerating PyTorch with CUDA
Graphs", 2021).
"""

from collections.abc import Callable, Hashable

import torch


class Graphs:
    """The graphs of one layout of a pack: captured work for each place in a step that a batch may have."""

    def __init__(self) -> None:
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._seen: set[Hashable] = set()

    def run(self, work: Callable[[], None], place: Hashable) -> None:
        """Run `work`, which reads and writes the same tensors each time that its batch has this place.

        The first time it runs kernel by kernel: libraries choose their kernels then, which they cannot in a capture.
        """
        if place not in self._seen:
            self._seen.add(place)
            work()
            return
        if place not in self._graphs:
            self._graphs[place] = _captured(work)
        self._graphs[place].replay()


class Eager:
    """Work that runs kernel by kernel."""

    def run(self, work: Callable[[], None], place: Hashable) -> None:
        """Run `work`."""
        work()


def _captured(work: Callable[[], None]) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph

"""Evaluation of members on a part of the split, without dropout."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.report import DRAWN_TARGETS
from spec.batch import layers
from spec.dataset import DatasetInfo, Targets
from spec.job import JobSpec
from spec.monitors import names_in_metrics

from .data import PartName, Split
from .metrics import ClassMetrics, Part, PartMetrics, RegressionMetrics, measure
from .models import Weights
from .setup import Setup
from .weighting import Weighting

EVALUATION_ROWS = 256
"""Rows evaluated at a time on a CPU; it must not depend on the size of the pack, for the bits of a sum depend on it."""

EVALUATION_SUMS = 1 << 20
"""On a GPU so many rows of all members are evaluated at a time ..."""

EVALUATION_NUMBERS = 1 << 28
"""... or fewer, so that the widest layer has about so many numbers."""


def evaluate(setup: Setup, part: Part, weights: Weights, which: Tensor) -> dict[str, Tensor]:
    """Mean loss and metrics of members with these weights on a part, [members] each; `which` is each one's split."""

    def forward(x: Tensor) -> Tensor:
        with setup.casting():
            return setup.network.forward(weights.arrays, weights.running, x, {}, training=False).to(setup.dtype)

    at_a_time = rows_on_gpu(setup.spec, setup.info, len(which)) if setup.on_gpu else EVALUATION_ROWS
    return measure(
        part,
        forward,
        setup.objective,
        which=which,
        sharding=setup.sharding,
        at_a_time=at_a_time,
    )


def rows_on_gpu(spec: JobSpec, info: DatasetInfo, members: int) -> int:
    """Rows of each member that a GPU evaluates at a time: the windows of a convolution may fill its memory."""
    widest = max((math.prod(shape[1:]) + 3 * shape[0]) * places for shape, places in layers(spec, info))
    return max(min(EVALUATION_SUMS, EVALUATION_NUMBERS // widest) // members, 1)


def part_of(setup: Setup, name: PartName, splits: Sequence[Split], weighting: Weighting | None = None) -> Part:
    """A part of these splits, and what is measured of it: all metrics, and a few of training rows."""
    x, y = torch.stack([one.x[name] for one in splits]), torch.stack([one.y[name] for one in splits])
    full = name != "train"
    metrics: PartMetrics | None = None
    if setup.info.targets is Targets.classes:
        metrics = ClassMetrics(y, setup.info.classes or 0, full=full)
    elif full and y.shape[1]:
        deviations = [split.preprocessing.output.deviation for split in splits]
        targets = splits[0].preprocessing.output.names
        each = names_in_metrics(targets) if 1 < len(targets) <= DRAWN_TARGETS else ()
        metrics = RegressionMetrics(y, torch.tensor(deviations, device=setup.device, dtype=torch.float64), each)
    weights = None if weighting is None else weighting.rows(name)
    return Part(name, x, setup.objective.targets(y, setup.dtype), metrics, weights)


def splits_of(
    specs: Sequence[JobSpec], splits: Mapping[tuple[int, int], Split], device: torch.device
) -> tuple[list[Split], Tensor]:
    """The splits that these jobs use, in order of their divisions, and which one each job has, int64 [jobs]."""
    divisions = sorted({spec.division for spec in specs})
    which = torch.tensor([divisions.index(spec.division) for spec in specs], device=device)
    return [splits[division] for division in divisions], which

"""Batches: each member's own rows, its dropout masks and its optimizer's numbers, for every step of an epoch.

On a CPU rows are gathered and masks drawn for some steps at a time, as much as the cache holds. On a GPU each step
finds its batch by a counter that lies on the device, so that it can be captured once and replayed (`trainer.graphs`).
Both give the same bits, for every random number is a function of its index.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from spec.job import JobSpec

from .augmentation import Augmentation
from .epoch import Epoch
from .member import Member
from .models import DropoutSite
from .optim import Columns, Optimizer
from .random import bits
from .sharding import Sharding

CHUNK_BYTES = 16 << 20
"""Rows are gathered, and masks drawn, for so many bytes of steps at a time: more would leave the cache."""

CHUNK_STEPS = 32
"""Most steps between two checks for cancelled members."""


class Batch(NamedTuple):
    """What one step works on."""

    step: Tensor
    """The step's number in its epoch: int64 [1], on the device."""
    x: Tensor
    """Features [members, batch, features]."""
    y: Tensor
    """Targets [members, batch] or [members, batch, outputs]."""
    masks: Mapping[int, Tensor]
    """Scaled keep masks by hidden layer, each [members, units, batch]."""
    columns: Columns
    """The optimizer's numbers, each [members, 1]."""
    rows: int
    """Rows of the step; more than `x` has where processes share them."""


class TrainingRows:
    """The training rows of a pack, and which of them a step takes.

    Rows of different splits lie one after the other: a member's own begin at its offset.
    """

    def __init__(self, x: Tensor, y: Tensor, offsets: Tensor, batch: int) -> None:
        self.count = x.shape[1]
        self.batch = batch
        self.steps = -(-self.count // batch)
        self.x, self.y = x.flatten(0, 1), y.flatten(0, 1)
        self.offsets = offsets

    def of_step(self, step: int) -> int:
        """Rows that a step takes: the last may take fewer."""
        return min(self.batch, self.count - step * self.batch)

    def take(self, order: Tensor) -> tuple[Tensor, Tensor]:
        """Features and targets of the rows numbered in `order` [members, rows]."""
        places = (order + self.offsets).flatten()
        x, y = (part.index_select(0, places).view(*order.shape, *part.shape[1:]) for part in (self.x, self.y))
        return x, y


class Dropout:
    """Dropout masks of all members, each with its own rates."""

    def __init__(
        self,
        specs: Sequence[JobSpec],
        sites: Sequence[DropoutSite],
        batch: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        rates = np.array(
            [
                np.repeat(
                    spec.dropout if isinstance(spec.dropout, tuple) else (spec.dropout,) * len(sites),
                    [site.units for site in sites],
                )
                for spec in specs
            ],
            dtype=np.float64,
        ).reshape(len(specs), -1, 1)
        self._sites, self._batch = sites, batch
        self.units = rates.shape[1]
        self.drops = bool(rates.any())
        self.words = -(-self.units * batch // 2)
        """32-bit words that a step draws: 16 bits decide about a neuron, which keeps a rate to within 1 / 65536."""
        limits = torch.from_numpy(np.minimum(np.round(rates * 65536), 65535).astype(np.int32) - 32768)
        self._below = limits.to(device=device, dtype=torch.int16)
        self._keep_scale = torch.from_numpy(1.0 / (1.0 - rates)).to(device=device, dtype=dtype)
        self._mask = torch.empty(len(specs), self.units, batch, device=device, dtype=dtype)

    def masks(self, drawn: Tensor, some: slice) -> dict[int, Tensor]:
        """1 / (1 - rate) where a neuron is kept, else 0, for `some` of a step's rows.

        `drawn` are the step's random bits, int16 [members, 2 words].
        """
        drawn = drawn[:, : self.units * self._batch].view(-1, self.units, self._batch)
        mask = torch.ge(drawn, self._below, out=self._mask).mul_(self._keep_scale)[:, :, some]
        parts = torch.split(mask, [site.units for site in self._sites], dim=1)
        return {site.layer: part for site, part in zip(self._sites, parts, strict=True)}


class Chunk(Protocol):
    """Some steps of an epoch, with their batches."""

    def rows(self, position: int) -> int:
        """Rows of the step at this position of the chunk."""

    def batch(self, position: int) -> Batch:
        """The batch of the step at this position of the chunk, or this process's shard of it."""


@dataclass(eq=False)
class BatchLoader:
    """Loads the batches of an epoch, some steps at a time."""

    members: Sequence[Member]
    rows: TrainingRows
    epoch: Epoch
    augmentation: Augmentation
    dropout: Dropout
    optimizer: Optimizer
    sharding: Sharding

    def __post_init__(self) -> None:
        self.step_numbers = torch.arange(self.rows.steps, device=self.rows.x.device)

    @property
    def chunk_steps(self) -> int:
        """Steps that may be loaded at a time."""
        row_bytes = self.rows.x.shape[1] * self.rows.x.element_size() + 2 * self.dropout.units
        if self.augmentation.acts:
            row_bytes += 8 * math.prod(self.augmentation.image[1:])  # where each pixel comes from
        fit = CHUNK_BYTES // (self.rows.batch * row_bytes * len(self.members))
        return max(min(fit, CHUNK_STEPS), 1)

    def load(self, steps: range) -> Chunk:
        """The batches of these steps: gathers rows, changes images, draws dropout's random bits."""
        first, last = (step * self.rows.batch for step in (steps.start, steps.stop))
        x, y = self.rows.take(self.epoch.order[:, first:last])
        if self.epoch.image_keys is not None:
            places = torch.arange(first, first + x.shape[1], device=x.device)
            x = self.augmentation.changed(x, self.epoch.image_keys, places)
        drawn: Tensor | None = None
        if self.dropout.drops:
            words = self.dropout.words
            drawn = bits(self.epoch.keys, torch.arange(steps.start * words, steps.stop * words, device=x.device))
            drawn = drawn.view(torch.int16).view(len(self.members), len(steps), 2 * words)
        return GatheredChunk(self, steps, x, y, drawn, self.plan(steps))

    def plan(self, steps: range) -> Tensor:
        """The optimizer's numbers for these steps."""
        rates = np.array([[member.rate] for member in self.members])
        done = np.array([[float(member.steps)] for member in self.members])
        return self.optimizer.plan(rates, done, len(steps))


@dataclass(frozen=True)
class GatheredChunk:
    """A chunk whose rows and random bits are gathered."""

    loader: BatchLoader
    steps: range
    x: Tensor
    """[members, rows of all steps, features]"""
    y: Tensor
    drawn: Tensor | None
    """Random bits, int16 [members, steps, numbers], if any member drops neurons."""
    plan: Tensor

    def rows(self, position: int) -> int:
        """Rows of the step at this position."""
        return self.loader.rows.of_step(self.steps[position])

    def batch(self, position: int) -> Batch:
        """The batch of the step at this position, or this process's shard of it."""
        loader, step, count = self.loader, self.steps[position], self.rows(position)
        first, shard = position * loader.rows.batch, loader.sharding.shard(count)
        own = slice(first + shard.start, first + shard.stop)
        return Batch(
            step=loader.step_numbers[step : step + 1],
            x=self.x[:, own],
            y=self.y[:, own],
            masks={} if self.drawn is None else loader.dropout.masks(self.drawn[:, position], shard),
            columns=loader.optimizer.columns(self.plan[position]),
            rows=count,
        )


class DeviceBatchLoader(BatchLoader):
    """Loads the same batches on the device: each step computes its own, from counters that it advances."""

    def __post_init__(self) -> None:
        super().__post_init__()
        device = self.rows.x.device
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._within = torch.arange(max(self.rows.batch, self.dropout.words), device=device)
        self._plan = self.plan(range(CHUNK_STEPS))

    @property
    def chunk_steps(self) -> int:
        """Steps that the tensor of the optimizer's numbers has room for; nothing else is gathered."""
        return CHUNK_STEPS

    def load(self, steps: range) -> Chunk:
        """Set the counters to the first of these steps, in tensors that a captured step reads."""
        self._plan[: len(steps)].copy_(self.plan(steps))
        self._step.fill_(steps.start)
        self._position.zero_()
        return CountedChunk(self, steps)

    def next_batch(self, count: int) -> Batch:
        """The batch of the step that the counters stand at, which has `count` rows; they advance."""
        step, dropout, epoch = self._step.clone(), self.dropout, self.epoch
        shard = self.sharding.shard(count)
        places = step * self.rows.batch + self._within[shard]
        x, y = self.rows.take(epoch.order.index_select(1, places))
        if epoch.image_keys is not None:
            x = self.augmentation.changed(x, epoch.image_keys, places)
        masks: Mapping[int, Tensor] = {}
        if dropout.drops:
            drawn = bits(epoch.keys, step * dropout.words + self._within[: dropout.words])
            masks = dropout.masks(drawn.view(torch.int16), shard)
        columns = self.optimizer.columns(self._plan.index_select(0, self._position).squeeze(0))
        self._step.add_(1)
        self._position.add_(1)
        return Batch(step, x, y, masks, columns, count)


@dataclass(frozen=True)
class CountedChunk:
    """A chunk whose batches are computed on demand, in order."""

    loader: DeviceBatchLoader
    steps: range

    def rows(self, position: int) -> int:
        """Rows of the step at this position."""
        return self.loader.rows.of_step(self.steps[position])

    def batch(self, position: int) -> Batch:
        """The batch of the step at this position, or this process's shard of it."""
        return self.loader.next_batch(self.rows(position))

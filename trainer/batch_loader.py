"""Batches: each member's own rows, its dropout masks and its optimizer's numbers, for every step of an epoch.

On a CPU rows are gathered and masks drawn for some steps at a time, as much as the cache holds. On a GPU each step
finds its batch by a counter that lies on the device, so that it can be captured once and replayed (`trainer.graphs`).
Both give the same bits, for every random number is a function of its index.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spec.job import JobSpec

from .augmentation import Augmentation
from .member import Member
from .models import DropoutSite
from .optim import Columns, Optimizer
from .random import bits
from .sharding import Sharding

CHUNK_BYTES = 16 << 20
"""Rows are gathered, and masks drawn, for so many bytes of steps at a time: more would leave the cache."""

CHUNK_STEPS = 32
"""Most steps between two checks for cancelled members."""


@dataclass(frozen=True)
class Batch:
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


class Rows:
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
    """Where the members drop hidden neurons, and at which rates."""

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
        """32-bit words that a step draws: 16 bits decide on a neuron, which keeps a rate to within 1 / 65536."""
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


@dataclass(eq=False)
class BatchLoader:
    """The batches of a pack's members, gathered for some steps at a time."""

    members: Sequence[Member]
    rows: Rows
    augmentation: Augmentation
    dropout: Dropout
    optimizer: Optimizer
    sharding: Sharding

    def __post_init__(self) -> None:
        self._numbers = torch.arange(self.rows.steps, device=self.rows.x.device)
        self._chunk = range(0)

    @property
    def chunk_steps(self) -> int:
        """Steps that may be gathered at a time."""
        row_bytes = self.rows.x.shape[1] * self.rows.x.element_size() + 2 * self.dropout.units
        if self.augmentation.acts:
            row_bytes += 8 * math.prod(self.augmentation.image[1:])  # where each pixel comes from
        fit = CHUNK_BYTES // (self.rows.batch * row_bytes * len(self.members))
        return max(min(fit, CHUNK_STEPS), 1)

    def gather(self, chunk: range, order: Tensor, keys: Tensor, image_keys: Tensor | None) -> None:
        """Prepare the steps of `chunk`; `order` [members, rows] and the keys [members, 2] are the epoch's.

        `image_keys` are given when a member's images change.
        """
        self._chunk = chunk
        first, last = (step * self.rows.batch for step in (chunk.start, chunk.stop))
        self._x, self._y = self.rows.take(order[:, first:last])
        if image_keys is not None:
            places = torch.arange(first, first + self._x.shape[1], device=self._x.device)
            self._x = self.augmentation.changed(self._x, image_keys, places)
        if self.dropout.drops:
            words = self.dropout.words
            drawn = bits(keys, torch.arange(chunk.start * words, chunk.stop * words, device=keys.device))
            self._drawn = drawn.view(torch.int16).view(len(self.members), len(chunk), 2 * words)
        self._plan = self._planned(chunk)

    def batch(self, position: int) -> Batch:
        """The batch of the step at this position of the chunk, or this process's shard of it."""
        step, first = self._chunk[position], position * self.rows.batch
        count = self.step_rows(position)
        some = self.sharding.shard(count)
        own = slice(first + some.start, first + some.stop)
        return Batch(
            step=self._numbers[step : step + 1],
            x=self._x[:, own],
            y=self._y[:, own],
            masks=self.dropout.masks(self._drawn[:, position], some) if self.dropout.drops else {},
            columns=self.optimizer.columns(self._plan[position]),
            rows=count,
        )

    def step_rows(self, position: int) -> int:
        """Rows of the step at this position of the chunk."""
        return self.rows.of_step(self._chunk[position])

    def _planned(self, chunk: range) -> Tensor:
        rates = np.array([[member.rate] for member in self.members])
        done = np.array([[float(member.steps)] for member in self.members])
        return self.optimizer.plan(rates, done, len(chunk))


class DeviceBatchLoader(BatchLoader):
    """The same batches, but every step computes its own on the device, from counters that it advances."""

    def __post_init__(self) -> None:
        super().__post_init__()
        device = self.rows.x.device
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._within = torch.arange(max(self.rows.batch, self.dropout.words), device=device)
        self._plan = self._planned(range(CHUNK_STEPS))

    @property
    def chunk_steps(self) -> int:
        """Steps whose optimizer numbers fit the place kept for them; nothing else is gathered."""
        return CHUNK_STEPS

    def gather(self, chunk: range, order: Tensor, keys: Tensor, image_keys: Tensor | None) -> None:
        """Prepare the steps of `chunk`, in tensors that a captured step reads."""
        self._chunk, self._order, self._keys, self._image_keys = chunk, order, keys, image_keys
        self._plan[: len(chunk)].copy_(self._planned(chunk))
        self._step.fill_(chunk.start)
        self._position.zero_()

    def batch(self, position: int) -> Batch:
        """The batch of the step that the counters stand at; they advance."""
        count, step, dropout = self.step_rows(position), self._step.clone(), self.dropout
        some = self.sharding.shard(count)
        places = step * self.rows.batch + self._within[some]
        x, y = self.rows.take(self._order.index_select(1, places))
        if self._image_keys is not None:
            x = self.augmentation.changed(x, self._image_keys, places)
        masks: Mapping[int, Tensor] = {}
        if dropout.drops:
            drawn = bits(self._keys, step * dropout.words + self._within[: dropout.words])
            masks = dropout.masks(drawn.view(torch.int16), some)
        columns = self.optimizer.columns(self._plan.index_select(0, self._position).squeeze(0))
        self._step.add_(1)
        self._position.add_(1)
        return Batch(step, x, y, masks, columns, count)

"""Batches: each member's own rows, its dropout masks and its optimizer's numbers, for every step of an epoch.

A step has one batch, or several whose gradients are added up (gradient accumulation); the last step of an epoch takes
what is left. On a CPU rows are gathered and masks drawn for some batches at a time, as much as the cache holds. On a
GPU each batch is found by a counter that lies on the device, so that its work can be captured once and replayed
(`trainer.graphs`). Both give the same bits, for every random number is a function of its index.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
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
"""Rows are gathered, and masks drawn, for so many bytes of batches at a time: more would leave the cache."""

CHUNK_BATCHES = 32
"""Most batches between two checks for cancelled members."""


class Place(NamedTuple):
    """A batch's size, and its place in its step: what is done with batches of one place is the same."""

    rows: int
    """Rows of the batch."""
    step_rows: int
    """Rows of its step, which has one batch or several."""
    is_first: bool
    """Whether its step begins with it."""
    is_last: bool
    """Whether it completes its step."""


class Batch(NamedTuple):
    """What one forward and one backward pass work on."""

    place: Place
    """Its rows are more than `x` has where processes share them."""
    number: Tensor
    """The batch's number in its epoch: int64 [1], on the device."""
    x: Tensor
    """Features [members, batch, features]."""
    y: Tensor
    """Targets [members, batch] or [members, batch, outputs]."""
    masks: Mapping[int, Tensor]
    """Scaled keep masks by hidden layer, each [members, units, batch]."""
    columns: Columns
    """The optimizer's numbers for its step, each [members, 1]."""
    weighted: "Weighted | None" = None
    """The rows' weights; None: all weigh the same."""


class Weighted(NamedTuple):
    """The weights of rows in the mean loss of their steps."""

    shares: Tensor
    """The share of each row, [members, rows]: its weight, divided by the sum of its step's; 0 where all of them are."""
    totals: Tensor
    """The sum of each step's weights, [members, steps]."""


class TrainingRows:
    """The training rows of a pack, and which of them a batch takes.

    Rows of different splits lie one after the other: a member's own begin at its offset. `weights` are [members, rows],
    or None if all weigh the same.
    """

    def __init__(
        self, x: Tensor, y: Tensor, offsets: Tensor, batch: int, per_step: int, weights: Tensor | None = None
    ) -> None:
        self.count = x.shape[1]
        self.batch = batch
        self.batches = -(-self.count // batch)
        self.per_step = per_step
        self.x, self.y = x.flatten(0, 1), y.flatten(0, 1)
        self.offsets = offsets
        self._weights = weights

    def place(self, number: int) -> Place:
        """The place of the batch of this number; the last may have fewer rows, and the last step fewer batches."""
        begin = number - number % self.per_step
        end = min(begin + self.per_step, self.batches)
        return Place(
            rows=self._rows(number, number + 1),
            step_rows=self._rows(begin, end),
            is_first=number == begin,
            is_last=number + 1 == end,
        )

    def _rows(self, begin: int, end: int) -> int:
        return min(end * self.batch, self.count) - begin * self.batch

    @cached_property
    def batch_shares(self) -> Tensor:
        """What `Epoch.losses` are multiplied by for an epoch's mean: [batches]; with weights of rows [members, 1]."""
        if self._weights is not None:
            return 1.0 / self._weights.sum(dim=1, keepdim=True)
        rows = [self.place(number).rows for number in range(self.batches)]
        return torch.tensor(rows, device=self.x.device, dtype=self.x.dtype) / self.count

    def steps(self, numbers: range) -> int:
        """How many steps these batches complete."""
        return sum(self.place(number).is_last for number in numbers)

    def take(self, order: Tensor) -> tuple[Tensor, Tensor]:
        """Features and targets of the rows numbered in `order` [members, rows]."""
        places = (order + self.offsets).flatten()
        x, y = (part.index_select(0, places).view(*order.shape, *part.shape[1:]) for part in (self.x, self.y))
        return x, y

    def weigh(self, order: Tensor) -> Weighted | None:
        """The weights of all rows of an epoch, in its order [members, rows]; None: all weigh the same."""
        if self._weights is None:
            return None
        step = min(self.batch * self.per_step, self.count)
        steps = -(-self.count // step)
        weights = F.pad(self._weights.gather(1, order), (0, steps * step - self.count)).view(len(order), steps, step)
        totals = weights.sum(dim=2)
        shares = weights / totals.where(totals > 0.0, 1.0).unsqueeze(2)
        return Weighted(shares.flatten(1), totals)


HIGH = 0.99
"""Of a higher rate, a neuron that is kept counts by the rate as 16 bits have it: near 1, that is another one."""


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
        """32-bit words that a batch draws: 16 bits decide about a neuron, which keeps a rate to within 1 / 65536."""
        limits = np.minimum(np.round(rates * 65536), 65535)
        self._below = torch.from_numpy(limits.astype(np.int32) - 32768).to(device=device, dtype=torch.int16)
        kept = 1.0 - np.where(rates > HIGH, limits / 65536, rates)
        self._keep_scale = torch.from_numpy(1.0 / kept).to(device=device, dtype=dtype)
        self._mask = torch.empty(len(specs), self.units, batch, device=device, dtype=dtype)

    def masks(self, drawn: Tensor, some: slice) -> dict[int, Tensor]:
        """1 / (1 - rate) where a neuron is kept, else 0, for `some` of a batch's rows.

        `drawn` are the batch's random bits, int16 [members, 2 words].
        """
        drawn = drawn[:, : self.units * self._batch].view(-1, self.units, self._batch)
        mask = torch.ge(drawn, self._below, out=self._mask).mul_(self._keep_scale)[:, :, some]
        parts = torch.split(mask, [site.units for site in self._sites], dim=1)
        return {site.layer: part for site, part in zip(self._sites, parts, strict=True)}


@dataclass(frozen=True)
class Chunk(ABC):
    """Some batches of an epoch."""

    loader: "BatchLoader"
    numbers: range

    def place(self, position: int) -> Place:
        """The place of the batch at this position of the chunk."""
        return self.loader.rows.place(self.numbers[position])

    @abstractmethod
    def batch(self, position: int) -> Batch:
        """The batch at this position of the chunk, or this process's shard of it."""


@dataclass(eq=False)
class BatchLoader:
    """Loads the batches of an epoch, some at a time."""

    members: Sequence[Member]
    rows: TrainingRows
    epoch: Epoch
    augmentation: Augmentation
    dropout: Dropout
    optimizer: Optimizer
    sharding: Sharding

    def __post_init__(self) -> None:
        self.numbers = torch.arange(self.rows.batches, device=self.rows.x.device)
        self.weighted: Weighted | None = None
        """Of the rows of the epoch, in its order."""

    @property
    def chunk_batches(self) -> int:
        """Batches that may be loaded at a time."""
        row_bytes = self.rows.x.shape[1] * self.rows.x.element_size() + 2 * self.dropout.units
        if self.augmentation.acts:
            row_bytes += 8 * math.prod(self.augmentation.image[1:])  # where each pixel comes from
        fit = CHUNK_BYTES // (self.rows.batch * row_bytes * len(self.members))
        return max(min(fit, CHUNK_BATCHES), 1)

    def load(self, numbers: range) -> Chunk:
        """The batches of these numbers: gathers rows, changes images, draws dropout's random bits."""
        self.weigh(numbers)
        first, last = (number * self.rows.batch for number in (numbers.start, numbers.stop))
        x, y = self.rows.take(self.epoch.order[:, first:last])
        if self.epoch.image_keys is not None:
            places = torch.arange(first, first + x.shape[1], device=x.device)
            x = self.augmentation.changed(x, self.epoch.image_keys, places)
        drawn: Tensor | None = None
        if self.dropout.drops:
            words = self.dropout.words
            drawn = bits(self.epoch.keys, torch.arange(numbers.start * words, numbers.stop * words, device=x.device))
            drawn = drawn.view(torch.int16).view(len(self.members), len(numbers), 2 * words)
        steps = numbers[-1] // self.rows.per_step - numbers[0] // self.rows.per_step + 1
        return GatheredChunk(self, numbers, x, y, drawn, self.plan(steps))

    def weigh(self, numbers: range) -> None:
        """Weigh the rows of the epoch when it begins, and when this loader takes it over."""
        if numbers[0] > 0 and self.weighted is not None:
            return
        found = self.rows.weigh(self.epoch.order)
        if self.weighted is None or found is None:
            self.weighted = found
            return
        for kept, now in zip(self.weighted, found, strict=True):  # captured work reads them where they are
            kept.copy_(now)

    def plan(self, steps: int) -> Tensor:
        """The optimizer's numbers for so many steps, from the one that the members are in."""
        rates = np.array([[member.rate] for member in self.members])
        done = np.array([[float(member.steps)] for member in self.members])
        return self.optimizer.plan(rates, done, steps)


@dataclass(frozen=True)
class GatheredChunk(Chunk):
    """A chunk whose rows and random bits are gathered."""

    x: Tensor
    """[members, rows of all batches, features]"""
    y: Tensor
    drawn: Tensor | None
    """Random bits, int16 [members, batches, numbers], if any member drops neurons."""
    plan: Tensor
    """The optimizer's numbers, from the step of the first batch on."""

    def batch(self, position: int) -> Batch:
        """The batch at this position, or this process's shard of it."""
        loader, number, place = self.loader, self.numbers[position], self.place(position)
        first, shard = position * loader.rows.batch, loader.sharding.shard(place.rows)
        own = slice(first + shard.start, first + shard.stop)
        step = number // loader.rows.per_step - self.numbers[0] // loader.rows.per_step
        weighted = loader.weighted
        if weighted is not None:
            begin, of = number * loader.rows.batch, number // loader.rows.per_step
            shares = weighted.shares[:, begin + shard.start : begin + shard.stop]
            weighted = Weighted(shares, weighted.totals[:, of : of + 1])
        return Batch(
            place=place,
            number=loader.numbers[number : number + 1],
            x=self.x[:, own],
            y=self.y[:, own],
            masks={} if self.drawn is None else loader.dropout.masks(self.drawn[:, position], shard),
            columns=loader.optimizer.columns(self.plan[step]),
            weighted=weighted,
        )


class DeviceBatchLoader(BatchLoader):
    """Loads the same batches on the device: each is found by a counter, which it advances."""

    def __post_init__(self) -> None:
        super().__post_init__()
        device = self.rows.x.device
        self._number = torch.zeros(1, dtype=torch.int64, device=device)
        self._first_step = torch.zeros(1, dtype=torch.int64, device=device)
        self._within = torch.arange(max(self.rows.batch, self.dropout.words), device=device)
        self._plan = self.plan(CHUNK_BATCHES)

    @property
    def chunk_batches(self) -> int:
        """Batches that the tensor of the optimizer's numbers has room for; nothing else is gathered."""
        return CHUNK_BATCHES

    def load(self, numbers: range) -> Chunk:
        """Set the counter to the first of these batches, in tensors that captured work reads."""
        self.weigh(numbers)
        self._plan.copy_(self.plan(CHUNK_BATCHES))
        self._number.fill_(numbers[0])
        self._first_step.fill_(numbers[0] // self.rows.per_step)
        return CountedChunk(self, numbers)

    def next_batch(self, place: Place) -> Batch:
        """The batch that the counter stands at, which has this place; the counter advances."""
        number, dropout, epoch = self._number.clone(), self.dropout, self.epoch
        shard = self.sharding.shard(place.rows)
        places = number * self.rows.batch + self._within[shard]
        x, y = self.rows.take(epoch.order.index_select(1, places))
        if epoch.image_keys is not None:
            x = self.augmentation.changed(x, epoch.image_keys, places)
        masks: Mapping[int, Tensor] = {}
        if dropout.drops:
            drawn = bits(epoch.keys, number * dropout.words + self._within[: dropout.words])
            masks = dropout.masks(drawn.view(torch.int16), shard)
        step = number // self.rows.per_step
        columns = self.optimizer.columns(self._plan.index_select(0, step - self._first_step).squeeze(0))
        weighted = self.weighted
        if weighted is not None:
            weighted = Weighted(weighted.shares.index_select(1, places), weighted.totals.index_select(1, step))
        self._number.add_(1)
        return Batch(place, number, x, y, masks, columns, weighted)


@dataclass(frozen=True)
class CountedChunk(Chunk):
    """A chunk whose batches are computed on demand, in order."""

    loader: DeviceBatchLoader

    def batch(self, position: int) -> Batch:
        """The batch at this position, or this process's shard of it."""
        return self.loader.next_batch(self.place(position))

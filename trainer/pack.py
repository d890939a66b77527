"""A pack: jobs of one shape, trained as one stacked model.

The state of member i is row i of a few [members, parameters] tensors, so that joining, leaving, keeping the best
weights and clipping are operations on rows. Rows never mix: no operation reduces over members.

A lone member trains beside a ghost, a copy of itself whose results nobody reads: matrix libraries take another path
for a single matrix, and a job must get the same bits alone as in a pack.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.preprocessing import Preprocessing
from spec.job import JobSpec, Precision

from .data import Split, split
from .errors import BadDataError
from .losses import Objective
from .member import Member
from .models import Network
from .optim import Columns, Optimizer, first_buffer, kind
from .random import Purpose, bits, keys, permutations

CHUNK_BYTES = 16 << 20
"""Rows are gathered, and masks drawn, for so many bytes of steps at a time: more would leave the cache."""

CHUNK_STEPS = 32
"""Most steps between two looks at what was cancelled."""

EVALUATION_ROWS = 256
"""Rows evaluated at a time; it must not depend on the size of the pack, for the bits of a sum depend on it."""

Batch = tuple[Tensor, Tensor, Mapping[int, Tensor], Columns]
"""Features [members, batch, features], targets, dropout masks by layer, and the optimizer's columns of a step."""


class Pack:
    """Members that train together, and what they share: network, loss, data, optimizer."""

    def __init__(self, spec: JobSpec, device: torch.device) -> None:
        info = spec.info
        if info is None:
            raise BadDataError("Nobody asked the record what the uploaded data set holds.")
        self._info = info
        self._device = device
        self._dtype = torch.float64 if spec.precision is Precision.float64 else torch.float32
        self._autocasts = spec.precision is Precision.bfloat16
        self._exact = spec.train_metrics == "exact"
        self._network = Network(spec, info)
        self._objective = Objective.of(spec, info)
        self._buffers = kind(spec).buffers
        self._splits: dict[int, Split] = {}
        self.members: list[Member] = []
        self._state: dict[str, Tensor] = {}

    # --- joining and leaving --------------------------------------------------------------------------------------

    def prepare(self, spec: JobSpec, table: Path | None = None) -> None:
        """Read and divide the data this member needs. Raises `TrainerError`, before it has joined."""
        if spec.split_seed not in self._splits:
            self._splits[spec.split_seed] = split(spec, self._info, self._device, self._dtype, table)

    def join(self, members: Sequence[Member]) -> None:
        """Add rows for new members, whose data are prepared."""
        if not members:
            return
        fresh = self._first_rows(members)
        held = len(self.members)
        self._state = {
            name: torch.cat([self._state[name][:held], rows]) if held else rows for name, rows in fresh.items()
        }
        self.members = [*self.members, *members]
        self._arrange(range(len(self.members)))

    def leave(self, ids: Collection[str]) -> list[Member]:
        """Compact away the rows of these members."""
        leaving = [member for member in self.members if member.id in ids]
        if leaving:
            staying = [row for row, member in enumerate(self.members) if member.id not in ids]
            self.members = [self.members[row] for row in staying]
            self._arrange(staying)
        return leaving

    def _first_rows(self, members: Sequence[Member]) -> dict[str, Tensor]:
        weights = torch.stack([self._network.first_parameters(member.spec) for member in members])
        running = torch.stack([self._network.first_running() for _ in members])
        rows = {"weights": weights, "best": weights, "running": running, "best_running": running}
        for name in self._buffers:
            starts = torch.tensor([[first_buffer(member.spec, name)] for member in members], dtype=torch.float64)
            rows[name] = starts.expand_as(weights)
        return {name: values.to(device=self._device, dtype=self._dtype, copy=True) for name, values in rows.items()}

    def _arrange(self, staying: Sequence[int]) -> None:
        """Keep these rows, and lay out anew all that depends on who is in the pack."""
        if not staying:
            self._state = {}
            return
        rows = [*staying, *staying] if len(staying) == 1 else [*staying]  # the second is the ghost
        stacked = self.members * 2 if len(staying) == 1 else self.members
        kept = torch.tensor(rows, device=self._device)
        self._state = {name: values.index_select(0, kept) for name, values in self._state.items()}
        specs = [member.spec for member in stacked]
        self._stacked = stacked
        self._optimizer = Optimizer(specs, self._device, self._dtype)
        self._arrays = {
            name: view.detach().requires_grad_()
            for name, view in self._network.parameters.views(self._state["weights"]).items()
        }
        self._running = self._network.running.views(self._state["running"])
        self._gradient = torch.empty_like(self._state["weights"])
        self._ones = torch.ones(len(rows), device=self._device, dtype=self._dtype)
        self._lay_out_data(specs)
        self._lay_out_dropout(specs)
        smoothing = torch.tensor([[spec.label_smoothing] for spec in specs], device=self._device, dtype=self._dtype)
        self._smoothing = smoothing if any(spec.label_smoothing for spec in specs) else None
        self._watches_gradient = any(spec.tolerance is not None for spec in specs)

    def _lay_out_data(self, specs: Sequence[JobSpec]) -> None:
        seeds = sorted({spec.split_seed for spec in specs})
        self._splits = {seed: self._splits[seed] for seed in self._splits if seed in seeds}
        which = [seeds.index(spec.split_seed) for spec in specs]
        self._which = torch.tensor(which, device=self._device) if len(seeds) > 1 else None
        parts = [self._splits[seed] for seed in seeds]

        def targets(y: Tensor) -> Tensor:
            return self._objective.targets(y, self._dtype)

        self._train = torch.stack([part.x for part in parts]), torch.stack([targets(part.y) for part in parts])
        self._validation = (
            torch.stack([part.val_x for part in parts]),
            torch.stack([targets(part.val_y) for part in parts]),
        )
        self._rows = self._train[0].shape[1]
        self._offsets = torch.tensor(which, device=self._device).unsqueeze(1) * self._rows
        size = specs[0].batch_size
        self._batch = self._rows if size == "full" else size
        sizes = torch.tensor(
            [min(self._batch, self._rows - at) for at in range(0, self._rows, self._batch)], device=self._device
        )
        self._shares = sizes.to(self._dtype) / self._rows  # of an epoch's steps in its mean loss: the last may be small

    def _lay_out_dropout(self, specs: Sequence[JobSpec]) -> None:
        places = self._network.droppings
        rates = np.array(
            [
                np.repeat(
                    spec.dropout if isinstance(spec.dropout, tuple) else (spec.dropout,) * len(places),
                    [place.units for place in places],
                )
                for spec in specs
            ],
            dtype=np.float64,
        ).reshape(len(specs), -1, 1)
        self._drops = bool(rates.any())
        self._units = rates.shape[1]
        # 16 random bits decide on a neuron: a rate is kept to within 1 / 65536.
        limits = torch.from_numpy(np.minimum(np.round(rates * 65536), 65535).astype(np.int32) - 32768)
        self._mask = torch.empty(len(specs), self._units, self._batch, device=self._device, dtype=self._dtype)
        self._drop_below = limits.to(device=self._device, dtype=torch.int16)
        self._keep_scale = torch.from_numpy(1.0 / (1.0 - rates)).to(device=self._device, dtype=self._dtype)

    # --- an epoch -------------------------------------------------------------------------------------------------

    def begin_epoch(self) -> None:
        """Draw what the epoch needs: each member's own order of rows and its own dropout."""
        seeds = [member.spec.seed for member in self._stacked]
        epochs = [member.epoch + 1 for member in self._stacked]
        if self._batch == self._rows:  # one step sees all rows: their order changes nothing
            self._state["order"] = torch.arange(self._rows, device=self._device).expand(len(seeds), -1)
        else:
            self._state["order"] = permutations(seeds, epochs, self._rows, self._device)
        if self._drops:
            self._state["keys"] = keys(seeds, epochs, Purpose.dropout, self._device)
        steps = -(-self._rows // self._batch)
        self._state["losses"] = torch.zeros(len(seeds), steps, device=self._device, dtype=self._dtype)
        if self._watches_gradient:
            self._state["gradients"] = torch.zeros_like(self._gradient)

    def chunks(self) -> Iterator[range]:
        """The epoch's steps, a few at a time; between two chunks members may leave."""
        steps = -(-self._rows // self._batch)
        bytes_per_step = self._batch * (self._train[0].shape[2] * self._train[0].element_size() + 2 * self._units)
        first = 0
        while first < steps:
            fit = CHUNK_BYTES // (bytes_per_step * len(self._stacked))
            last = min(first + max(min(fit, CHUNK_STEPS), 1), steps)
            yield range(first, last)
            first = last

    def batches(self, chunk: range) -> Iterator[tuple[int, Batch]]:
        """The steps of a chunk: each member's next rows, its masks, and what its optimizer needs."""
        order = self._state["order"][:, chunk.start * self._batch : chunk.stop * self._batch]
        # Where a split lies among all changes when a member leaves within an epoch, so it is looked up only now.
        rows = (order + self._offsets).flatten()
        x, y = (part.flatten(0, 1).index_select(0, rows).view(*order.shape, *part.shape[2:]) for part in self._train)
        drawn = self._draw(chunk) if self._drops else None
        rates = np.array([[member.rate] for member in self._stacked])
        done = np.array([[float(member.steps)] for member in self._stacked])
        plan = self._optimizer.plan(rates, done, len(chunk))
        for position, step in enumerate(chunk):
            some = slice(position * self._batch, (position + 1) * self._batch)
            batch = x[:, some]
            masks = {} if drawn is None else self._masks(drawn[:, position], batch.shape[1])
            yield step, (batch, y[:, some], masks, plan[position])
        for member in self.members:
            member.steps += len(chunk)

    def _draw(self, chunk: range) -> Tensor:
        """16 random bits for every neuron, row and step of the chunk: int16 [members, steps, units * batch]."""
        words = -(-self._units * self._batch // 2)
        drawn = bits(self._state["keys"], chunk.start * words, len(chunk) * words)
        return drawn.view(torch.int16).view(len(self._stacked), len(chunk), -1)

    def _masks(self, drawn: Tensor, batch: int) -> dict[int, Tensor]:
        """Scaled keep masks: 1 / (1 - rate) where a neuron is kept, 0 where it is dropped."""
        drawn = drawn[:, : self._units * self._batch].view(-1, self._units, self._batch)
        mask = torch.ge(drawn, self._drop_below, out=self._mask).mul_(self._keep_scale)[:, :, :batch]
        parts = torch.split(mask, [place.units for place in self._network.droppings], dim=1)
        return {place.layer: part for place, part in zip(self._network.droppings, parts, strict=True)}

    def loss(self, batch: Batch) -> Tensor:
        """Forward: the mean loss of each member over its batch, [members]."""
        x, y, masks, _ = batch
        with self._casting():
            z = self._network.forward(self._arrays, self._running, x, masks, training=True)
        return self._objective.loss(z.to(self._dtype), y, self._smoothing).mean(dim=1)

    def gradient(self, loss: Tensor) -> Tensor:
        """Backward: the gradient of each member's loss by its own parameters, [members, parameters]."""
        arrays = tuple(self._arrays.values())
        gradients = torch.autograd.grad(loss, arrays, self._ones)  # rows do not mix: each gets its own gradient
        return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1, out=self._gradient)

    def descend(self, step: int, batch: Batch, loss: Tensor, gradient: Tensor) -> None:
        """Update every member's parameters by its gradient, and keep its loss."""
        self._state["losses"][:, step] = loss.detach()
        if self._watches_gradient:
            self._state["gradients"].add_(gradient, alpha=batch[0].shape[1])
        self._optimizer.step(self._state["weights"], gradient, self._state, batch[3])

    def end_epoch(self) -> list[tuple[Member, dict[str, float], float]]:
        """Measure each member: its metrics by name, and the norm of the epoch's mean gradient."""
        measured: dict[str, Tensor] = {}
        if self._exact:
            measured |= self._evaluate("train", *self._train)
        else:
            measured["train_loss"] = (self._state["losses"] * self._shares).sum(dim=1)
        if self._validation[0].shape[1]:
            measured |= self._evaluate("val", *self._validation)
        if self._watches_gradient:
            measured["gradient"] = torch.linalg.vector_norm(self._state["gradients"], dim=1) / self._rows
        table = torch.stack([values.double() for values in measured.values()], dim=1).tolist()  # the epoch's one sync
        for name in ("order", "keys", "losses", "gradients"):
            self._state.pop(name, None)
        return [
            self._measured(member, dict(zip(measured, row, strict=True)))
            for member, row in zip(self.members, table, strict=False)
        ]

    def _measured(self, member: Member, metrics: dict[str, float]) -> tuple[Member, dict[str, float], float]:
        norm = metrics.pop("gradient", float("inf"))
        if "val_loss" in metrics:
            metrics["generalization_gap"] = metrics["val_loss"] - metrics["train_loss"]
        metrics["learning_rate"] = member.rate
        member.epoch += 1
        return member, metrics, norm

    @torch.no_grad()
    def _evaluate(self, part: str, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Mean loss and accuracy of each member over a split, without dropout, [members] each."""
        rows, members = x.shape[1], len(self._stacked)
        losses = torch.empty(members, rows, device=self._device, dtype=self._dtype)
        right = torch.empty(members, rows, device=self._device, dtype=self._dtype)
        for first in range(0, rows, EVALUATION_ROWS):
            some = slice(first, first + EVALUATION_ROWS)
            batch, wanted = self._of_members(x[:, some]), self._of_members(y[:, some])
            with self._casting():
                z = self._network.forward(self._arrays, self._running, batch, {}, training=False)
            z = z.to(self._dtype)
            losses[:, some] = self._objective.loss(z, wanted)
            if self._objective.counts_right:
                right[:, some] = self._objective.right(z, wanted).to(self._dtype)
        found = {f"{part}_loss": losses.mean(dim=1)}
        if self._objective.counts_right:
            found[f"{part}_accuracy"] = right.mean(dim=1)
        return found

    def _of_members(self, part: Tensor) -> Tensor:
        """Each member's own rows, from the splits that there are: [members, rows, ...]."""
        if self._which is None:
            return part.expand(len(self._stacked), *part.shape[1:])
        return part.index_select(0, self._which)

    def _casting(self) -> AbstractContextManager[object]:
        if self._autocasts:
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return nullcontext()

    # --- results --------------------------------------------------------------------------------------------------

    def keep_best(self, better: Collection[Member]) -> None:
        """Remember these members' parameters as their best."""
        chosen = [row for row, member in enumerate(self.members) if member in better]
        if chosen:
            rows = torch.tensor(chosen, device=self._device)
            for best, now in (("best", "weights"), ("best_running", "running")):
                self._state[best].index_copy_(0, rows, self._state[now].index_select(0, rows))

    def preprocessing(self, member: Member) -> Preprocessing:
        """How the member's rows became features."""
        return self._splits[member.spec.split_seed].preprocessing

    def model(self, member: Member) -> dict[str, Tensor]:
        """The member's arrays by name, on the CPU: of its best epoch, or of its last."""
        row = self.members.index(member)
        prefix = "best" if member.spec.restore_best else "weights"
        running = "best_running" if member.spec.restore_best else "running"
        arrays = self._network.parameters.views(self._state[prefix][row : row + 1].detach())
        arrays |= self._network.running.views(self._state[running][row : row + 1])
        return {name: array[0].cpu().clone() for name, array in arrays.items()}

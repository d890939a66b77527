"""A pack: jobs of one shape, trained as one stacked model.

The state of member i is row i of a few [rows, parameters] tensors, so that joining, leaving, keeping the best weights
and clipping are operations on rows. Rows never mix: no operation reduces over them. Some rows are padding
(`trainer.padding`). On a GPU the rows of members that have left stay for a while, too: a row costs little, but a new
layout of the pack means new graphs (`trainer.graphs`).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from model.boundary import Boundary
from spec.job import JobSpec

from .backprop import ForwardPass
from .batch_loader import Batch, Chunk
from .checkpoint import Checkpoint, best_rows, row_names, trained_rows
from .data import Split, split
from .epoch import Epoch
from .errors import BadDataError
from .evaluation import evaluate, part_of
from .first_state import first_state
from .layout import Layout, State, lay_out
from .member import Member
from .padding import Padding
from .results import Result, live_boundary, results
from .setup import Setup
from .sharding import SINGLE_PROCESS, Sharding
from .warm_start import WarmStart, check_start
from .weighting import check

LEFT = 1 / 8
"""On a GPU, the share of a pack's rows that members may have left before the pack is laid out anew."""


class Measured(NamedTuple):
    """What was measured of a member after an epoch."""

    member: Member
    metrics: dict[str, float]
    gradient_norm: float
    """The norm of the epoch's mean gradient; infinite if it is not watched."""


class Pack:
    """Members that train together."""

    def __init__(self, spec: JobSpec, device: torch.device, sharding: Sharding = SINGLE_PROCESS) -> None:
        self.setup = Setup.of(spec, device, sharding)
        self.members: list[Member] = []
        self._splits: dict[tuple[int, int], Split] = {}
        self._layout: Layout | None = None
        self._parked: State | None = None
        """The members' own rows, on the CPU, while the device is another pack's."""

    @property
    def layout(self) -> Layout:
        """All that depends on who is in; there is one as long as there are members."""
        if self._parked is not None:
            state = {name: values.to(self.setup.device) for name, values in self._parked.items()}
            self._parked = None
            self._lay_out(state, range(len(self.members)))
        if self._layout is None:
            raise RuntimeError("The pack has no members.")
        return self._layout

    def park(self) -> None:
        """Free the device until the pack trains on; between two epochs."""
        if self._layout is not None:
            rows = self._layout.rows_of(self.members)
            self._parked = {name: values.cpu() for name, values in _select(self._layout.state, rows).items()}
            self._layout = None

    @cached_property
    def padding(self) -> Padding:
        """How many rows the pack has for its members; known once data are prepared."""
        return Padding.of(self.setup, next(iter(self._splits.values())))

    # --- who is in ------------------------------------------------------------------------------------------------

    def prepare(self, spec: JobSpec, table: Path | None = None, start: WarmStart | None = None) -> None:
        """Read and divide the data that this job needs, before it joins. Raises `TrainerError`."""
        setup = self.setup
        if spec.division not in self._splits:
            self._splits[spec.division] = split(
                spec, setup.info, setup.device, setup.dtype, table, None if start is None else start.preprocessing
            )
        if start is not None:
            check_start(setup, start)
        check(setup, spec, self._splits[spec.division])
        part, _, metric = spec.monitored.partition("_")
        if part == "val" and metric != "loss":
            metrics = part_of(setup, "val", [self._splits[spec.division]]).metrics
            if metrics is None or metric not in metrics.names:
                raise BadDataError(
                    f"monitor: {spec.monitored} is undefined where all validation rows have the same target: "
                    "choose val_loss, or a larger validation_fraction."
                )

    def join(self, members: Sequence[Member]) -> None:
        """Add new members, whose data are prepared."""
        if not members:
            return
        state = self._joined_state(members)
        self.members = [*self.members, *members]
        self._lay_out(state, range(len(self.members)))

    def leave(self, ids: Collection[str]) -> list[Member]:
        """Let these members go, and their rows too where a row costs more than a new layout."""
        leaving = [member for member in self.members if member.id in ids]
        if leaving:
            stay = [place for place, member in enumerate(self.members) if member.id not in ids]
            self.members = [self.members[place] for place in stay]
            if self._parked is not None:
                self._parked = _select(self._parked, torch.tensor(stay)) if stay else None
            elif self._compacts():
                self._compact()
        return leaving

    def _compacts(self) -> bool:
        """Whether the rows of members that have left go now."""
        if not self.setup.on_gpu or not self.members:
            return True
        layout = self.layout
        return len(layout.row_of) - len(self.members) > LEFT * max(len(layout.member_of), self.padding.least)

    def _compact(self) -> None:
        """Keep the members' own rows only."""
        if self.members:
            own = [self.layout.row_of[member.id] for member in self.members]
            self._lay_out(self.layout.state, own, self.layout.epoch)
        else:
            self._layout = None

    def _joined_state(self, members: Sequence[Member]) -> State:
        """The rows of those who are in, then the rows that new members begin with."""
        added = first_state(self.setup, members)
        if not self.members:
            return added
        rows, state = self.layout.rows_of(self.members), self.layout.state
        return {name: torch.cat([state[name].index_select(0, rows), added[name]]) for name in added}

    def _lay_out(self, state: State, rows: Sequence[int], epoch: Epoch | None = None) -> None:
        """Lay out anew all that depends on who is in; `rows` are the members' own rows in `state`."""
        kept = torch.tensor(self.padding.padded(rows), device=self.setup.device)
        state = _select(state, kept)
        epoch = epoch and epoch.select(kept)
        self._layout = None  # the old one is as large: it goes before there is a new one
        self._layout = lay_out(self.setup, self.padding.padded(self.members), self._splits, state, epoch)
        self._splits = dict(self._layout.splits)

    # --- an epoch -------------------------------------------------------------------------------------------------

    def begin_epoch(self) -> None:
        """Draw what the epoch needs."""
        self.setup.set_arithmetic()
        self.layout.epoch.begin(self.layout.member_of)

    def chunks(self) -> Iterator[range]:
        """The epoch's batches, a few at a time; between two chunks members may leave."""
        first = 0
        while first < (batches := self.layout.loader.rows.batches):
            last = min(first + self.layout.loader.chunk_batches, batches)
            yield range(first, last)
            first = last

    def load(self, numbers: range) -> Chunk:
        """The batches of these numbers; the steps that they complete count as done by the members from now on."""
        loader = self.layout.loader
        chunk, steps = loader.load(numbers), loader.rows.steps(numbers)
        for member in self.members:
            member.steps += steps
        return chunk

    def run(self, work: Callable[["Pack", Chunk, int], None], chunk: Chunk, position: int) -> None:
        """Do the work on the batch at this position; on a GPU, from the second of its place on, as one graph."""
        self.layout.runner.run(partial(work, self, chunk, position), chunk.place(position))

    def forward(self, batch: Batch) -> ForwardPass:
        """The forward pass of all members, each over its own batch."""
        return self.setup.backpropagation.forward(self.layout.weights, batch.x, batch.masks)

    def loss(self, forward: ForwardPass, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean loss of each member over its batch, or this process's part of it, [members].

        Where rows have weights, the batch's part of the step's weighted mean.

        And the gradient, by the batch's outputs, of each member's mean loss over its step, [members, outputs, batch].
        """
        weighted = batch.weighted
        shares = 1.0 / batch.place.step_rows if weighted is None else weighted.shares
        losses, by_output = self.setup.objective.loss_and_gradient(
            forward.outputs, batch.y, self.layout.smoothing, shares, self.layout.by_class
        )
        if weighted is not None:
            return (losses * weighted.shares).sum(dim=1), by_output
        return self.setup.sharding.mean(losses, batch.place.rows), by_output

    def backward(self, forward: ForwardPass, by_output: Tensor, batch: Batch) -> Tensor:
        """The gradient of each member's mean loss over its step by its own parameters, [members, parameters].

        It is the sum over the step's batches: whole with the last of them.
        """
        gradients = [gradient.flatten(1) for gradient in forward.backward(by_output)]
        whole = self.layout.epoch.gradient
        if batch.place.is_first:
            torch.cat(gradients, dim=1, out=whole)
        else:
            whole.add_(torch.cat(gradients, dim=1))
        return self.setup.sharding.sum(whole) if batch.place.is_last else whole

    def record(self, batch: Batch, loss: Tensor, gradient: Tensor) -> None:
        """Keep a batch's losses, and a step's gradient where its norm is watched, for the end of the epoch."""
        epoch, weighted = self.layout.epoch, batch.weighted
        losses = loss.unsqueeze(1)
        epoch.losses.index_copy_(1, batch.number, losses if weighted is None else losses * weighted.totals)
        if epoch.gradients is None or not batch.place.is_last:
            return
        if weighted is None:
            epoch.gradients.add_(gradient, alpha=batch.place.step_rows)
        else:
            epoch.gradients.addcmul_(gradient, weighted.totals)

    def descend(self, batch: Batch, gradient: Tensor) -> None:
        """Update every member's parameters by its gradient, which the optimizer may overwrite."""
        self.layout.optimizer.step(gradient, batch.columns)

    def end_epoch(self) -> list[Measured]:
        """Measure each member: its metrics by name, and the norm of the epoch's mean gradient."""
        setup, layout, rows = self.setup, self.layout, self.layout.loader.rows
        measured: dict[str, Tensor] = {}
        if setup.spec.train_metrics == "exact":
            measured |= evaluate(setup, layout.train, layout.weights, layout.split_of)
        else:
            measured["train_loss"] = (setup.sharding.sum(layout.epoch.losses) * rows.batch_shares).sum(dim=1)
        if layout.validation.x.shape[1]:
            measured |= evaluate(setup, layout.validation, layout.weights, layout.split_of)
        if layout.epoch.gradients is not None:
            norms = torch.linalg.vector_norm(layout.epoch.gradients, dim=1)
            is_plain = layout.train.weights is None
            measured["gradient"] = norms / rows.count if is_plain else norms * rows.batch_shares[:, 0]
        table = torch.stack([values.double() for values in measured.values()], dim=1).tolist()  # the epoch's one sync
        return [
            _measured(
                member,
                dict(zip(measured, table[layout.row_of[member.id]], strict=True)),
                layout.undefined[member.spec.division],
            )
            for member in self.members
        ]

    # --- what is kept of members ----------------------------------------------------------------------------------

    def keep_best(self, better: Collection[Member]) -> None:
        """Remember these members' parameters as their best."""
        if not better:
            return
        rows, state = self.layout.rows_of(better), self.layout.state
        for best, now in best_rows(self.setup.spec).items():
            state[best].index_copy_(0, rows, state[now].index_select(0, rows))

    def training_rows(self, members: Collection[Member]) -> State:
        """What these members' training goes on from, one row each, in this order; between two epochs."""
        rows, state = self._rows_of(members)
        return {name: state[name].index_select(0, rows) for name in trained_rows(self.setup.spec)}

    def overwrite(self, members: Sequence[Member], rows: State) -> None:
        """Let these members go on from other rows, and with what their specs are now; between two epochs."""
        at, state = self._rows_of(members)
        for name, values in rows.items():
            state[name].index_copy_(0, at, values.to(at.device))
        if self._parked is None:
            self._lay_out(state, [self.layout.row_of[member.id] for member in self.members])

    def checkpoints(self, ids: Collection[str]) -> dict[str, Checkpoint]:
        """The checkpoints of these members, on the CPU; between two epochs."""
        chosen = [member for member in self.members if member.id in ids]
        if not chosen:
            return {}
        rows, state = self._rows_of(chosen)
        kept = {name: state[name].index_select(0, rows).cpu() for name in row_names(self.setup.spec)}
        return {
            member.id: Checkpoint(member.state, {name: values[place] for name, values in kept.items()})
            for place, member in enumerate(chosen)
        }

    def _rows_of(self, members: Collection[Member]) -> tuple[Tensor, State]:
        """These members' own rows, and what they are rows of; also of a parked pack."""
        if self._parked is None:
            return self.layout.rows_of(members), self.layout.state
        places = {member.id: place for place, member in enumerate(self.members)}
        return torch.tensor([places[member.id] for member in members]), self._parked

    def boundary(self, member: Member, side: int) -> Boundary | None:
        """The decision boundary of a member's weights as they are, between two epochs: read, and copied to NumPy."""
        return live_boundary(self.setup, self.layout, member, side)

    def results(self, members: Sequence[Member]) -> list[Result]:
        """The results of members that are done."""
        self.setup.set_arithmetic()
        return results(self.setup, self.layout, self.padding, members) if members else []


def _select(state: State, rows: Tensor) -> State:
    return {name: values.index_select(0, rows) for name, values in state.items()}


def _measured(member: Member, metrics: dict[str, float], undefined: Collection[str]) -> Measured:
    for name in undefined:
        metrics.pop(name, None)
    norm = metrics.pop("gradient", float("inf"))
    if "val_loss" in metrics:
        metrics["generalization_gap"] = metrics["val_loss"] - metrics["train_loss"]
    metrics["learning_rate"] = member.rate
    member.epoch += 1
    return Measured(member, metrics, norm)

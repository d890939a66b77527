"""A pack: jobs of one shape, trained as one stacked model.

The state of member i is row i of a few [rows, parameters] tensors, so that joining, leaving, keeping the best weights
and clipping are operations on rows. Rows never mix: no operation reduces over them.

Some rows are padding: copies of members, whose results are not read.
- A lone member trains beside a copy of itself where matrix libraries compute a single matrix in another way, as a job
  must get the same bits alone as in a pack (`trainer.batch_invariance`).
- A GPU that must give the same bits in every pack always trains the same number of rows. A member's own row is one that
  begins at a multiple of eight numbers, as every other member's does, and padding fills the rows between.
- On a GPU the rows of members that have left stay for a while as padding: a row costs little, but a new layout of the
  pack means new graphs (`trainer.graphs`).
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from model.boundary import boundary
from model.finished import Model
from model.preprocessing import Preprocessing
from model.report import Landscape, Report, report
from spec.dataset import Targets
from spec.job import DETERMINISTIC_MEMBERS, JobSpec, Precision, output_units
from spec.step import step_flop, step_rows

from .augmentation import Augmentation
from .backprop import Backpropagation
from .batch_invariance import HEAVY_STEP_FLOP, is_batch_invariant
from .batch_loader import Batch, BatchLoader, DeviceBatchLoader, Dropout, Rows
from .checkpoint import ROWS, Checkpoint
from .data import PartName, Split, split
from .errors import BadDataError
from .graphs import Eager, Graphs
from .landscape import ROWS as LANDSCAPE_ROWS
from .landscape import SPAN, landscape
from .losses import Objective
from .member import Member
from .metrics import Answers, ClassFigures, Figures, NumberFigures, Part, measure
from .models import Arrays, Network
from .optim import Optimizer, first_buffer, kind
from .random import Purpose, keys, permutations
from .sharding import SINGLE_PROCESS, Sharding

EVALUATION_ROWS = 256
"""Rows evaluated at a time on a CPU; it must not depend on the size of the pack, for the bits of a sum depend on it."""

EVALUATION_SUMS = 1 << 20
"""On a GPU so many rows of all members are evaluated at a time."""

PADDING = 1 / 8
"""On a GPU, the share of a pack's rows that members may have left before the pack is laid out anew."""

ALIGNMENT = 8
"""On a GPU, sums over rows of numbers that begin at a multiple of so many numbers are added in the same order: PyTorch
adds what is before the first whole vector by itself (ATen, Reduce.cuh)."""

RESULT_NUMBERS = 1 << 25
"""Answers of members that are done are held for so many numbers at a time."""

Each = TypeVar("Each")

Weights = tuple[Arrays, Arrays]
"""Members' parameters, and what their batch normalisation keeps."""


@dataclass(frozen=True)
class Result:
    """What a member has come to."""

    model: Mapping[str, Tensor]
    """Its arrays by name, on the CPU."""
    preprocessing: Preprocessing
    """How rows became features."""
    report: Report | None
    """What the model is worth on rows it was not trained on, and what can be drawn of it."""
    test: Mapping[str, float]
    """What it is worth on rows set aside for this, measured for the only time."""


class Pack:
    """Members that train together, and what they share: network, loss, data, optimizer."""

    def __init__(self, spec: JobSpec, device: torch.device, sharding: Sharding = SINGLE_PROCESS) -> None:
        info = spec.info
        if info is None:
            raise BadDataError("Nobody asked the record what the uploaded data set holds.")
        self._info = info
        self._device = device
        self._sharding = sharding
        self._on_gpu = device.type == "cuda"
        self._dtype = torch.float64 if spec.precision is Precision.float64 else torch.float32
        self._autocasts = spec.precision is Precision.bfloat16
        self._exact = spec.train_metrics == "exact"
        self._spec = spec
        self._network = Network(spec, info)
        self._objective = Objective.of(spec, info)
        self._backpropagation = None if self._autocasts else Backpropagation.of(self._network)
        self._outputs = output_units(spec.loss, info)
        self._buffers = kind(spec).buffers
        self._splits: dict[int, Split] = {}
        self._stacked: list[Member] = []
        self._rows: dict[str, int] = {}
        self._state: dict[str, Tensor] = {}
        self._runner: Eager | Graphs = Eager()
        self.members: list[Member] = []
        if self._on_gpu:
            _set_arithmetic(spec)

    # --- joining and leaving --------------------------------------------------------------------------------------

    def prepare(self, spec: JobSpec, table: Path | None = None) -> None:
        """Read and divide the data this member needs. Raises `TrainerError`, before it has joined."""
        if spec.split_seed not in self._splits:
            self._splits[spec.split_seed] = split(spec, self._info, self._device, self._dtype, table)
        part, _, metric = spec.watched.partition("_")
        if part == "val" and metric != "loss":
            figures = self._part("val", [self._splits[spec.split_seed]]).figures
            if figures is None or metric not in figures.names:
                raise BadDataError(
                    f"monitor: {spec.watched} says nothing of validation rows whose targets are all the same: "
                    "choose val_loss, or a larger validation_fraction."
                )

    def join(self, members: Sequence[Member]) -> None:
        """Add rows for new members, whose data are prepared."""
        if not members:
            return
        fresh = self._first_rows(members)
        staying = [self._row(member) for member in self.members]
        if staying:
            kept = torch.tensor(staying, device=self._device)
            fresh = {name: torch.cat([self._state[name].index_select(0, kept), rows]) for name, rows in fresh.items()}
        self._state = fresh
        self._stack([*self.members, *members])
        self.members = self._stacked
        self._arrange(range(len(self.members)))

    def leave(self, ids: Collection[str]) -> list[Member]:
        """Let these members go, and compact their rows away."""
        leaving = [member for member in self.members if member.id in ids]
        if leaving:
            self.members = [member for member in self.members if member.id not in ids]
            left = len(self._rows) - len(self.members)
            if not self._on_gpu or not self.members or left > PADDING * max(len(self._stacked), self._least):
                self._arrange([self._row(member) for member in self.members])
        return leaving

    @cached_property
    def _least(self) -> int:
        """The fewest rows that give each member the bits of any pack."""
        if self._on_gpu:
            return DETERMINISTIC_MEMBERS * self._copies if self._spec.deterministic else 2
        if self._sharding.distributed or step_flop(self._spec, self._info) < HEAVY_STEP_FLOP:
            return 2
        part = next(iter(self._splits.values()))
        train, validation = len(part.x), len(part.val_x)
        same = is_batch_invariant(
            self._network,
            self._objective,
            part.x.unsqueeze(0),
            self._objective.targets(part.y, self._dtype).unsqueeze(0),
            steps=_sizes(train, step_rows(self._spec, self._info)),
            evaluations=_sizes(train, EVALUATION_ROWS) | _sizes(validation, EVALUATION_ROWS),
            casting=self._casting,
        )
        return 1 if same else 2

    @property
    def _copies(self) -> int:
        """Rows of a member: its own, and padding up to the next member's."""
        return ALIGNMENT if self._on_gpu and self._spec.deterministic else 1

    def _padded(self, some: Sequence[Each]) -> list[Each]:
        """What each row is, if these are the members, or something of theirs."""
        rows = [one for one in some for _ in range(self._copies)]
        return rows + [some[0]] * (self._least - len(rows))

    def _stack(self, members: list[Member]) -> None:
        """Set the rows' members; of a member's rows the first is its own, and the others are padding."""
        self._stacked = members
        self._rows = {member.id: row for row, member in reversed(list(enumerate(members)))}

    def _row(self, member: Member) -> int:
        return self._rows[member.id]

    def _first_rows(self, members: Sequence[Member]) -> dict[str, Tensor]:
        weights = torch.stack([self._network.first_parameters(member.spec) for member in members])
        running = torch.stack([self._network.first_running() for _ in members])
        rows = {"weights": weights, "best": weights, "running": running, "best_running": running}
        for name in self._buffers:
            starts = torch.tensor([[first_buffer(member.spec, name)] for member in members], dtype=torch.float64)
            rows[name] = starts.expand_as(weights)
        rows = {name: values.to(device=self._device, dtype=self._dtype, copy=True) for name, values in rows.items()}
        for row, member in enumerate(members):
            if member.checkpoint is not None:
                for name, kept in member.checkpoint.rows.items():
                    rows[name][row] = kept
                member.checkpoint = None  # it is as large as the rows
        return rows

    def _arrange(self, staying: Sequence[int]) -> None:
        """Keep these rows, and lay out anew all that depends on who is in the pack."""
        rows = self._padded(staying) if staying else []
        self._stack([self._stacked[row] for row in rows])
        if not rows:
            self._state = {}
            return
        kept = torch.tensor(rows, device=self._device)
        self._state = {name: values.index_select(0, kept) for name, values in self._state.items()}
        specs = [member.spec for member in self._stacked]
        self._arrays = {
            name: view.detach().requires_grad_()
            for name, view in self._network.parameters.views(self._state["weights"]).items()
        }
        self._running = self._network.running.views(self._state["running"])
        self._gradient = torch.empty_like(self._state["weights"])
        self._ones = torch.ones(len(rows), device=self._device, dtype=self._dtype)
        self._optimizer = Optimizer(specs, self._state["weights"], self._gradient, self._state)
        train = self._lay_out_data(specs)
        augmentation = Augmentation(specs, self._info.image, self._device)
        dropout = Dropout(specs, self._network.dropout_sites, train.batch, self._device, self._dtype)
        loader = DeviceBatchLoader if self._on_gpu else BatchLoader
        self._loader = loader(self._stacked, train, augmentation, dropout, self._optimizer, self._sharding)
        self._runner = Graphs() if self._on_gpu and not self._sharding.distributed else Eager()
        smoothing = torch.tensor([[spec.label_smoothing] for spec in specs], device=self._device, dtype=self._dtype)
        self._smoothing = smoothing if any(spec.label_smoothing for spec in specs) else None
        self._watches_gradient = any(spec.tolerance is not None for spec in specs)

    def _lay_out_data(self, specs: Sequence[JobSpec]) -> Rows:
        self._splits = {spec.split_seed: self._splits[spec.split_seed] for spec in specs}
        parts, which = self._splits_of(specs)
        self._which = which if len(parts) > 1 else None
        self._train, self._validation = self._part("train", parts), self._part("val", parts)
        count, batch = self._train.x.shape[1], step_rows(self._spec, self._info)
        rows = Rows(self._train.x, self._train.y, offsets=which.unsqueeze(1) * count, batch=batch)
        sizes = torch.tensor([rows.of_step(step) for step in range(rows.steps)], device=self._device)
        self._shares = sizes.to(self._dtype) / count  # of an epoch's steps in its mean loss: the last may be small
        return rows

    def _splits_of(self, specs: Sequence[JobSpec]) -> tuple[list[Split], Tensor]:
        """The divisions of the data that there are, and which one each member has, [members]."""
        seeds = sorted({spec.split_seed for spec in specs})
        which = torch.tensor([seeds.index(spec.split_seed) for spec in specs], device=self._device)
        return [self._splits[seed] for seed in seeds], which

    # --- an epoch -------------------------------------------------------------------------------------------------

    def begin_epoch(self) -> None:
        """Draw what the epoch needs: each member's own order of rows, dropout and changes of images."""
        seeds = [member.spec.seed for member in self._stacked]
        epochs = [member.epoch + 1 for member in self._stacked]
        rows = self._loader.rows
        if rows.batch == rows.count:  # one step sees all rows: their order changes nothing
            self._put("order", torch.arange(rows.count, device=self._device).repeat(len(seeds), 1))
        else:
            self._put("order", permutations(seeds, epochs, rows.count, self._device))
        self._put("keys", keys(seeds, epochs, Purpose.dropout, self._device))
        if self._loader.augmentation.acts:
            self._put("image_keys", keys(seeds, epochs, Purpose.augmentation, self._device))
        self._put("losses", torch.zeros(len(seeds), rows.steps, device=self._device, dtype=self._dtype))
        if self._watches_gradient:
            self._put("gradients", torch.zeros_like(self._gradient))

    def _put(self, name: str, values: Tensor) -> None:
        """Keep values of an epoch by row; a captured step looks for them where it found them first."""
        held = self._state.get(name)
        if held is not None and held.shape == values.shape:
            held.copy_(values)
        else:
            self._state[name] = values

    def chunks(self) -> Iterator[range]:
        """The epoch's steps, a few at a time; between two chunks members may leave."""
        first = 0
        while first < self._loader.rows.steps:
            last = min(first + self._loader.chunk_steps, self._loader.rows.steps)
            yield range(first, last)
            first = last

    def steps(self, chunk: range) -> Iterator[int]:
        """The positions of the chunk's steps, once all is ready for them."""
        image_keys = self._state["image_keys"] if self._loader.augmentation.acts else None
        self._loader.gather(chunk, self._state["order"], self._state["keys"], image_keys)
        yield from range(len(chunk))
        for member in self.members:
            member.steps += len(chunk)

    def run(self, step: Callable[["Pack", int], None], position: int) -> None:
        """Run the step at this position of the chunk; on a GPU, from the second of its size on, as one graph."""
        self._runner.run(partial(step, self, position), self._loader.step_rows(position))

    def batch(self, position: int) -> Batch:
        """What the step at this position is fed."""
        return self._loader.batch(position)

    def loss(self, batch: Batch) -> Tensor:
        """Forward: the mean loss of each member over its batch, or this process's part of it, [members]."""
        if self._backpropagation is not None:
            z = self._backpropagation.forward(self._arrays, batch.x, batch.masks)
            losses, self._by_sums = self._objective.loss_and_gradient(z, batch.y, self._smoothing, batch.rows)
        else:
            with self._casting():
                z = self._network.forward(self._arrays, self._running, batch.x, batch.masks, training=True)
            losses = self._objective.loss(z.to(self._dtype), batch.y, self._smoothing)
        return self._sharding.mean(losses, batch.rows)

    def gradient(self, loss: Tensor) -> Tensor:
        """Backward: the gradient of each member's loss by its own parameters, [members, parameters]."""
        gradients: Sequence[Tensor]
        if self._backpropagation is not None:
            gradients = self._backpropagation.back(self._by_sums)
        else:
            arrays = tuple(self._arrays.values())
            gradients = torch.autograd.grad(loss, arrays, self._ones)  # rows do not mix: each gets its own gradient
        return self._sharding.sum(torch.cat([gradient.flatten(1) for gradient in gradients], dim=1, out=self._gradient))

    def descend(self, batch: Batch, loss: Tensor, gradient: Tensor) -> None:
        """Update every member's parameters by its gradient, and keep its loss."""
        self._state["losses"].index_copy_(1, batch.step, loss.detach().unsqueeze(1))
        if self._watches_gradient:
            self._state["gradients"].add_(gradient, alpha=batch.rows)
        self._optimizer.step(batch.columns)

    def end_epoch(self) -> list[tuple[Member, dict[str, float], float]]:
        """Measure each member: its metrics by name, and the norm of the epoch's mean gradient."""
        measured: dict[str, Tensor] = {}
        weights = self._arrays, self._running
        if self._exact:
            measured |= self._evaluate(self._train, weights, self._which)
        else:
            measured["train_loss"] = (self._sharding.sum(self._state["losses"]) * self._shares).sum(dim=1)
        if self._validation.x.shape[1]:
            measured |= self._evaluate(self._validation, weights, self._which)
        if self._watches_gradient:
            measured["gradient"] = torch.linalg.vector_norm(self._state["gradients"], dim=1) / self._loader.rows.count
        table = torch.stack([values.double() for values in measured.values()], dim=1).tolist()  # the epoch's one sync
        return [
            self._measured(member, dict(zip(measured, table[self._row(member)], strict=True)))
            for member in self.members
        ]

    def _measured(self, member: Member, metrics: dict[str, float]) -> tuple[Member, dict[str, float], float]:
        norm = metrics.pop("gradient", float("inf"))
        if "val_loss" in metrics:
            metrics["generalization_gap"] = metrics["val_loss"] - metrics["train_loss"]
        metrics["learning_rate"] = member.rate
        member.epoch += 1
        return member, metrics, norm

    def _evaluate(self, part: Part, weights: Weights, which: Tensor | None) -> dict[str, Tensor]:
        """Mean loss and figures of members with these weights on a part, without dropout, [members] each."""
        arrays, running = weights
        members = len(next(iter(arrays.values())))

        def forward(x: Tensor) -> Tensor:
            with self._casting():
                return self._network.forward(arrays, running, x, {}, training=False).to(self._dtype)

        at_a_time = max(EVALUATION_ROWS, EVALUATION_SUMS // members) if self._on_gpu else EVALUATION_ROWS
        return measure(
            part,
            forward,
            self._objective,
            members=members,
            which=which,
            sharding=self._sharding,
            at_a_time=at_a_time,
            dtype=self._dtype,
        )

    def _part(self, name: PartName, splits: Sequence[Split]) -> Part:
        """A part of these splits, and what is measured of it: in full but for training rows."""
        x, y = (torch.stack(same) for same in zip(*(one.part(name) for one in splits), strict=True))
        full = name != "train"
        figures: Figures | None = None
        if self._info.targets is Targets.classes:
            figures = ClassFigures(y, self._info.classes or 0, full=full)
        elif full and y.shape[1]:
            deviations = [split.preprocessing.output.deviation for split in splits]
            figures = NumberFigures(y, torch.tensor(deviations, device=self._device, dtype=torch.float64))
        return Part(name, x, self._objective.targets(y, self._dtype), figures)

    def _casting(self) -> AbstractContextManager[object]:
        if self._autocasts:
            # Without the cache of cast weights, which a captured step would read when it is long gone.
            return torch.autocast(self._device.type, dtype=torch.bfloat16, cache_enabled=not self._on_gpu)
        return nullcontext()

    # --- results --------------------------------------------------------------------------------------------------

    def keep_best(self, better: Collection[Member]) -> None:
        """Remember these members' parameters as their best."""
        chosen = [self._row(member) for member in better]
        if chosen:
            rows = torch.tensor(chosen, device=self._device)
            for best, now in (("best", "weights"), ("best_running", "running")):
                self._state[best].index_copy_(0, rows, self._state[now].index_select(0, rows))

    def checkpoints(self, ids: Collection[str]) -> dict[str, Checkpoint]:
        """What these members go on from, on the CPU; between two epochs."""
        chosen = [member for member in self.members if member.id in ids]
        if not chosen:
            return {}
        rows = torch.tensor([self._row(member) for member in chosen], device=self._device)
        kept = {name: self._state[name].index_select(0, rows).cpu() for name in (*ROWS, *self._buffers)}
        return {
            member.id: Checkpoint(member.state, {name: values[place] for name, values in kept.items()})
            for place, member in enumerate(chosen)
        }

    def results(self, members: Sequence[Member]) -> list[Result]:
        """What members that are done have come to, by the weights of their best epoch or of their last."""
        rows = max((len(part.val_x) + len(part.test_x) for part in self._splits.values()), default=0)
        together = max(RESULT_NUMBERS // (self._outputs * max(rows, 1)), self._least, 2)
        groups = (members[first : first + together] for first in range(0, len(members), together))
        return [result for group in groups for result in self._results(group)]

    def _results(self, members: Sequence[Member]) -> Iterator[Result]:
        stacked = self._padded(members)
        parameters, running = self._finished(stacked)
        weights = self._network.parameters.views(parameters), self._network.running.views(running)
        splits, own = self._splits_of([member.spec for member in stacked])
        which = own if len(splits) > 1 else None
        test_part = self._part("test", splits)
        tested = self._evaluate(test_part, weights, which) if test_part.x.shape[1] else {}
        figures = {name: values.tolist() for name, values in tested.items()}
        validation = self._answers(self._part("val", splits), weights, which)
        test = self._answers(test_part, weights, which)
        models = self._network.parameters.views(parameters.cpu()) | self._network.running.views(running.cpu())
        for place, member in zip(range(0, len(stacked), self._copies), members, strict=False):
            part = self._splits[member.spec.split_seed]
            arrays = {name: array[place].clone() for name, array in models.items()}
            finished = Model(member.spec, part.preprocessing, {name: array.numpy() for name, array in arrays.items()})
            told = Report(
                validation=report(finished, validation[place].double().numpy(), part.val_y.cpu().numpy()),
                test=report(finished, test[place].double().numpy(), part.test_y.cpu().numpy()),
                boundary=boundary(finished, *part.shown_numbers),
                landscape=self._landscape(member, part) if member.spec.loss_landscape else None,
            )
            yield Result(
                model=arrays,
                preprocessing=part.preprocessing,
                report=None if told == Report() else told,
                test={name: values[place] for name, values in figures.items()},
            )

    def _answers(self, part: Part, weights: Weights, which: Tensor | None) -> Tensor:
        """What members with these weights answer to the rows of a part, on the CPU: [members, rows, outputs]."""
        if not part.x.shape[1]:
            return torch.empty(len(next(iter(weights[0].values()))), 0, self._outputs)
        asked = replace(part, figures=Answers(self._outputs, classes=self._info.targets is Targets.classes))
        return self._evaluate(asked, weights, which)[f"{part.name}_answers"].cpu()

    def _landscape(self, member: Member, split: Split) -> Landscape:
        """The loss around the member's finished weights, on validation rows if there are any."""
        name = split.shown
        x, y = split.part(name)
        rows = torch.linspace(0, len(x) - 1, min(len(x), LANDSCAPE_ROWS), device=self._device).long()
        part = Part(name, x[rows].unsqueeze(0), self._objective.targets(y[rows].unsqueeze(0), self._dtype), None)
        parameters, running = self._finished([member])

        def losses_of(weights: Tensor) -> Tensor:
            kept = running.expand(len(weights), -1).contiguous()
            arrays = self._network.parameters.views(weights), self._network.running.views(kept)
            return self._evaluate(part, arrays, None)[f"{name}_loss"]

        losses = landscape(parameters, self._network.parameters, member.spec.seed, losses_of)
        finite = tuple(tuple(loss if math.isfinite(loss) else None for loss in row) for row in losses)
        return Landscape(span=SPAN, part="validation" if name == "val" else name, rows=len(rows), losses=finite)

    def _finished(self, members: Sequence[Member]) -> tuple[Tensor, Tensor]:
        """Members' parameters and running statistics, of their best epochs or of the last: [members, ...] each."""
        rows = torch.tensor([self._row(member) for member in members], device=self._device)
        best = torch.tensor([[member.spec.restore_best] for member in members], device=self._device)
        parameters, running = (
            torch.where(best, self._state[kept].index_select(0, rows), self._state[last].index_select(0, rows))
            for kept, last in (("best", "weights"), ("best_running", "running"))
        )
        return parameters, running


def _sizes(rows: int, at_a_time: int) -> set[int]:
    """How many rows are taken at once: as many as may be, and at the end what is left."""
    return {min(rows, at_a_time), rows % at_a_time} - {0}


def _set_arithmetic(spec: JobSpec) -> None:
    """How this process's GPU multiplies: in full float32 unless the spec says otherwise, repeatably if it says so.

    None of our own operations adds numbers in an order that may change; cuBLAS is bound by the worker's environment.
    """
    products = "tf32" if spec.precision is Precision.tfloat32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = products  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = spec.deterministic
    torch.backends.cudnn.benchmark = False  # it times each size anew, and a pack changes its size

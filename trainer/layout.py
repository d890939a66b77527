"""The layout of a pack: all that depends on who is in it.

A layout is laid out whole, and never changed: when members join or leave, the pack lays out another. Its tensors are
written to in place, for a captured step finds them where they were (`trainer.graphs`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spec.batch import full_batch

from .augmentation import Augmentation
from .batch_loader import BatchLoader, DeviceBatchLoader, Dropout, TrainingRows
from .data import Split
from .epoch import Epoch
from .evaluation import part_of, splits_of
from .graphs import Eager, Graphs
from .member import Member
from .metrics import Part
from .models import Weights
from .optim import Optimizer
from .setup import Setup
from .weighting import Weighting

State = Mapping[str, Tensor]
"""By name, [rows, ...] each: `checkpoint.ROWS`, and the optimizer's buffers."""


@dataclass(frozen=True)
class Layout:
    """All that depends on who is in a pack."""

    member_of: Sequence[Member]
    """The member of each row, padding rows included."""
    row_of: Mapping[str, int]
    """Each member's own row, by id: its first."""
    splits: Mapping[tuple[int, int], Split]
    """The divisions of the data that members use, by `JobSpec.division`."""
    split_of: Tensor
    """Each row's split, numbered in order of the divisions, int64 [rows]."""
    undefined: Mapping[tuple[int, int], frozenset[str]]
    """By division, the metrics that its validation rows do not define."""
    train: Part
    validation: Part
    state: State
    epoch: Epoch
    weights: Weights
    """Views of the parameters, which autograd knows as leaves, and of the running statistics."""
    smoothing: Tensor | None
    """Label smoothing [rows, 1], if any member has some."""
    by_class: Tensor | None
    """The weights of classes [rows, classes], if rows are weighted and targets are classes."""
    optimizer: Optimizer
    loader: BatchLoader
    runner: Eager | Graphs

    def rows_of(self, members: Collection[Member]) -> Tensor:
        """These members' own rows, int64."""
        return torch.tensor([self.row_of[member.id] for member in members], device=self.epoch.gradient.device)


def lay_out(
    setup: Setup,
    member_of: Sequence[Member],
    splits: Mapping[tuple[int, int], Split],
    state: State,
    epoch: Epoch | None,
) -> Layout:
    """The layout for these members, one for each row of `state`; an `epoch` that has begun goes on."""
    specs = [member.spec for member in member_of]
    used = {spec.division: splits[spec.division] for spec in specs}
    parts, split_of = splits_of(specs, used, setup.device)
    weighting = Weighting.of(setup, specs, parts, split_of)
    train = part_of(setup, "train", parts, weighting)
    validation = part_of(setup, "val", parts, weighting)
    count = train.x.shape[1]
    batch = full_batch(setup.spec, count)
    data = TrainingRows(
        train.x,
        train.y,
        offsets=split_of.unsqueeze(1) * count,
        batch=batch,
        per_step=setup.spec.gradient_accumulation,
        weights=train.weights,
    )
    weights = setup.network.weights(state["weights"], state["running"])
    weights = Weights({name: view.detach().requires_grad_() for name, view in weights.arrays.items()}, weights.running)
    augmentation = Augmentation(specs, setup.info.image, setup.device)
    dropout = Dropout(specs, setup.network.dropout_sites, batch, setup.device, setup.dtype)
    epoch = epoch or Epoch.blank(state["weights"], count, data.batches)
    optimizer = Optimizer(specs, setup.network.parameters, state["weights"], epoch.gradient, state)
    watched = any(spec.tolerance is not None for spec in specs)
    sums = (torch.zeros_like(epoch.gradient) if epoch.gradients is None else epoch.gradients) if watched else None
    epoch = replace(epoch, image_keys=epoch.image_keys if augmentation.acts else None, gradients=sums)
    loader = DeviceBatchLoader if setup.on_gpu else BatchLoader
    smoothing = torch.tensor([[spec.label_smoothing] for spec in specs], device=setup.device, dtype=setup.dtype)
    return Layout(
        member_of=member_of,
        row_of={member.id: row for row, member in reversed(list(enumerate(member_of)))},
        splits=used,
        split_of=split_of,
        undefined=dict(zip(sorted(used), validation.undefined, strict=True)),
        train=train,
        validation=validation,
        state=state,
        epoch=epoch,
        weights=weights,
        smoothing=smoothing if any(spec.label_smoothing for spec in specs) else None,
        by_class=None if weighting is None else weighting.by_class,
        optimizer=optimizer,
        loader=loader(member_of, data, epoch, augmentation, dropout, optimizer, setup.sharding),
        runner=Graphs() if setup.on_gpu and not setup.sharding.distributed else Eager(),
    )

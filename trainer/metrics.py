"""Metrics of a part of the split besides its loss: per member, on stacked outputs.

The names are scikit-learn's, and so are the numbers (`sklearn.metrics`), which the tests compare with. Rows of members
never mix: every sum runs along a member's own rows or classes, so that a member's metrics are the same in any pack.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .data import PartName
from .losses import Objective
from .sharding import Sharding
from .weighting import weighted_mean

Forward = Callable[[Tensor], Tensor]
"""From rows [members, batch, features] to the last layer's sums [members, outputs, batch]."""


class ClassMetrics:
    """Of classes: accuracy and balanced accuracy; in full also macro F1 and, of two classes, the area under the ROC.

    Of more classes, how many there are, where some have no rows: `val_classes`.

    `right` are the true classes [splits, rows]; of folds one may have a row of a class more than another.
    """

    def __init__(self, right: Tensor, classes: int, *, full: bool) -> None:
        self._right, self._classes, self._full = right, classes, full
        counts = torch.stack([torch.bincount(one, minlength=classes) for one in right])
        self._are = counts.to(torch.float64)
        ranked = (counts > 0).all(dim=1).logical_and(counts.new_tensor(full and classes == 2))
        present = (counts > 0).sum(dim=1)
        lacks = (present < classes).logical_and(counts.new_tensor(full and classes > 2))
        self.undefined = tuple(
            frozenset(name for name, is_defined in (("roc_auc", area), ("classes", some)) if not is_defined)
            for area, some in zip(ranked.tolist(), lacks.tolist(), strict=True)
        )
        self._present = present.double() if lacks.any() else None
        # The splits by their rows of the first class, for which the area is defined.
        firsts = counts[:, 0]
        self._ranks = [(first, firsts == first) for first in sorted(set(firsts[ranked].tolist()))]
        if self._ranks:
            self._order = right.argsort(dim=1, stable=True)  # rows of the first class first

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        more = ("macro_f1", *(("roc_auc",) if self._ranks else ())) if self._full else ()
        return ("accuracy", "balanced_accuracy", *more, *(("classes",) if self._present is not None else ()))

    def blank(self, losses: Tensor) -> dict[str, Tensor]:
        """Zeros for what is kept of all rows, shaped after their losses [members, rows]."""
        blank = {"predicted": torch.zeros_like(losses, dtype=torch.int64)}
        return blank | {"score": torch.zeros_like(losses)} if self._ranks else blank

    def keep(self, objective: Objective, z: Tensor, _: Tensor) -> dict[str, Tensor]:
        """Kept of outputs [members, outputs, batch]: the predicted class, and the second class's score."""
        kept = {"predicted": objective.predicted_class(z)}
        if self._ranks:
            z = objective.outputs(z)
            kept["score"] = z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]
        return kept

    def measure(self, kept: Mapping[str, Tensor], dtype: torch.dtype, which: Tensor) -> dict[str, Tensor]:
        """The metrics, [members] each."""
        predicted = kept["predicted"]
        right = _of_members(self._right, which)
        hit = predicted == right
        found = {"accuracy": hit.to(dtype).mean(dim=1)} | self._by_class(predicted, right, hit, which)
        if self._ranks:
            found["roc_auc"] = self._areas(kept["score"], which)
        if self._present is not None:
            found["classes"] = _of_members(self._present, which)
        return found

    def _by_class(self, predicted: Tensor, right: Tensor, hit: Tensor, which: Tensor) -> dict[str, Tensor]:
        blank = torch.zeros(len(predicted), self._classes, dtype=torch.int64, device=predicted.device)
        hits = blank.scatter_add(1, right, hit.long()).double()
        are = _of_members(self._are, which)
        recalls = hits / are.clamp_min(1.0)  # 0 for a class without rows, which the mean leaves out
        found = {"balanced_accuracy": recalls.sum(dim=1) / (are > 0.0).sum(dim=1)}
        if self._full:
            named = are + blank.scatter_add(1, predicted, torch.ones_like(predicted)).double()
            found["macro_f1"] = (2.0 * hits / named.clamp_min(1.0)).sum(dim=1) / (named > 0.0).sum(dim=1)
        return found

    def _areas(self, score: Tensor, which: Tensor) -> Tensor:
        """The area of each member, computed once for all splits with as many rows of the first class."""
        in_order = score.gather(1, _of_members(self._order, which))
        (first, _), *others = self._ranks
        areas = self._area(in_order, first)
        for count, splits in others:
            areas = torch.where(_of_members(splits, which), self._area(in_order, count), areas)
        return areas

    @staticmethod
    def _area(in_order: Tensor, count: int) -> Tensor:
        """How often a row of the second class scores above one of the first; ties count half (Mann and Whitney).

        `in_order` are the scores [members, rows], `count` rows of the first class first.
        """
        firsts = in_order[:, :count].sort(dim=1).values
        seconds = in_order[:, count:].contiguous()
        below = torch.searchsorted(firsts, seconds) + torch.searchsorted(firsts, seconds, right=True)
        return below.sum(dim=1).double() / (2.0 * firsts.shape[1] * seconds.shape[1])


class RegressionMetrics:
    """Of numbers, in the target's own units: MAE, RMSE and R²; of several outputs the mean, and each by its name.

    `y` are scaled targets [splits, rows, outputs], `deviation` what a scaled unit is of the target's [splits, outputs].
    `targets` are the names of several outputs in names of metrics; none for the mean alone.
    """

    def __init__(self, y: Tensor, deviation: Tensor, targets: Sequence[str] = ()) -> None:
        self._deviation, self._targets = deviation.unsqueeze(2), targets
        # Split by split, for the order of a sum's terms may depend on how many there are.
        self._variance = torch.stack([one.double().var(dim=0, correction=0) for one in y])
        varies: list[list[bool]] = (self._variance > 0.0).tolist()
        self._varies = any(map(all, varies))
        self.undefined = tuple(
            frozenset(
                (
                    *(() if all(one) else ("r2",)),
                    *(f"{name}_r2" for name, is_defined in zip(targets, one, strict=False) if not is_defined),
                )
            )
            for one in varies
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics, without those of each target."""
        return ("mae", "rmse", "r2") if self._varies else ("mae", "rmse")

    def blank(self, losses: Tensor) -> dict[str, Tensor]:
        """Zeros for what is kept of all rows, shaped after their losses [members, rows]."""
        members, rows = losses.shape
        return {"errors": losses.new_zeros(members, self._variance.shape[1], rows)}

    def keep(self, objective: Objective, z: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Kept of outputs [members, outputs, batch]: their errors."""
        return {"errors": objective.predicted_values(z) - y.transpose(1, 2)}

    def measure(self, kept: Mapping[str, Tensor], dtype: torch.dtype, which: Tensor) -> dict[str, Tensor]:
        """The metrics, [members] each."""
        errors = kept["errors"]
        squares = errors.to(torch.float64, copy=True).square_().mean(dim=2)  # in float32 those of 1e20 are infinite
        deviation = _of_members(self._deviation, which)
        of_each = {
            "mae": errors.abs().mean(dim=2).double() * deviation[..., 0],
            "rmse": squares.sqrt() * deviation[..., 0],
            "r2": 1.0 - squares / _of_members(self._variance, which),
        }
        found = {name: of_each[name].mean(dim=1) for name in self.names}
        for place, target in enumerate(self._targets):
            found |= {f"{target}_{name}": values[:, place] for name, values in of_each.items()}
        return found


class RawOutputs:
    """Of finished models: all outputs, as `model.finished.Model.outputs` has them."""

    names = ("outputs",)

    def __init__(self, units: int, *, classes: bool) -> None:
        self._units, self._classes = units, classes

    def blank(self, losses: Tensor) -> dict[str, Tensor]:
        """Zeros for what is kept of all rows, shaped after their losses [members, rows]."""
        members, rows = losses.shape
        return {"outputs": losses.new_zeros(members, self._units, rows)}

    def keep(self, objective: Objective, z: Tensor, _: Tensor) -> dict[str, Tensor]:
        """Kept of outputs [members, outputs, batch]: of classes logits, unless the network computes probabilities."""
        return {"outputs": objective.outputs(z) if self._classes else objective.predicted_values(z)}

    def measure(self, kept: Mapping[str, Tensor], dtype: torch.dtype, which: Tensor) -> dict[str, Tensor]:
        """[members, rows, outputs]."""
        return {"outputs": kept["outputs"].transpose(1, 2)}


PartMetrics = ClassMetrics | RegressionMetrics | RawOutputs


@dataclass(frozen=True)
class Part:
    """A part of the split as it is measured: its rows, for each split in the pack, and its metrics."""

    name: PartName
    x: Tensor
    """[splits, rows, features]"""
    y: Tensor
    """Targets in the form that the loss needs."""
    metrics: PartMetrics | None
    weights: Tensor | None = None
    """The weights of rows in the loss, [members, rows]; None: all weigh the same. Other metrics count rows."""

    @property
    def undefined(self) -> tuple[frozenset[str], ...]:
        """For each split, the metrics that its rows do not define, such as the area under the ROC of one class."""
        if not isinstance(self.metrics, ClassMetrics | RegressionMetrics):
            return (frozenset(),) * len(self.x)
        return tuple(frozenset(f"{self.name}_{name}" for name in names) for names in self.metrics.undefined)


@torch.no_grad()
def measure(
    part: Part,
    forward: Forward,
    objective: Objective,
    *,
    which: Tensor,
    sharding: Sharding,
    at_a_time: int,
) -> dict[str, Tensor]:
    """The mean loss and the metrics of each member on a part, [members] each; each name begins with the part's.

    `which` is each member's split, int64 [members]; `at_a_time` rows are computed at a time.
    """
    members, rows = len(which), part.x.shape[1]
    losses = part.x.new_zeros(members, rows)
    held = {"losses": losses} | ({} if part.metrics is None else part.metrics.blank(losses))
    own = sharding.shard(rows)
    for first in range(own.start, own.stop, at_a_time):
        some = slice(first, min(first + at_a_time, own.stop))
        z = forward(_of_members(part.x[:, some], which))
        wanted = _of_members(part.y[:, some], which)
        losses[:, some] = objective.loss(z, wanted)
        if part.metrics is not None:
            for name, values in part.metrics.keep(objective, z, wanted).items():
                held[name][..., some] = values
    held = {name: sharding.sum(values) for name, values in held.items()}
    found = {"loss": weighted_mean(held["losses"], part.weights)}
    if part.metrics is not None:
        if members == 1:  # with a padding row: a sum over the rows of one member may be computed in another way
            held = {name: values.repeat(2, *([1] * (values.dim() - 1))) for name, values in held.items()}
            which = which.repeat(2)
        found |= {name: values[:members] for name, values in part.metrics.measure(held, losses.dtype, which).items()}
    return {f"{part.name}_{name}": values for name, values in found.items()}


def _of_members(values: Tensor, which: Tensor) -> Tensor:
    """Each member's values, [members, ...], from values of each split, [splits, ...]; of one split, without a copy."""
    return values.expand(len(which), *values.shape[1:]) if len(values) == 1 else values.index_select(0, which)

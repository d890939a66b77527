"""An epoch of a pack: what is drawn for each row, and what its steps sum up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from .digests import Purpose
from .member import Member
from .random import keys, permutations


@dataclass(frozen=True)
class Epoch:
    """Tensors of an epoch, one row each; they keep their places from epoch to epoch, for captured steps read them."""

    order: Tensor
    """The order in which a row sees the training rows, int64 [rows, training rows]."""
    keys: Tensor
    """Keys of dropout's random bits, int32 [rows, 2]."""
    image_keys: Tensor | None
    """Keys of the random changes of images, if any row's images change."""
    losses: Tensor
    """The loss of each batch, [rows, batches]; where rows have weights, the sum of its rows' weighted losses.

    Summed along a row, which gives the same bits in packs of any size.
    """
    gradient: Tensor
    """The gradient of the step that is under way, [rows, parameters]: the sum of its batches' so far."""
    gradients: Tensor | None
    """The sum of all steps' gradients, [rows, parameters], if any member watches their norm."""

    @classmethod
    def blank(cls, weights: Tensor, count: int, batches: int) -> Self:
        """An epoch of `count` training rows in `batches`, for rows of `weights` [rows, parameters]; draws nothing."""
        rows, device = len(weights), weights.device
        blank_keys = torch.zeros(rows, 2, dtype=torch.int32, device=device)
        return cls(
            order=torch.arange(count, device=device).repeat(rows, 1),
            keys=blank_keys,
            image_keys=blank_keys.clone(),
            losses=weights.new_zeros(rows, batches),
            gradient=torch.empty_like(weights),
            gradients=None,
        )

    def select(self, rows: Tensor) -> Self:
        """The same epoch for some of the rows, in this order."""
        return replace(
            self,
            order=self.order.index_select(0, rows),
            keys=self.keys.index_select(0, rows),
            image_keys=None if self.image_keys is None else self.image_keys.index_select(0, rows),
            losses=self.losses.index_select(0, rows),
            gradient=self.gradient.index_select(0, rows),
            gradients=None if self.gradients is None else self.gradients.index_select(0, rows),
        )

    def begin(self, members: Sequence[Member]) -> None:
        """Draw what the next epoch needs: each row's own order of training rows, dropout and changes of images."""
        device, count = self.order.device, self.order.shape[1]
        seeds, epochs = [member.spec.seed for member in members], [member.epoch + 1 for member in members]
        if self.losses.shape[1] > 1:  # one batch has all rows: their order changes nothing
            self.order.copy_(permutations(seeds, epochs, count, device))
        self.keys.copy_(keys(seeds, epochs, Purpose.dropout, device))
        if self.image_keys is not None:
            self.image_keys.copy_(keys(seeds, epochs, Purpose.augmentation, device))
        self.losses.zero_()
        if self.gradients is not None:
            self.gradients.zero_()

"""Augmentation: random crops and flips of training images, drawn for each member."""

from collections.abc import Sequence

import torch
from torch import Tensor

from spec.job import JobSpec

from .random import bits

WORDS = 2
"""32-bit words drawn for an image, read as four numbers of 16 bits: how far down, how far across, whether mirrored."""


class Augmentation:
    """Random changes of all members' training images at once, by where each pixel comes from.

    An image is padded with zeros, a part of its own size is cut out, and that is mirrored or not, as torchvision's
    RandomCrop and RandomHorizontalFlip do it. A member without augmentation keeps its images to the bit.
    """

    def __init__(self, specs: Sequence[JobSpec], image: tuple[int, int, int] | None, device: torch.device) -> None:
        augmentations = [spec.augmentation for spec in specs]
        self.acts = any(one.acts for one in augmentations)
        self.image = image or (0, 0, 0)
        self._crops = torch.tensor([[[one.crop]] for one in augmentations], device=device)
        self._flips = torch.tensor([[[one.flip]] for one in augmentations], device=device)
        self._down, self._across = (torch.arange(side, device=device) for side in self.image[1:])
        self._words = torch.arange(WORDS, device=device)

    def changed(self, x: Tensor, keys: Tensor, places: Tensor) -> Tensor:
        """The images x [members, rows, features], changed; `places` [rows] are their places in the epoch's order."""
        (channels, height, width), (members, rows, _) = self.image, x.shape
        drawn = bits(keys, (places.unsqueeze(1) * WORDS + self._words).flatten())
        numbers = drawn.view(torch.int16).view(members, rows, 2 * WORDS).to(torch.int64) + 32768
        shift = (numbers[:, :, :2] * (2 * self._crops + 1) >> 16) - self._crops
        mirrored = (numbers[:, :, 2:3] >= 32768) & self._flips
        down = self._down + shift[:, :, :1]
        across = torch.where(mirrored, self._across.flip(0), self._across) + shift[:, :, 1:]
        inside = _within(down, height).unsqueeze(3) & _within(across, width).unsqueeze(2)
        source = down.clamp(0, height - 1).unsqueeze(3) * width + across.clamp(0, width - 1).unsqueeze(2)
        pixels = x.view(members, rows, channels, height * width)
        moved = pixels.gather(3, source.flatten(2).unsqueeze(2).expand_as(pixels))
        return moved.masked_fill_(~inside.flatten(2).unsqueeze(2), 0.0).view(x.shape)


def _within(places: Tensor, size: int) -> Tensor:
    return (places >= 0) & (places < size)

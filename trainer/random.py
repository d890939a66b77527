"""Random numbers that are functions, not streams.

Every number is a pure function of (seed, epoch, purpose, index): it does not depend on the pack a member is in, on its
row, on the other members or on what was drawn before. So a job gets the same numbers alone, in any pack, and after a
resume.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .digests import Purpose, mix, mixed
from .transfer import to_device

_MASK32 = (1 << 32) - 1


def generator(seed: int, purpose: Purpose) -> torch.Generator:
    """PyTorch's generator for draws that happen once per job, such as its first weights."""
    return torch.Generator().manual_seed(mix(seed, purpose))


def keys(seeds: Sequence[int], epochs: Sequence[int], purpose: Purpose, device: torch.device) -> Tensor:
    """Two 32-bit keys per member for `bits`: int32 [members, 2]."""
    digests = mixed(seeds, epochs, [purpose])
    words = np.stack([digests & np.uint64(_MASK32), digests >> np.uint64(32)], axis=1).astype(np.uint32)
    return to_device(torch.from_numpy(words.view(np.int32)), device)


def bits(keyed: Tensor, counter: Tensor) -> Tensor:
    """32 random bits for each index in `counter` (int64 [count]): int32 [members, count].

    The index is hashed with a member's two keys by Wellons' lowbias32 (two multiplications, three xor-shifts).
    """
    mixed = (counter * 0x9E3779B1).to(torch.int32)  # wraps: an odd multiplier permutes all indices
    x = mixed ^ keyed[:, :1]
    shifted = torch.empty_like(x)
    for multiplier, shift in ((0x7FEB352D, 16), (0x846CA68B - (1 << 32), 15)):
        _xor_shift(x, shift, shifted)
        x.mul_(multiplier)
        x.add_(keyed[:, 1:])
    _xor_shift(x, 16, shifted)
    return x


def _xor_shift(x: Tensor, by: int, scratch: Tensor) -> None:
    """Do x ^= x >> by, with zeros shifted in."""
    torch.bitwise_right_shift(x, by, out=scratch)
    scratch.bitwise_and_((1 << (32 - by)) - 1)
    x.bitwise_xor_(scratch)


def permutations(seeds: Sequence[int], epochs: Sequence[int], rows: int, device: torch.device) -> Tensor:
    """The order in which each member sees the rows in this epoch: int64 [members, rows]."""
    index = torch.arange(rows, device=device)
    drawn = bits(keys(seeds, epochs, Purpose.order, device), index)
    # The index in the low half makes every word different, so the order is the same on every device.
    words = (drawn.to(torch.int64) << 32) | index
    on_cpu = device.type == "cpu"  # NumPy's sort is vectorised there; torch's own is ten times slower
    return (torch.from_numpy(np.sort(words.numpy(), axis=1)) if on_cpu else words.sort(dim=1).values) & _MASK32

"""The way of small numbers from the CPU to where a pack trains."""

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """These values on the device. A GPU fetches them when it comes to it: nobody waits for what it does before."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)

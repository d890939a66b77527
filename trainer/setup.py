"""The setup of a pack: all that its members share, from their specs and the device."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch

from spec.dataset import DatasetInfo
from spec.job import JobSpec
from spec.losses import output_units
from spec.resources import Precision

from .backprop import Backpropagation, backpropagation
from .errors import BadDataError
from .losses import Objective
from .models import Network
from .sharding import Sharding


@dataclass(frozen=True)
class Setup:
    """What all members of a pack share."""

    spec: JobSpec
    """One member's spec; the fields that form the pack key are the same in all."""
    info: DatasetInfo
    device: torch.device
    sharding: Sharding
    on_gpu: bool
    """Whether steps are captured and replayed, so that tensors must stay where they are."""
    network: Network
    objective: Objective

    @classmethod
    def of(cls, spec: JobSpec, device: torch.device, sharding: Sharding) -> Self:
        """The setup of a pack of jobs like `spec`. Raises `BadDataError`."""
        if spec.info is None:
            raise BadDataError("What the uploaded data set holds is not filled into the spec.")
        on_gpu = device.type == "cuda"
        made = cls(spec, spec.info, device, sharding, on_gpu, Network(spec, spec.info), Objective.of(spec, spec.info))
        made.set_arithmetic()
        if on_gpu:
            _wake_autograd(device)
        return made

    def set_arithmetic(self) -> None:
        """Let this process's GPU multiply as the spec asks: packs of a bracket train in turn, and may differ in it."""
        if self.on_gpu:
            _set_arithmetic(self.spec)

    @cached_property
    def dtype(self) -> torch.dtype:
        """The number format of parameters and losses."""
        return torch.float64 if self.spec.precision is Precision.float64 else torch.float32

    @cached_property
    def backpropagation(self) -> Backpropagation:
        """How gradients are computed."""
        return backpropagation(self.network, self.casting, self.dtype, casts=self._casts)

    @cached_property
    def buffers(self) -> tuple[str, ...]:
        """Names of the optimizer's buffers."""
        return tuple(self.spec.optimizer.buffers)

    @cached_property
    def outputs(self) -> int:
        """Neurons of the output layer."""
        return output_units(self.spec.loss, self.info)

    def casting(self) -> AbstractContextManager[object]:
        """Within it, products of layers are computed in the spec's precision."""
        if self._casts:
            # Without the cache of cast weights on a GPU: a captured step would read it after it was freed.
            return torch.autocast(self.device.type, dtype=torch.bfloat16, cache_enabled=not self.on_gpu)
        return nullcontext()

    @property
    def _casts(self) -> bool:
        return self.spec.precision is Precision.bfloat16


def _set_arithmetic(spec: JobSpec) -> None:
    """Set how this process's GPU multiplies: in full float32 unless the spec asks for less; repeatably on request.

    None of our own operations adds numbers in an order that may change; cuBLAS is bound by the worker's environment.
    """
    products = "tf32" if spec.precision is Precision.tfloat32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = products  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = spec.deterministic
    torch.backends.cudnn.benchmark = False  # it times each size anew, and a pack changes its size


def _wake_autograd(device: torch.device) -> None:
    """Give autograd's thread its CUDA context: cuBLAS warns when a product is the first operation there."""
    torch.zeros(1, device=device, requires_grad=True).sum().backward()  # type: ignore[no-untyped-call]

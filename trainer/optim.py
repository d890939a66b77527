"""Stacked optimizers: one step for all members, each with its own numbers.

Parameters and buffers are [members, parameters]; learning rates, momenta and the like are columns [members, 1],
computed in float64 and cast for the step. Each update is torch.optim's own, to rounding.

On a CPU Adam is PyTorch's own kernel (torch.optim.Adam, fused=True), one member after the other: it passes over memory
once, where stacked operations pass over it eight times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spec.job import JobSpec

from .sending import sent

Numbers = npt.NDArray[np.float64]
Columns = Mapping[str, Tensor]
"""Numbers of one step by name, each [members, 1]."""
Buffers = Mapping[str, Tensor]
Update = Callable[[Tensor, Tensor, Buffers, Columns], None]
"""Changes parameters w [members, parameters] in place, from gradients g, the optimizer's buffers and the columns."""


@dataclass(frozen=True)
class Kind:
    """One optimizer: its update, its buffers, and what each step needs beside the hyper-parameters."""

    update: Update
    needs: tuple[str, ...]
    """Names of the columns that the update reads."""
    buffers: tuple[str, ...] = ()
    columns: Callable[[Mapping[str, Numbers]], Mapping[str, Numbers]] = lambda numbers: {}
    """From hyper-parameters [members, 1] and `lr`, `t` [members, steps] to more columns [members, steps]."""
    decoupled: bool = False
    """Whether weight decay shrinks weights beside the gradient, instead of being added to it."""
    fused: bool = False
    """Whether PyTorch has a kernel for it on a CPU."""


def _sgd(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    velocity = buffers["velocity"]
    velocity.mul_(c["momentum"]).add_(g)
    w.addcmul_(velocity, c["lr"], value=-1.0)


def _nesterov(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    velocity = buffers["velocity"]
    velocity.mul_(c["momentum"]).add_(g)
    w.addcmul_(g.addcmul(velocity, c["momentum"]), c["lr"], value=-1.0)


def _adagrad(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    squares = buffers["squares"]
    squares.addcmul_(g, g)
    w.addcmul_(g / squares.sqrt().add_(c["eps"]), c["step"], value=-1.0)


def _adadelta(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    squares, deltas = buffers["squares"], buffers["deltas"]
    squares.lerp_(g.square(), c["fresh"])
    delta = (deltas + c["eps"]).sqrt_().div_((squares + c["eps"]).sqrt_()).mul_(g)
    deltas.lerp_(delta.square(), c["fresh"])
    w.addcmul_(delta, c["lr"], value=-1.0)


def _rmsprop(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    squares, velocity = buffers["squares"], buffers["velocity"]
    squares.lerp_(g.square(), c["fresh"])
    velocity.mul_(c["momentum"]).add_(g / squares.sqrt().add_(c["eps"]))
    w.addcmul_(velocity, c["lr"], value=-1.0)


def _centered_rmsprop(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    squares, mean, velocity = buffers["squares"], buffers["mean"], buffers["velocity"]
    squares.lerp_(g.square(), c["fresh"])
    mean.lerp_(g, c["fresh"])
    velocity.mul_(c["momentum"]).add_(g / (squares - mean.square()).sqrt_().add_(c["eps"]))
    w.addcmul_(velocity, c["lr"], value=-1.0)


def _adam(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    mean, squares = buffers["mean"], buffers["squares"]
    mean.lerp_(g, c["fresh1"])
    squares.lerp_(g.square(), c["fresh2"])
    # The bias corrections sit in the columns: m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps) = step * m / (sqrt(v) + eps').
    w.addcmul_(mean / squares.sqrt().add_(c["eps_t"]), c["step"], value=-1.0)


def _nadam(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    mean, squares = buffers["mean"], buffers["squares"]
    mean.lerp_(g, c["fresh1"])
    squares.lerp_(g.square(), c["fresh2"])
    direction = (g * c["now"]).addcmul_(mean, c["ahead"])
    w.addcmul_(direction.div_(squares.sqrt().add_(c["eps_t"])), c["step"], value=-1.0)


def _radam(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    mean, squares = buffers["mean"], buffers["squares"]
    mean.lerp_(g, c["fresh1"])
    squares.lerp_(g.square(), c["fresh2"])
    factor = (squares.sqrt().add_(c["eps"])).reciprocal_().mul_(c["rectified"]).add_(c["plain"])
    w.addcmul_(mean * factor, c["step"], value=-1.0)


def _adamax(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    mean, largest = buffers["mean"], buffers["largest"]
    mean.lerp_(g, c["fresh1"])
    torch.maximum(largest.mul_(c["beta2"]), g.abs().add_(c["eps"]), out=largest)
    w.addcmul_(mean / largest, c["step"], value=-1.0)


def _lion(w: Tensor, g: Tensor, buffers: Buffers, c: Columns) -> None:
    mean = buffers["mean"]
    w.addcmul_(torch.lerp(mean, g, c["fresh1"]).sign_(), c["lr"], value=-1.0)
    mean.lerp_(g, c["fresh2"])


def _adagrad_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    return {"step": h["lr"] / (1.0 + (h["t"] - 1.0) * h["lr_decay"])}


def _adam_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    correction = np.sqrt(1.0 - h["beta2"] ** h["t"])
    return {"step": h["lr"] / (1.0 - h["beta1"] ** h["t"]) * correction, "eps_t": h["eps"] * correction}


def _adamax_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    return {"step": h["lr"] / (1.0 - h["beta1"] ** h["t"])}


def _nadam_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    """Dozat's momentum schedule mu_t = b1 (1 - 0.5 * 0.96^(t psi)), and the products of its values so far."""
    mu, ahead = (h["beta1"] * (1.0 - 0.5 * 0.96 ** (t * h["momentum_decay"])) for t in (h["t"], h["t"] + 1.0))
    product = np.array(
        [
            _momentum_products(float(beta1), float(decay), int(t[-1]))[t.astype(int) - 1]
            for beta1, decay, t in zip(h["beta1"][:, 0], h["momentum_decay"][:, 0], h["t"], strict=True)
        ]
    )
    correction = np.sqrt(1.0 - h["beta2"] ** h["t"])
    return {
        "step": h["lr"] * correction,
        "eps_t": h["eps"] * correction,
        "now": (1.0 - mu) / (1.0 - product),
        "ahead": ahead / (1.0 - product * ahead),
    }


@lru_cache(maxsize=1024)
def _momentum_products_upto(beta1: float, decay: float, length: int) -> Numbers:
    t = np.arange(1, length + 1)
    products: Numbers = np.cumprod(beta1 * (1.0 - 0.5 * 0.96 ** (t * decay)))
    return products


def _momentum_products(beta1: float, decay: float, upto: int) -> Numbers:
    """Products of the momenta of steps 1 .. t, for t up to `upto` at least."""
    return _momentum_products_upto(beta1, decay, 1 << max(upto - 1, 1).bit_length())


def _radam_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    t, beta2 = h["t"], h["beta2"]
    left = 1.0 - beta2**t
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * t * beta2**t / left
    steady = length > 5.0
    safe = np.where(steady, length, 6.0)
    ratio = ((safe - 4) * (safe - 2) * longest) / ((longest - 4) * (longest - 2) * safe)
    return {
        "step": h["lr"] / (1.0 - h["beta1"] ** t),
        "rectified": np.where(steady, np.sqrt(np.abs(ratio) * left), 0.0),
        "plain": np.where(steady, 0.0, 1.0),
    }


KINDS: Mapping[str, Kind] = {
    "sgd": Kind(_sgd, ("lr", "momentum"), ("velocity",)),
    "nesterov": Kind(_nesterov, ("lr", "momentum"), ("velocity",)),
    "adagrad": Kind(_adagrad, ("step", "eps"), ("squares",), _adagrad_columns),
    "adadelta": Kind(_adadelta, ("lr", "fresh", "eps"), ("squares", "deltas")),
    "rmsprop": Kind(_rmsprop, ("lr", "momentum", "fresh", "eps"), ("squares", "velocity")),
    "centered_rmsprop": Kind(_centered_rmsprop, ("lr", "momentum", "fresh", "eps"), ("squares", "mean", "velocity")),
    "adam": Kind(_adam, ("step", "fresh1", "fresh2", "eps_t"), ("mean", "squares"), _adam_columns, fused=True),
    "adamw": Kind(
        _adam, ("step", "fresh1", "fresh2", "eps_t"), ("mean", "squares"), _adam_columns, decoupled=True, fused=True
    ),
    "nadam": Kind(_nadam, ("step", "fresh1", "fresh2", "eps_t", "now", "ahead"), ("mean", "squares"), _nadam_columns),
    "radam": Kind(
        _radam, ("step", "fresh1", "fresh2", "eps", "rectified", "plain"), ("mean", "squares"), _radam_columns
    ),
    "adamax": Kind(_adamax, ("step", "fresh1", "beta2", "eps"), ("mean", "largest"), _adamax_columns),
    "lion": Kind(_lion, ("lr", "fresh1", "fresh2"), ("mean",), decoupled=True),
}

_FRESH = {"fresh": ("rho", "alpha"), "fresh1": ("beta1",), "fresh2": ("beta2",)}
"""What a running mean takes of the new value: 1 minus its decay, which is named differently by each author."""


def kind(spec: JobSpec) -> Kind:
    """The optimizer of a spec."""
    optimizer: Any = spec.optimizer
    if optimizer.type == "sgd" and optimizer.nesterov:
        return KINDS["nesterov"]
    if optimizer.type == "rmsprop" and optimizer.centered:
        return KINDS["centered_rmsprop"]
    return KINDS[optimizer.type]


def first_buffer(spec: JobSpec, name: str) -> float:
    """What a member's buffer is filled with before training."""
    return float(getattr(spec.optimizer, "initial_accumulator", 0.0)) if name == "squares" else 0.0


class Optimizer:
    """The optimizer of a pack, between two changes of its members: of their parameters, gradients and buffers."""

    def __init__(self, specs: Sequence[JobSpec], weights: Tensor, gradient: Tensor, buffers: Buffers) -> None:
        self._kind = kind(specs[0])
        self._w, self._buffers = weights, buffers
        fields = [name for name, value in specs[0].optimizer if isinstance(value, float)]
        self._numbers = {name: _column(getattr(spec.optimizer, name) for spec in specs) for name in fields}
        for name, decays in _FRESH.items():
            for decay in decays:
                if decay in self._numbers:
                    self._numbers[name] = 1.0 - self._numbers[decay]
        self._decay = _column(spec.weight_decay for spec in specs)
        self._l1 = _column(spec.l1 for spec in specs)
        self._clip = _column(spec.gradient_clip or np.inf for spec in specs)
        self._decays, self._has_l1 = bool(self._decay.any()), bool(self._l1.any())
        self._clips = bool(np.isfinite(self._clip).any())
        self._fused = (
            _FusedAdam(specs, weights, gradient, buffers) if self._kind.fused and not weights.is_cuda else None
        )
        used = {"l1": self._has_l1, "clip": self._clips, "keep": self._decays, "decay": self._decays}
        needs = self._kind.needs if self._fused is None else ("lr", "t")
        self._needs = (*needs, *(name for name, is_used in used.items() if is_used))

    def plan(self, rates: Numbers, done: Numbers, steps: int) -> Tensor:
        """What the next steps need, for learning rates [members, 1] and steps done [members, 1].

        [steps, numbers, members, 1]; `columns` names the numbers of one step.
        """
        t = done + np.arange(1, steps + 1)
        numbers = {**self._numbers, "lr": np.broadcast_to(rates, t.shape), "t": t}
        if self._fused is None:
            numbers |= self._kind.columns(numbers)
        numbers |= {"decay": self._decay, "l1": self._l1, "clip": self._clip, "keep": 1.0 - rates * self._decay}
        planned = np.stack([np.broadcast_to(numbers[name], t.shape).T for name in self._needs], axis=1)
        dtype = self._w.dtype if self._fused is None else torch.float64
        return sent(torch.from_numpy(planned).to(dtype), self._w.device).unsqueeze(-1)

    def columns(self, planned: Tensor) -> Columns:
        """The numbers of one step, from its part [numbers, members, 1] of a plan."""
        return dict(zip(self._needs, planned.unbind(), strict=True))

    def step(self, g: Tensor, columns: Columns) -> None:
        """One update of the parameters by their gradients g, the tensor it was made with, which it may overwrite."""
        w = self._w
        if self._has_l1:
            g.addcmul_(w.sign(), columns["l1"].to(w.dtype))
        if self._clips:
            norm = torch.linalg.vector_norm(g, dim=1, keepdim=True)
            g.mul_((columns["clip"].to(w.dtype) / (norm + 1e-6)).clamp_max_(1.0).nan_to_num_(nan=1.0))
        if self._decays and self._kind.decoupled:
            w.mul_(columns["keep"].to(w.dtype))
        elif self._decays:
            g.addcmul_(w, columns["decay"].to(w.dtype))
        if self._fused is None:
            self._kind.update(w, g, self._buffers, columns)
        else:
            self._fused.step(columns["lr"], columns["t"])


class _FusedAdam:
    """torch.optim.Adam's fused kernel, member by member."""

    def __init__(self, specs: Sequence[JobSpec], weights: Tensor, gradient: Tensor, buffers: Buffers) -> None:
        self._t = torch.zeros(len(specs))
        state = (weights, gradient, buffers["mean"], buffers["squares"], self._t)
        rows = zip(*(part.unbind() for part in state), strict=True)
        optimizers: list[Any] = [spec.optimizer for spec in specs]
        self._members = [
            partial(
                torch._fused_adam_,
                *([row] for row in (w, g, mean, squares)),
                [],
                [t],
                beta1=optimizer.beta1,
                beta2=optimizer.beta2,
                eps=optimizer.eps,
                weight_decay=0.0,
                amsgrad=False,
                maximize=False,
            )
            for (w, g, mean, squares, t), optimizer in zip(rows, optimizers, strict=True)
        ]

    def step(self, rates: Tensor, t: Tensor) -> None:
        """One update at learning rates [members, 1], the t-th of each member [members, 1]."""
        self._t.copy_(t[:, 0])
        for member, rate in zip(self._members, rates[:, 0].tolist(), strict=True):
            member(lr=rate)


def _column(values: Any) -> Numbers:
    return np.array([float(value) for value in values], dtype=np.float64).reshape(-1, 1)

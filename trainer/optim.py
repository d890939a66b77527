"""Stacked optimizers: one step for all members, each with its own hyper-parameters.

Parameters and buffers are [members, parameters]; learning rates, momenta and the like are columns [members, 1],
computed in float64 and cast for the step. Each update is torch.optim's own, to rounding.

A new optimizer is one class in `spec/optimizers.py`, which declares its hyper-parameters and buffers, and one function
here: `@updates` registers it, with the names of the columns that it reads.

On a CPU Adam is PyTorch's own kernel (torch.optim.Adam, fused=True), one member after the other: it passes over memory
once, where stacked operations pass over it eight times.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spec.job import JobSpec
from spec.optimizers import (
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    NAdam,
    OptimizerSpec,
    RAdam,
    RmsProp,
    Sgd,
)

from .models import RowLayout
from .transfer import to_device

LEAST_EPS = 1e-36
"""Below are numbers that float32 holds in part, or as 0: 0 / 0 for a parameter without a gradient."""

Numbers = npt.NDArray[np.float64]
Columns = Mapping[str, Tensor]
"""Numbers of one step by name, each [members, 1]."""
Buffers = Mapping[str, Tensor]


@dataclass(frozen=True)
class Stacked:
    """What an update reads and changes in place: the parameters of all members, and what belongs to them."""

    optimizer: Any
    """The optimizer of one member: its switches and choices, not its numbers, are those of all."""
    w: Tensor
    """Parameters [members, parameters]."""
    g: Tensor
    """Gradients [members, parameters]; an update may overwrite them."""
    buffers: Buffers
    """By name, each [members, parameters]."""
    layout: RowLayout
    """Where each array lies in a member's parameters."""


Update = Callable[[Stacked, Columns], None]
MoreColumns = Callable[[Mapping[str, Numbers]], Mapping[str, Numbers]]
"""From hyper-parameters [members, 1] and `lr`, `t` [members, steps] to more columns [members, steps]."""


@dataclass(frozen=True)
class Rule:
    """How one optimizer updates parameters, and the columns that its update reads."""

    update: Update
    reads: Sequence[str]
    columns: MoreColumns
    fused: bool

    def numbers(self, numbers: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
        """The columns that the update reads, by name."""
        return {**{name: numbers[name] for name in self.reads}, **self.columns(numbers)}


RULES: dict[type[OptimizerSpec], Rule] = {}


def updates(
    *optimizers: type[OptimizerSpec],
    reads: Sequence[str] = (),
    columns: MoreColumns = lambda numbers: {},
    fused: bool = False,
) -> Callable[[Update], Update]:
    """Register the update of these optimizers.

    It reads the columns named in `reads` and those that `columns` computes. There are `lr`, the learning rate; `t`, the
    number of the member's step, from 1; each hyper-parameter that is a number, by its name; and 1 minus each of these,
    as `one_minus_<name>`. `fused` says whether PyTorch has a kernel of Adam's form for it on a CPU.
    """

    def registered(update: Update) -> Update:
        RULES.update(dict.fromkeys(optimizers, Rule(update, reads, columns, fused)))
        return update

    return registered


def _sgd_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    """What momentum takes of a gradient, if any member dampens: of its first one all, as torch.optim.SGD does."""
    return {"taken": np.where(h["t"] == 1.0, 1.0, h["one_minus_dampening"])} if h["dampening"].any() else {}


@updates(Sgd, reads=["lr", "momentum"], columns=_sgd_columns)
def _sgd(s: Stacked, c: Columns) -> None:
    g, velocity = s.g, s.buffers["velocity"].mul_(c["momentum"])
    velocity.addcmul_(g, c["taken"]) if "taken" in c else velocity.add_(g)
    direction = g.addcmul(velocity, c["momentum"]) if s.optimizer.nesterov else velocity
    s.w.addcmul_(direction, c["lr"], value=-1.0)


def _adagrad_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    return {"step": h["lr"] / (1.0 + (h["t"] - 1.0) * h["lr_decay"])}


@updates(Adagrad, reads=["eps"], columns=_adagrad_columns)
def _adagrad(s: Stacked, c: Columns) -> None:
    g, squares = s.g, s.buffers["squares"]
    squares.addcmul_(g, g)
    s.w.addcmul_(g / squares.sqrt().add_(c["eps"]), c["step"], value=-1.0)


@updates(Adadelta, reads=["lr", "one_minus_rho", "eps"])
def _adadelta(s: Stacked, c: Columns) -> None:
    g, squares, deltas = s.g, s.buffers["squares"], s.buffers["deltas"]
    squares.lerp_(g.square(), c["one_minus_rho"])
    delta = (deltas + c["eps"]).sqrt_().div_((squares + c["eps"]).sqrt_()).mul_(g)
    deltas.lerp_(delta.square(), c["one_minus_rho"])
    s.w.addcmul_(delta, c["lr"], value=-1.0)


@updates(RmsProp, reads=["lr", "momentum", "one_minus_alpha", "eps"])
def _rmsprop(s: Stacked, c: Columns) -> None:
    g, squares, velocity = s.g, s.buffers["squares"], s.buffers["velocity"]
    squares.lerp_(g.square(), c["one_minus_alpha"])
    if s.optimizer.centered:
        mean = s.buffers["mean"].lerp_(g, c["one_minus_alpha"])
        deviation = (squares - mean.square()).sqrt_()
    else:
        deviation = squares.sqrt()
    velocity.mul_(c["momentum"]).add_(g / deviation.add_(c["eps"]))
    s.w.addcmul_(velocity, c["lr"], value=-1.0)


def _adam_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    correction = np.sqrt(1.0 - h["beta2"] ** h["t"])
    return {"step": h["lr"] / (1.0 - h["beta1"] ** h["t"]) * correction, "eps_t": h["eps"] * correction}


@updates(Adam, AdamW, reads=["one_minus_beta1", "one_minus_beta2"], columns=_adam_columns, fused=True)
def _adam(s: Stacked, c: Columns) -> None:
    s.w.addcmul_(_adam_direction(s, c), c["step"], value=-1.0)


def _adam_direction(s: Stacked, c: Columns) -> Tensor:
    """Adam's update before it is multiplied by `step`, [members, parameters]."""
    g, mean, squares = s.g, s.buffers["mean"], s.buffers["squares"]
    mean.lerp_(g, c["one_minus_beta1"])
    squares.lerp_(g.square(), c["one_minus_beta2"])
    # The bias corrections sit in the columns: m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps) = step * m / (sqrt(v) + eps').
    return mean / squares.sqrt().add_(c["eps_t"])


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


@updates(NAdam, reads=["one_minus_beta1", "one_minus_beta2"], columns=_nadam_columns)
def _nadam(s: Stacked, c: Columns) -> None:
    g, mean, squares = s.g, s.buffers["mean"], s.buffers["squares"]
    mean.lerp_(g, c["one_minus_beta1"])
    squares.lerp_(g.square(), c["one_minus_beta2"])
    direction = (g * c["now"]).addcmul_(mean, c["ahead"])
    s.w.addcmul_(direction.div_(squares.sqrt().add_(c["eps_t"])), c["step"], value=-1.0)


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


@updates(RAdam, reads=["one_minus_beta1", "one_minus_beta2", "eps"], columns=_radam_columns)
def _radam(s: Stacked, c: Columns) -> None:
    g, mean, squares = s.g, s.buffers["mean"], s.buffers["squares"]
    mean.lerp_(g, c["one_minus_beta1"])
    squares.lerp_(g.square(), c["one_minus_beta2"])
    factor = (squares.sqrt().add_(c["eps"])).reciprocal_().mul_(c["rectified"]).add_(c["plain"])
    s.w.addcmul_(mean * factor, c["step"], value=-1.0)


def _adamax_columns(h: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    return {"step": h["lr"] / (1.0 - h["beta1"] ** h["t"])}


@updates(Adamax, reads=["one_minus_beta1", "beta2", "eps"], columns=_adamax_columns)
def _adamax(s: Stacked, c: Columns) -> None:
    g, mean, largest = s.g, s.buffers["mean"], s.buffers["largest"]
    mean.lerp_(g, c["one_minus_beta1"])
    torch.maximum(largest.mul_(c["beta2"]), g.abs().add_(c["eps"]), out=largest)
    s.w.addcmul_(mean / largest, c["step"], value=-1.0)


@updates(Lion, reads=["lr", "one_minus_beta1", "one_minus_beta2"])
def _lion(s: Stacked, c: Columns) -> None:
    g, mean = s.g, s.buffers["mean"]
    s.w.addcmul_(torch.lerp(mean, g, c["one_minus_beta1"]).sign_(), c["lr"], value=-1.0)
    mean.lerp_(g, c["one_minus_beta2"])


@updates(
    Muon,
    reads=["lr", "momentum", "one_minus_momentum", "one_minus_beta1", "one_minus_beta2"],
    columns=_adam_columns,
)
def _muon(s: Stacked, c: Columns) -> None:
    velocity = s.buffers["velocity"].lerp_(s.g, c["one_minus_momentum"])
    momentum = torch.lerp(s.g, velocity, c["momentum"]) if s.optimizer.nesterov else velocity
    change = _adam_direction(s, c).mul_(c["step"])
    hidden = _hidden_matrices(s.layout)
    changes = hidden.views(change)
    for name, matrices in hidden.views(momentum).items():
        rate = c["lr"] * _scale(s.optimizer, *matrices.shape[1:])
        changes[name].copy_(_orthogonal(matrices)).mul_(rate.unsqueeze(2))
    s.w.sub_(change)


def _scale(muon: Muon, rows: int, columns: int) -> float:
    """What the learning rate is multiplied by for a matrix of this shape."""
    if muon.scale == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns))


def _hidden_matrices(layout: RowLayout) -> RowLayout:
    """The weights of dense layers without the last, the output layer."""
    names = [name for name, (_, shape) in layout.places.items() if len(shape) == 2]
    return RowLayout({name: layout.places[name] for name in names[:-1]}, layout.size)


def _orthogonal(matrices: Tensor) -> Tensor:
    """Nearly the orthogonal matrix nearest to each of [members, out, in], in bfloat16."""
    if matrices.is_cuda:
        return _newton_schulz(matrices, torch.baddbmm)
    # On a CPU one by one: products of many choose their ways, and so round, by how many there are.
    return torch.stack([_newton_schulz(matrix, torch.addmm) for matrix in matrices.unbind()])


def _newton_schulz(g: Tensor, product: Callable[..., Tensor]) -> Tensor:
    """Jordan's five iterations of X <- a X + (b A + c A^2) X with A = X X^T, in the steps of torch.optim.Muon."""
    a, b, c = 3.4445, -4.7750, 2.0315
    is_tall = g.shape[-2] > g.shape[-1]
    x = g.bfloat16().mT if is_tall else g.bfloat16()
    x = x / torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = product(x, product(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


class Optimizer:
    """The optimizer of a pack, between two changes of its members: of their parameters, gradients and buffers."""

    def __init__(
        self, specs: Sequence[JobSpec], layout: RowLayout, weights: Tensor, gradient: Tensor, buffers: Buffers
    ) -> None:
        optimizer = specs[0].optimizer
        self._rule = RULES[type(optimizer)]
        self._stacked = Stacked(optimizer, weights, gradient, buffers, layout)
        self._numbers: dict[str, Numbers] = {}
        for name in optimizer.numbers:
            self._numbers[name] = _column(getattr(spec.optimizer, name) for spec in specs)
            self._numbers[f"one_minus_{name}"] = 1.0 - self._numbers[name]
        if weights.dtype is not torch.float64 and "eps" in self._numbers:
            self._numbers["eps"] = np.maximum(self._numbers["eps"], LEAST_EPS)
        self._decay = _column(spec.weight_decay for spec in specs)
        self._l1 = _column(spec.l1 for spec in specs)
        self._clip = _column(spec.gradient_clip or np.inf for spec in specs)
        self._decays, self._has_l1 = bool(self._decay.any()), bool(self._l1.any())
        self._clips = bool(np.isfinite(self._clip).any())
        self._decoupled = optimizer.decoupled
        self._fused = (
            _FusedAdam(self._numbers, weights, gradient, buffers) if self._rule.fused and not weights.is_cuda else None
        )
        first = np.ones_like(self._decay)
        self._names = tuple(self._planned(first, first))

    def plan(self, rates: Numbers, done: Numbers, steps: int) -> Tensor:
        """What the next steps need, for learning rates [members, 1] and steps done [members, 1].

        [steps, numbers, members, 1]; `columns` names the numbers of one step.
        """
        t = done + np.arange(1, steps + 1)
        columns = self._planned(rates, t)
        planned = np.stack([np.broadcast_to(columns[name], t.shape).T for name in self._names], axis=1)
        dtype = self._stacked.w.dtype if self._fused is None else torch.float64
        return to_device(torch.from_numpy(planned).to(dtype), self._stacked.w.device).unsqueeze(-1)

    def _planned(self, rates: Numbers, t: Numbers) -> Mapping[str, Numbers]:
        """The columns of steps t [members, steps], by name."""
        lr = np.broadcast_to(rates, t.shape)
        rule = {"lr": lr, "t": t} if self._fused else self._rule.numbers({**self._numbers, "lr": lr, "t": t})
        columns = dict(rule)
        if self._has_l1:
            columns["l1"] = self._l1
        if self._clips:
            columns["clip"] = self._clip
        if self._decays:
            columns |= {"decay": self._decay, "decay_factor": 1.0 - rates * self._decay}
        return columns

    def columns(self, planned: Tensor) -> Columns:
        """The numbers of one step, from its part [numbers, members, 1] of a plan."""
        return dict(zip(self._names, planned.unbind(), strict=True))

    def step(self, g: Tensor, columns: Columns) -> None:
        """One update of the parameters by their gradients g, the tensor it was made with, which it may overwrite."""
        w = self._stacked.w
        if self._has_l1:
            g.addcmul_(w.sign(), columns["l1"].to(w.dtype))
        if self._clips:
            norm = torch.linalg.vector_norm(g, dim=1, keepdim=True)
            g.mul_((columns["clip"].to(w.dtype) / (norm + 1e-6)).clamp_max_(1.0).nan_to_num_(nan=1.0))
        if self._decays and self._decoupled:
            w.mul_(columns["decay_factor"].to(w.dtype))
        elif self._decays:
            g.addcmul_(w, columns["decay"].to(w.dtype))
        if self._fused is None:
            self._rule.update(self._stacked, columns)
        else:
            self._fused.step(columns["lr"], columns["t"])


class _FusedAdam:
    """torch.optim.Adam's fused kernel, member by member."""

    def __init__(self, numbers: Mapping[str, Numbers], weights: Tensor, gradient: Tensor, buffers: Buffers) -> None:
        self._t = torch.zeros(len(weights))
        state = (weights, gradient, buffers["mean"], buffers["squares"], self._t)
        rows = zip(*(part.unbind() for part in state), strict=True)
        own = zip(*(numbers[name][:, 0].tolist() for name in ("beta1", "beta2", "eps")), strict=True)
        self._members = [
            partial(
                torch._fused_adam_,
                *([row] for row in (w, g, mean, squares)),
                [],
                [t],
                beta1=beta1,
                beta2=beta2,
                eps=eps,
                weight_decay=0.0,
                amsgrad=False,
                maximize=False,
            )
            for (w, g, mean, squares, t), (beta1, beta2, eps) in zip(rows, own, strict=True)
        ]

    def step(self, rates: Tensor, t: Tensor) -> None:
        """One update at learning rates [members, 1], the t-th of each member [members, 1]."""
        self._t.copy_(t[:, 0])
        for member, rate in zip(self._members, rates[:, 0].tolist(), strict=True):
            member(lr=rate)


def _column(values: Iterable[float]) -> Numbers:
    return np.array([float(value) for value in values], dtype=np.float64).reshape(-1, 1)

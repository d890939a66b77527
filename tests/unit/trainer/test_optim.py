"""Every optimizer equals torch.optim's over 100 steps, for members with numbers of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spec import optimizers
from spec.job import JobSpec
from tests.examples import examples
from trainer import optim
from trainer.models import RowLayout
from trainer.optim import RULES, Columns, Optimizer, Stacked, updates

from .recording import job

STEPS, SIZE = 100, 12

Made = tuple[dict[str, Any], Any]


def theirs(spec: JobSpec, parameter: Tensor) -> torch.optim.Optimizer | None:
    o: Any = spec.optimizer
    common: dict[str, Any] = {"lr": spec.learning_rate, "weight_decay": spec.weight_decay}
    match o.type:
        case "sgd":
            return torch.optim.SGD(
                [parameter], momentum=o.momentum, dampening=o.dampening, nesterov=o.nesterov, **common
            )
        case "adagrad":
            start = o.initial_accumulator
            return torch.optim.Adagrad(
                [parameter], lr_decay=o.lr_decay, initial_accumulator_value=start, eps=o.eps, **common
            )
        case "adadelta":
            return torch.optim.Adadelta([parameter], rho=o.rho, eps=o.eps, **common)
        case "rmsprop":
            return torch.optim.RMSprop(
                [parameter], alpha=o.alpha, momentum=o.momentum, centered=o.centered, eps=o.eps, **common
            )
        case "nadam":
            betas = (o.beta1, o.beta2)
            return torch.optim.NAdam([parameter], betas=betas, momentum_decay=o.momentum_decay, eps=o.eps, **common)
        case "adam" | "adamw" | "radam" | "adamax":
            classes: dict[str, Any] = {
                "adam": torch.optim.Adam,
                "adamw": torch.optim.AdamW,
                "radam": torch.optim.RAdam,
                "adamax": torch.optim.Adamax,
            }
            made: torch.optim.Optimizer = classes[o.type]([parameter], betas=(o.beta1, o.beta2), eps=o.eps, **common)
            return made
    return None


def gradients(members: int, dtype: torch.dtype, seed: int) -> Tensor:
    return torch.randn(STEPS, members, SIZE, dtype=dtype, generator=torch.Generator().manual_seed(seed))


VECTOR = RowLayout.of({"weight": (SIZE,)})


def ours(specs: list[JobSpec], start: Tensor, given_gradients: Tensor, layout: RowLayout = VECTOR) -> Tensor:
    w = start.clone()
    buffers = {
        name: torch.tensor([[spec.optimizer.buffers[name]] for spec in specs], dtype=w.dtype).expand_as(w).clone()
        for name in specs[0].optimizer.buffers
    }
    gradient = torch.empty_like(w)
    optimizer = Optimizer(specs, layout, w, gradient, buffers)
    rates = np.array([[spec.learning_rate] for spec in specs])
    for first in range(0, STEPS, 32):  # a plan covers a chunk of steps: chunks must join without a seam
        steps = min(32, STEPS - first)
        for step, planned in enumerate(optimizer.plan(rates, np.full((len(specs), 1), float(first)), steps)):
            gradient.copy_(given_gradients[first + step])
            optimizer.step(gradient, optimizer.columns(planned))
    return w


@contextmanager
def exact_scalars() -> Iterator[None]:
    """PyTorch keeps an optimizer's own scalars, such as NAdam's product of momenta, in its default type."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def lion(spec: JobSpec, w: Tensor, given_gradients: Tensor) -> Tensor:
    """Chen et al. 2023, algorithm 2, with the weights shrunk first, as its authors' code does."""
    o: Any = spec.optimizer
    w, m = w.clone(), torch.zeros_like(w)
    for g in given_gradients:
        c = o.beta1 * m + (1 - o.beta1) * g
        w = w * (1 - spec.learning_rate * spec.weight_decay) - spec.learning_rate * c.sign()
        m = o.beta2 * m + (1 - o.beta2) * g
    return w


def moved(spec: JobSpec, start: Tensor, given_gradients: Tensor) -> Tensor:
    """Where PyTorch's own optimizer moves a parameter to."""
    parameter = start.clone().requires_grad_()
    with exact_scalars():
        optimizer = theirs(spec, parameter)
        if optimizer is None:
            return lion(spec, start, given_gradients)
        for g in given_gradients:
            parameter.grad = g.clone()
            optimizer.step()
    return parameter.detach()


OPTIMIZERS: list[dict[str, Any]] = [
    {"type": "sgd"},
    {"type": "sgd", "momentum": 0.9},
    {"type": "sgd", "momentum": 0.8, "nesterov": True},
    {"type": "sgd", "momentum": 0.8, "dampening": 0.3},
    {"type": "adagrad", "lr_decay": 0.01, "initial_accumulator": 0.1},
    {"type": "adadelta"},
    {"type": "rmsprop", "momentum": 0.5},
    {"type": "rmsprop", "centered": True},
    {"type": "adam"},
    {"type": "adamw"},
    {"type": "nadam"},
    {"type": "radam"},
    {"type": "adamax"},
    {"type": "lion"},
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@examples(4, many=10)
@given(
    rate=st.floats(1e-4, 0.05),
    decay=st.sampled_from([0.0, 0.01, 0.1]),
    seed=st.integers(0, 1000),
    precision=st.sampled_from(["float32", "float64"]),
)
def test_each_member_moves_as_with_pytorchs_own(
    optimizer: dict[str, Any], rate: float, decay: float, seed: int, precision: str
) -> None:
    specs = [
        job(optimizer=optimizer, learning_rate=rate, weight_decay=decay, precision=precision),
        job(optimizer=optimizer, learning_rate=rate / 3, precision=precision),
    ]
    dtype = getattr(torch, precision)
    given_gradients = gradients(2, dtype, seed)
    start = torch.randn(2, SIZE, dtype=dtype, generator=torch.Generator().manual_seed(seed + 1))
    got = ours(specs, start, given_gradients)
    for member, spec in enumerate(specs):
        wanted = moved(spec, start[member], given_gradients[:, member])
        truth = moved(spec, start[member].double(), given_gradients[:, member].double())
        scale = (truth - start[member]).abs().max().clamp_min(1.0)
        # In float32 PyTorch's own rounding adds up too: being as near to the truth as it is good enough.
        rounding = 2.0 * (wanted - truth).abs().max() if precision == "float32" else 0.0
        tolerance = (1e-12 if precision == "float64" else 1e-6) * scale
        assert (got[member] - truth).abs().max() <= max(tolerance, rounding)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("size", [SIZE, 8 * SIZE + 3])
def test_on_a_cpu_adam_gives_the_bits_of_pytorchs_fused_kernel(name: str, size: int) -> None:
    specs = [job(optimizer=name, learning_rate=rate) for rate in (0.01, 0.003, 0.1)]
    drawn = torch.randn(STEPS + 1, len(specs), size, generator=torch.Generator().manual_seed(8))
    start, given_gradients = drawn[0], drawn[1:]
    got = ours(specs, start, given_gradients)
    for member, spec in enumerate(specs):
        parameter = start[member].clone().requires_grad_()
        fused = getattr(torch.optim, {"adam": "Adam", "adamw": "AdamW"}[name])
        optimizer = fused([parameter], lr=spec.learning_rate, weight_decay=0.0, fused=True)
        for g in given_gradients[:, member]:
            parameter.grad = g.clone()
            optimizer.step()
        assert torch.equal(got[member], parameter.detach())


@pytest.mark.parametrize("name", ["adagrad", "adadelta", "rmsprop", "adam", "nadam", "radam", "adamax", "muon"])
def test_a_parameter_without_gradients_stays_where_float32_has_no_eps(name: str) -> None:
    spec = job(optimizer={"type": name, "eps": 1e-300})
    assert torch.equal(ours([spec], torch.ones(1, SIZE), torch.zeros(STEPS, 1, SIZE)), torch.ones(1, SIZE))


NETWORK = RowLayout.of(
    {
        "layers.0.weight": (4, 3, 3, 3),  # a convolution
        "layers.0.bias": (4,),
        "layers.1.weight": (5, 13),
        "layers.1.bias": (5,),
        "layers.2.weight": (7, 5),
        "norms.2.weight": (7,),
        "layers.3.weight": (2, 7),  # the output layer
        "layers.3.bias": (2,),
    }
)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "options", [{}, {"nesterov": False, "momentum": 0.8}, {"scale": "original", "beta1": 0.8, "eps": 1e-6}], ids=str
)
def test_muon_moves_hidden_matrices_as_pytorchs_own_and_all_else_as_adamw(
    options: dict[str, Any], precision: str
) -> None:
    common: dict[str, Any] = {"optimizer": {"type": "muon", **options}, "precision": precision}
    specs = [job(**common, learning_rate=0.01, weight_decay=0.1), job(**common, learning_rate=0.003)]
    generator = torch.Generator().manual_seed(5)
    drawn = torch.randn(STEPS + 1, 2, NETWORK.size, dtype=getattr(torch, precision), generator=generator)
    got = NETWORK.views(ours(specs, drawn[0], drawn[1:], NETWORK))
    for member, spec in enumerate(specs):
        o: Any = spec.optimizer
        given = {name: view[member] for name, view in NETWORK.views(drawn[0].clone()).items()}
        hidden = [given[name].requires_grad_() for name in ("layers.1.weight", "layers.2.weight")]
        others = [one.requires_grad_() for one in given.values() if not one.requires_grad]
        rates: dict[str, Any] = {"lr": spec.learning_rate, "weight_decay": spec.weight_decay}
        theirs = [
            torch.optim.Muon(hidden, momentum=o.momentum, nesterov=o.nesterov, adjust_lr_fn=o.scale, **rates),
            torch.optim.AdamW(others, betas=(o.beta1, o.beta2), eps=o.eps, **rates),
        ]
        for g in drawn[1:]:
            for name, view in NETWORK.views(g).items():
                given[name].grad = view[member].clone()
            for optimizer in theirs:
                optimizer.step()
        tolerance = 1e-12 if precision == "float64" else 1e-6
        for name, wanted in given.items():
            assert (got[name][member] - wanted).abs().max() <= tolerance * wanted.abs().max().clamp_min(1.0), name


def test_every_optimizer_of_the_spec_is_tested() -> None:
    tested = {type(job(optimizer=optimizer).optimizer) for optimizer in (*OPTIMIZERS, "muon")}
    assert tested == set(RULES) == set(optimizers.OPTIMIZERS)


class Capped(optimizers.OptimizerSpec):
    """Gradient descent that moves a weight on every `pause`-th step only, by `cap` at most."""

    type: Literal["capped"] = "capped"
    pause: int = 2
    cap: float | None = None


def test_whole_numbers_and_optional_ones_reach_each_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optim, "RULES", dict(RULES))

    @updates(Capped, columns=lambda h: {name: h[name] for name in ("lr", "t", "pause", "cap") if name in h})
    def _capped(s: Stacked, c: Columns) -> None:
        change = s.g * c["lr"]
        if s.optimizer.cap is not None:
            change = torch.minimum(torch.maximum(change, -c["cap"]), c["cap"])
        s.w.sub_(torch.where(c["t"] % c["pause"] == 0, change, 0.0))

    def moved_by(*optimizers: Capped) -> list[float]:
        specs = [job(learning_rate=1.0).model_copy(update={"optimizer": one}) for one in optimizers]
        w = ours(specs, torch.zeros(len(specs), SIZE), torch.full((STEPS, len(specs), SIZE), -1.0))
        return w[:, 0].tolist()

    assert moved_by(Capped(pause=5), Capped(), Capped(pause=50)) == [20.0, 50.0, 2.0]
    assert moved_by(Capped(cap=0.5), Capped(pause=10, cap=0.25)) == [25.0, 2.5]


def test_an_optimizer_that_reads_what_there_is_not_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optim, "RULES", dict(RULES))
    updates(Capped, reads=["lr", "momentun"])(lambda s, c: None)
    with pytest.raises(KeyError, match="momentun"):
        ours([job().model_copy(update={"optimizer": Capped()})], torch.zeros(1, SIZE), torch.zeros(STEPS, 1, SIZE))


def test_clipping_is_pytorchs_own_for_each_member() -> None:
    specs = [job(optimizer="sgd", gradient_clip=0.5, learning_rate=1.0), job(optimizer="sgd", learning_rate=1.0)]
    g = gradients(2, torch.float32, 3)[0]
    w = torch.zeros(2, SIZE)
    gradient = g.clone()
    optimizer = Optimizer(specs, VECTOR, w, gradient, {"velocity": torch.zeros(2, SIZE)})
    (planned,) = optimizer.plan(np.ones((2, 1)), np.zeros((2, 1)), 1)
    optimizer.step(gradient, optimizer.columns(planned))
    parameter = torch.zeros(SIZE, requires_grad=True)
    parameter.grad = g[0].clone()
    torch.nn.utils.clip_grad_norm_([parameter], 0.5)
    assert torch.allclose(-w[0], parameter.grad, rtol=1e-6)
    assert torch.equal(-w[1], g[1])

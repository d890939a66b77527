"""Formulas are computed as they are written, and hold nothing that only Python could compute."""

import numpy as np
import pytest
import torch

from model.formula import NumPyFormulas
from spec.activations import Activation
from trainer.layers import ACTIVATIONS

X = np.concatenate([np.linspace(-9.0, 9.0, 181), [-800.0, 800.0]])


@pytest.mark.parametrize("activation", Activation)
def test_the_formula_of_an_activation_is_pytorchs_function(activation: Activation) -> None:
    wanted = ACTIVATIONS[activation](torch.from_numpy(X)[None])[0].numpy()
    with np.errstate(over="ignore"):
        found = NumPyFormulas().value(activation.formula, X)
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("activation", Activation)
def test_the_call_of_an_activation_is_pytorchs_function(activation: Activation) -> None:
    x = torch.from_numpy(X)[None]
    call = eval(activation.pytorch.format("x"), {"torch": torch, "F": torch.nn.functional, "x": x})  # noqa: S307
    assert torch.allclose(call, ACTIVATIONS[activation](x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "formula", ["y", "x ** 2", "sin(x)", "x.real", "__import__('os')", "-x", "'x'", "x if x else 1"]
)
def test_a_formula_of_anything_else_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="A formula holds x, numbers"):
        NumPyFormulas().value(formula, X)

"""Formulas of one variable, as text: computed with NumPy here, translated to ONNX in `model/graph.py`."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Value = TypeVar("Value")

_OPERATORS = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}


class Formulas(ABC, Generic[Value]):
    """Evaluates formulas such as "x * tanh(softplus(x))" for one type of value."""

    @abstractmethod
    def constant(self, number: float) -> Value:
        """The value of a number."""

    @abstractmethod
    def call(self, function: str, *values: Value) -> Value:
        """The value of a function, one of `FUNCTIONS`."""

    def value(self, formula: str, x: Value) -> Value:
        """The formula's value at x, element by element. Raises `ValueError` for an invalid formula."""
        return self._value(_parsed(formula), x)

    def _value(self, node: ast.expr, x: Value) -> Value:
        match node:
            case ast.Name(id="x"):
                return x
            case ast.Constant(value=int() | float() as number):
                return self.constant(float(number))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return self.constant(-float(number))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self.call(_OPERATORS[type(operator)], self._value(left, x), self._value(right, x))
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in FUNCTIONS:
                return self.call(name, *(self._value(argument, x) for argument in arguments))
        allowed = ", ".join(sorted(FUNCTIONS))
        raise ValueError(f"A formula holds x, numbers, + - * / and {allowed}; not {ast.unparse(node)}.")


@lru_cache
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


def _erf(x: Array) -> Array:
    from scipy.special import erf  # a tenth of a second, which a network without it does not need

    values: Array = erf(x)
    return values


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _elu(x: Array) -> Array:
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "exp": np.exp,
    "tanh": np.tanh,
    "erf": _erf,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "elu": _elu,
}
"""The functions in formulas; each has an ONNX operator too."""


class NumPyFormulas(Formulas[Array]):
    """Evaluates formulas with NumPy arrays."""

    def constant(self, number: float) -> Array:
        """The number as an array, for broadcasting."""
        return np.array(number)

    def call(self, function: str, *values: Array) -> Array:
        """The function's values, element by element."""
        return FUNCTIONS[function](*values)

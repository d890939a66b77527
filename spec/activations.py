"""The activations. An activation is one row here and one row in `trainer/layers.py`, where its derivative is."""

import math
from enum import StrEnum


class Activation(StrEnum):
    """A function applied to each neuron's weighted sum; the names are PyTorch's."""

    formula: str
    """The function of x in operators of NumPy and ONNX (`model/formula.py`), for finished models."""
    pytorch: str
    """PyTorch's own function, for the README of a model."""
    least: float
    """The lower limit of its values, which an output layer cannot go below."""
    most: float
    """The upper limit of its values."""

    def __new__(
        cls, name: str, formula: str, pytorch: str, least: float = -math.inf, most: float = math.inf
    ) -> "Activation":
        """An activation with its formula, its PyTorch call and the limits of its values."""
        made = str.__new__(cls, name)
        made._value_, made.formula, made.pytorch, made.least, made.most = name, formula, pytorch, least, most
        return made

    identity = "identity", "x", "{}"
    sigmoid = "sigmoid", "sigmoid(x)", "torch.sigmoid({})", 0.0, 1.0
    tanh = "tanh", "tanh(x)", "torch.tanh({})", -1.0, 1.0
    relu = "relu", "max(x, 0)", "torch.relu({})", 0.0
    leaky_relu = "leaky_relu", "max(x, 0.01 * x)", "F.leaky_relu({})"
    elu = "elu", "elu(x)", "F.elu({})", -1.0
    selu = (
        "selu",
        "1.0507009873554804934193349852946 * (max(x, 0) + 1.6732632423543772848170429916717 * elu(min(x, 0)))",
        "F.selu({})",
        -1.7580993408473766,
    )
    gelu = "gelu", "0.5 * x * (1 + erf(x / 1.4142135623730951))", "F.gelu({})", -0.16997120747990369
    silu = "silu", "x * sigmoid(x)", "F.silu({})", -0.2784645427610738
    softplus = "softplus", "softplus(x)", "F.softplus({})", 0.0
    mish = "mish", "x * tanh(softplus(x))", "F.mish({})", -0.3088434130172504
    hard_tanh = "hard_tanh", "max(min(x, 1), -1)", "F.hardtanh({})", -1.0, 1.0

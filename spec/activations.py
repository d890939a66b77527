"""The activations. An activation is one row here and one row in `trainer/layers.py`, where its derivative is."""

from enum import StrEnum


class Activation(StrEnum):
    """A function applied to each neuron's weighted sum; the names are PyTorch's."""

    formula: str
    """The function of x in operators of NumPy and ONNX (`model/formula.py`), for finished models."""
    pytorch: str
    """PyTorch's own function, for the README of a model."""

    def __new__(cls, name: str, formula: str, pytorch: str) -> "Activation":
        """An activation with its formula and its PyTorch call."""
        made = str.__new__(cls, name)
        made._value_, made.formula, made.pytorch = name, formula, pytorch
        return made

    identity = "identity", "x", "{}"
    sigmoid = "sigmoid", "sigmoid(x)", "torch.sigmoid({})"
    tanh = "tanh", "tanh(x)", "torch.tanh({})"
    relu = "relu", "max(x, 0)", "torch.relu({})"
    leaky_relu = "leaky_relu", "max(x, 0.01 * x)", "F.leaky_relu({})"
    elu = "elu", "elu(x)", "F.elu({})"
    selu = (
        "selu",
        "1.0507009873554804934193349852946 * (max(x, 0) + 1.6732632423543772848170429916717 * elu(min(x, 0)))",
        "F.selu({})",
    )
    gelu = "gelu", "0.5 * x * (1 + erf(x / 1.4142135623730951))", "F.gelu({})"
    silu = "silu", "x * sigmoid(x)", "F.silu({})"
    softplus = "softplus", "softplus(x)", "F.softplus({})"
    mish = "mish", "x * tanh(softplus(x))", "F.mish({})"
    hard_tanh = "hard_tanh", "max(min(x, 1), -1)", "F.hardtanh({})"
